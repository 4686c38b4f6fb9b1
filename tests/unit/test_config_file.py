"""A harness from a YAML file: its keys, its defaults, its errors, and its changes while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    Message,
    Request,
    ScriptedProvider,
    ToolCall,
    VirtualClock,
    tool,
)
from pytest_llmharness.adapters.retrievers.memory import MemoryRetriever
from pytest_llmharness.adapters.tracers.memory import MemoryTracer
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.wiring.config_file import file_schema, read_file

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def file(text: str) -> Path:
        path = tmp_path / "harness.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return file


@tool(read_only=True)
def look(what: str) -> str:
    """Look at something."""
    return f"seen {what}"


@tool(read_only=True)
def listen() -> str:
    """Listen."""
    return "heard"


def test_a_file_that_says_nothing_has_article_003s_defaults(write: Write) -> None:
    """D17, D18: every key with its default."""
    config = read_file(write("")).config
    assert (config.cache_enabled, config.cache_capacity, config.cache_ttl_seconds) == (True, 1000, 3600)
    assert (config.rate_limit_enabled, config.rate_limit_capacity) == (True, 10)
    assert config.rate_limit_refill_seconds == 1
    assert (config.max_tool_depth, config.max_iterations, config.max_output_size) == (3, 10, 10_000)
    assert (config.enable_guardrails, config.enable_tracing, config.allowed_tools) == (True, True, ())
    assert config.blocked_words == ("password", "secret", "key", "token", "credential")
    assert (config.tool_concurrency, config.tool_timeout_seconds, config.max_retries) == (5, 30, 2)
    assert (config.retry_delay_seconds, config.max_tokens, config.temperature, config.top_p) == (
        0.1,
        1024,
        0.7,
        0.9,
    )
    assert HarnessConfig.deterministic().seed == 42


def test_the_presets_are_the_articles_values() -> None:
    """One winner per setting, and the other articles' values by name."""
    of_000, of_004 = HarnessConfig.article_000(), HarnessConfig.article_004()
    assert of_000 == HarnessConfig()
    assert (of_000.temperature, of_000.max_tokens, of_000.retry_delay_seconds) == (0.0, 1024, 1.0)
    assert (of_004.max_tokens, of_004.history_max_messages, of_004.history_max_tokens) == (4096, 20, None)
    assert HarnessConfig.article_004(max_tokens=9).max_tokens == 9


def ask(
    write: Write, settings: str, script: list[Any], **parts: Any
) -> tuple[Harness, ScriptedProvider, VirtualClock]:
    clock, provider = VirtualClock(), ScriptedProvider(script)
    path = write(f"harness: {{preset: deterministic, {settings}}}")
    return Harness.from_config(path, provider=provider, clock=clock, **parts), provider, clock


def cached(write: Write, settings: str) -> Any:
    harness, provider, _ = ask(write, settings, ["a"] * 9)
    for _ in range(2):
        harness.run("x")
    return len(provider.prompts)


def evicted(write: Write, settings: str) -> Any:
    harness, provider, _ = ask(write, f"cache_enabled: true, {settings}", ["a"] * 9)
    for text in ("a", "b", "c", "a"):
        harness.run(text)
    return len(provider.prompts)


def expired(write: Write, settings: str) -> Any:
    import asyncio

    harness, provider, clock = ask(write, f"cache_enabled: true, {settings}", ["a"] * 9)
    harness.run("a")
    asyncio.run(clock.sleep(3599))
    harness.run("a")
    return len(provider.prompts)


def calls_of_look(count: int) -> list[Any]:
    return [*[ToolCall("look", {"what": "x"})] * count, "done"]


def waited(write: Write, settings: str) -> Any:
    limits = "max_tool_depth: 20, max_iterations: 20"
    harness, _, clock = ask(write, f"{limits}, {settings}", calls_of_look(10), tools=[look])
    assert harness.run("x").success
    return round(clock.now(), 3)


def depth(write: Write, settings: str) -> Any:
    return ask(write, settings, calls_of_look(4), tools=[look])[0].run("x").success


def iterations(write: Write, settings: str) -> Any:
    harness, provider, _ = ask(write, f"max_tool_depth: 50, {settings}", calls_of_look(20), tools=[look])
    harness.run("x")
    return len(provider.prompts)


def size(write: Write, settings: str) -> Any:
    return ask(write, settings, ["x" * 10_001])[0].run("x").success


def shown(write: Write, settings: str) -> Any:
    return ask(write, settings, ["the password and the plan"])[0].run("x").content


def offered(write: Write, settings: str) -> Any:
    harness, provider, _ = ask(write, settings, ["done"], tools=[look, listen])
    harness.run("x")
    return [spec.name for spec in provider.prompts[0].tools]


def traced(write: Write, settings: str) -> Any:
    harness, _, _ = ask(write, settings, ["done"])
    return harness._orchestrator.parts.tracer is not None


def began_early(write: Write, settings: str) -> Any:
    import asyncio

    async def kinds() -> list[str]:
        harness, _, _ = ask(write, settings, [ToolCall("listen"), "done"], tools=[listen])
        return [event.kind.value async for event in harness.stream("x")]

    told = asyncio.run(kinds())
    return told.index("tool_execution") < told.index("provider_answer")


def ended(write: Write, settings: str) -> Any:
    from pytest_llmharness.harness.routing import PRICES, Price, Routing

    @tool(read_only=True)
    async def wait() -> str:
        """Wait for ten seconds."""
        await clock.sleep(10)
        return "waited"

    script = [*[ToolCall("wait")] * 3, "done"]
    prices = PRICES.with_prices(Price("scripted", 1, 1, source="test", as_of="2026-11-21"))
    limits = f"max_tokens: 8, {settings}"
    harness, _, clock = ask(write, limits, script, tools=[wait], layers={"route": Routing(prices=prices)})
    result = harness.run("x")
    return result.metadata.get("failure_reason", True), clock.now()


def asked_with(name: str) -> Callable[[Write, str], Any]:
    def see(write: Write, settings: str) -> Any:
        harness, provider, _ = ask(write, settings, ["done"])
        harness.run("x")
        return getattr(provider.prompts[0].options, name)

    return see


def retrieved(write: Write, settings: str) -> Any:
    known = {f"page {n}": f"Refunds arrive in {n} days, {'as a rule, ' * 20}that is." for n in range(2, 6)}
    harness, provider, _ = ask(write, settings, ["done"], retriever=MemoryRetriever(known))
    harness.run("When do refunds arrive?")
    return sum(message.text.count("Refunds arrive in") for message in provider.prompts[0].messages)


def kept(write: Write, settings: str) -> Any:
    turns = [
        turn(f"{turn.__name__} {n} " * 9) for n in range(15) for turn in (Message.user, Message.assistant)
    ]
    harness, provider, _ = ask(write, settings, ["done"])
    result = harness.run(Request("And now?", history=tuple(turns)))
    return len(provider.prompts[0].messages) if provider.prompts else result.metadata["failure_reason"]


KEYS: dict[str, tuple[Callable[[Write, str], Any], str, Any, str, Any]] = {
    "cache_enabled": (cached, "true", 1, "false", 2),
    "cache_capacity": (evicted, "1000", 3, "2", 4),
    "cache_ttl_seconds": (expired, "3600", 1, "3599", 2),
    "rate_limit_enabled": (waited, "true", 1.0, "false", 0.0),
    "rate_limit_capacity": (waited, "10, rate_limit_enabled: true", 1.0, "11, rate_limit_enabled: true", 0.0),
    "rate_limit_refill_seconds": (
        waited,
        "1, rate_limit_enabled: true",
        1.0,
        "5, rate_limit_enabled: true",
        5.0,
    ),
    "max_tool_depth": (depth, "3", False, "4", True),
    "max_iterations": (iterations, "10", 10, "12", 12),
    "max_output_size": (
        size,
        "10000, enable_guardrails: true",
        False,
        "10001, enable_guardrails: true",
        True,
    ),
    "enable_guardrails": (shown, "true", "the [REDACTED] and the plan", "false", "the password and the plan"),
    "blocked_words": (
        shown,
        "[plan], enable_guardrails: true",
        "the password and the [REDACTED]",
        "[plans], enable_guardrails: true",
        "the password and the plan",
    ),
    "allowed_tools": (offered, "[]", ["look", "listen"], "[listen]", ["listen"]),
    "context_max_tokens": (retrieved, "4000", 4, "100", 1),
    "context_max_snippets": (retrieved, "10", 4, "2", 2),
    "context_window_tokens": (kept, "null", 31, "1", "invalid_request"),
    "history_max_tokens": (kept, "4000", 31, "100", 4),
    "history_max_messages": (kept, "null", 31, "20", 20),
    "history_max_turns": (kept, "null", 31, "3", 6),
    "enable_tracing": (traced, "true", True, "false", False),
    "temperature": (asked_with("temperature"), "0", 0, "0.3", 0.3),
    "top_p": (asked_with("top_p"), "0.9", 0.9, "0.5", 0.5),
    "seed": (asked_with("seed"), "42", 42, "7", 7),
    "max_tokens": (asked_with("max_tokens"), "1024", 1024, "9", 9),
    "early_tools": (began_early, "true", True, "false", False),
    "max_run_seconds": (ended, "null", (True, 30.0), "12", ("max_run_seconds", 12.0)),
    "max_run_tokens": (ended, "null", (True, 30.0), "75", ("max_run_tokens", 10.0)),
    "max_run_cost_usd": (ended, "null", (True, 30.0), "0.000075", ("max_run_cost_usd", 10.0)),
    "json_mode": (asked_with("json_mode"), "false", False, "true", True),
}


@pytest.mark.parametrize("key", KEYS)
def test_each_key_changes_what_happens(key: str, write: Write) -> None:
    """G15, D17: the default does what it says, and another value does something else."""
    see, one, expected, other, changed = KEYS[key]
    assert see(write, f"{key}: {one}") == expected
    assert see(write, f"{key}: {other}") == changed


ELSEWHERE = {
    "model": "test_harness.py::test_the_model_asked_is_the_providers_own_or_the_settings",
    "timeout_seconds": "test_harness.py::test_a_hanging_model_ends_at_its_timeout",
    "max_retries": "test_harness.py::test_three_attempts_then_max_retries_exceeded",
    "retry_delay_seconds": "test_harness.py::test_three_attempts_then_max_retries_exceeded",
    "structured_output": "test_harness.py::test_structured_output_says_when_the_decoder_gets_the_schema",
    "tool_timeout_seconds": "test_harness.py::test_a_tool_that_hangs_is_cancelled",
    "tool_concurrency": "test_layers_wired.py::test_tools_run_side_by_side_up_to_the_limit",
    "stop_when_stuck": "test_layers_wired.py::test_a_model_that_goes_round_in_circles_is_stopped",
}


def test_every_key_has_a_test_that_fails_without_it() -> None:
    """G15: a key that is added gets one, here or where it is at home."""
    assert set(KEYS) | set(ELSEWHERE) == set(HarnessConfig.__dataclass_fields__)
    for where in ELSEWHERE.values():
        file, _, test = where.partition("::")
        assert f"def {test}(" in (Path(__file__).parent / file).read_text(encoding="utf-8"), where


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("harness:\n  max_tokens: 100\n  max_tool_depht: 3\n", 3, "max_tool_depth"),
        ("harness:\n  max_tokens: many\n", 2, "max_tokens"),
        ("harness:\n  temperature: -1\n", 2, "temperature"),
        ("harness:\n  blocked_words:\n    - fine\n    - 7\n", 4, "string"),
        ("provider:\n  name: olama\n", 2, "ollama"),
        ("fallbacks:\n  - name: ollama\n  - model: x\n", 3, "name"),
        ("harness: [1\n", 2, "no YAML"),
        ("- a\n- b\n", 1, "object"),
        ("harness:\n  preset: article_009\n", 2, "article_003"),
    ],
)
def test_an_error_points_to_its_line(text: str, line: int, words: str, write: Write) -> None:
    """What, where (path and line), fix."""
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        read_file(path)
    assert caught.value.where == f"{path}:{line}"
    assert words in caught.value.what
    assert caught.value.fix


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", None])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    """Missing, or not UTF-8."""
    path = tmp_path / "harness.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        Harness.from_config(path)
    assert caught.value.where == str(path)


def test_the_file_names_the_models_and_the_log(write: Write, tmp_path: Path) -> None:
    """Nothing is asked before the first run."""
    log = tmp_path / "sessions.db"
    path = write(
        "provider: {name: ollama, model: big}\n"
        "fallbacks: [{name: vllm, model: small, base_url: 'http://127.0.0.1:1/v1'}]\n"
        f"system: Be kind.\nsession_log: {log}\n"
    )
    parts = Harness.from_config(path)._orchestrator.parts
    assert [endpoint.name for endpoint in parts.endpoints] == ["ollama/big", "vllm/small"]
    assert (parts.system, parts.log is not None) == ("Be kind.", True)


def test_a_path_in_the_file_is_seen_from_the_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log is the same one from wherever the program was started."""
    path = write("session_log: sessions.db\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name in (path, Path("..") / path.name):
        Harness.from_config(name, provider=ScriptedProvider(["done"])).run("go")
    assert [found.name for found in elsewhere.iterdir()] == []
    assert (tmp_path / "sessions.db").exists()


def test_without_a_provider_the_file_is_not_enough(write: Write) -> None:
    """The error says both ways to name one."""
    with pytest.raises(ConfigError, match="names no provider") as caught:
        Harness.from_config(write("system: hi"))
    assert "provider=..." in caught.value.fix


def test_a_changed_file_counts_from_the_next_run_on(write: Write) -> None:
    """D28: without a restart; a file that cannot work changes nothing, and warns."""
    provider, tracer = ScriptedProvider(["one", "two", "three"]), MemoryTracer()
    harness = Harness.from_config(
        write("system: Be brief."), provider=provider, tracer=tracer, clock=VirtualClock()
    )
    harness.run("a")
    write("system: Be thorough.")
    harness.run("b")
    write("system: [")
    with pytest.warns(UserWarning, match="goes on as it was"):
        harness.run("c")
    said = [prompt.messages[0].text for prompt in provider.prompts]
    assert said == ["Be brief.", "Be thorough.", "Be thorough."]


def test_the_published_schema_is_the_one_that_checks() -> None:
    """docs/harness.schema.json, for editors."""
    published = Path(__file__).parents[2] / "docs" / "harness.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == file_schema()
