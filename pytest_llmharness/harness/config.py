"""Every knob of the harness, with the names and defaults of the articles it follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Any, Literal, Self

from ..domain.frozen import dataclass
from ..errors import ConfigError


def _number(default: float | None, at_least: float, *, kind: str = "number", nullable: bool = False) -> Any:
    nullable = nullable or default is None
    schema: dict[str, Any] = {"type": [kind, "null"] if nullable else kind, "minimum": at_least}
    return field(default=default, metadata={"schema": schema})


def _whole(default: int | None, at_least: int, *, nullable: bool = False) -> Any:
    return _number(default, at_least, kind="integer", nullable=nullable)


def _switch(default: bool) -> Any:
    return field(default=default, metadata={"schema": {"type": "boolean"}})


def _names(*default: str) -> Any:
    schema = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return field(default=default, metadata={"schema": schema})


@dataclass(frozen=True, slots=True)
class HarnessConfig:
    """Settings of one harness. A value that cannot work is a `ConfigError` at construction.

    The layers that change what a caller sees (cache, rate limit, guardrails, tracing) are off until
    they are switched on here or given to `Harness` as parts; `article_003` has them on. The presets
    `article_000`, `article_003` and `article_004` have the values of the articles they are named after.

    Args:
        model: the model asked where the provider does not name its own.
        temperature: sampling temperature, at least 0.
        top_p: nucleus sampling; None leaves it to the server.
        seed: the sampler's seed; None leaves it to the server.
        max_tokens: the most tokens of one answer.
        json_mode: ask the model for JSON where no schema is set.
        timeout_seconds: after which one model call is cancelled.
        max_retries: calls after the first that transport failures may cost at one model, and repairs.
        retry_delay_seconds: the pause before a retry; a server's Retry-After wins where longer.
        structured_output: when the schema is also given to the model's decoder: "always",
            "on_repair" (the first answer is free, repairs are constrained) or "never".
        tool_timeout_seconds: after which one tool call is cancelled and answered with an error.
        tool_concurrency: tool calls of one answer that run side by side.
        early_tools: in a stream, let calls of read-only tools begin while the answer is still written.
        max_tool_depth: rounds of tool calls in one run.
        max_iterations: model calls in one run, whatever they were for.
        max_run_seconds: after which a run ends, whatever it waits for; None sets no limit. A session that is
            resumed has its time anew.
        max_run_tokens: the most tokens of one run, in and out; no call is made that could pass it.
        max_run_cost_usd: the same in US dollars, by the prices of its `Routing`.
        stop_when_stuck: end a run whose last three answers are alike while nothing else moves.
        allowed_tools: the tools a session may use; empty means all.
        context_max_tokens: the most tokens of what is looked up for a request.
        context_max_snippets: the most snippets of it.
        context_window_tokens: the most tokens of a whole prompt, tools included; None sets no limit.
        history_max_tokens, history_max_messages, history_max_turns: how much of the conversation stays
            word for word, oldest out first, a summary in its place; None does not bind.
        cache_enabled: answer equal requests from a cache.
        cache_capacity: the most answers it holds.
        cache_ttl_seconds: how long an answer is served.
        rate_limit_enabled: let model calls wait for a slot, each user (or else session) for itself.
        rate_limit_capacity: slots that can be had at once.
        rate_limit_refill_seconds: after which one used slot is free again.
        enable_guardrails: redact blocked words, and refuse answers that are too large.
        blocked_words: whole words, whatever their case.
        max_output_size: the most UTF-8 bytes of an answer, where guardrails are on.
        enable_tracing: write what happens to the logger "llm-harness".
    """

    model: str = field(default="qwen2.5-coder:7b", metadata={"schema": {"type": "string", "minLength": 1}})
    temperature: float = _number(0.0, 0)
    top_p: float | None = _number(None, 0)
    seed: int | None = _whole(None, 0)
    max_tokens: int = _whole(1024, 1)
    json_mode: bool = _switch(default=False)
    timeout_seconds: float = _number(120, 0)
    max_retries: int = _whole(2, 0)
    retry_delay_seconds: float = _number(1.0, 0)
    structured_output: Literal["always", "on_repair", "never"] = field(
        default="always", metadata={"schema": {"enum": ["always", "on_repair", "never"]}}
    )
    tool_timeout_seconds: float = _number(30, 0)
    tool_concurrency: int = _whole(5, 1)
    early_tools: bool = _switch(default=True)
    max_tool_depth: int = _whole(3, 0)
    max_iterations: int = _whole(10, 1)
    max_run_seconds: float | None = _number(None, 0)
    max_run_tokens: int | None = _whole(None, 0)
    max_run_cost_usd: float | None = _number(None, 0)
    stop_when_stuck: bool = _switch(default=True)
    allowed_tools: tuple[str, ...] = _names()
    context_max_tokens: int = _whole(4000, 0)
    context_max_snippets: int = _whole(10, 0)
    context_window_tokens: int | None = _whole(None, 1)
    history_max_tokens: int | None = _whole(4000, 0, nullable=True)
    history_max_messages: int | None = _whole(None, 1)
    history_max_turns: int | None = _whole(None, 1)
    cache_enabled: bool = _switch(default=False)
    cache_capacity: int = _whole(1000, 1)
    cache_ttl_seconds: float = _number(3600, 0)
    rate_limit_enabled: bool = _switch(default=False)
    rate_limit_capacity: int = _whole(10, 1)
    rate_limit_refill_seconds: float = _number(1.0, 0)
    enable_guardrails: bool = _switch(default=False)
    blocked_words: tuple[str, ...] = _names("password", "secret", "key", "token", "credential")
    max_output_size: int = _whole(10_000, 0)
    enable_tracing: bool = _switch(default=False)

    def __post_init__(self) -> None:
        for each in fields(self):
            value, schema = getattr(self, each.name), each.metadata["schema"]
            if not _fits(value, schema):
                raise ConfigError(
                    f"{each.name}={value!r} cannot work",
                    where=f"HarnessConfig.{each.name}",
                    fix=f"give it {_wanted(schema)} (default {each.default!r})",
                )

    @classmethod
    def article_000(cls, **changes: Any) -> Self:
        """Return the settings of article 000: a local model, repeatable, retried twice after a second."""
        return cls(**{**_ARTICLE_000, **changes})

    @classmethod
    def article_003(cls, **changes: Any) -> Self:
        """Return the settings of a chat service: cached, limited, guarded, traced, and a little creative."""
        return cls(**{**_ARTICLE_003, **changes})

    @classmethod
    def article_004(cls, **changes: Any) -> Self:
        """Return the settings of an agent that works for long: 4,096 tokens an answer, 20 messages kept."""
        return cls(**{**_ARTICLE_004, **changes})

    @classmethod
    def deterministic(cls, **changes: Any) -> Self:
        """Return settings under which a model that can be repeated is: temperature 0 and a fixed seed."""
        return cls(**{"temperature": 0.0, "seed": 42, **changes})

    def changed(self, **changes: Any) -> Self:
        """Return these settings with some of them changed."""
        return replace(self, **changes)


_ARTICLE_000: Mapping[str, Any] = {
    "model": "qwen2.5-coder:7b",
    "temperature": 0.0,
    "max_tokens": 1024,
    "json_mode": False,
    "timeout_seconds": 120,
    "max_retries": 2,
    "retry_delay_seconds": 1.0,
}

_ARTICLE_003: Mapping[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.9,
    "retry_delay_seconds": 0.1,
    "cache_enabled": True,
    "rate_limit_enabled": True,
    "enable_guardrails": True,
    "enable_tracing": True,
}

_ARTICLE_004: Mapping[str, Any] = {
    "max_tokens": 4096,
    "max_retries": 2,
    "retry_delay_seconds": 1.0,
    "history_max_tokens": None,
    "history_max_messages": 20,
}


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of the settings, for files and editors."""
    properties = {
        each.name: {**each.metadata["schema"], "default": _json(each.default)}
        for each in fields(HarnessConfig)
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Check one setting by the few keywords that the table above uses; `Schema` would have to be compiled."""
    if "enum" in schema:
        return isinstance(value, str) and value in schema["enum"]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None:
        return "null" in kinds
    if kinds[0] == "boolean":
        return isinstance(value, bool)
    if kinds[0] == "string":
        return isinstance(value, str) and bool(value)
    if kinds[0] == "array":
        return isinstance(value, tuple | list) and all(isinstance(one, str) and one for one in value)
    allowed = int if kinds[0] == "integer" else (int, float)
    number = isinstance(value, allowed) and not isinstance(value, bool)
    return number and not math.isnan(value) and value >= schema["minimum"]


def _wanted(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    words = {"boolean": "True or False", "string": "a name", "array": "a tuple of names"}
    if kind in words:
        return words[kind]
    return f"a {'whole ' if kind == 'integer' else ''}number of at least {schema['minimum']}"
