"""Range and consistency: what a schema cannot say of a value, or of two values together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError
from .combining import parts
from .complaints import Validator, as_json, named

if TYPE_CHECKING:
    from ...schema import Violation


def range_validator(minimum: Any = None, maximum: Any = None) -> Validator:
    """Return a validator that wants a value within bounds, both of them included.

    ```python
    at("/signed", range_validator("1990-01-01", "2026-12-31"))  # ISO dates compare as texts
    ```

    None is not asked about: whether there must be a value is the schema's to say.

    Args:
        minimum: the least that is accepted, of any kind that can be compared; None means no limit.
        maximum: the same for the most.

    Raises:
        ConfigError: there is no bound, or no value lies between them.
    """
    if (minimum is None and maximum is None) or not _between(maximum, minimum, None):
        raise ConfigError(
            f"no range lies between {minimum!r} and {maximum!r}",
            where="range_validator(minimum, maximum)",
            fix="give at least one bound, the lower one first",
        )

    def in_range(value: Any) -> Violation | None:
        if value is None or _between(value, minimum, maximum):
            return None
        return _out_of_range(value, minimum, maximum)

    return named(in_range, "range_validator")


def consistency_validator(places: Sequence[str], holds: Callable[..., object], demand: str) -> Validator:
    """Return a validator that wants several fields to agree.

    ```python
    consistency_validator(("/start", "/end"), lambda start, end: start <= end, "the end is before the start")
    ```

    Where one of the fields is not there, or null, there is nothing to disagree with.

    Args:
        places: RFC 6901 pointers of the fields.
        holds: takes the fields in that order; true where they agree.
        demand: what is wrong where they do not.

    Raises:
        ConfigError: fewer than two fields are named.
    """
    if isinstance(places, str) or len(places) < 2:
        raise ConfigError(
            f"fields that agree are at least two, not {places!r}",
            where="consistency_validator(places)",
            fix='name them by pointers, as in ("/start", "/end")',
        )

    def consistent(value: Any) -> Violation | None:
        found = {place: part for place in places for _, part in parts(value, place)}
        if len(found) < len(places) or None in found.values():
            return None
        return None if holds(*(found[place] for place in places)) else _disagreement(demand, found)

    return named(consistent, "consistency_validator")


def _between(value: Any, minimum: Any, maximum: Any) -> bool:
    """Whether a value lies within the bounds; what cannot be compared does not, nor does NaN."""
    if value is None:
        return True
    if isinstance(value, bool):
        return False
    try:
        return bool((minimum is None or value >= minimum) and (maximum is None or value <= maximum))
    except TypeError:
        return False


def _out_of_range(value: Any, minimum: Any, maximum: Any) -> Violation:
    from ...schema import Violation
    from ...schema.hint import shown

    low, high = (None if bound is None else shown(as_json(bound)) for bound in (minimum, maximum))
    if low is None or high is None:
        asked = f"at least {low}" if high is None else f"at most {high}"
    else:
        asked = f"from {low} to {high}"
    value = as_json(value)
    return Violation.of(value, "", f"must be {asked}, not {shown(value)}", keyword="range")


def _disagreement(demand: str, found: dict[str, Any]) -> Violation:
    from ...schema import Violation
    from ...schema.hint import shown

    fields = {place.removeprefix("/"): as_json(part) for place, part in found.items()}
    told = ", ".join(_listed(fields.items()))
    line = f"{demand} ({told})"
    return Violation("", "", "consistency", demand, shown(fields), line)


def _listed(fields: Iterable[tuple[str, Any]]) -> Iterable[str]:
    from ...schema.hint import shown

    return (f"'{name}' is {shown(part)}" for name, part in fields)
