"""The quick dataclass does what the standard library's does, and is one."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any

import pytest

from pytest_llmharness.domain import frozen
from pytest_llmharness.domain.completion import Completion
from pytest_llmharness.domain.tool import ToolCall
from pytest_llmharness.domain.usage import Usage

MAKERS = [dataclasses.dataclass, frozen.dataclass]


def made(dataclass: Any) -> Any:
    @dataclass(frozen=True, slots=True)
    class Order:
        """What was bought."""

        name: str
        count: int = 1
        tags: list[str] = field(default_factory=list)
        note: str = field(default="", compare=False, repr=False)
        total: float = field(default=0.0, init=False)

        def __post_init__(self) -> None:
            object.__setattr__(self, "total", self.count * 2.0)

    return Order


@pytest.mark.parametrize("dataclass", MAKERS)
def test_it_is_made_shown_and_compared_like_any_dataclass(dataclass: Any) -> None:
    """Arguments, defaults, fresh lists, what is left out of a comparison, and what comes after."""
    order = made(dataclass)
    one, other = order("tea", tags=["green"]), order("tea", 1, ["green"], note="gift")
    assert repr(one).endswith("Order(name='tea', count=1, tags=['green'], total=2.0)")
    assert one == other
    assert one != order("tea", 2, ["green"])
    assert one != ("tea", 1, ["green"], 2.0)
    assert order("a").tags is not order("a").tags
    assert dataclasses.replace(one, count=3) == order("tea", 3, ["green"])
    assert dataclasses.asdict(one)["tags"] == ["green"]
    assert [each.name for each in dataclasses.fields(one)] == ["name", "count", "tags", "note", "total"]
    assert list(inspect.signature(order).parameters) == ["name", "count", "tags", "note"]
    assert inspect.signature(order).parameters["count"].default == 1
    assert repr(inspect.signature(order).parameters["tags"].default) == "<factory>"
    assert order.__match_args__ == ("name", "count", "tags", "note")
    with pytest.raises(TypeError, match="name"):
        order()
    with pytest.raises(TypeError, match="colour"):
        order("tea", colour="red")
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


@pytest.mark.parametrize("dataclass", MAKERS)
def test_nothing_of_it_can_be_changed(dataclass: Any) -> None:
    """Assigning, deleting and adding are refused; there is no dictionary behind it."""
    one = made(dataclass)("tea")
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "coffee"
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'name'"):
        del one.name
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        one.colour = "red"
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize("dataclass", MAKERS)
def test_a_dataclass_can_be_built_upon_it(dataclass: Any) -> None:
    """The standard library's decorator takes it for a frozen base, and ours does too."""

    @dataclasses.dataclass(frozen=True)
    class Gift(made(dataclass)):  # type: ignore[misc]
        giver: str = "me"

    @frozen.dataclass(frozen=True, slots=True)
    class Loan(made(dataclass)):  # type: ignore[misc]
        until: str = "May"

    for one in (Gift("tea", giver="you"), Loan("tea", until="June")):
        assert (one.name, one.count, one.total) == ("tea", 1, 2.0)
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.name = "coffee"
    assert Loan("tea", until="June") != Loan("tea")


def test_a_plain_class_made_of_it_has_attributes_of_its_own() -> None:
    """What was frozen stays so; the standard library fails here with an error about `super`."""

    class Loose(made(frozen.dataclass)):  # type: ignore[misc]
        pass

    loose = Loose("tea")
    loose.colour = "red"
    assert loose.colour == "red"
    del loose.colour
    with pytest.raises(dataclasses.FrozenInstanceError):
        loose.name = "coffee"
    assert loose != made(frozen.dataclass)("tea")


def test_what_can_change_changes_and_has_no_hash() -> None:
    """Without frozen=True it is a plain dataclass with slots."""

    @frozen.dataclass(slots=True)
    class Count:
        number: int = 0

    count = Count()
    count.number += 1
    assert count == Count(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(count)


def test_values_travel_and_are_hashed_by_what_they_hold() -> None:
    """Pickle, copy, sets and match statements take them as they took them before."""
    answer = Completion("hi", (ToolCall("add", {"a": 1}, "1"),), usage=Usage(1, 2))
    for twin in (pickle.loads(pickle.dumps(answer)), copy.deepcopy(answer), copy.copy(answer)):
        assert twin == answer
    assert len({Usage(1, 2), Usage(1, 2), Usage(2, 1)}) == 2
    match answer.usage:
        case Usage(came, went):
            assert (came, went) == (1, 2)
