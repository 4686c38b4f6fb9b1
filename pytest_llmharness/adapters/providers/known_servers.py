"""Who serves models, and where: the one table of addresses, keys and commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from ...domain.frozen import dataclass

Dialect: TypeAlias = Literal["openai", "ollama"]


@dataclass(frozen=True, slots=True)
class KnownServer:
    """A kind of server with its usual place.

    Args:
        name: what it is called in options and settings.
        base_url: the address of its API.
        start: the command that starts it on this machine, "{model}" stands for the model; None
            where it runs elsewhere.
        dialect: the API it speaks.
        key_variable: the environment variable of its key; None where it needs none.
        url_variable: the environment variable that moves it elsewhere.
    """

    name: str
    base_url: str
    start: str | None = None
    dialect: Dialect = "openai"
    key_variable: str | None = None
    url_variable: str | None = None


_TABLE = (
    KnownServer("ollama", "http://127.0.0.1:11434", "ollama serve", dialect="ollama"),
    KnownServer("llamacpp", "http://127.0.0.1:8080/v1", "llama-server --port 8080 -m {model}.gguf"),
    KnownServer("vllm", "http://127.0.0.1:8000/v1", "vllm serve {model} --port 8000"),
    KnownServer(
        "sglang",
        "http://127.0.0.1:30000/v1",
        "python -m sglang.launch_server --port 30000 --model-path {model}",
    ),
    KnownServer("lmstudio", "http://127.0.0.1:1234/v1", "lms server start --port 1234"),
    KnownServer(
        "openai",
        "https://api.openai.com/v1",
        key_variable="OPENAI_API_KEY",
        url_variable="OPENAI_BASE_URL",
    ),
    KnownServer(
        "gemini", "https://generativelanguage.googleapis.com/v1beta/openai", key_variable="GEMINI_API_KEY"
    ),
    KnownServer("huggingface", "https://router.huggingface.co/v1", key_variable="HF_TOKEN"),
)
KNOWN_SERVERS: Mapping[str, KnownServer] = {server.name: server for server in _TABLE}
"""By name; those on this machine come first, in the order in which they are looked for."""
