"""What models cost: data with its source and its date, and None for what is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ...domain.frozen import dataclass
from ...domain.usage import Usage
from ...errors import ConfigError
from .costs import Cost

_SNAPSHOT = re.compile(r"[-@](?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_CLAUDE = "https://platform.claude.com/docs/zh-CN/models"
_READ = "2026-11-21"


@dataclass(frozen=True, slots=True)
class Price:
    """The list price of one model, without discounts for caching or batches.

    Args:
        model: the name, without the date of a snapshot.
        input_per_mtok: US dollars for a million tokens that go in.
        output_per_mtok: US dollars for a million tokens that come out.
        source: where it was read.
        as_of: the day it was read, as YYYY-MM-DD.
    """

    model: str
    input_per_mtok: float
    output_per_mtok: float
    source: str
    as_of: str

    def __post_init__(self) -> None:
        for name in ("input_per_mtok", "output_per_mtok"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise _bad(name, getattr(self, name), "dollars of at least 0")
        if not self.source or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.as_of):
            raise _bad("as_of", self.as_of, "the day it was read as YYYY-MM-DD, and a source")


class PriceTable(Mapping[str, Price]):
    """Prices by model.

    A dated snapshot ("claude-sonnet-5-20260630") costs what its model costs. A model that is not in the
    table has no price: None, never 0, so that a sum cannot be too low without anyone knowing.

    ```python
    table = PRICES.with_prices(Price("mine", 1.0, 2.0, source="contract", as_of="2026-11-01"))
    assert table.cost("mine", Usage(1_000_000, 500_000)).total_usd == 2.0
    assert table.cost("nobody-knows-me", Usage(1, 1)) is None
    ```
    """

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        self._prices = {price.model: price for price in prices}

    def __getitem__(self, model: str) -> Price:
        return self._prices[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._prices)

    def __len__(self) -> int:
        return len(self._prices)

    def with_prices(self, *prices: Price) -> PriceTable:
        """Return a table where these prices are added or replaced."""
        return PriceTable([*self._prices.values(), *prices])

    def price(self, model: str) -> Price | None:
        """Return a model's price, or None where it is not known."""
        return self._prices.get(model) or self._prices.get(_SNAPSHOT.sub("", model))

    def cost(self, model: str, usage: Usage) -> Cost | None:
        """Return what these tokens cost, or None where the price is not known."""
        price = self.price(model)
        if price is None:
            return None
        return Cost(
            input_usd=usage.tokens_in * price.input_per_mtok / 1e6,
            output_usd=usage.tokens_out * price.output_per_mtok / 1e6,
        )


PRICES = PriceTable(
    [
        Price("claude-sonnet-5", 2.0, 10.0, f"{_CLAUDE}/sonnet-5/overview", _READ),
        Price("claude-sonnet-4-5", 3.0, 15.0, f"{_CLAUDE}/sonnet-4-5/overview", _READ),
        Price("claude-haiku-4-5", 1.0, 5.0, f"{_CLAUDE}/haiku-4-5/overview", _READ),
    ]
)
"""The few list prices that were read on their vendor's pages, in copies whose own age is not known.

Give your own with `with_prices`.
"""


def _bad(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(f"{name}={value!r} cannot work", where=f"Price.{name}", fix=f"give it {wanted}")
