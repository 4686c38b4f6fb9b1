"""`llmharness cassette convert`."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..cassette import Cassette
from ..cassette.forms import FORMS, form_of, write_cassette
from ..errors import ConfigError
from .files import cassette_files
from .screen import Screen


def run(given: Namespace, screen: Screen) -> bool:
    """Write each cassette in the form asked for; nothing is written where one of them may not be."""
    files = cassette_files(given.paths)
    targets = [_target(file, given, many=len(files) > 1) for file in files]
    rows = []
    for file, target in zip(files, targets, strict=True):
        cassette = Cassette.load(file)
        write_cassette(cassette, target, given.to)
        rows.append(
            {
                "from": str(file),
                "was": form_of(cassette),
                "to": str(target),
                "takes": len(cassette.interactions),
            }
        )
    if given.json:
        screen.json(rows)
        return False
    for row in rows:
        screen.say(f"{row['from']} ({row['was']}) -> {row['to']} ({given.to}), {row['takes']} takes")
    return False


def _target(file: Path, given: Namespace, *, many: bool) -> Path:
    output = Path(given.output) if given.output else None
    name = f"{file.stem}{FORMS[given.to]}"
    if output is None:
        target = file.with_name(name)
    elif many or output.is_dir() or given.output.endswith("/"):
        target = output / name
    else:
        target = output
    if target.exists() and not given.force:
        raise ConfigError(
            f"{target} is there already",
            where=str(target),
            fix=f"llmharness cassette convert --to={given.to} --output=OTHER {file}   (or --force)",
        )
    return target
