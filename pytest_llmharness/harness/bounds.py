"""What one run may take: tokens and money before and after each call, and time all the while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from ..domain.prompt import Prompt
from ..domain.result import FailureReason
from ..domain.usage import Usage
from ..errors import ConfigError, HarnessError
from .context.estimate import ByteEstimate
from .context.tokens import prompt_tokens

if TYPE_CHECKING:
    from ..domain.completion import Completion
    from ..ports.counter import TokenCounter
    from .parts import Parts
    from .routing.prices import PriceTable
    from .state import RunState

Spent: TypeAlias = tuple[str, int, int]
"""What a call took: the model, tokens in, tokens out."""


class BoundReached(Exception):
    """A run may not go on: `reason` and `error` are what its result says."""

    def __init__(self, reason: FailureReason, error: HarnessError) -> None:
        super().__init__(error.what)
        self.reason, self.error = reason, error


class Bounds:
    """The budgets of a run in tokens and in US dollars; `max_run_seconds` is kept by the run itself.

    A call is made only where the most that it can take still fits: its prompt, counted, and
    `max_tokens` of answer. After it counts what the server reported, or what was expected where it
    reported nothing. Failed calls report nothing and are not counted.

    Args:
        parts: what the harness is made of.

    Raises:
        ConfigError: money is bounded, and nobody knows what a model costs that may be asked.
    """

    def __init__(self, parts: Parts) -> None:
        self._config = parts.config
        self._counter: TokenCounter = getattr(parts.context, "counter", None) or ByteEstimate()
        self._prices: PriceTable | None = None
        self._calls: dict[str, float | None] = {}
        if parts.config.max_run_cost_usd is None:
            return
        from .routing.prices import PRICES

        self._prices = PRICES if parts.prices is None else parts.prices
        asked = parts.endpoints
        if parts.routes is not None:
            tiers = parts.routes.tiers
            self._calls = {tiers[name].model: tiers[name].cost_per_call for name in tiers.names}
            asked = (*parts.routes.endpoints.values(), *asked[1:])
        for endpoint in asked:
            model = endpoint.model or endpoint.provider.model or parts.config.model
            if self._dollars_of(model, Usage()) is None:
                raise _unpriced(model)

    @classmethod
    def of(cls, parts: Parts) -> Bounds | None:
        """Return the budgets that the settings have; None where they have none."""
        config = parts.config
        return None if config.max_run_tokens is None and config.max_run_cost_usd is None else cls(parts)

    def expected(self, prompt: Prompt) -> Spent:
        """Return the most that a call can take."""
        most = prompt.options.max_tokens or self._config.max_tokens
        return prompt.options.model or "", prompt_tokens(prompt, self._counter), most

    def taken(self, prompt: Prompt, answer: Completion) -> Spent:
        """Return what a call took, by estimate where the server has not said."""
        usage, model = answer.usage, prompt.options.model or ""
        if usage.tokens_in or usage.tokens_out:
            return model, usage.tokens_in, usage.tokens_out
        words = (answer.text, *(f"{call.name} {call.arguments_text}" for call in answer.tool_calls))
        return model, prompt_tokens(prompt, self._counter), sum(map(self._counter.count, words))

    def before(self, state: RunState, prompt: Prompt) -> None:
        """Let a call be made.

        Raises:
            BoundReached: it could take the run over a budget.
        """
        self._hold(state, [*state.spent, self.expected(prompt)])

    def after(self, state: RunState) -> None:
        """Let a run go on after a call.

        Raises:
            BoundReached: it took the run over a budget, whatever was expected of it.
        """
        self._hold(state, state.spent)

    def _hold(self, state: RunState, calls: Sequence[Spent]) -> None:
        tokens, limit = _tokens(calls), self._config.max_run_tokens
        if limit is not None and tokens > limit:
            spent = f"{_tokens(state.spent):,} tokens", f"{tokens:,}", f"{limit:,}"
            raise _reached(FailureReason.MAX_RUN_TOKENS, state, *spent)
        most = self._config.max_run_cost_usd
        dollars = 0.0 if most is None else self._dollars(calls)
        if most is not None and dollars > most:
            spent = f"${self._dollars(state.spent):g}", f"${dollars:g}", f"${most:g}"
            raise _reached(FailureReason.MAX_RUN_COST_USD, state, *spent)

    def _dollars(self, calls: Sequence[Spent]) -> float:
        """Return what calls cost, in whole billionths of a dollar: three times 0.003 is 0.009."""
        total = 0.0
        for model, *tokens in calls:
            dollars = self._dollars_of(model, Usage(*tokens))
            if dollars is None:
                raise BoundReached(FailureReason.MAX_RUN_COST_USD, _unpriced(model))
            total += dollars
        return round(total, 9)

    def _dollars_of(self, model: str, usage: Usage) -> float | None:
        """Return what a call costs by its tokens, or else by the call; None where nobody knows."""
        assert self._prices is not None
        cost = self._prices.cost(model, usage)
        return self._calls.get(model) if cost is None else cost.total_usd


def _tokens(calls: Sequence[Spent]) -> int:
    return sum(tokens_in + tokens_out for _, tokens_in, tokens_out in calls)


def _reached(reason: FailureReason, state: RunState, spent: str, total: str, limit: str) -> BoundReached:
    coming = f", and the next call could take it to {total}" if not spent.startswith(total) else ""
    error = HarnessError(
        f"the run has taken {spent}{coming}; {reason} is {limit}, and what was found is kept",
        where=f"session {state.session_id}, after model call {state.calls}",
        fix=f"raise HarnessConfig({reason}=...), or lower max_tokens: a call is expected to use them all",
    )
    return BoundReached(reason, error)


def _unpriced(model: str) -> ConfigError:
    return ConfigError(
        f"nobody knows what the model {model!r} costs, and max_run_cost_usd bounds the cost of a run",
        where="Routing(prices=...)",
        fix="Harness(..., layers={'route': Routing(prices=PRICES.with_prices("
        f"Price({model!r}, 0, 0, source='my own machine', as_of='2026-11-21')))}})",
    )
