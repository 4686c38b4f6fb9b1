"""Which live engine is found, and what is said where none is."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from pytest_llmharness.adapters.providers.known_servers import KNOWN_SERVERS, KnownServer
from pytest_llmharness.errors import ConfigError, EngineUnavailable
from pytest_llmharness.live.embedded import EmbeddedEngine
from pytest_llmharness.live.engines import ENGINE_NAMES, OpenEngine, open_engine
from pytest_llmharness.options import ENGINES
from pytest_llmharness.server import ModelServer


def silent() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def known(**addresses: str) -> Mapping[str, KnownServer]:
    """The table with every local server at an address of ours, silent where none is given."""
    return {
        name: replace(server, base_url=addresses.get(name, silent())) if server.start else server
        for name, server in KNOWN_SERVERS.items()
    }


@pytest.fixture
def ollama() -> Iterator[ModelServer]:
    with ModelServer([], models=["nomic-embed-text", "qwen3:0.6b", "llama3"]) as server:
        yield server


def opened(name: str, **how: Any) -> OpenEngine:
    return open_engine(name, **{"environ": {}, "servers": known(), **how})


def test_the_option_lists_what_can_be_opened() -> None:
    """The plugin's table and the engines' own are one list."""
    assert ENGINE_NAMES == ENGINES


def test_a_named_engine_is_asked_for_its_models(ollama: ModelServer) -> None:
    """The first model that is not named as one for embeddings is taken, or the one the user names."""
    servers = known(ollama=ollama.url())
    engine = opened("ollama", servers=servers).engine
    assert (engine.name, engine.dialect, engine.base_url) == ("ollama", "ollama", ollama.url())
    assert engine.model == "qwen3:0.6b"
    assert opened("ollama", servers=servers, model="llama3").engine.model == "llama3"


def test_auto_takes_what_answers_on_this_machine(ollama: ModelServer) -> None:
    """And among those the one that has the model that was asked for."""
    with ModelServer([], models=["other"]) as second:
        servers = known(ollama=second.url()) | {
            "vllm": replace(KNOWN_SERVERS["ollama"], base_url=ollama.url())
        }
        assert opened("auto", servers=servers).engine.model == "other"
        assert opened("auto", servers=servers, model="llama3").engine.base_url == ollama.url()


def test_auto_never_uses_a_paid_key(embedded_engine: EmbeddedEngine) -> None:
    """Keys in the environment change nothing: where nobody answers, the embedded engine serves."""
    with opened("auto", environ={"OPENAI_API_KEY": "sk-paid", "GEMINI_API_KEY": "paid"}) as found:
        assert found.engine.name == "embedded"
        assert found.engine.api_key not in ("sk-paid", "paid")
        assert found.embedded is not None
        assert found.embedded.alive
    assert not found.embedded.alive


def test_a_url_alone_is_enough(ollama: ModelServer, embedded_engine: EmbeddedEngine) -> None:
    """The dialect is found out, with or without /v1, and the user's key is used."""
    for url in (ollama.url(), f"{ollama.url()}/v1"):
        assert opened("auto", base_url=url).engine.dialect == "ollama"
    key = {"LLMHARNESS_API_KEY": embedded_engine.api_key}
    engine = opened("auto", base_url=embedded_engine.base_url, environ=key).engine
    assert (engine.dialect, engine.model, engine.api_key) == ("openai", "toy", embedded_engine.api_key)
    assert embedded_engine.api_key not in repr(engine)


def test_a_wrong_key_is_named(embedded_engine: EmbeddedEngine) -> None:
    """401 is not "nobody there"."""
    with pytest.raises(EngineUnavailable, match="HTTP 401") as caught:
        opened("vllm", base_url=embedded_engine.base_url)
    assert "LLMHARNESS_API_KEY" in caught.value.fix


@pytest.mark.parametrize("name", ["ollama", "llamacpp", "vllm", "sglang", "lmstudio"])
def test_an_engine_that_is_not_there_says_how_to_start_it(name: str) -> None:
    """The command can be pasted, and the address is the one that was asked."""
    servers = known()
    with pytest.raises(EngineUnavailable, match=f"{name} does not answer at") as caught:
        opened(name, servers=servers)
    assert caught.value.where.startswith(servers[name].base_url)
    assert caught.value.fix.startswith((servers[name].start or "?").replace("{model}", "MODEL"))


def test_an_address_that_is_wrong_is_what_to_check() -> None:
    """No key mends a host that has no name."""
    with pytest.raises(EngineUnavailable, match=r"openai does not answer at http://no\.invalid/v1") as caught:
        opened("openai", base_url="http://no.invalid/v1", environ={"OPENAI_API_KEY": "sk-1"})
    assert "check the address" in caught.value.fix


def test_openai_is_only_used_by_name_and_with_a_key() -> None:
    """It is not called to find out whether it answers: that would cost money."""
    with pytest.raises(EngineUnavailable, match="OPENAI_API_KEY is not set"):
        opened("openai")
    engine = opened("openai", environ={"OPENAI_API_KEY": "sk-1"}, model="gpt-x").engine
    assert (engine.base_url, engine.model, engine.api_key) == ("https://api.openai.com/v1", "gpt-x", "sk-1")


def test_an_engine_without_a_model_for_chat_says_so() -> None:
    """A list of embedding models is no chat engine."""
    with ModelServer([], models=["nomic-embed-text"]) as server:
        with pytest.raises(EngineUnavailable, match="no model for chat") as caught:
            opened("ollama", servers=known(ollama=server.url()))
        assert "ollama pull" in caught.value.fix


@pytest.mark.parametrize(
    ("name", "how", "what"),
    [
        ("ollamma", {}, "ollamma"),
        ("auto", {"base_url": "localhost:8000"}, "localhost:8000"),
        ("embedded", {"base_url": "http://127.0.0.1:1"}, "chooses its own URL"),
        ("embedded", {"model": "gpt-x"}, "no model 'gpt-x'"),
    ],
)
def test_what_cannot_work_is_refused(name: str, how: dict[str, Any], what: str) -> None:
    """A wrong name, address or model, before anything is started."""
    with pytest.raises(ConfigError, match=what):
        opened(name, **how)
