"""The wire formats of tool calls that are known, with the models that write them."""

from __future__ import annotations

from typing import NamedTuple

from .core import load


class Grammar(NamedTuple):
    """One wire format.

    Args:
        name: what `OutputParser(grammars=[...])` takes.
        family: the grammar it belongs to.
        models: the models that write it.
        source: where the format is laid down.
        markers: the texts that open, close or surround a call.
    """

    name: str
    family: str
    models: str
    source: str
    markers: tuple[str, ...]


def grammars() -> tuple[Grammar, ...]:
    """Return every format, in the order in which ambiguity is reported."""
    rows = load("grammars").grammars()
    return tuple(
        Grammar(name, family, models, source, tuple(markers))
        for name, family, models, source, markers in rows
    )
