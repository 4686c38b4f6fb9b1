"""Tokens are counted by a vocabulary where there is one, else estimated within known bounds."""

from __future__ import annotations

import asyncio
import sys

import pytest

from pytest_llmharness.adapters.counters.splintr import SplintrCounter
from pytest_llmharness.adapters.retrievers.memory import MemoryRetriever
from pytest_llmharness.domain.message import Message
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.domain.tool import ToolCall, ToolSpec
from pytest_llmharness.errors import ConfigError, MissingExtra
from pytest_llmharness.harness.context import (
    ByteEstimate,
    ContextAssembler,
    ContextSettings,
    message_tokens,
    prompt_tokens,
)

ENGLISH = "The committee met on Tuesday and agreed to publish the minutes before the end of the month. " * 20
CHINESE = "委员会于星期二开会并同意在月底前公布会议记录。" * 20
JSON = '{"id": 48213, "tags": ["a1", "b2"], "at": "2026-03-04T05:06:07Z", "ok": true}\n' * 20


def test_the_estimate_is_four_bytes_a_token() -> None:
    """Rounded up, in UTF-8 bytes; the divisor can be changed, and a wrong one is refused."""
    assert [ByteEstimate().count("x" * size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]
    assert ByteEstimate().count("漢字") == 2
    assert ByteEstimate(3).count("x" * 7) == 3
    assert ByteEstimate().count("\ud800") == 1
    with pytest.raises(ConfigError, match="bytes_per_token=0"):
        ByteEstimate(0)


def test_a_prompt_costs_its_texts_calls_tools_and_frames() -> None:
    """Nothing that is sent is free: leaving any part out changes the sum."""
    call = ToolCall("look", {"at": "the harbour"}, id="c1")
    answer = Message.assistant("Wait.", [call])
    assert message_tokens(Message.user("abcd"), ByteEstimate()) == 6
    assert message_tokens(answer, ByteEstimate()) == (5 + 2) + (5 + 1 + 6)
    tool = ToolSpec("look", "Looks.")
    bare, tooled = (prompt_tokens(Prompt((answer,), tools), ByteEstimate()) for tools in ((), (tool,)))
    assert bare == 5 + 19
    assert tooled > bare + 20


def test_splintr_counts_as_openais_tokenizer_does() -> None:
    """The counts OpenAI's cookbook prints for its own tokenizer."""
    pytest.importorskip("splintr", reason="pip install 'pytest-llmharness[tokens]'")
    texts = ("hello world", "antidisestablishmentarianism", "2 + 2 = 4", "お誕生日おめでとう")
    assert [SplintrCounter("cl100k_base").count(text) for text in texts] == [2, 6, 7, 9]
    assert [SplintrCounter("o200k_base").count(text) for text in texts] == [2, 6, 7, 8]
    # Written by a user, a control token is the letters it is made of.
    assert SplintrCounter().count("<|endoftext|>") > 1
    assert SplintrCounter().count("a\ud800b") > 0


def test_the_estimates_errors_are_the_documented_ones() -> None:
    """Over for plain English, half the truth for JSON full of numbers: docs/layers/context.md says so."""
    pytest.importorskip("splintr", reason="pip install 'pytest-llmharness[tokens]'")
    ratios = [ByteEstimate().count(text) / SplintrCounter().count(text) for text in (ENGLISH, CHINESE, JSON)]
    assert 1.2 < ratios[0] < 1.5
    assert 0.8 < ratios[1] < 1.4
    assert 0.4 < ratios[2] < 0.6


def test_an_unknown_vocabulary_is_named() -> None:
    """The error lists what there is."""
    pytest.importorskip("splintr", reason="pip install 'pytest-llmharness[tokens]'")
    with pytest.raises(ConfigError, match="no vocabulary 'gpt-99'"):
        SplintrCounter("gpt-99")


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command to paste, not an ImportError."""
    monkeypatch.setitem(sys.modules, "splintr", None)
    with pytest.raises(MissingExtra, match="needs the package splintr-rs") as caught:
        SplintrCounter("llama3.3")
    assert caught.value.fix == "pip install 'pytest-llmharness[tokens]'"


def test_the_layer_counts_with_the_counter_it_is_given() -> None:
    """Unplug: with a counter of letters a quarter of the text fits."""

    class Letters:
        def count(self, text: str) -> int:
            return len(text)

    papers = [f"paper {name} " + "word " * 20 for name in "abcdefgh"]
    prompt = Prompt((Message.user("paper"),))
    config = ContextSettings(max_tokens=400)
    sizes = [
        len(
            asyncio.run(ContextAssembler(config, counter=counter).assemble(prompt, documents=papers)).snippets
        )
        for counter in (ByteEstimate(), Letters())
    ]
    assert sizes == [8, 2]


def test_the_memory_retriever_ranks_and_limits() -> None:
    """Best first, no more than asked for, nothing that shares no word."""
    retriever = MemoryRetriever(
        ["Refunds: refunds take five days.", "A refund needs a form.", "We hire cooks."]
    )
    found = asyncio.run(retriever.retrieve("refund", 5))
    assert [text for text, _ in found] == ["Refunds: refunds take five days.", "A refund needs a form."]
    assert found[0][1] > found[1][1] > 0
    assert len(asyncio.run(retriever.retrieve("refund", 1))) == 1
    assert asyncio.run(retriever.retrieve("refund", 0)) == []
