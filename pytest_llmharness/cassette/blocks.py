"""The blocks of a message in any dialect: which is a call, and what words are in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_TEXTS = ("text", "input_text", "output_text", "thinking", "refusal")


def is_call(block: Any) -> bool:
    """Whether a block asks for a tool of the user's."""
    return isinstance(block, dict) and (
        block.get("type") in ("tool_use", "function_call") or "functionCall" in block or "toolUse" in block
    )


def call_of(told: Any) -> tuple[str, str]:
    """Return the name and the arguments, as JSON text, of a call in any dialect."""
    inner = told if isinstance(told, dict) else {}
    for name in ("function", "functionCall", "toolUse"):
        inner = inner[name] if isinstance(inner.get(name), dict) else inner
    arguments = inner.get("arguments", inner.get("input", inner.get("args", "")))
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return str(inner.get("name", "")), text


def text_of(content: Any) -> str:
    """Return the words of a content: a text, a block, or several; other media by their kind."""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "\n".join(filter(None, map(text_of, content)))
    if not isinstance(content, dict) or is_call(content):
        return ""
    for name in _TEXTS:
        if isinstance(content.get(name), str):
            return str(content[name])
    for name in ("content", "parts", "functionResponse", "toolResult"):
        if name in content:
            inner = content[name]
            return text_of(inner) or (json.dumps(inner, ensure_ascii=False) if name != "content" else "")
    return f"[{content['type']}]" if isinstance(content.get("type"), str) else ""


def mapping(value: Any) -> Mapping[str, Any]:
    """Return the value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Return the JSON objects of the value, where it is a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
