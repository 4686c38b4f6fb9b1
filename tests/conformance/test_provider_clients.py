"""What the SDK adapters cost and hold: lazy imports, one client per loop, no TLS before its time."""

from __future__ import annotations

import asyncio
import gc
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.providers.anthropic import AnthropicProvider
from pytest_llmharness.adapters.providers.connection import late_trust
from pytest_llmharness.adapters.providers.ollama import OllamaProvider
from pytest_llmharness.adapters.providers.openai import OpenAIProvider
from pytest_llmharness.adapters.providers.sdk_provider import SdkProvider
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import MalformedResponse, MissingExtra, ProviderUnavailable

PROMPT = Prompt((Message.user("hi"),))
PROVIDERS: dict[str, type[Any]] = {
    "openai": OpenAIProvider,
    "anthropic": AnthropicProvider,
    "ollama": OllamaProvider,
}
in_each_dialect = pytest.mark.parametrize("dialect", PROVIDERS)


def provider(dialect: str, url: str = "http://127.0.0.1:9") -> SdkProvider[Any]:
    made: SdkProvider[Any] = PROVIDERS[dialect](model="m", base_url=url, clock=SystemClock())
    return made


class Door(socketserver.ThreadingTCPServer):
    """A server that gives every request an empty object and keeps the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Guest)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.opened = 0
        self._ended = threading.Semaphore(0)

    def end(self) -> None:
        self._ended.release()

    def saw_the_client_leave(self) -> bool:
        return self._ended.acquire(timeout=5)


class Guest(BaseHTTPRequestHandler):
    """Serves one connection until the client hangs up."""

    protocol_version = "HTTP/1.1"
    server: Door

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def handle(self) -> None:
        self.server.opened += 1
        with suppress(ConnectionError):
            super().handle()
        self.server.end()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def knock(model: SdkProvider[Any]) -> None:
    """Make a call that goes through and brings nothing that can be read."""
    with pytest.raises(MalformedResponse):
        await model.complete(PROMPT)


@in_each_dialect
def test_import_brings_no_sdk(dialect: str) -> None:
    """Importing an adapter and making a provider imports neither its SDK nor its HTTP library."""
    code = (
        "import sys\n"
        "from pytest_llmharness.adapters.clocks.system import SystemClock\n"
        f"import pytest_llmharness.adapters.providers.{dialect} as adapter\n"
        f"adapter.{PROVIDERS[dialect].__name__}(model='m', clock=SystemClock())\n"
        "heavy = {'openai', 'anthropic', 'ollama', 'httpx', 'httpx2', 'pydantic', 'anyio'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@in_each_dialect
def test_missing_sdk_says_what_to_install(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its SDK the first call names the extra, in a command that can be pasted."""
    monkeypatch.setitem(sys.modules, dialect, None)
    with pytest.raises(MissingExtra) as caught:
        asyncio.run(provider(dialect).complete(PROMPT))
    assert caught.value.fix == f"pip install 'pytest-llmharness[{dialect}]'"


@in_each_dialect
def test_one_loop_shares_one_connection(dialect: str, door: Door) -> None:
    """Calls one after another on one loop use one connection; aclose closes it."""
    model = provider(dialect, door.url)

    async def run() -> None:
        await knock(model)
        await knock(model)
        assert door.opened == 1
        await model.aclose()
        assert door.saw_the_client_leave()
        await knock(model)
        assert door.opened == 2
        await model.aclose()

    asyncio.run(run())


@in_each_dialect
def test_connections_end_with_their_loop(dialect: str, door: Door) -> None:
    """A loop that ends takes its connections along, so no socket is left to warn about."""
    model = provider(dialect, door.url)
    for _ in range(2):
        asyncio.run(knock(model))
        assert door.saw_the_client_leave()


@in_each_dialect
def test_dropped_provider_closes_its_connections(dialect: str, door: Door) -> None:
    """A provider nobody holds any more closes what it had open, while its loop runs on."""

    async def run() -> None:
        model = provider(dialect, door.url)
        await knock(model)
        gc.collect()
        del model
        assert await asyncio.to_thread(door.saw_the_client_leave)

    asyncio.run(run())


@in_each_dialect
def test_clients_are_cheap_and_make_no_tls(dialect: str) -> None:
    """Making a client builds no TLS context, not even for an https address."""
    model = provider(dialect, "https://127.0.0.1:9")
    model._connect()
    started = time.perf_counter()
    for _ in range(5):
        model._connect()
    assert (time.perf_counter() - started) / 5 < 0.02
    library = "httpx" if dialect == "ollama" else "httpx2"
    assert model._connect()._client._transport._pool._ssl_context is late_trust(library)


@in_each_dialect
def test_tls_is_built_once_and_verifies(dialect: str, door: Door) -> None:
    """At the first handshake one verifying context is built, and it distrusts a stranger."""
    library = "httpx" if dialect == "ollama" else "httpx2"
    trust = late_trust(library)
    assert trust.check_hostname
    assert trust.verify_mode.name == "CERT_REQUIRED"
    assert trust._build.cache_info().misses == 1

    model = provider(dialect, door.url.replace("http://", "https://"))
    with pytest.raises(ProviderUnavailable, match=r"(?i)ssl"):
        asyncio.run(model.complete(PROMPT))


@in_each_dialect
def test_loopback_is_asked_without_a_proxy(dialect: str, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not asked for what is on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    asyncio.run(knock(provider(dialect, door.url)))
    assert door.opened == 1
