"""What validators say, in whatever form they say it, as violations."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from inspect import isawaitable
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union

from ...domain.frozen import dataclass
from ...errors import ConfigError, ProviderError
from ..eager import within
from ..foreign import cancels_us, said
from ..received import whole

if TYPE_CHECKING:
    from ...ports.clock import Clock
    from ...schema import Violation

Asking = TypeVar("Asking", bound=Callable[..., Any])

MAX_COMPLAINTS = 100
"""Complaints that one validator can make about one answer; more are not asked for."""
MAX_COMPLAINT_CHARS = 2_000
"""Of a complaint that is a text; the output of a test run is one."""


@dataclass(frozen=True, slots=True)
class FailFast:
    """A complaint after which asking again is pointless, or too expensive: the run ends at once.

    Args:
        complaint: what is wrong.
    """

    complaint: str | Violation


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an answer.

    Args:
        violation: the place, what was expected and what is there.
        final: whether asking again is pointless.
    """

    violation: Violation
    final: bool = False

    def ending_the_run(self) -> Fault:
        """Return the fault as one that ends the run."""
        return replace(self, final=True)


Complaint: TypeAlias = Union[str, "Violation", FailFast, Fault]
Saying: TypeAlias = Complaint | Iterable[Complaint] | None
Validator: TypeAlias = Callable[[Any], Saying | Awaitable[Saying]]
"""Takes the validated value. It returns None to accept it, or what is wrong with it; it may be async."""


async def faults_of(
    validator: Validator, value: Any, *, clock: Clock | None = None, limit_s: float | None = None
) -> list[Fault]:
    """Ask one validator about a value; none means it is accepted.

    What a model wrote must not end a run, so an exception is a complaint too. One of the network, of a
    model that judges, or of the clock says nothing about the answer, and no better answer could change
    it: it ends the run.

    Args:
        validator: whom to ask.
        value: what was validated so far.
        clock: keeps the time; None means that it may take for ever.
        limit_s: how long it may take.

    Raises:
        ConfigError: it returned something else, such as a bool.
    """
    try:
        asked = _asked(validator, value)
        return await (asked if clock is None else within(clock, limit_s, asked))
    except ConfigError:
        raise
    except (ValueError, AssertionError) as error:
        return [_fault(said(error), value)]
    except (ProviderError, ConnectionError, TimeoutError) as error:
        told = getattr(error, "what", None) or f"{type(error).__name__}: {said(error)}"
        return [_fault(f"{name_of(validator)} could not judge it: {told}", value).ending_the_run()]
    except BaseException as error:  # it meant to say no, or met what it did not expect
        if cancels_us(error):
            raise
        told = f"{name_of(validator)} failed on it with {type(error).__name__}: {said(error)}"
        return [_fault(told, value)]


def named(validator: Asking, name: str) -> Asking:
    """Return a validator that a complaint calls so."""
    validator.__name__ = name
    return validator


def name_of(validator: object) -> str:
    """Return what to call a validator."""
    return getattr(validator, "__name__", type(validator).__name__)


async def _asked(validator: Validator, value: Any) -> list[Fault]:
    answer: Any = validator(value)
    if isawaitable(answer):
        answer = await answer
    if isinstance(answer, str):
        return [_fault(answer, value)] if answer else []
    if answer is None or isinstance(answer, Mapping | AsyncIterable) or not isinstance(answer, Iterable):
        return [] if answer is None else [_fault_of(answer, value, validator)]
    return [_fault_of(one, value, validator) for one in islice(answer, MAX_COMPLAINTS) if one]


def _fault_of(complaint: Any, value: Any, validator: Validator) -> Fault:
    from ...schema import Violation

    if isinstance(complaint, Fault):
        return complaint
    if isinstance(complaint, FailFast):
        return _fault_of(complaint.complaint, value, validator).ending_the_run()
    if isinstance(complaint, Violation):
        return Fault(complaint)
    if isinstance(complaint, str):
        return _fault(complaint, value)
    raise ConfigError(
        f"the validator {name_of(validator)} returned {complaint!r}",
        where="Harness(validators=...)",
        fix="return None to accept a value, or a sentence that says what is wrong with it",
    )


def _fault(complaint: str, value: Any) -> Fault:
    """Return the fault that a sentence tells of; the sentence stays as it is, with its lines."""
    from ...schema import Violation
    from ...schema.hint import clipped

    told = clipped(whole(complaint), MAX_COMPLAINT_CHARS)
    return Fault(replace(Violation.of(as_json(value), "", told), expected=told, hint=told))


def as_json(value: Any) -> Any:
    """Return the value in its JSON form, in which places can be found."""
    from ..json_form import json_form

    return json_form(value)
