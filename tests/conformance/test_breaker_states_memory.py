"""The circuits of this process keep the contract; its clauses catch what breaks it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_llmharness.adapters.breaker_states.memory import MemoryBreakerStates
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.contracts import BreakerStatesContract
from pytest_llmharness.domain.circuit import Circuit


class TestMemoryBreakerStates(BreakerStatesContract):
    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    def states(self, clock: VirtualClock) -> MemoryBreakerStates:
        return MemoryBreakerStates(clock)


class StartsOpen(MemoryBreakerStates):
    async def read(self, endpoint: str) -> tuple[Circuit, float]:
        circuit, now = await super().read(endpoint)
        return (Circuit("open") if circuit == Circuit() else circuit), now


class TellsNoTime(MemoryBreakerStates):
    async def read(self, endpoint: str) -> tuple[Circuit, float]:
        return (await super().read(endpoint))[0], 0.0


class SwapsAlways(MemoryBreakerStates):
    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        self._circuits[endpoint] = new
        return True


class SwapsNever(MemoryBreakerStates):
    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        return False


class KnowsOneEndpoint(MemoryBreakerStates):
    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        self._circuits["two"] = new
        return await super().swap(endpoint, old, new)


BROKEN = [
    (StartsOpen, "test_an_unknown_endpoint_is_closed", "has a closed circuit"),
    (TellsNoTime, "test_time_moves", "30 s were told as 0.0 s"),
    (SwapsNever, "test_a_swap_is_read_back", "did not give way"),
    (SwapsAlways, "test_an_outdated_swap_fails", "compare before you swap"),
    (SwapsAlways, "test_a_race_has_one_winner", "20 of 20 swaps won"),
    (KnowsOneEndpoint, "test_endpoints_do_not_mix", "share a circuit"),
]


@pytest.mark.parametrize(("broken", "clause", "lesson"), BROKEN)
def test_clause_catches_its_bug(
    broken: Callable[[VirtualClock], MemoryBreakerStates], clause: str, lesson: str
) -> None:
    """The clause fails on the adapter broken for it, and says what to mend."""
    clock = VirtualClock()
    with pytest.raises(AssertionError) as caught:
        getattr(BreakerStatesContract(), clause)(broken(clock), *([clock] if "time" in clause else []))
    assert lesson in str(caught.value)


def test_every_clause_has_a_bug() -> None:
    """No clause is without an adapter that breaks it."""
    clauses = {name for name in dir(BreakerStatesContract) if name.startswith("test_")}
    assert clauses == {clause for _, clause, _ in BROKEN}
