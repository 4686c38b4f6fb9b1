"""A verdict on a text that is still arriving."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from . import hint
from .verdict import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._native._core import _Finding as Finding

Progress: TypeAlias = Literal["viable", "complete", "doomed"]


class Machine(Protocol):
    """What reads the chunks."""

    @property
    def exact(self) -> bool: ...
    @property
    def text(self) -> bytes: ...
    def feed(self, chunk: str | bytes, /) -> Progress: ...
    def findings(self) -> list[Finding]: ...
    def scene(self) -> tuple[str, list[bool]]: ...


class SchemaStream:
    """Feed it the chunks of one text, split anywhere; made by `Schema.stream()`.

    A text is doomed at the first byte after which no continuation can be valid, where the schema
    asks for types, names of fields, required fields, `enum`, `const`, bounds of numbers (judged up
    to fifteen digits), lengths and items, and for alternatives that the kind of the value tells
    apart. Where it asks for more, that is looked at when the value ends. A text with a valid
    continuation is never called doomed.
    """

    __slots__ = ("_machine",)

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def feed(self, chunk: str | bytes) -> Progress:
        """Take the next chunk and return what can be said of the text so far.

        Returns:
            "viable": it is not whole, or not valid yet; "complete": it is valid as it stands;
            "doomed": whatever follows, it is not valid. Once doomed, it stays so.
        """
        return self._machine.feed(chunk)

    @property
    def exact(self) -> bool:
        """Whether "doomed" comes at the very first byte that dooms, whatever the text."""
        return self._machine.exact

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What dooms the text; empty where it is not doomed. Only the first fault is known."""
        return tuple(Violation(*self._explained(finding)) for finding in self._machine.findings())

    def _explained(self, finding: Finding) -> hint.Explained:
        if finding[2] == "json":
            return "", "", "json", "JSON", *hint.of_no_json(self._machine.text), None
        there, names = self._machine.scene()
        return hint.explained(_scene(hint.parts_of(finding[0]), names, json.loads(there)), finding)


class BufferedStream:
    """Stands in for the machine of the core: it collects, and looks at the whole each time."""

    exact = False

    def __init__(self, accepts: Callable[[str | bytes], bool]) -> None:
        self._accepts = accepts
        self._chunks: list[bytes] = []

    @property
    def text(self) -> bytes:
        """All that has arrived."""
        return b"".join(self._chunks)

    def feed(self, chunk: str | bytes, /) -> Progress:
        """Take the next chunk."""
        self._chunks.append(chunk.encode(errors="replace") if isinstance(chunk, str) else chunk)
        return "complete" if self._accepts(self.text) else "viable"

    def findings(self) -> list[Finding]:
        """Nothing is known to doom a text."""
        return []

    def scene(self) -> tuple[str, list[bool]]:
        """There is nothing to show."""
        return "null", []


def _scene(parts: list[str], names: list[bool], there: Any) -> Any:
    """Return a value that has only the way to `there`."""
    for part, is_name in reversed(list(zip(parts, names, strict=False))):
        there = {part: there} if is_name else [None] * int(part) + [there]
    return there
