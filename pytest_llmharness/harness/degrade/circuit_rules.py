"""When a circuit opens and closes."""

from __future__ import annotations

from dataclasses import replace

from ...domain.circuit import Circuit
from ...domain.frozen import dataclass
from ...errors import CircuitOpen, ConfigError


@dataclass(frozen=True, slots=True)
class BreakerSettings:
    """When a circuit opens and closes.

    Args:
        failures: failures in a row, slow calls included, that open it.
        slow_call_s: a call whose first token takes this long counts as a failure.
        open_s: how long it stays open before one probe is let through.
        probe_s: after this long a probe that never reported is given up, and another is let through.
    """

    failures: int = 5
    slow_call_s: float = 30.0
    open_s: float = 30.0
    probe_s: float = 120.0

    def __post_init__(self) -> None:
        for name, lowest in (("failures", 1), ("slow_call_s", 0), ("open_s", 0), ("probe_s", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not value >= lowest:
                raise ConfigError(
                    f"{name}={value!r} cannot work",
                    where=f"BreakerSettings.{name}",
                    fix=f"give it a number of at least {lowest}",
                )


@dataclass(frozen=True, slots=True)
class Change:
    """A circuit went from one state to another."""

    endpoint: str
    before: str
    after: str

    @property
    def trips(self) -> bool:
        """Whether this is a trip: closed or half-open to open."""
        return self.after == "open"


def is_probe(circuit: Circuit, probe: str) -> bool:
    """Return whether this probe is the one under way."""
    return circuit.state == "half_open" and bool(probe) and circuit.probe == probe


def after_success(circuit: Circuit, probe: str, now: float) -> Circuit:
    """Return the circuit after a call that was answered in time."""
    if is_probe(circuit, probe):
        return Circuit("closed", since_s=now)
    return replace(circuit, failures=0) if circuit.state == "closed" else circuit


def after_failure(circuit: Circuit, probe: str, now: float, limit: int) -> Circuit:
    """Return the circuit after a failure; a call of an earlier state says nothing about this one."""
    if is_probe(circuit, probe):
        return Circuit("open", since_s=now)
    if circuit.state != "closed":
        return circuit
    if circuit.failures + 1 >= limit:
        return Circuit("open", since_s=now)
    return replace(circuit, failures=circuit.failures + 1)


def left_alone(endpoint: str, wait_s: float | None) -> CircuitOpen:
    """Return the error of a call that is not made."""
    wait = "until its probe is back" if wait_s is None else f"{wait_s:.3g} s"
    return CircuitOpen(
        f"the endpoint {endpoint} has failed repeatedly and is left alone for now",
        where=f"circuit breaker of {endpoint}",
        fix=f"wait {wait}, use a fallback model, or mend the endpoint",
        provider=endpoint,
        retry_after_s=wait_s,
    )
