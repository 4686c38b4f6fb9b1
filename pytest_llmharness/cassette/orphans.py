"""Whose cassette is it: does the test that recorded it still exist."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PARAMETERS = re.compile(r"-[\w.-]{0,40}-[0-9a-f]{8}$")


def orphaned(file: Path) -> str | None:
    """Say why no test can own the cassette, or return None where one may.

    A cassette of a test lies at `cassettes/<folders>/<test file>/<test name>[-<parameters>].json`, one of
    a class at `.../<test file>/<class>.json`, one of a module at `.../<test file>.json`. Files that lie
    elsewhere are nobody's business here, nor are those of a session or a package. A test that only builds
    its cassette's name at run time is not found, so what calls itself an orphan is worth a look before it
    is deleted.
    """
    whole = file.absolute()
    places = [number for number, part in enumerate(whole.parts[:-2]) if part == "cassettes"]
    if not places:
        return None
    home = Path(*whole.parts[: places[-1]])
    folders = whole.parts[places[-1] + 1 : -1]
    if whole.stem in ("session", "package") or home.joinpath(*folders, f"{whole.stem}.py").is_file():
        return None
    test_files = [
        (home.joinpath(*folders[:depth]).with_suffix(".py"), folders[depth:])
        for depth in range(len(folders), 0, -1)
    ]
    found = next(((path, rest) for path, rest in test_files if path.is_file()), None)
    if found is None:
        return f"there is no {test_files[0][0].relative_to(home)}"
    path, rest = found
    source = _source(path)
    stems = {whole.stem, _PARAMETERS.sub("", whole.stem)}
    names = {"/".join((*rest, stem)) for stem in stems} | {stem.rpartition(".")[2] for stem in stems} | stems
    if any(
        re.search(rf"\b(?:def|class) {re.escape(name)}\b|[\"']{re.escape(name)}[\"']", source)
        for name in names
    ):
        return None
    return f"{path.relative_to(home)} has no test {min(stems, key=len)}"


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
