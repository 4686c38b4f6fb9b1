"""What a check found: a verdict, and the violations that explain it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import HarnessError
from . import hint, text
from .hint import Explained

if TYPE_CHECKING:
    from .._native._core import Findings
    from .._native._core import _Finding as Finding

MAX_HINT_BYTES = 1024


class Unread:
    """Stands for a value that has not been asked for yet."""


class _Late:
    """What is put into words when it is first read: most verdicts are only counted or tested."""

    __slots__ = ("_origin",)

    _origin: tuple[_Told, int]

    def __getattr__(self, name: str) -> Any:
        if name == "_origin":
            raise AttributeError(name)
        told, number = self._origin
        for slot, fact in zip(Violation.__match_args__, told.explained(number), strict=True):
            object.__setattr__(self, slot, fact)
        object.__delattr__(self, "_origin")
        return object.__getattribute__(self, name)


@dataclass(frozen=True, slots=True)
class Violation(_Late):
    """One reason why a value is invalid.

    Args:
        pointer: where in the value (RFC 6901; "" is the whole).
        schema_pointer: where in the schema document that holds the keyword.
        keyword: the keyword that failed; "json" where the text is no JSON, "false" where the
            schema allows nothing, "schema" where the place could not be found.
        expected: what is asked for, in words or JSON.
        got: what is there, as JSON of at most 80 characters.
        hint: how to mend it: one imperative line for whoever wrote the value.
        span: byte range (start, end) in the UTF-8 of the text, where it is known; no part of a
            comparison.
    """

    pointer: str
    schema_pointer: str
    keyword: str
    expected: str
    got: str
    hint: str
    span: tuple[int, int] | None = field(default=None, compare=False)

    @classmethod
    def of(cls, value: Any, pointer: str, demand: str, *, keyword: str = "validator") -> Violation:
        """Return what a validator of yours has against a place in a value.

        ```python
        Violation.of(invoice, "/total", "must be the sum of the items")
        ```

        Args:
            value: the whole value.
            pointer: where in it; "" is the whole.
            demand: "must ...", or a sentence of its own.
            keyword: what kind of check it is.
        """
        dumped = getattr(value, "model_dump", None)
        value = dumped(mode="json") if callable(dumped) else value
        try:
            got = hint.shown(hint.at(value, pointer))
        except (TypeError, ValueError, RecursionError):
            got = hint.clipped(repr(hint.at(value, pointer)), hint.MAX_GOT)
        line = hint.clipped(hint.on_one_line(hint.of_demand(value, pointer, demand)), hint.MAX_LINE)
        return cls(pointer, "", keyword, demand, got, line)


class Verdict:
    """The outcome of checking one value; true where it is valid."""

    __slots__ = ("_findings", "_text", "_value", "_violations")

    _text: str | bytes
    _findings: Findings | list[Finding]
    _value: Any
    _violations: tuple[Violation, ...] | None

    def __init__(
        self,
        text: str | bytes,
        findings: Findings | list[Finding],
        value: Any = Unread,
        violations: tuple[Violation, ...] | None = None,
    ) -> None:
        _set_text(self, text)
        _set_findings(self, findings)
        _set_value(self, value)
        _set_violations(self, violations)

    @property
    def valid(self) -> bool:
        """Whether the value satisfies the schema."""
        return not (self._findings or self._violations)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Everything that is wrong, in the order of the text; empty where it is valid."""
        if self._violations is None:
            told = _Told(self._text, self._findings, self._value)
            _set_violations(self, _unfilled(self._findings, told))
        return self._violations or ()

    @property
    def value(self) -> Any:
        """The value, parsed from the text when it is first asked for.

        Raises:
            HarnessError: the text is no JSON.
        """
        if self._value is Unread:
            _set_value(self, _read(self._text))
        return self._value

    @property
    def duplicate_keys(self) -> tuple[str, ...]:
        """Pointers of members whose name stands more than once; a fact, no violation.

        Every occurrence was checked; `value` holds the last one. A value that came as a Python
        object has none.
        """
        from .duplicates import duplicate_keys

        return duplicate_keys(self._text)

    def hint(self) -> str:
        """Return how to mend the value: a line for each violation, at most 1 KB of whole lines."""
        lines = dict.fromkeys(violation.hint for violation in self.violations)
        return "\n".join(hint.bounded(lines, MAX_HINT_BYTES))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Verdict):
            return NotImplemented
        return self._text == other._text and self.violations == other.violations

    def __hash__(self) -> int:
        return hash(self._text)

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"a Verdict cannot be changed (tried to set {name!r})")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"a Verdict cannot be changed (tried to delete {name!r})")

    def __reduce__(self) -> tuple[Any, ...]:
        violations = self.violations if self._text == "" else None
        value = None if self._value is Unread else (self._value,)
        return _revived, (self._text, list(self._findings), value, violations)

    def __bool__(self) -> bool:
        return self.valid

    def __repr__(self) -> str:
        if self.valid:
            return "Verdict(valid=True)"
        return f"Verdict(valid=False, hint={self.hint()!r})"


_set_text = Verdict.__dict__["_text"].__set__
_set_findings = Verdict.__dict__["_findings"].__set__
_set_value = Verdict.__dict__["_value"].__set__
_set_violations = Verdict.__dict__["_violations"].__set__


class _Told:
    """What the violations of a verdict are told from.

    It is not the verdict, which holds them: a circle would keep all of it until the next
    collection.
    """

    __slots__ = ("_findings", "_text", "_value")

    def __init__(self, source: str | bytes, findings: Findings | list[Finding], value: Any) -> None:
        self._text = source
        self._findings = findings
        self._value = value

    def explained(self, number: int) -> Explained:
        """Return the facts of one violation."""
        finding = self._findings[number]
        if finding[2] == "json":
            return "", "", "json", "JSON", *hint.of_no_json(self._text), None
        if self._value is Unread:
            self._value = _read(self._text)
        return hint.explained(self._value, finding)


def _read(source: str | bytes) -> Any:
    try:
        return text.read(source)
    except text.NoJson as error:
        raise HarnessError(
            f"there is no value: the text {error}",
            where="Verdict.value",
            fix="read it only where the text is JSON; verdict.hint() says what is wrong with the text",
        ) from None


def _unfilled(findings: Findings | list[Finding], told: _Told) -> tuple[Violation, ...]:
    """Return a violation for each finding, to be filled when it is read."""
    if not isinstance(findings, list):
        return findings.unfilled(Violation, told)
    found = [object.__new__(Violation) for _ in findings]
    for number, violation in enumerate(found):
        object.__setattr__(violation, "_origin", (told, number))
    return tuple(found)


def _revived(
    source: str | bytes,
    findings: list[Finding],
    value: tuple[Any] | None,
    violations: tuple[Violation, ...] | None,
) -> Verdict:
    """Make a verdict again from what was pickled."""
    return Verdict(source, findings, value[0] if value else Unread, violations)
