"""Which live engine answers: a server named or found on loopback, else the embedded one."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from ..errors import ConfigError, EngineUnavailable

_PROBE_S = 0.25


@dataclass(frozen=True, slots=True)
class Engine:
    """A model server that answers.

    Args:
        name: the preset's name, as `--llm-engine` spells it.
        dialect: the wire dialect it speaks.
        base_url: where a client of that dialect is pointed.
        model: the model to ask; None where the server names none.
        api_key: what to send as key; "none" where the server wants none.
    """

    name: str
    dialect: Literal["openai", "ollama"]
    base_url: str
    model: str | None
    api_key: str


@dataclass(frozen=True, slots=True)
class OpenEngine:
    """An engine in use. Closing stops only what was started for it."""

    engine: Engine
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Preset:
    dialect: Literal["openai", "ollama"]
    base_url: str
    start: str

    @property
    def models_path(self) -> str:
        return "/api/tags" if self.dialect == "ollama" else "/models"


_LOCAL = {
    "ollama": _Preset("ollama", "http://127.0.0.1:11434", "ollama serve"),
    "llamacpp": _Preset("openai", "http://127.0.0.1:8080/v1", "llama-server -m MODEL.gguf"),
    "vllm": _Preset("openai", "http://127.0.0.1:8000/v1", "vllm serve MODEL"),
    "sglang": _Preset(
        "openai", "http://127.0.0.1:30000/v1", "python -m sglang.launch_server --model-path MODEL"
    ),
    "lmstudio": _Preset("openai", "http://127.0.0.1:1234/v1", "lms server start"),
}
_OPENAI = _Preset("openai", "https://api.openai.com/v1", "check the URL and the key")
NAMES = ("auto", *_LOCAL, "openai")


def open_engine(
    name: str = "auto",
    *,
    base_url: str | None = None,
    model: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> OpenEngine:
    """Find the engine and say how to reach it.

    Args:
        name: one of `NAMES`. "auto" takes the first that answers on loopback; it never uses a
            paid service, whatever keys the environment holds.
        base_url: where the engine is, if not at its usual place.
        model: the model to ask; None asks the server for its first.
        environ: where keys are read from.

    Raises:
        ConfigError: no engine has this name.
        EngineUnavailable: it cannot be reached.
    """
    if name == "auto":
        return _first_local(model)
    if name == "openai":
        return _open(name, _OPENAI, base_url, model, _openai_key(base_url, environ))
    if name in _LOCAL:
        return _open(name, _LOCAL[name], base_url, model, environ.get("LLMHARNESS_API_KEY", "none"))
    raise ConfigError(
        f"no engine has the name {name!r}", where="--llm-engine", fix=f"use one of {', '.join(NAMES)}"
    )


def _first_local(model: str | None) -> OpenEngine:
    for name, preset in _LOCAL.items():
        if _answer(preset.base_url + preset.models_path, "none") is not None:
            return _open(name, preset, None, model, "none")
    raise EngineUnavailable(
        "no live engine answers on loopback",
        where=", ".join(preset.base_url for preset in _LOCAL.values()),
        fix="start one (ollama serve), or name one: --llm-engine=... --llm-base-url=...",
    )


def _open(name: str, preset: _Preset, base_url: str | None, model: str | None, key: str) -> OpenEngine:
    url = (base_url or preset.base_url).rstrip("/")
    if model is None:
        listed = _answer(url + preset.models_path, key)
        if listed is None:
            raise EngineUnavailable(
                f"the engine {name} does not answer",
                where=url,
                fix=f"start it ({preset.start}), or --llm-base-url",
            )
        model = _first_model(listed)
    return OpenEngine(Engine(name, preset.dialect, url, model, key), _nothing_to_stop)


def _nothing_to_stop() -> None:
    """The engine was there before us and stays."""


def _openai_key(base_url: str | None, environ: Mapping[str, str]) -> str:
    key = environ.get("LLMHARNESS_API_KEY") if base_url else None
    key = key or environ.get("OPENAI_API_KEY") or ("none" if base_url else None)
    if key is None:
        raise EngineUnavailable(
            "the engine openai needs a key",
            where="environment variable OPENAI_API_KEY",
            fix="export OPENAI_API_KEY=...",
        )
    return key


def _first_model(body: bytes) -> str | None:
    try:
        document = json.loads(body)
        listed = document.get("data") or document.get("models") or []
        return str(listed[0].get("id") or listed[0].get("name")) if listed else None
    except (ValueError, AttributeError, LookupError, TypeError):
        return None


def _answer(url: str, key: str) -> bytes | None:
    """GET over a raw socket: an HTTP client could be under a recorder, which would record this."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if secure else 80)
    request = (
        f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {key}\r\n"
        "Accept: application/json\r\n\r\n"
    )
    try:
        with socket.create_connection((host, port), timeout=_PROBE_S if not secure else 5) as raw:
            stream = ssl.create_default_context().wrap_socket(raw, server_hostname=host) if secure else raw
            stream.settimeout(5)
            stream.sendall(request.encode())
            received = b"".join(iter(lambda: stream.recv(65536), b""))
    except (OSError, UnicodeError):
        return None
    head, _, body = received.partition(b"\r\n\r\n")
    return body if head.split(b" ")[1:2] == [b"200"] else None
