"""Every knob of the harness, with article 000's names and defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from ..errors import ConfigError


@dataclass(frozen=True, slots=True)
class HarnessConfig:
    """Settings of one harness. A value that cannot work is a `ConfigError` at construction.

    Args:
        model: the model asked where the provider does not name its own.
        temperature: sampling temperature, at least 0.
        max_tokens: the most tokens of one answer.
        json_mode: ask the model for JSON where no schema is set.
        timeout_seconds: after which one model call is cancelled.
        max_retries: model calls after the first that failures may cost, repairs included.
        retry_delay_seconds: the pause before a retry; a server's Retry-After wins where longer.
        structured_output: when the schema is also given to the model's decoder: "always",
            "on_repair" (the first answer is free, repairs are constrained) or "never".
        tool_timeout_seconds: after which one tool call is cancelled and answered with an error.
        tool_concurrency: tool calls of one answer that run side by side.
        max_tool_depth: rounds of tool calls in one run.
        max_iterations: model calls in one run, whatever they were for.
        stop_when_stuck: end a run whose last three answers are alike while nothing else moves.
        cache_ttl_seconds: how long an answer is kept, where there is a cache.
    """

    model: str = "qwen2.5-coder:7b"
    temperature: float = 0.0
    max_tokens: int = 1024
    json_mode: bool = False
    timeout_seconds: float = 120
    max_retries: int = 2
    retry_delay_seconds: float = 1.0
    structured_output: Literal["always", "on_repair", "never"] = "always"
    tool_timeout_seconds: float = 30
    tool_concurrency: int = 5
    max_tool_depth: int = 3
    max_iterations: int = 10
    stop_when_stuck: bool = True
    cache_ttl_seconds: float = 3600

    def __post_init__(self) -> None:
        for name, lowest in _LOWEST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= lowest:
                raise _bad(name, value, f"a number of at least {lowest}")
        for name in ("max_tokens", "max_retries", "max_tool_depth", "max_iterations", "tool_concurrency"):
            if not isinstance(getattr(self, name), int):
                raise _bad(name, getattr(self, name), "a whole number")
        if self.structured_output not in _STRUCTURED_OUTPUT:
            raise _bad("structured_output", self.structured_output, f"one of {', '.join(_STRUCTURED_OUTPUT)}")
        if not isinstance(self.model, str) or not self.model:
            raise _bad("model", self.model, "the name of a model")
        for name in ("json_mode", "stop_when_stuck"):
            if not isinstance(getattr(self, name), bool):
                raise _bad(name, getattr(self, name), "True or False")


_LOWEST = {
    "temperature": 0,
    "max_tokens": 1,
    "timeout_seconds": 0,
    "max_retries": 0,
    "retry_delay_seconds": 0,
    "tool_timeout_seconds": 0,
    "max_tool_depth": 0,
    "max_iterations": 1,
    "tool_concurrency": 1,
    "cache_ttl_seconds": 0,
}
_STRUCTURED_OUTPUT = ("always", "on_repair", "never")


def _bad(name: str, value: Any, wanted: str) -> ConfigError:
    default = next(field.default for field in fields(HarnessConfig) if field.name == name)
    return ConfigError(
        f"{name}={value!r} cannot work",
        where=f"HarnessConfig.{name}",
        fix=f"give it {wanted} (default {default!r})",
    )
