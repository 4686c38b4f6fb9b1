"""Guardrails: what may not come in, what may not go out, and how much of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Literal

from ..domain.frozen import dataclass
from ..domain.tool import ToolCall
from ..errors import ConfigError
from .blocked_words import BlockedWords
from .guarded_stream import TRUNCATED, Guarded, GuardedStream
from .redaction import JsonRedactor, Redactor, TextRedactor

BLOCKED_WORDS = ("password", "secret", "key", "token", "credential")
"""Article 003's list, with the word that its code adds."""
SECRET_NAMES = ("password", "api_key", "secret")
"""Article 003's patterns: what is assigned to these names is redacted with them."""

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Guardrails:
    """The settings, and the three places where they act.

    ```python
    guardrails = Guardrails(blocked_words=("password",))
    guardrails.output("my password: hunter2").text  # "my [REDACTED]"
    ```

    Args:
        blocked_words: whole words, case-folded; parts of snake_case and camelCase are words too.
        secret_names: redacted together with the value that ":" or "=" assigns to them.
        action: "redact" them, or "block" the answer.
        max_output_size: the most UTF-8 bytes of one answer; None means any number.
        truncate: cut an over-long answer and mark it, where it is not JSON, instead of refusing it.
        inputs, outputs, arguments: whether each of the three places is guarded.
    """

    blocked_words: tuple[str, ...] = BLOCKED_WORDS
    secret_names: tuple[str, ...] = SECRET_NAMES
    action: Literal["redact", "block"] = "redact"
    max_output_size: int | None = 10_000
    truncate: bool = False
    inputs: bool = True
    outputs: bool = True
    arguments: bool = True
    _words: BlockedWords = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.action not in ("redact", "block"):
            raise _bad("action", self.action, "'redact' or 'block'")
        lowest = len(TRUNCATED) if self.truncate else 0
        size = self.max_output_size
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < lowest):
            raise _bad("max_output_size", size, f"a whole number of at least {lowest}, or None")
        object.__setattr__(self, "_words", BlockedWords(self.blocked_words, self.secret_names))

    def input(self, text: str) -> str:
        """Return a request's text without what no text has: control characters, half surrogates."""
        return _CONTROLS.sub("", text) if self.inputs else text

    def output(self, text: str, *, is_json: bool = False) -> Guarded:
        """Return what may be shown of a whole answer.

        Args:
            text: the answer as the model wrote it.
            is_json: whether it is to be JSON: then only string values are redacted, nothing is cut.
        """
        guard = self.stream(is_json=is_json)
        return guard.outcome(guard.feed(text) + guard.close())

    def stream(self, *, is_json: bool = False) -> GuardedStream:
        """Return a guard for one streamed answer."""
        redactor: Redactor = JsonRedactor(self._words) if is_json else TextRedactor(self._words)
        return GuardedStream(
            redactor if self.outputs else None,
            blocks=self.action == "block",
            limit=self.max_output_size,
            truncate=self.truncate,
            is_json=is_json,
        )

    def call(self, call: ToolCall) -> tuple[ToolCall, tuple[str, ...]]:
        """Return a tool call with its string values redacted, and the blocked words found.

        Where the action is "block", a call with hits must not run.
        """
        if not self.arguments or call.raw_arguments is not None:
            return call, ()
        hits: list[str] = []
        clean = self._value(call.arguments, hits)
        return (replace(call, arguments=clean) if hits else call), tuple(hits)

    def _value(self, value: Any, hits: list[str]) -> Any:
        if isinstance(value, str):
            redactor = TextRedactor(self._words)
            clean = redactor.feed(value) + redactor.close()
            hits += redactor.hits
            return clean
        if isinstance(value, Mapping):
            return {name: self._value(each, hits) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(each, hits) for each in value]
        return value


def _bad(name: str, value: Any, wanted: str) -> ConfigError:
    return ConfigError(f"{name}={value!r} cannot work", where=f"Guardrails.{name}", fix=f"give it {wanted}")
