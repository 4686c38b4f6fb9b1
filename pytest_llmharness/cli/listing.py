"""`llmharness cassette ls`."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..cassette import Cassette
from ..cassette.age import recorded_at
from ..cassette.conversation import conversation
from ..errors import CassetteError
from .files import cassette_files, readable, size
from .screen import Screen


def run(given: Namespace, screen: Screen) -> bool:
    """List them, one line each, and a sum."""
    rows = [_row(file, found) for file, found in readable(cassette_files(given.paths))]
    if given.json:
        screen.json(rows)
        return False
    for row in rows:
        if "error" in row:
            screen.line(
                screen.paint("broken".rjust(8), "red"), "  ", screen.clean(f"{row['path']}  {row['error']}")
            )
            continue
        days = (datetime.now(UTC) - datetime.fromisoformat(row["recorded_at"])).days
        counts = f"{row['takes']:>8}  {size(row['bytes']):>8}  {days:>5} d"
        models = "  " + ", ".join(row["models"]) if row["models"] else ""
        screen.line(counts, "  ", screen.paint(row["path"], "bold"), screen.paint(models, "cyan"))
    takes = sum(row.get("takes", 0) for row in rows)
    screen.say(f"{len(rows)} cassettes, {takes} takes, {size(sum(row['bytes'] for row in rows))}")
    return False


def _row(file: Path, found: Cassette | CassetteError) -> dict[str, Any]:
    row: dict[str, Any] = {"path": str(file), "bytes": file.stat().st_size}
    if isinstance(found, CassetteError):
        return {**row, "error": found.what}
    moment, source = recorded_at(found)
    models = sorted({conversation(take).model for take in found.interactions} - {""})
    dated = {"recorded_at": moment.isoformat(), "recorded_by": source}
    return {**row, "takes": len(found.interactions), "models": models, **dated}
