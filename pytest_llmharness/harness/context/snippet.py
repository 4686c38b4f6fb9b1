"""A piece of text on its way into a prompt, and what each step did to all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from ...domain.frozen import dataclass

if TYPE_CHECKING:
    from ...ports.counter import TokenCounter


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of knowledge that may help with a request.

    Attributes:
        text: what the model would read.
        score: how well it fits the request; larger is better, the scale is the retriever's.
        source: where it comes from, for the model and for people.
    """

    text: str
    score: float = 0.0
    source: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """What the steps work for.

    Attributes:
        query: what the user wants to know.
        room: the most tokens of the finished context message.
        max_snippets: the most snippets in it.
        counter: counts tokens.
    """

    query: str
    room: int
    max_snippets: int
    counter: TokenCounter


@dataclass(frozen=True, slots=True)
class StepReport:
    """What one step did: how many snippets (messages, for "history") and tokens went in and came out.

    `error` says why the retriever or the summarizer gave nothing, where it failed.
    """

    name: str
    items_in: int
    items_out: int
    tokens_in: int
    tokens_out: int
    error: str = ""


Step: TypeAlias = Callable[[Ask, Sequence[Snippet]], Sequence[Snippet] | Awaitable[Sequence[Snippet]]]


def unchanged(ask: Ask, snippets: Sequence[Snippet]) -> Sequence[Snippet]:
    """Let every snippet pass: the step that switches a step off."""
    del ask
    return snippets
