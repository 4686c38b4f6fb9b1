"""Which live engine answers: a server named or found on loopback, else the embedded one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError, EngineUnavailable
from . import probe

_PROBE_S = 0.25
_REMOTE_S = 5.0


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
    "sglang": _Preset("openai", "http://127.0.0.1:30000/v1", "sglang serve MODEL"),
    "lmstudio": _Preset("openai", "http://127.0.0.1:1234/v1", "lms server start"),
}
_OPENAI = _Preset("openai", "https://api.openai.com/v1", "check the URL and the key")
NAMES = ("auto", "embedded", *_LOCAL, "openai")


def open_engine(
    name: str = "auto",
    *,
    base_url: str | None = None,
    model: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> OpenEngine:
    """Find or start the engine and say how to reach it.

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
    if name == "embedded":
        return _embedded(model)
    if name == "openai":
        return _open(name, _OPENAI, base_url, model, _openai_key(base_url, environ))
    if name in _LOCAL:
        return _open(name, _LOCAL[name], base_url, model, environ.get("LLMHARNESS_API_KEY", "none"))
    raise ConfigError(
        f"no engine has the name {name!r}", where="--llm-engine", fix=f"use one of {', '.join(NAMES)}"
    )


def _embedded(model: str | None) -> OpenEngine:
    from .embedded import EmbeddedEngine

    if model not in (None, EmbeddedEngine.model):
        raise ConfigError(
            f"the embedded engine has no model {model!r}",
            where="--llm-engine-model",
            fix=f"use {EmbeddedEngine.model!r}, a toy that tests plumbing, or name another engine",
        )
    running = EmbeddedEngine.start()
    engine = Engine("embedded", "openai", running.base_url, running.model, running.api_key)
    return OpenEngine(engine, running.stop)


def _first_local(model: str | None) -> OpenEngine:
    for name, preset in _LOCAL.items():
        if _models(preset, preset.base_url, "none") is not None:
            return _open(name, preset, None, model, "none")
    return _embedded(model)


def _open(name: str, preset: _Preset, base_url: str | None, model: str | None, key: str) -> OpenEngine:
    url = (base_url or preset.base_url).rstrip("/")
    if model is None:
        listed = _models(preset, url, key)
        if listed is None:
            raise EngineUnavailable(
                f"the engine {name} does not answer",
                where=url,
                fix=f"start it ({preset.start}), or say where it is: --llm-base-url=...",
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


def _models(preset: _Preset, url: str, key: str) -> object | None:
    """Ask for the list of models; None where nobody answers it."""
    timeout_s = _REMOTE_S if url.startswith("https:") else _PROBE_S
    try:
        answer = probe.get(url + preset.models_path, timeout_s=timeout_s, api_key=key)
    except (OSError, ValueError):
        return None
    return answer.json() if answer.status == 200 else None


def _first_model(listed: object) -> str | None:
    models = (listed.get("data") or listed.get("models")) if isinstance(listed, dict) else None
    first = models[0] if isinstance(models, list) and models else None
    name = first.get("id") or first.get("name") if isinstance(first, dict) else None
    return name if isinstance(name, str) else None
