"""The budget of the context layer holds, and its history stays whole, whatever comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import Message, ToolCall, ToolSpec
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import InvalidRequest
from pytest_llmharness.harness.context import (
    Ask,
    ByteEstimate,
    ContextAssembler,
    ContextSettings,
    ContextSteps,
    ExtractiveSummarizer,
    HistoryWindow,
    Snippet,
    is_context,
    message_tokens,
    prompt_tokens,
    trimmed,
)
from pytest_llmharness.harness.context.exchanges import exchanges
from pytest_llmharness.harness.context.history import is_summary, summary_message
from pytest_llmharness.harness.context.packing import at_both_ends
from pytest_llmharness.harness.context.sections import sections
from pytest_llmharness.harness.context.steps import without_boilerplate


class Letters:
    """A token a letter."""

    def count(self, text: str) -> int:
        """Return the number of letters."""
        return len(text)


class Growing:
    """A whole costs more than its parts do: the hardest counter to pack for."""

    def count(self, text: str) -> int:
        """Return more than in proportion."""
        return len(text) // 4 + len(text) ** 2 // 4000


class Shrinking:
    """A whole costs less than its parts do, as with most vocabularies."""

    def count(self, text: str) -> int:
        """Return less than in proportion."""
        return int(len(text) ** 0.9)


counters = st.sampled_from([ByteEstimate(), ByteEstimate(1), Letters(), Growing(), Shrinking()])
texts = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["refund", "order", "parcel", "days", "liable", "é", "漢字", "!.", "\n"]), max_size=40
    ).map(" ".join),
)
scores = st.one_of(st.floats(), st.sampled_from([0.0, 0.5, 1.0]))
snippets = st.lists(st.builds(Snippet, texts, scores, texts), max_size=15)
windows = st.builds(
    HistoryWindow,
    max_tokens=st.none() | st.integers(0, 600),
    max_messages=st.none() | st.integers(1, 12),
    max_turns=st.none() | st.integers(1, 5),
    summary_tokens=st.integers(0, 120),
)


@st.composite
def talks(draw: st.DrawFn) -> tuple[Message, ...]:
    """Conversations: plain turns, parallel calls, results late or missing, ids used again or none."""
    talk: list[Message] = [Message.system(text) for text in draw(st.lists(texts, max_size=2))]
    for kind in draw(st.lists(st.sampled_from("uuuaatT"), max_size=14)):
        text = draw(texts)
        if kind == "u":
            talk.append(Message.user(text))
        elif kind == "a":
            talk.append(Message.assistant(text or "ok"))
        else:
            ids = draw(st.lists(st.none() | st.sampled_from(["c1", "c2", "c3"]), min_size=1, max_size=3))
            calls = [ToolCall("look", {"at": text}, id=name) for name in ids]
            talk.append(Message.assistant(text, calls))
            if kind == "T":
                talk.append(Message.user("are you there?"))
            talk += [Message.tool(call, text) for call in calls[: draw(st.integers(0, 3))]]
    return tuple(talk)


class Found:
    """A retriever that returns what it was made with."""

    def __init__(self, found: Sequence[Snippet]) -> None:
        self.found = found

    async def retrieve(self, query: str, limit: int) -> list[tuple[str, float]]:
        """Return the first snippets."""
        return [(snippet.text, snippet.score) for snippet in self.found[:limit]]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_prompt_is_never_over_its_budget(data: st.DataObject) -> None:
    """Whatever is retrieved, said before and counted with: the window, the snippets' budget and their number hold."""
    counter = data.draw(counters)
    config = ContextSettings(
        max_tokens=data.draw(st.integers(0, 400)),
        max_snippets=data.draw(st.integers(0, 6)),
        window_tokens=data.draw(st.none() | st.integers(0, 900)),
        history=data.draw(windows),
    )
    # A replaced step may return anything; the budget is kept all the same.
    everything = data.draw(st.none() | st.just(lambda ask, given: data.draw(snippets)))
    layer = ContextAssembler(
        config,
        counter=counter,
        retriever=Found(data.draw(snippets)),
        steps=ContextSteps(assemble=everything),
    )
    tools = (ToolSpec("look", "Looks things up."),) if data.draw(st.booleans()) else ()
    prompt = Prompt((*data.draw(talks()), Message.user(data.draw(texts))), tools)
    try:
        done = asyncio.run(layer.assemble(prompt))
    except InvalidRequest:
        kept = (*(m for m in prompt.messages if m.role == "system"), prompt.messages[-1])
        smallest = Prompt(kept, tools)
        assert config.window_tokens is not None
        assert prompt_tokens(smallest, counter) > config.window_tokens
        return
    assert done.tokens == prompt_tokens(done.prompt, counter)
    if config.window_tokens is not None:
        assert done.tokens <= config.window_tokens
    blocks = [message for message in done.prompt.messages if is_context(message)]
    assert len(blocks) == bool(done.snippets)
    assert all(message_tokens(block, counter) <= config.max_tokens for block in blocks)
    assert len(done.snippets) <= config.max_snippets
    assert done.prompt.messages[-1] == prompt.messages[-1]
    assert [m for m in done.prompt.messages if m.role == "system"] == [
        m for m in prompt.messages if m.role == "system"
    ]


@settings(max_examples=200, deadline=None)
@given(talks(), windows, counters, st.none() | st.integers(0, 600))
def test_history_is_trimmed_whole_and_once(
    talk: tuple[Message, ...], window: HistoryWindow, counter: ByteEstimate, room: int | None
) -> None:
    """Calls keep their results, the oldest leaves first, limits hold, and trimming again changes nothing."""

    def trim(messages: tuple[Message, ...]) -> tuple[Message, ...]:
        summarizer = ExtractiveSummarizer(counter)
        done = asyncio.run(trimmed(messages, window, counter=counter, summarizer=summarizer, room=room))
        return done.messages

    kept = trim(talk)
    assert trim(kept) == kept

    said = [message for message in kept if message.role != "system" and not is_summary(message)]
    assert [m for m in kept if m.role == "system"] == [m for m in talk if m.role == "system"]
    stretches = exchanges([message for message in talk if message.role != "system"])
    whole = [s for s in stretches if any(m is message for m in s for message in said)]
    assert [m for stretch in whole for m in stretch] == said
    asked = [at for at, s in enumerate(stretches) if any(m.role == "user" for m in s)][-1:]
    always = [stretches[at] for at in asked] + (stretches[asked[0] + 1 :][-1:] if asked else [])
    assert all(stretch in whole for stretch in always)

    # The oldest first: among what may leave, nothing that left is newer than something that stayed.
    free = [s for s in stretches if not any(s is other for other in always)]
    stayed = [any(s is other for other in whole) for s in free]
    assert stayed == sorted(stayed)

    if any(stayed) or len(said) > sum(map(len, always)):
        assert window.max_messages is None or len(kept) <= window.max_messages
    marks = [message for message in kept if is_summary(message)]
    assert len(marks) <= 1
    if marks and len(kept) < len(talk) and "Summarized" not in marks[0].text:
        left = sum(len(s) for s, stays in zip(free, stayed, strict=True) if not stays)
        assert marks[0].text.startswith(f"[Previous conversation: {left} messages summarized]")


@given(talks())
def test_exchanges_cut_a_conversation_without_loss(talk: tuple[Message, ...]) -> None:
    """Put together again they are the conversation, and no stretch begins with a result but the first."""
    stretches = exchanges(talk)
    assert [message for stretch in stretches for message in stretch] == list(talk)
    assert all(stretch[0].role != "tool" for stretch in stretches[1:])


@given(st.lists(st.integers(), max_size=12))
def test_the_best_stand_at_both_ends(ranked: list[int]) -> None:
    """Nothing is lost, the best is first, the second last, and ranks fall towards the middle from both sides."""
    placed = at_both_ends(list(range(len(ranked))))
    assert sorted(placed) == list(range(len(ranked)))
    lowest = placed.index(max(placed)) if placed else 0
    assert placed[:lowest] == sorted(placed[:lowest])
    assert placed[lowest:] == sorted(placed[lowest:], reverse=True)


documents = st.lists(texts, max_size=12).map("\n\n".join).filter(lambda text: "\f" not in text)


@given(documents, st.integers(40, 200))
def test_sections_lose_no_word(document: str, max_chars: int) -> None:
    """Every letter of a document stands in a section, and no section is too long."""
    found = sections(document, max_chars)
    assert all(len(section.text) <= max_chars for section in found)
    letters = "".join("".join(section.text.split()) for section in found)
    assert all(word in letters for word in document.split() if len(word) < 20)


@given(texts)
def test_what_is_no_boilerplate_stays_as_it_was(text: str) -> None:
    """A text without formulas keeps every letter that is no ruler."""
    if not any(
        mark in text for mark in ("....", "____", "----", "====", "****", "~~~~", "\u2022" * 4, "-_", "_-")
    ):
        kept = without_boilerplate(text)
        assert "".join(kept.split()) == "".join(text.split()) or "all rights" in text


@given(texts, st.integers(0, 10**9), st.sampled_from(["messages", "turns"]))
def test_a_summary_message_is_known_again(text: str, number: int, unit: str) -> None:
    """What stands for old turns is recognised when it comes back."""
    assert is_summary(summary_message(unit, number, text))  # type: ignore[arg-type]


@given(snippets, st.integers(0, 300), counters)
def test_a_larger_budget_never_holds_a_worse_best(
    found: list[Snippet], room: int, counter: ByteEstimate
) -> None:
    """Packing is greedy by rank: the first snippet that fits on its own is always in."""
    from pytest_llmharness.harness.context.packing import block_tokens, chosen

    ask = Ask("q", room, 5, counter)
    kept = chosen(ask, found)
    assert block_tokens(ask, kept) <= room
    additive = isinstance(counter, Letters)
    if additive:
        fits = [snippet for snippet in found if block_tokens(ask, [snippet]) <= room]
        assert fits[:1] == kept[:1]
