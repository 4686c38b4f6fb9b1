"""The model server: what it is made of, its life, and what it remembers."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from ..adapters.clocks.system import SystemClock
from ..adapters.providers.scripted import ScriptedProvider, Step
from ..errors import ConfigError
from ..ports.clock import Clock
from ..ports.provider import Provider
from .connection import Site
from .inbound import Limits
from .listener import Listener
from .ollama import OllamaDialect
from .request_log import RequestLog
from .wire import Backend, Dialect, ReceivedRequest

DIALECTS: tuple[Dialect, ...] = (OllamaDialect(),)

_MOST_ERRORS = 100

_running: set[tuple[str, int]] = set()


def addresses() -> set[tuple[str, int]]:
    """Return the (host, port) of every server of this process that runs."""
    return set(_running)


class ModelServer:
    """Serves a model over real dialects, on 127.0.0.1 only.

    It runs on an event loop of its own, so a sync client is answered wherever it blocks, also on
    the thread of the async core.

    Args:
        script_or_provider: the list that `ScriptedProvider` takes, or any provider, which makes
            the server a gateway in front of it.
        port: the port; 0 takes a free one.
        models: the model names that exist; None accepts every name.
        require_key: whether a client must send `key`. The Ollama dialect has no keys by nature:
            without this it does not look at what a client sends as one, as Ollama does not.
        limits: what one client may take, in bytes and in time; None means `Limits()`.
        clock: keeps the limits of time; None means the system clock.

    Attributes:
        provider: the model that answers; a script's `prompts` lists what it was asked.
        key: a random key, for clients that cannot do without one.

    Raises:
        ConfigError: the script is a text, not a list of steps.
    """

    def __init__(
        self,
        script_or_provider: Iterable[Step] | Provider,
        *,
        port: int = 0,
        models: Iterable[str] | None = None,
        require_key: bool = False,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.provider: Any = _provider(script_or_provider)
        self.key = f"llmharness-{secrets.token_urlsafe(24)}"
        self._port = port
        self._log = RequestLog()
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._listener: Listener | None = None
        names = None if models is None else tuple(models)
        self._site = Site(
            dialects=DIALECTS,
            backend=Backend(self.provider, names, self.key if require_key else None),
            limits=limits or Limits(),
            clock=clock or SystemClock(),
            received=self._log.add,
            failed=self._note,
        )

    @property
    def requests(self) -> list[ReceivedRequest]:
        """What the dialects received, in order: the latest 10,000, of at most 64 MiB.

        What the transport refused (no HTTP, too long, a foreign Host) is not among them.
        """
        return self._log.latest()

    @property
    def forgotten_requests(self) -> int:
        """How many older requests are no longer in `requests`."""
        return self._log.forgotten

    @property
    def errors(self) -> list[BaseException]:
        """The first 100 errors that a script's function or a provider raised and nobody named.

        Their requests were answered with 500; look here for an assertion that failed in a script.
        """
        return list(self._errors)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: (host, port).

        Raises:
            ConfigError: it does not run.
        """
        listener = self._listener
        if listener is None:
            raise ConfigError(
                "the server does not run, so it has no address",
                where="ModelServer",
                fix="with ModelServer([...]) as server: ...",
            )
        return listener.address

    def url(self, dialect: str = "ollama") -> str:
        """Return the base URL for a client of this dialect.

        Raises:
            ConfigError: the server does not speak it, or does not run.
        """
        roots = {each.name: each.root for each in DIALECTS}
        if dialect not in roots:
            raise ConfigError(
                f"the server does not speak {dialect!r}",
                where="ModelServer.url(dialect)",
                fix=f"use one of {', '.join(roots)}",
            )
        host, port = self.address
        return f"http://{host}:{port}{roots[dialect]}"

    def start(self) -> Self:
        """Listen; a server that runs is left as it is.

        Raises:
            ConfigError: the port is taken.
        """
        with self._lock:
            if self._listener is None:
                self._listener = Listener(self._port, self._site)
                _running.add(self._listener.address)
        return self

    def close(self) -> None:
        """Stop listening, drop every connection and end every call of the model, at once."""
        with self._lock:
            if self._listener is not None:
                self._listener.close()
                _running.discard(self._listener.address)
                self._listener = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, error: BaseException) -> None:
        if len(self._errors) < _MOST_ERRORS:
            self._errors.append(error)


def _provider(script_or_provider: Iterable[Step] | Provider) -> Provider:
    if isinstance(script_or_provider, str | bytes):
        raise ConfigError(
            f"the script is the text {script_or_provider!r:.60}, not a list of steps",
            where="ModelServer(script)",
            fix="ModelServer([text])",
        )
    if hasattr(script_or_provider, "complete"):
        return script_or_provider  # type: ignore[return-value]
    return ScriptedProvider(script_or_provider)
