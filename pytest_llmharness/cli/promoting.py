"""`llmharness cassette promote`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..cassette.promoting import promote
from ..errors import ConfigError
from .screen import Screen


def run(given: Namespace, screen: Screen) -> bool:
    """Put each journal into its cassette, in the order given."""
    rows = []
    for name in given.paths:
        journal = Path(name)
        if not journal.exists():
            raise ConfigError(f"there is no {journal}", where=str(journal), fix="llmharness cassette ls")
        cassette, takes = promote(journal)
        rows.append({"journal": str(journal), "cassette": str(cassette), "takes": takes})
    if given.json:
        screen.json(rows)
    else:
        for row in rows:
            screen.say(f"{row['journal']} -> {row['cassette']}, {row['takes']} takes")
    return False
