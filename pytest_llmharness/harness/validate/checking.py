"""One answer, checked: by the schema, then by every validator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ...domain.frozen import dataclass
from ...errors import ConfigError
from .complaints import MAX_COMPLAINT_CHARS, Fault, Validator, faults_of
from .reading import Reading, read

if TYPE_CHECKING:
    from ...parsing import Edit
    from ...ports.clock import Clock
    from ...schema import Schema, Violation

MAX_PROBLEM_BYTES = 8 * MAX_COMPLAINT_CHARS
"""Of all that validators have against one answer; what the schema has takes at most 1 KB."""


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of checking one answer: no problems means accepted.

    Args:
        value: the value that was accepted; of a schema made of a Python type, that type's.
        problems: what is wrong with the answer, a line each, for the repair prompt.
        edits: what was mended in the notation of an accepted answer, or passed around it.
        violations: the same problems with their places.
        final: whether asking again is pointless, as a validator said.
    """

    value: Any
    problems: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    violations: tuple[Violation, ...] = ()
    final: bool = False

    @property
    def valid(self) -> bool:
        """Whether the answer is accepted."""
        return not self.problems


async def acheck(
    text: str,
    schema: Schema | None = None,
    validators: Iterable[Validator] = (),
    *,
    clock: Clock | None = None,
    limit_s: float | None = None,
) -> Check:
    """Check an answer against the schema, then against each validator; all faults are named at once.

    Args:
        text: the model's answer.
        schema: what the answer must satisfy as JSON; None takes it as text.
        validators: asked in their order about what the schema accepts.
        clock: keeps the time; None means that a validator may take for ever.
        limit_s: how long one validator may take.

    Raises:
        ConfigError: a validator returned something that is no complaint, such as a bool.
    """
    found = Reading(text) if schema is None else read(text, schema)
    if found.violations:
        return Check(None, _lines(found.violations), (), found.violations)
    faults: list[Fault] = []
    for validator in validators:
        faults += await faults_of(validator, found.value, clock=clock, limit_s=limit_s)
    if not faults:
        return Check(found.value, (), found.edits)
    violations = tuple(fault.violation for fault in faults)
    final = any(fault.final for fault in faults)
    return Check(found.value, _lines(violations, MAX_PROBLEM_BYTES), found.edits, violations, final)


def check(text: str, schema: Schema | None = None, validators: Iterable[Validator] = ()) -> Check:
    """Do what `acheck` does, without an event loop.

    ```python
    positive = lambda value: None if value["amount"] > 0 else "the amount must be positive"
    assert check('{"amount": 5}', Schema(True), [positive]).value == {"amount": 5}
    assert check('{"amount": 0}', Schema(True), [positive]).problems == ("the amount must be positive",)
    ```

    Raises:
        ConfigError: see `acheck`; also where a validator has to wait for something.
    """
    checking = acheck(text, schema, validators)
    try:
        checking.send(None)
    except StopIteration as done:
        checked: Check = done.value
        return checked
    checking.close()
    raise ConfigError(
        "a validator waits for something, and check() cannot wait",
        where="check(validators=...)",
        fix="await acheck(...) in a coroutine instead",
    )


def _lines(violations: tuple[Violation, ...], limit: int | None = None) -> tuple[str, ...]:
    """Return a line for each violation, none twice, up to so many bytes."""
    from ...schema.hint import bounded
    from ...schema.verdict import MAX_HINT_BYTES

    lines = dict.fromkeys(violation.hint for violation in violations)
    return tuple(bounded(lines, limit or MAX_HINT_BYTES))
