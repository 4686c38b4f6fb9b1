"""Money spent and money left, counted so that parallel runs cannot overdraw together."""

from __future__ import annotations

from threading import Lock

from ...domain.frozen import dataclass
from ...errors import ConfigError

_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Cost:
    """What calls cost, in US dollars: by the call, or by the token, input and output apart."""

    call_usd: float = 0.0
    input_usd: float = 0.0
    output_usd: float = 0.0

    @property
    def total_usd(self) -> float:
        """All of it."""
        return (_nano(self.call_usd) + _nano(self.input_usd) + _nano(self.output_usd)) / _NANO

    def times(self, calls: int) -> Cost:
        """Return the cost of so many calls like this."""
        return Cost(self.call_usd * calls, self.input_usd * calls, self.output_usd * calls)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.call_usd + other.call_usd,
            self.input_usd + other.input_usd,
            self.output_usd + other.output_usd,
        )


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent so far.

    Args:
        calls: attempts that were made, also those that cost nothing.
        cloud_calls: those of them that left this machine.
        unpriced_calls: those whose cost nobody knows; while there are any, the sum is a lower bound.
        cost: the sum of the known costs.
    """

    calls: int = 0
    cloud_calls: int = 0
    unpriced_calls: int = 0
    cost: Cost = Cost()

    @property
    def cloud_share(self) -> float | None:
        """The share of calls that left this machine; None where there was no call."""
        return self.cloud_calls / self.calls if self.calls else None


class Reservation:
    """Money set aside for one call, until it is settled."""

    __slots__ = ("cloud", "expected", "open")

    def __init__(self, expected: Cost | None, *, cloud: bool) -> None:
        self.expected, self.cloud, self.open = expected, cloud, True


class CostBudget:
    """A limit that many runs may share, and the account of what they spent.

    A call's expected cost is reserved before the call and settled after it, so runs side by side stay
    within the limit; only a call that costs more than it was expected to can pass it, by the difference.
    Amounts are kept in whole billionths of a dollar: three times 0.003 is 0.009.

    ```python
    budget = CostBudget(0.005)
    first = budget.reserve(Cost(0.003), cloud=True)
    assert budget.reserve(Cost(0.003), cloud=True) is None  # 0.002 are left
    budget.settle(first, Cost(0.003))
    assert budget.left_usd == 0.002
    ```

    Args:
        limit_usd: US dollars; None means no limit, and then it only counts.

    Raises:
        ConfigError: the limit is negative or no number.
    """

    def __init__(self, limit_usd: float | None = None) -> None:
        if limit_usd is not None and not 0 <= limit_usd < float("inf"):
            raise ConfigError(
                f"limit_usd={limit_usd!r} cannot work",
                where="CostBudget.limit_usd",
                fix="give it dollars of at least 0, or None for no limit",
            )
        self._limit = None if limit_usd is None else _nano(limit_usd)
        self._reserved = self._spent = 0
        self._spending = Spending()
        self._lock = Lock()

    @property
    def spending(self) -> Spending:
        """What was spent so far."""
        return self._spending

    @property
    def left_usd(self) -> float | None:
        """What is neither spent nor reserved; None where there is no limit."""
        return None if self._limit is None else max(self._limit - self._spent - self._reserved, 0) / _NANO

    def affords(self, expected: Cost | None) -> bool:
        """Return whether a call of this cost fits in now; None is a cost that nobody knows.

        A call that is known to cost nothing fits into a spent budget; one of unknown cost into none
        that has a limit.
        """
        if self._limit is None:
            return True
        if expected is None:
            return False
        amount = _nano(expected.total_usd)
        return amount == 0 or self._spent + self._reserved + amount <= self._limit

    def reserve(self, expected: Cost | None, *, cloud: bool = False) -> Reservation | None:
        """Set the cost of one call aside, or return None where it does not fit."""
        with self._lock:
            if not self.affords(expected):
                return None
            self._reserved += _nano(expected.total_usd) if expected else 0
            return Reservation(expected, cloud=cloud)

    def settle(self, reservation: Reservation, cost: Cost | None) -> None:
        """Book what the call did cost; None keeps the expected amount. A second time changes nothing."""
        with self._lock:
            if not reservation.open:
                return
            reservation.open = False
            expected = reservation.expected
            self._reserved -= _nano(expected.total_usd) if expected else 0
            booked = cost if cost is not None else expected
            self._spent += _nano(booked.total_usd) if booked else 0
            old = self._spending
            self._spending = Spending(
                old.calls + 1,
                old.cloud_calls + reservation.cloud,
                old.unpriced_calls + (booked is None),
                old.cost + (booked or Cost()),
            )


def months_to_pay_back(price_usd: float, cloud_usd: float, local_usd: float = 0.0) -> float | None:
    """Return after how many months a machine has paid for itself, or None where it never does.

    ```python
    assert months_to_pay_back(1_500, 60) == 25.0
    assert months_to_pay_back(1_500, 6, 10) is None
    ```

    Args:
        price_usd: what the machine costs.
        cloud_usd: what the cloud would cost in a month.
        local_usd: what the machine costs in a month, such as its power.
    """
    saved = cloud_usd - local_usd
    return price_usd / saved if saved > 0 else None


def _nano(usd: float) -> int:
    return round(usd * _NANO)
