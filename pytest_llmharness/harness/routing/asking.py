"""Attempts that ask a provider directly: the smallest thing an escalation can climb on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from ...domain.completion import Completion
from ...domain.prompt import Prompt
from ...ports.provider import Provider
from .attempt import Answer, Attempt
from .tiers import ModelCall

Providers: TypeAlias = Callable[[ModelCall], Provider]


def asks(
    prompt: Prompt,
    provider: Provider | Providers,
    *,
    score: Callable[[Completion], float | None] | None = None,
) -> Attempt[Completion]:
    """Return an attempt that asks a provider this prompt with the model of each call.

    Args:
        prompt: what to ask; its options are copied for each model.
        provider: who answers, or a function that says who answers a call, such as `hybrid`.
        score: how good an answer is; None leaves it unscored, and then the first one is accepted.
    """

    async def attempt(call: ModelCall) -> Answer[Completion]:
        chosen = provider(call) if callable(provider) else provider
        completion = await chosen.complete(replace(prompt, options=call.options(prompt.options)))
        quality = score(completion) if score is not None else None
        return Answer(completion, quality, completion.usage)

    return attempt


def hybrid(local: Provider, cloud: Provider) -> Providers:
    """Return who answers where local tiers stay on this machine and cloud tiers leave it."""
    return lambda call: cloud if call.cloud else local
