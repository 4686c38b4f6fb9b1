"""Paths into JSON, as far as they name parts of a request: `$.metadata`, `messages[*].name`, `..id`."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from ..errors import ConfigError

Step: TypeAlias = tuple[bool, str | int | None]
"""Whether it may be at any depth, and a name, a place, or None for every one."""

_STEP = re.compile(
    r"(?P<deep>\.\.)?\.?(?:(?P<name>[^\s.\[\]*'\"]+)|(?P<all>\*|\[\*\])"
    r"|\[(?P<place>\d+)\]|\[(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\])"
)


def parse_path(path: str) -> tuple[Step, ...]:
    """Read a path; a leading `$` or `$.` may be left out.

    Raises:
        ConfigError: it is none.
    """
    steps: list[Step] = []
    text, at = path.strip().removeprefix("$"), 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            break
        named = found["name"] if found["name"] is not None else found["quoted"]
        place = None if found["place"] is None else int(found["place"])
        steps.append((bool(found["deep"]), place if named is None else named))
        at = found.end()
    if not steps or at < len(text):
        raise ConfigError(
            f"{path!r} is no path to a part of a request",
            where="match: ignore",
            fix="write names, [0], [*], ['a name'] and ..name (at any depth), e.g. $.metadata.run_id",
        )
    return tuple(steps)


def without(document: Any, steps: tuple[Step, ...]) -> Any:
    """Return the document less what the path leads to; what it does not change is shared."""
    if not steps:
        return document
    (deep, wanted), rest = steps[0], steps[1:]
    if isinstance(document, dict):
        kept = {}
        for name, value in document.items():
            inner = without(value, steps) if deep else value
            if wanted is None or wanted == name:
                if not rest:
                    continue
                inner = without(inner, rest)
            kept[name] = inner
        return kept
    if isinstance(document, list):
        items = []
        for place, value in enumerate(document):
            inner = without(value, steps) if deep else value
            if wanted is None or wanted == place:
                if not rest:
                    continue
                inner = without(inner, rest)
            items.append(inner)
        return items
    return document
