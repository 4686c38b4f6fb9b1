"""What a replayed test does not pay for: taps of its own, TLS, a second reading of its file."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpcore2
import httpx
import httpx2
import pytest

from pytest_llmharness.cassette import use_cassette
from pytest_llmharness.cassette.deferred_tls import DeferredContext
from pytest_llmharness.cassette.taps import Taps

LOADED = (httpcore2, httpx2)


def test_the_stacks_are_tapped_once_a_session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first test that uses a cassette; at the end everything is as it was, and in between calls get through."""
    seen = []
    on, off = Taps.on, Taps.off
    monkeypatch.setattr(Taps, "on", lambda self: (seen.append("on"), on(self))[1])
    monkeypatch.setattr(Taps, "off", lambda self: (seen.append("off"), off(self))[1])
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")
    before = httpx2.HTTPTransport.handle_request
    pytester.makepyfile(
        """
        import httpx2
        import pytest

        def test_before():
            assert not hasattr(httpx2.HTTPTransport.handle_request, "llmharness_tap")

        @pytest.mark.llm_cassette
        @pytest.mark.parametrize("number", range(5))
        def test_it(number):
            assert hasattr(httpx2.HTTPTransport.handle_request, "llmharness_tap")

        def test_without_a_cassette():
            with pytest.raises(httpx2.ConnectError), httpx2.Client(verify=False) as client:
                client.get("http://127.0.0.1:9")
        """
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=7)
    assert seen == ["on", "off"]
    assert httpx2.HTTPTransport.handle_request is before


@pytest.mark.parametrize("module", [httpx, httpx2])
def test_replay_builds_no_tls_context(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither for a sync client nor for an async one; the first connection of one that outlives it does."""
    path = tmp_path / "take.json"
    made = []
    real: Callable[..., Any] = module._transports.default.create_ssl_context
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def create_ssl_context(*args: Any, **kwargs: Any) -> ssl.SSLContext:
        made.append(kwargs)
        return context

    monkeypatch.setattr(module._transports.default, "create_ssl_context", create_ssl_context)
    with use_cassette(path):
        clients = [module.Client(), module.AsyncClient()]
        assert made == []
        module.Client(verify=context)
        assert len(made) == 1
    contexts = [client._transport._pool._ssl_context for client in clients]
    assert all(isinstance(each, DeferredContext) for each in contexts)
    contexts[0].wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="a")
    contexts[0].set_alpn_protocols(["http/1.1"])
    assert made[1:] == [{"verify": True, "cert": None, "trust_env": True}]
    with use_cassette(path, record_mode="new_episodes"):
        module.Client()
    assert len(made) == 3
    module.Client()
    assert len(made) == 4
    assert real is not create_ssl_context
