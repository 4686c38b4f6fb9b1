"""`llmharness cassette scrub`."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from ..cassette import Cassette
from ..cassette.forms import form_of, write_cassette
from ..cassette.redaction import Redactor
from .files import cassette_files
from .screen import Screen


def run(given: Namespace, screen: Screen) -> bool:
    """Rewrite each cassette that holds a secret, in the form it has."""
    rows: list[dict[str, Any]] = []
    for file in cassette_files(given.paths):
        cassette, redactor = Cassette.load(file), Redactor()
        places = [
            f"take {number}: {place}"
            for number, take in enumerate(cassette.interactions, 1)
            for place in redactor.secrets_in(take)
        ]
        if places:
            if not given.dry_run:
                write_cassette(cassette, file, form_of(cassette))
            rows.append({"path": str(file), "secrets": places, "written": not given.dry_run})
    if given.json:
        screen.json(rows)
        return bool(rows) and given.dry_run
    for row in rows:
        screen.line(screen.paint(str(row["path"]), "bold"))
        for place in row["secrets"]:
            screen.say(f"  {place}")
    screen.say(f"{len(rows)} cassettes {'hold secrets' if given.dry_run else 'scrubbed'}")
    return bool(rows) and given.dry_run
