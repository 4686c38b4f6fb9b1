"""When two requests are the same, and which answers may be kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..domain.completion import Completion
from ..domain.message import Message, TextPart
from ..domain.prompt import Options, Prompt
from .canonical import digest

_VERSION = 1


def cache_key(prompt: Prompt, *, endpoint: str, tenant: str = "") -> str:
    """Return the 128-bit name of a request: 32 hexadecimal digits.

    Everything that can change the answer is in it: the endpoint and the model, every message, the
    tools with their schemas, the sampling options, the output schema, the tenant. Only `timeout_s`
    is not, and of a call's id only which call it is: providers make up new ids every time.

    Args:
        prompt: the request, complete in itself.
        endpoint: who is asked, such as "openai/gpt-4o".
        tenant: whose data may be in the answer; answers never pass from one to another.
    """
    tools = [[tool.name, tool.description, tool.schema, tool.read_only] for tool in prompt.tools]
    return digest([_VERSION, tenant, endpoint, _messages(prompt.messages), tools, _options(prompt.options)])


def may_be_kept(
    prompt: Prompt,
    answer: Completion,
    *,
    degraded: bool = False,
    side_effects: bool = False,
    any_temperature: bool = False,
) -> bool:
    """Return whether an answer that passed every check may be kept for equal requests.

    Answers of fallback models, partial ones, and those of runs with side effects never are; an
    answer sampled at another temperature than 0 only where `any_temperature` is set.
    """
    if degraded or side_effects or answer.finish not in ("stop", "tool_calls"):
        return False
    return any_temperature or prompt.options.temperature == 0


def _messages(messages: Sequence[Message]) -> list[Any]:
    numbers: dict[str | None, int] = {None: -1}

    def number(id: str | None) -> int:
        return numbers.setdefault(id, len(numbers) - 1)

    return [
        [
            message.role,
            [
                ["text", part.text]
                if isinstance(part, TextPart)
                else ["call", part.name, part.arguments, part.raw_arguments, number(part.id)]
                for part in message.parts
            ],
            number(message.tool_call_id),
            message.tool_name,
        ]
        for message in messages
    ]


def _options(options: Options) -> list[Any]:
    return [
        options.model,
        None if options.temperature is None else float(options.temperature),
        options.max_tokens,
        None if options.top_p is None else float(options.top_p),
        options.seed,
        options.stop,
        options.json_mode,
        options.output_schema,
    ]
