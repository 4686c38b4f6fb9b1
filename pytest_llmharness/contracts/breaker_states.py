"""The contract of the breaker states port: one truth an endpoint, changed by one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ..domain.circuit import Circuit
from ..ports.breaker_states import BreakerStates
from ..ports.clock import Clock
from .closing import closed_after
from .contract import Contract

_OPEN = Circuit("open", since_s=12.5)
_HALF_OPEN = Circuit("half_open", since_s=42.125, probe="probe-1")


class BreakerStatesContract(Contract):
    """Subclass it, define the fixtures `states` and `clock`, and pytest proves your adapter."""

    @pytest.fixture
    def states(self) -> BreakerStates:
        """The adapter under test, knowing nothing yet."""
        pytest.fail(f"define the fixture `states` in {type(self).__name__}")

    @pytest.fixture
    def clock(self) -> Clock:
        """The clock whose time `states` tells."""
        pytest.fail(f"define the fixture `clock` in {type(self).__name__}")

    def proves(self, states: BreakerStates, clause: Callable[[], Awaitable[None]]) -> None:
        """Run a clause on a loop of its own, and close the adapter there."""

        async def bounded() -> None:
            await self.within_patience(clause(), "The states must answer.")

        self.run(closed_after(states, bounded()))

    def test_an_unknown_endpoint_is_closed(self, states: BreakerStates) -> None:
        """Of what nothing is known, nothing bad is assumed."""

        async def clause() -> None:
            assert (await states.read("unknown"))[0] == Circuit(), "an unknown endpoint has a closed circuit"

        self.proves(states, clause)

    def test_time_moves(self, states: BreakerStates, clock: Clock) -> None:
        """The time that is told is the clock's."""

        async def clause() -> None:
            _, before = await states.read("endpoint")
            await clock.sleep(30)
            _, after = await states.read("endpoint")
            assert after - before == pytest.approx(30, abs=1e-3), f"30 s were told as {after - before} s"

        self.proves(states, clause)

    def test_a_swap_is_read_back(self, states: BreakerStates) -> None:
        """Every field comes back as it was."""

        async def clause() -> None:
            old = Circuit()
            for new in (Circuit(failures=3), _OPEN, _HALF_OPEN, Circuit()):
                assert await states.swap("endpoint", old, new), f"{old} did not give way to {new}"
                found, _ = await states.read("endpoint")
                assert found == new, f"{new} came back as {found}"
                old = new

        self.proves(states, clause)

    def test_an_outdated_swap_fails(self, states: BreakerStates) -> None:
        """Who read before the last change changes nothing."""

        async def clause() -> None:
            assert await states.swap("endpoint", Circuit(), _OPEN)
            assert not await states.swap("endpoint", Circuit(), _HALF_OPEN), "compare before you swap"
            assert (await states.read("endpoint"))[0] == _OPEN, "a failed swap changed the circuit"

        self.proves(states, clause)

    def test_a_race_has_one_winner(self, states: BreakerStates) -> None:
        """Of many who swap the same circuit, one does."""

        async def clause() -> None:
            circuits = [Circuit("half_open", probe=str(number)) for number in range(20)]
            swaps = (states.swap("endpoint", Circuit(), circuit) for circuit in circuits)
            won = await asyncio.gather(*swaps)
            assert won.count(True) == 1, f"{won.count(True)} of 20 swaps won: compare and swap in one step"
            assert (await states.read("endpoint"))[0] == circuits[won.index(True)]

        self.proves(states, clause)

    def test_endpoints_do_not_mix(self, states: BreakerStates) -> None:
        """One endpoint's trouble is not another's."""

        async def clause() -> None:
            await states.swap("one", Circuit(), _OPEN)
            assert (await states.read("two"))[0] == Circuit(), "two endpoints share a circuit"

        self.proves(states, clause)
