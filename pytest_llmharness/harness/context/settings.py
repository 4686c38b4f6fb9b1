"""The knobs of the context layer."""

from __future__ import annotations

from dataclasses import fields

from ...domain.frozen import dataclass
from ...errors import ConfigError


def _check(settings: ContextSettings | HistoryWindow, lowest: dict[str, int]) -> None:
    for field in fields(settings):
        if field.name not in lowest:
            continue
        value = getattr(settings, field.name)
        if value is None and "None" in str(field.type):
            continue
        if type(value) is not int or value < lowest[field.name]:
            raise _bad(settings, field.name, f"a whole number of at least {lowest[field.name]}")


def _bad(settings: ContextSettings | HistoryWindow, name: str, wanted: str) -> ConfigError:
    default = next(field.default for field in fields(settings) if field.name == name)
    return ConfigError(
        f"{name}={getattr(settings, name)!r} cannot work",
        where=f"{type(settings).__name__}.{name}",
        fix=f"give it {wanted} (default {default!r})",
    )


@dataclass(frozen=True, slots=True)
class HistoryWindow:
    """How much of a conversation stays word for word. What leaves is summarized, oldest first.

    A limit of None does not bind. The system message and the last user message never leave, a call
    never leaves without its results.

    Args:
        max_tokens: the most tokens of the turns before the last user message, summary included.
        max_messages: the most messages in all, summary included.
        max_turns: the most turns; a turn begins with a user message.
        summary_tokens: the most tokens of the summary; 0 keeps none.
    """

    max_tokens: int | None = 4000
    max_messages: int | None = None
    max_turns: int | None = None
    summary_tokens: int = 400

    def __post_init__(self) -> None:
        _check(self, {"max_tokens": 0, "max_messages": 1, "max_turns": 1, "summary_tokens": 0})


TRIM_20_MESSAGES = HistoryWindow(max_tokens=None, max_messages=20)
"""Article 004's trimming: 20 messages, the summary among them."""

KEEP_10_TURNS = HistoryWindow(max_tokens=None, max_turns=10)
"""Article 004's compression: the last 10 turns, the rest in a summary."""


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """Settings of the context layer. A value that cannot work is a `ConfigError` at construction.

    Args:
        enabled: False sends whatever was retrieved as it came, and the whole history.
        max_tokens: the most tokens of the context message, in which the snippets stand.
        max_snippets: the most snippets in it.
        candidates: how many snippets the retriever is asked for.
        min_share: a snippet that scores under this share of the best one is left out.
        window_tokens: the most tokens of a whole prompt, tools included; the model's window less the
            answer's tokens. A request whose fixed part alone is larger is refused. None sets no limit.
        history: how much of the conversation stays.
    """

    enabled: bool = True
    max_tokens: int = 4000
    max_snippets: int = 10
    candidates: int = 50
    min_share: float = 0.2
    window_tokens: int | None = None
    history: HistoryWindow = HistoryWindow()

    def __post_init__(self) -> None:
        _check(self, {"max_tokens": 0, "max_snippets": 0, "candidates": 0, "window_tokens": 0})
        share = self.min_share
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise _bad(self, "min_share", "a number from 0 to 1")
        if not isinstance(self.enabled, bool):
            raise _bad(self, "enabled", "True or False")
