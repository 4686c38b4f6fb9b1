"""What it takes to record takes again: calls, tokens and, as far as prices are known, dollars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..domain.usage import Usage
from .conversation import conversation
from .take import Take


@dataclass(frozen=True)
class Spending:
    """The sum over some calls.

    Attributes:
        calls: how many.
        usage: the tokens of those whose answers tell them.
        silent: how many calls tell none.
        cost_usd: of the calls whose model has a known price.
        unpriced: the models without one, in order of appearance.
    """

    calls: int = 0
    usage: Usage = Usage()
    silent: int = 0
    cost_usd: float = 0.0
    unpriced: tuple[str, ...] = ()

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.calls + other.calls,
            self.usage + other.usage,
            self.silent + other.silent,
            self.cost_usd + other.cost_usd,
            tuple(dict.fromkeys((*self.unpriced, *other.unpriced))),
        )

    def __str__(self) -> str:
        if not self.calls:
            return "an unknown number of calls, for nothing was recorded"
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        if self.silent == self.calls:
            return f"{calls}, tokens unknown, cost unknown"
        tokens = f"{self.usage.tokens_in:,} tokens in, {self.usage.tokens_out:,} out"
        if self.silent:
            tokens += f" (of {self.silent} unknown)"
        if not self.unpriced:
            return f"{calls}, {tokens}, ${self.cost_usd:.4f}"
        known = f"${self.cost_usd:.4f} and " if self.cost_usd else ""
        return f"{calls}, {tokens}, {known}cost unknown ({', '.join(self.unpriced)} has no known price)"


def spending(takes: Iterable[Take]) -> Spending:
    """Return what the calls of some takes have cost, which is what they are likely to cost again."""
    return sum(map(_of, takes), Spending())


def _of(take: Take) -> Spending:
    from ..harness.routing.prices import PRICES  # of use only where something is to be recorded again

    said = conversation(take)
    if said.tokens == (None, None):
        return Spending(1, silent=1, unpriced=(said.model or "?",))
    usage = Usage(said.tokens[0] or 0, said.tokens[1] or 0)
    cost = PRICES.cost(said.model, usage)
    if cost is None:
        return Spending(1, usage, unpriced=(said.model or "?",))
    return Spending(1, usage, cost_usd=cost.total_usd)
