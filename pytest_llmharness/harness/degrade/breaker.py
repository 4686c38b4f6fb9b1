"""The circuit breaker: an endpoint that fails is left alone for a while, then asked once."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from ...domain.circuit import Circuit
from ...errors import CircuitOpen
from ...ports.breaker_states import BreakerStates
from ...ports.clock import Clock
from ...ports.ids import Ids
from .circuit_rules import BreakerSettings, Change, after_failure, after_success, is_probe, left_alone
from .failure import blames_endpoint

# Losing this many races in a row means that the store is broken; the call is then let through.
_TRIES = 100


class Permit:
    """One call that was let through. It counts as soon as it is told how the call went."""

    def __init__(self, endpoint: str, started_s: float, probe: str, clock: Clock) -> None:
        self.endpoint, self.started_s, self.probe = endpoint, started_s, probe
        self._clock = clock
        self._latency_s: float | None = None

    def answered(self) -> None:
        """Note that the first token has come: what follows is not latency."""
        if self._latency_s is None:
            self._latency_s = self._clock.now() - self.started_s

    @property
    def latency_s(self) -> float:
        """Seconds to the first token, or so far."""
        return self._clock.now() - self.started_s if self._latency_s is None else self._latency_s


class Breaker:
    """Guards calls to endpoints, each with a circuit of its own.

    ```python
    async with breaker.guard("openai/gpt-4o") as permit:
        completion = await provider.complete(prompt)
    ```

    Failures that are the caller's (400, 401, 403, 404, ...) and cancelled calls count neither way. Where the
    states cannot be read or written, calls are let through: the breaker never fails a run.

    Args:
        states: the circuits, local or shared with other instances.
        clock: measures latency.
        ids: names probes; needed only where states are shared between processes.
        settings: when circuits open and close.
        on_change: told of every change of state.
    """

    def __init__(
        self,
        states: BreakerStates,
        clock: Clock,
        *,
        ids: Ids | None = None,
        settings: BreakerSettings | None = None,
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        self._states = states
        self._clock = clock
        self._settings = settings or BreakerSettings()
        self._on_change = on_change
        self._numbers = itertools.count(1)
        self._ids = ids

    @asynccontextmanager
    async def guard(self, endpoint: str) -> AsyncIterator[Permit]:
        """Let one call through and count how it went.

        Raises:
            CircuitOpen: the endpoint is left alone for now; `retry_after_s` says for how long.
        """
        permit = await self.admit(endpoint)
        try:
            yield permit
        except Exception as error:
            await (self.failed(permit) if blames_endpoint(error) else self.forgotten(permit))
            raise
        except BaseException:
            await self.forgotten(permit)
            raise
        await self.succeeded(permit)

    async def admit(self, endpoint: str) -> Permit:
        """Let a call through, or refuse it; report with `succeeded`, `failed` or `forgotten`.

        Raises:
            CircuitOpen: see `guard`.
        """
        probe = self._ids.new() if self._ids else f"{id(self):x}-{next(self._numbers)}"
        refused: CircuitOpen | None = None

        def step(circuit: Circuit, now: float) -> Circuit:
            nonlocal refused
            refused = self._refusal(endpoint, circuit, now)
            if circuit.state == "closed" or refused is not None:
                return circuit
            return Circuit("half_open", since_s=now, probe=probe)

        after = await self._change(endpoint, step)
        if refused is not None:
            raise refused
        mine = after is not None and after.probe == probe
        return Permit(endpoint, self._clock.now(), probe if mine else "", self._clock)

    async def succeeded(self, permit: Permit) -> None:
        """Count a call that was answered; a slow answer counts as a failure."""
        permit.answered()
        if permit.latency_s >= self._settings.slow_call_s:
            await self.failed(permit)
        else:
            await self._change(
                permit.endpoint, lambda circuit, now: after_success(circuit, permit.probe, now)
            )

    async def failed(self, permit: Permit) -> None:
        """Count a call that failed by the endpoint's fault."""
        limit = self._settings.failures
        await self._change(
            permit.endpoint, lambda circuit, now: after_failure(circuit, permit.probe, now, limit)
        )

    async def forgotten(self, permit: Permit) -> None:
        """Count a call neither way; a probe makes room for another one."""

        def step(circuit: Circuit, now: float) -> Circuit:  # noqa: ARG001 - one signature for all steps
            return replace(circuit, probe="") if is_probe(circuit, permit.probe) else circuit

        await self._change(permit.endpoint, step)

    def _refusal(self, endpoint: str, circuit: Circuit, now: float) -> CircuitOpen | None:
        """Return why no call may pass, or None where one may pass now."""
        age_s = now - circuit.since_s
        if circuit.state == "open" and age_s < self._settings.open_s:
            return left_alone(endpoint, self._settings.open_s - age_s)
        if circuit.state == "half_open" and circuit.probe and age_s < self._settings.probe_s:
            return left_alone(endpoint, None)
        return None

    async def _change(self, endpoint: str, step: Callable[[Circuit, float], Circuit]) -> Circuit | None:
        """Compare and swap until it holds; return the new circuit, None where the states are out of reach."""
        for _ in range(_TRIES):
            try:
                old, now = await self._states.read(endpoint)
                new = step(old, now)
                done = new == old or await self._states.swap(endpoint, old, new)
            except Exception:  # noqa: BLE001 - a breaker that cannot be reached must not fail a run
                return None
            if done:
                if self._on_change is not None and old.state != new.state:
                    self._on_change(Change(endpoint, old.state, new.state))
                return new
        return None
