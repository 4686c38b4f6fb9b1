"""Validators made of validators: on a part of the value, one after the other, or as the last word."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from .complaints import Fault, Validator, as_json, faults_of, name_of, named

Combined: TypeAlias = Callable[[Any], Coroutine[Any, Any, list[Fault]]]


def at(place: str, validator: Validator) -> Combined:
    """Return a validator that asks another one about a part of the value.

    ```python
    at("/*/damage_cap", range_validator(0, 50_000_000))
    ```

    A part that is not there is not asked about: that it must be there is the schema's to say.

    Args:
        place: an RFC 6901 pointer in which "*" stands for every item or member.
        validator: asked about each part; the places it names are taken as places in that part.
    """

    async def validate(value: Any) -> list[Fault]:
        found: list[Fault] = []
        for pointer, part in parts(value, place):
            found += [_moved(fault, value, part, pointer) for fault in await faults_of(validator, part)]
        return found

    return named(validate, f"{name_of(validator)} at {place}")


def in_turn(*validators: Validator) -> Combined:
    """Return a validator that asks others in their order, until one complains: the cheap ones first."""

    async def validate(value: Any) -> list[Fault]:
        for validator in validators:
            if found := await faults_of(validator, value):
                return found
        return []

    return named(validate, ", then ".join(map(name_of, validators)))


def fail_fast(validator: Validator) -> Combined:
    """Return a validator whose every complaint ends the run: no repair is asked for."""

    async def validate(value: Any) -> list[Fault]:
        return [fault.ending_the_run() for fault in await faults_of(validator, value)]

    return named(validate, name_of(validator))


def parts(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    """Yield (pointer, part) for each part of a value that a place names; "*" is one step of any name."""
    from ...schema.hint import escaped, parts_of

    found = [("", value)]
    for step in parts_of(place):
        found = [
            (f"{pointer}/{escaped(name)}", inner)
            for pointer, part in found
            for name, inner in _members(part, step)
        ]
    yield from found


def _members(value: Any, step: str) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items() if step == "*" else [(step, value[step])] if step in value else []
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        if step == "*":
            yield from enumerate(value)
        elif step.isdecimal() and int(step) < len(value):
            yield step, value[int(step)]
    elif not step.startswith("_") and hasattr(value, step):
        yield step, getattr(value, step)


def _moved(fault: Fault, value: Any, part: Any, pointer: str) -> Fault:
    """Return a fault of a part as one of the whole."""
    from ...schema.hint import of_demand, subject

    old, place = fault.violation, pointer + fault.violation.pointer
    whole, was = as_json(value), subject(as_json(part), old.pointer)
    if old.hint.startswith(was):
        line = subject(whole, place) + old.hint.removeprefix(was)
    else:
        line = of_demand(whole, place, old.hint)
    return replace(fault, violation=replace(old, pointer=place, hint=line))
