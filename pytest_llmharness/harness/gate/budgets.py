"""Budget guards: so many calls, so much cost, in a session or in a window of time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from ...domain.frozen import dataclass
from ...errors import ConfigError
from ..refusal import Refusal

if TYPE_CHECKING:
    from ...ports.clock import Clock


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of something may be done; what is over it is refused, never delayed.

    Args:
        name: names it in refusals.
        tools: shell patterns of the tools that count; ("*",) is every tool.
        calls: the most calls; None means any number.
        cost: the most cost, in the unit of the prices given; None means any.
        per_s: the length of a sliding window in seconds; None counts the whole session.
    """

    name: str
    tools: tuple[str, ...] = ("*",)
    calls: int | None = None
    cost: float | None = None
    per_s: float | None = None

    def __post_init__(self) -> None:
        for key in ("calls", "cost", "per_s"):
            value = getattr(self, key)
            if value is not None and (isinstance(value, bool) or not value >= 0):
                raise ConfigError(
                    f"{key}={value!r} cannot work",
                    where=f"Allowance {self.name!r}",
                    fix="give it a number of at least 0, or None for no limit",
                )

    def covers(self, tool: str) -> bool:
        """Whether calls of this tool count."""
        return any(fnmatchcase(tool, pattern) for pattern in self.tools)


class Charge(NamedTuple):
    """One call that was let through: when, which tool, at what cost."""

    at_s: float
    tool: str
    cost: float = 0.0


class Account:
    """What one session may spend and has spent; hold one for many sessions to bind them together.

    A call is charged before it is dispatched, so calls that run side by side cannot overshoot. What
    never ran is given back with `release`; what ran stays charged, whether it failed or not.

    ```python
    account = Account([Allowance("mails", ("send_mail",), calls=3)], clock=clock)
    charge = account.reserve("send_mail")
    if isinstance(charge, Refusal):
        ...
    ```

    Args:
        allowances: the limits; a call must be inside all that cover it.
        clock: tells when a window ends; needed only where an allowance has `per_s`.
        history: charges of an earlier life of the session, oldest first (see `history`).
        layer: who refuses, as the refusal names it.
    """

    def __init__(
        self,
        allowances: Iterable[Allowance] = (),
        *,
        clock: Clock | None = None,
        history: Iterable[Charge] = (),
        layer: str = "gate",
    ) -> None:
        self._allowances = tuple(allowances)
        self._clock = clock
        self._layer = layer
        self._charges = list(history)
        self._lock = threading.Lock()
        windowed = next((one for one in self._allowances if one.per_s is not None), None)
        if windowed is not None and clock is None:
            raise ConfigError(
                f"the allowance {windowed.name!r} has a window of {windowed.per_s} s and no clock",
                where="Account(clock=...)",
                fix="pass the harness's clock",
            )

    @property
    def history(self) -> tuple[Charge, ...]:
        """Every charge that still counts, oldest first: all the state there is."""
        return tuple(self._charges)

    def reserve(self, tool: str, cost: float = 0.0) -> Charge | Refusal:
        """Charge a call before it is dispatched, or say which limit it would break."""
        if not self._allowances:
            return Charge(self._clock.now() if self._clock else 0.0, tool, cost)
        with self._lock:
            charge = Charge(self._clock.now() if self._clock else 0.0, tool, cost)
            binding = [allowance for allowance in self._allowances if allowance.covers(tool)]
            for allowance in binding:
                reason = self._broken(allowance, charge)
                if reason is not None:
                    return Refusal(self._layer, "quota", reason)
            if binding:
                self._forget(charge.at_s)
                self._charges.append(charge)
            return charge

    def release(self, charge: Charge) -> None:
        """Give back a charge whose call was not dispatched after all."""
        with self._lock:
            for position in range(len(self._charges) - 1, -1, -1):
                if self._charges[position] is charge:
                    del self._charges[position]
                    return

    def _forget(self, now: float) -> None:
        """Drop what no window reaches back to, so that an account can live for ever."""
        windows = [allowance.per_s for allowance in self._allowances if allowance.per_s is not None]
        if len(windows) == len(self._allowances):
            oldest = now - max(windows)
            self._charges = [charge for charge in self._charges if charge.at_s > oldest]

    def _broken(self, allowance: Allowance, charge: Charge) -> str | None:
        since = charge.at_s - allowance.per_s if allowance.per_s is not None else float("-inf")
        counted = [one for one in self._charges if one.at_s > since and allowance.covers(one.tool)]
        window = f" in {allowance.per_s:g} s" if allowance.per_s is not None else ""
        if allowance.calls is not None and len(counted) >= allowance.calls:
            return f"{allowance.name} allows {allowance.calls} calls{window}, and all of them are spent"
        spent = sum(one.cost for one in counted)
        if allowance.cost is not None and spent + charge.cost > allowance.cost:
            return (
                f"{allowance.name} allows a cost of {allowance.cost:g}{window}; "
                f"{spent:g} is spent, and this call costs {charge.cost:g}"
            )
        return None


def quotas(by_tool: Mapping[str, int]) -> tuple[Allowance, ...]:
    """Return one allowance for each tool pattern with its number of calls in a session."""
    return tuple(Allowance(f"the quota of {tool}", (tool,), calls=calls) for tool, calls in by_tool.items())


def charges(rows: Iterable[Mapping[str, Any]]) -> tuple[Charge, ...]:
    """Read charges back from JSON values, such as the data of logged events."""
    return tuple(Charge(float(row["at_s"]), str(row["tool"]), float(row.get("cost", 0.0))) for row in rows)
