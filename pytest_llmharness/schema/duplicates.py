"""Names that stand twice in one object: every occurrence is checked, and which they are can be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class _Members(list[tuple[str, Any]]):
    """The members of one object as they stand in the text."""


def duplicate_keys(text: str | bytes) -> tuple[str, ...]:
    """Return the JSON pointers (RFC 6901) of members whose name stands more than once in their object.

    Each is told once, in the order of the text. Of a text that is no JSON nothing is told.
    """
    try:
        found = _DECODER.decode(text if isinstance(text, str) else text.decode())
        return tuple(_repeated(found, ""))
    except (ValueError, RecursionError):
        return ()


_DECODER = json.JSONDecoder(object_pairs_hook=_Members)


def _repeated(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, _Members):
        seen: dict[str, int] = {}
        for name, member in value:
            inner = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            seen[name] = seen.get(name, 0) + 1
            if seen[name] == 2:
                yield inner
            yield from _repeated(member, inner)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _repeated(item, f"{pointer}/{place}")
