"""What a check found: a verdict, and the violations that explain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import HarnessError
from . import hint, text

if TYPE_CHECKING:
    from .._native._core import _Finding as Finding

MAX_HINT_BYTES = 1024


class Unread:
    """Stands for a value that has not been asked for yet."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One reason why a value is invalid.

    Args:
        pointer: where in the value (RFC 6901; "" is the whole).
        schema_pointer: where in the schema document that holds the keyword.
        keyword: the keyword that failed; "json" where the text is no JSON, "false" where the
            schema allows nothing, "schema" where the place could not be found.
        expected: what is asked for, in words or JSON.
        got: what is there, as JSON of at most 80 characters.
        hint: how to mend it: one imperative line for whoever wrote the value.
        span: byte range (start, end) in the text, where it is known.
    """

    pointer: str
    schema_pointer: str
    keyword: str
    expected: str
    got: str
    hint: str
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """The outcome of checking one value; true where it is valid."""

    _text: str | bytes
    _findings: Sequence[Finding]
    _value: Any = field(default=Unread, compare=False)
    _violations: tuple[Violation, ...] | None = field(default=None, compare=False)

    @property
    def valid(self) -> bool:
        """Whether the value satisfies the schema."""
        return not (self._findings or self._violations)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Everything that is wrong, in the order of the text; empty where it is valid."""
        if self._violations is None:
            object.__setattr__(self, "_violations", self._explained())
        return self._violations or ()

    @property
    def value(self) -> Any:
        """The value, parsed from the text when it is first asked for.

        Raises:
            HarnessError: the text is no JSON.
        """
        if self._value is Unread:
            object.__setattr__(self, "_value", self._read())
        return self._value

    def hint(self) -> str:
        """Return how to mend the value: a line for each violation, at most 1 KB of whole lines."""
        lines = dict.fromkeys(violation.hint for violation in self.violations)
        return hint.bounded(list(lines), MAX_HINT_BYTES)

    def _read(self) -> Any:
        try:
            return text.read(self._text)
        except text.NoJson as error:
            raise HarnessError(
                f"there is no value: the text {error}",
                where="Verdict.value",
                fix="read it only where the text is JSON; verdict.hint() says what is wrong with the text",
            ) from None

    def _explained(self) -> tuple[Violation, ...]:
        if any(finding[2] == "json" for finding in self._findings):
            return (Violation("", "", "json", "JSON", *hint.of_no_json(self._text)),)
        return tuple(Violation(*each) for each in hint.explained(self.value, self._findings))

    def __bool__(self) -> bool:
        return self.valid

    def __repr__(self) -> str:
        if self.valid:
            return "Verdict(valid=True)"
        return f"Verdict(valid=False, hint={self.hint()!r})"
