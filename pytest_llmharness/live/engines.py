"""Which live engine: a named one, what answers on this machine, or the embedded one.

Nothing here ever picks a paid key by itself: only `openai`, named by the user, reads one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..adapters.providers.known_servers import KNOWN_SERVERS, Dialect, KnownServer
from ..errors import ConfigError, EngineUnavailable
from . import probe

if TYPE_CHECKING:
    from .embedded import EmbeddedEngine

NO_KEY = "none"
"""What is sent as the key where an engine wants none: SDKs insist on having one."""

_AUTO_S = 0.25
_NAMED_S = 5.0
_PROBE_PATHS: Mapping[Dialect, str] = {"openai": "/models", "ollama": "/api/tags"}


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that can be called.

    Attributes:
        name: the name of the known server.
        dialect: the API it speaks.
        base_url: where clients point; it ends in `/v1` for the openai dialect, by custom.
        model: the model to ask for; None where only the user can choose (openai).
        api_key: the key to send, `none` where the engine wants none. Not shown in a repr.
    """

    name: str
    dialect: Dialect
    base_url: str
    model: str | None
    api_key: str = field(repr=False)


_LOCAL = [name for name, server in KNOWN_SERVERS.items() if server.start]

ENGINE_NAMES = ("auto", "embedded", *_LOCAL, "openai")
"""What `--llm-engine` accepts."""


class OpenEngine:
    """An engine in use. Closing it stops what was started for it, and nothing else.

    Attributes:
        engine: how to call it.
        embedded: the child process's handle, where one was started.
    """

    def __init__(self, engine: Engine, embedded: EmbeddedEngine | None = None) -> None:
        self.engine = engine
        self.embedded = embedded

    def close(self) -> None:
        """Stop the embedded server, if this is one; may be called again."""
        if self.embedded is not None:
            self.embedded.stop()

    def __enter__(self) -> OpenEngine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def open_engine(
    name: str = "auto",
    *,
    base_url: str | None = None,
    model: str | None = None,
    environ: Mapping[str, str] = os.environ,
    servers: Mapping[str, KnownServer] = KNOWN_SERVERS,
) -> OpenEngine:
    """Find a live engine, or start the embedded one.

    Args:
        name: one of `ENGINE_NAMES`. `auto` takes the first that answers on loopback (one that has
            the model is preferred), else the embedded toy.
        base_url: where the engine is, instead of the server's place.
        model: the model to ask for; None takes the first one the engine lists.
        environ: where keys are looked up: `LLMHARNESS_API_KEY`, and `OPENAI_API_KEY` for `openai`.
        servers: where engines listen.

    Raises:
        ConfigError: a name, URL or model that cannot work.
        EngineUnavailable: the engine does not answer or cannot be started; `what` is one line.
    """
    if name not in ENGINE_NAMES:
        raise ConfigError(
            f"unknown engine {name!r}", where="--llm-engine", fix=f"use one of {', '.join(ENGINE_NAMES)}"
        )
    if base_url is not None:
        base_url = _checked(base_url)
    if name == "embedded":
        return _embedded(base_url, model, environ)
    if name == "auto":
        return _auto(model, environ, servers) if base_url is None else _at(base_url, model, environ, servers)
    return OpenEngine(_named(servers[name], base_url, model, environ))


def _checked(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(
            f"{base_url!r} is no http or https URL",
            where="--llm-base-url",
            fix="--llm-base-url=http://127.0.0.1:8000/v1",
        )
    if "@" in parts.netloc:
        raise ConfigError(
            f"the URL of {parts.hostname} holds a user name or a password",
            where="--llm-base-url",
            fix="leave them out of the URL, and export LLMHARNESS_API_KEY=...",
        )
    return base_url.rstrip("/")


def _embedded(base_url: str | None, model: str | None, environ: Mapping[str, str]) -> OpenEngine:
    from .embedded import EmbeddedEngine

    if base_url is not None:
        raise ConfigError(
            "the embedded engine chooses its own URL",
            where="--llm-base-url",
            fix="leave out --llm-base-url, or name the engine that is there with --llm-engine",
        )
    if model not in {None, EmbeddedEngine.model}:
        raise ConfigError(
            f"the embedded engine has no model {model!r}, only {EmbeddedEngine.model!r}",
            where="--llm-engine-model",
            fix=f"--llm-engine-model={EmbeddedEngine.model}, or another --llm-engine",
        )
    started = EmbeddedEngine.start(environ=environ)
    engine = Engine("embedded", "openai", started.base_url, started.model, started.api_key)
    return OpenEngine(engine, started)


def _named(
    server: KnownServer, base_url: str | None, model: str | None, environ: Mapping[str, str]
) -> Engine:
    key = environ.get("LLMHARNESS_API_KEY")
    if server.name == "openai":
        key = key or environ.get("OPENAI_API_KEY")
        if base_url is None:
            return _paid(server, model, environ)
    url = base_url or server.base_url
    if server.dialect == "ollama":
        url = url.removesuffix("/v1")
    try:
        models = _models(server.dialect, url, _NAMED_S, key)
    except _Silent as silence:
        raise EngineUnavailable(
            f"{server.name} does not answer at {url}: {silence}",
            where=f"{url}{_PROBE_PATHS[server.dialect]}",
            fix=_fix(silence, server),
        ) from silence.__cause__
    return Engine(server.name, server.dialect, url, model or _first(models, server, url), key or NO_KEY)


def _paid(server: KnownServer, model: str | None, environ: Mapping[str, str]) -> Engine:
    """Make the one engine that costs money; asked for by name, and not called to find out."""
    key = environ.get("OPENAI_API_KEY")
    if not key:
        raise EngineUnavailable(
            "the openai engine needs a key, and OPENAI_API_KEY is not set",
            where="--llm-engine=openai",
            fix="export OPENAI_API_KEY=..., or --llm-engine=embedded, which needs none",
        )
    return Engine(server.name, server.dialect, server.base_url, model, key)


def _at(
    base_url: str, model: str | None, environ: Mapping[str, str], servers: Mapping[str, KnownServer]
) -> OpenEngine:
    """Find out which dialect is spoken at a URL the user gave."""
    key = environ.get("LLMHARNESS_API_KEY")
    root = base_url.removesuffix("/v1")
    silences = []
    for dialect, url in (("openai", base_url), ("ollama", root)):
        server = _server_at(url, dialect, servers)
        try:
            models = _models(server.dialect, url, _NAMED_S, key)
        except _Silent as silence:
            silences.append(silence)
        else:
            chosen = model or _first(models, server, url)
            return OpenEngine(Engine(server.name, server.dialect, url, chosen, key or NO_KEY))
    raise EngineUnavailable(
        f"no engine answers at {base_url}: {silences[0]}",
        where="--llm-base-url",
        fix=_fix(silences[0], servers["vllm"]),
    )


def _server_at(url: str, dialect: str, servers: Mapping[str, KnownServer]) -> KnownServer:
    known = (server for server in servers.values() if (server.base_url, server.dialect) == (url, dialect))
    return next(known, servers[dialect])


def _auto(model: str | None, environ: Mapping[str, str], servers: Mapping[str, KnownServer]) -> OpenEngine:
    from .embedded import EmbeddedEngine

    answering = _answering([server for server in servers.values() if server.start])
    with_model = [server for server, models in answering.items() if model in models]
    if with_model or (answering and model != EmbeddedEngine.model):
        server = with_model[0] if with_model else next(iter(answering))
        chosen = model or _choice(answering[server])
        return OpenEngine(Engine(server.name, server.dialect, server.base_url, chosen, NO_KEY))
    if model not in {None, EmbeddedEngine.model}:
        raise EngineUnavailable(
            f"no engine answers on loopback, and the embedded one has no model {model!r}",
            where="--llm-engine-model",
            fix=f"{_start(servers['ollama'])}, or leave out --llm-engine-model",
        )
    try:
        return _embedded(None, model, environ)
    except EngineUnavailable as error:
        raise EngineUnavailable(
            f"no engine answers on loopback, and {error.what}", where=error.where, fix=error.fix
        ) from error


def _answering(local: list[KnownServer]) -> dict[KnownServer, list[str]]:
    """Ask engines all at once, without a key; return those that list a model for chat."""
    from concurrent.futures import ThreadPoolExecutor

    def ask(server: KnownServer) -> list[str]:
        try:
            return _models(server.dialect, server.base_url, _AUTO_S, None)
        except _Silent:
            return []

    with ThreadPoolExecutor(len(local)) as pool:
        found = dict(zip(local, pool.map(ask, local), strict=True))
    return {server: models for server, models in found.items() if _choice(models)}


class _Silent(Exception):
    """No list of models came; the text says why, `status` is the HTTP status where one came.

    It never leaves this module.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


def _models(dialect: Dialect, base_url: str, timeout_s: float, api_key: str | None) -> list[str]:
    try:
        answer = probe.get(base_url + _PROBE_PATHS[dialect], timeout_s=timeout_s, api_key=api_key)
    except (OSError, ValueError) as error:
        raise _Silent(getattr(error, "strerror", None) or str(error) or type(error).__name__) from error
    if answer.status != 200:
        raise _Silent(f"HTTP {answer.status}", answer.status)
    body = answer.json()
    rows = body.get("data" if dialect == "openai" else "models") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise _Silent("the answer is no list of models")
    names = (row.get("id") or row.get("model") or row.get("name") for row in rows if isinstance(row, dict))
    return [name for name in names if isinstance(name, str)]


def _choice(models: list[str]) -> str | None:
    """Take the first model that is not named as one for embeddings."""
    return next((name for name in models if "embed" not in name.lower()), None)


def _first(models: list[str], server: KnownServer, url: str) -> str:
    if (chosen := _choice(models)) is not None:
        return chosen
    raise EngineUnavailable(
        f"{server.name} at {url} has no model for chat",
        where=f"{url}{_PROBE_PATHS[server.dialect]}",
        fix="ollama pull qwen3:0.6b" if server.name == "ollama" else _start(server),
    )


def _fix(silence: _Silent, server: KnownServer) -> str:
    if silence.status in {401, 403}:
        return "export LLMHARNESS_API_KEY=... (the key the engine was started with)"
    if silence.status == 404:
        return "give the URL that ends in /v1: --llm-base-url=http://127.0.0.1:8000/v1"
    if not server.start:
        return "check the address: is the host right, and does a server listen there?"
    return f"{_start(server)}  (or say where it is: --llm-base-url=http://HOST:PORT/v1)"


def _start(server: KnownServer) -> str:
    return (server.start or f"export {server.key_variable}=...").replace("{model}", "MODEL")
