"""The faces of Harness: run, arun, stream and the context managers, over a real client and server."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import pytest

from pytest_llmharness import CassetteMiss, Harness, HarnessConfig, HarnessError, LLMResult
from pytest_llmharness.domain.completion import Chunk, Completion
from pytest_llmharness.domain.event import EventKind
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.server import ModelServer
from pytest_llmharness.wiring import make_provider


class Model:
    """A provider that the tests steer; it notes what is cancelled or closed."""

    name = "steered"
    model = "steered"

    def __init__(self, answer: Callable[[Prompt], Any] = lambda prompt: prompt.messages[-1].text) -> None:
        self._answer = answer
        self.together: asyncio.Barrier | None = None
        self.asked = threading.Event()
        self.ended = threading.Event()

    async def complete(self, prompt: Prompt) -> Completion:
        self.asked.set()
        if self.together is not None:
            await self.together.wait()
        answer = self._answer(prompt)
        try:
            return Completion(text=answer if isinstance(answer, str) else await answer)
        except asyncio.CancelledError:
            self.ended.set()
            raise

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Chunk, None]:
        """Yield the answer word by word; "forever" never ends."""
        words = self._answer(prompt).split(" ")
        try:
            while words:
                yield Chunk(text=words[0] + " ")
                await asyncio.sleep(0)
                words = words if words == ["forever"] else words[1:]
            yield Chunk(finish="stop")
        finally:
            self.ended.set()

    async def aclose(self) -> None:
        """Nothing to release."""


@pytest.fixture
def model() -> Model:
    """The model behind the server."""
    return Model()


@pytest.fixture
def harness(model: Model) -> Iterator[Harness]:
    """A harness on a real client of a real server; `connected` lists the clients it made."""
    with ModelServer(model) as server:
        made = connected(make_provider("ollama", model="m", base_url=server.url()))
        yield Harness(made, config=HarnessConfig(max_retries=0, timeout_seconds=20))
        Harness(made).close()


def connected(provider: Any) -> Any:
    """Note on which thread each client is made."""
    connect = provider._connect
    provider.connected = []

    def noted() -> Any:
        provider.connected.append(threading.current_thread().name)
        return connect()

    provider._connect = noted
    return provider


def clients(harness: Harness) -> int:
    """How many clients a harness has made."""
    return len(harness.provider.connected)  # type: ignore[attr-defined]


async def streamed(harness: Harness, text: str) -> tuple[str, LLMResult]:
    """Return the text that came piece by piece, and the result."""
    events = [event async for event in harness.stream(text)]
    pieces = [event.data["text"] for event in events if event.kind is EventKind.TEXT_DELTA]
    assert len(pieces) > 1
    return "".join(pieces), events[-1].data["result"]


def test_run_twice_asks_through_one_client(harness: Harness) -> None:
    """The second call finds the first one's connection, on the portal's loop."""
    assert [harness.run("one").unwrap(), harness.run("two").unwrap()] == ["one", "two"]
    assert harness.provider.connected == ["llmharness-portal"]  # type: ignore[attr-defined]


def test_run_works_inside_a_running_loop(harness: Harness) -> None:
    """Also beside `arun` on that loop: the loop and the portal have a client each."""

    async def outside() -> list[str]:
        return [
            harness.run("one").unwrap(),
            (await harness.arun("two")).unwrap(),
            (await asyncio.to_thread(harness.run, "three")).unwrap(),
        ]

    assert asyncio.run(outside()) == ["one", "two", "three"]
    assert clients(harness) == 2


def test_run_from_eight_threads_at_once(harness: Harness, model: Model) -> None:
    """All eight are at the model together, and each gets its own answer, through one client."""
    model.together = asyncio.Barrier(8)
    answers: list[tuple[str, str]] = []

    def ask(name: str) -> None:
        answers.append((name, harness.run(name).unwrap()))

    threads = [threading.Thread(target=ask, args=(f"thread {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [(f"thread {number}", f"thread {number}") for number in range(8)]
    assert clients(harness) == 1


def test_one_harness_on_two_loops_has_a_client_each(harness: Harness) -> None:
    """Loops that live side by side take turns, and none uses the other's connection."""
    with asyncio.Runner() as first, asyncio.Runner() as second:
        answers = [
            runner.run(harness.arun(text)).unwrap()
            for runner, text in [(first, "a"), (second, "b"), (first, "c"), (second, "d")]
        ]
    assert answers == ["a", "b", "c", "d"]
    assert clients(harness) == 2


def test_two_loops_at_the_same_time(harness: Harness, model: Model) -> None:
    """Two threads with a loop each are at the model together."""
    model.together = asyncio.Barrier(2)
    answers: list[str] = []

    def ask(text: str) -> None:
        answers.append(asyncio.run(harness.arun(text)).unwrap())

    threads = [threading.Thread(target=ask, args=(text,)) for text in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == ["a", "b"]
    assert clients(harness) == 2


def test_every_face_gives_the_same_answer(harness: Harness) -> None:
    """run, arun and stream are one implementation."""
    text = "an answer of some words"

    async def both() -> list[Any]:
        return [(await harness.arun(text)).unwrap(), *(await streamed(harness, text))]

    plain, pieces, result = asyncio.run(both())
    assert plain == harness.run(text).unwrap() == text
    assert pieces.rstrip() == result.unwrap().rstrip() == text


def test_a_stream_closed_early_cancels_the_provider(harness: Harness, model: Model) -> None:
    """An answer without an end: the server's model is closed when the reader leaves, and the client lives."""

    async def leave() -> int:
        seen = 0
        events = harness.stream("forever")
        async for event in events:
            seen += event.kind is EventKind.TEXT_DELTA
            if seen == 3:
                break
        await events.aclose()
        assert await asyncio.to_thread(model.ended.wait, 20)
        assert (await harness.arun("again")).unwrap() == "again"
        return seen

    assert asyncio.run(leave()) == 3
    assert clients(harness) == 1


def test_with_releases_the_client_and_the_harness_may_be_used_again(harness: Harness) -> None:
    """Leaving closes; the next call connects anew."""
    with harness as entered:
        assert entered is harness
        assert harness.run("one").unwrap() == "one"
    assert harness.run("two").unwrap() == "two"
    assert clients(harness) == 2


def test_async_with_releases_the_client_of_its_loop_only(harness: Harness) -> None:
    """The portal's client, which may be at work, stays."""

    async def work() -> None:
        async with harness as entered:
            assert entered is harness
            assert (await harness.arun("one")).unwrap() == "one"
        assert (await harness.arun("two")).unwrap() == "two"

    harness.run("zero")
    asyncio.run(work())
    harness.run("three")
    assert clients(harness) == 3


def test_with_leaves_on_an_error_too() -> None:
    """The error comes out, and the provider is closed."""
    closed: list[bool] = []

    class Closing(Model):
        async def aclose(self) -> None:
            closed.append(True)

    async def work() -> None:
        async with Harness(Closing()):
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"), Harness(Closing()):
        raise KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        asyncio.run(work())
    assert closed == [True, True]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="the system has no signals for threads")
def test_an_interrupted_run_cancels_the_provider() -> None:
    """Ctrl-C ends the call at the model before the caller goes on."""

    async def never() -> str:
        signal.pthread_kill(main, signal.SIGINT)
        await asyncio.get_running_loop().create_future()
        return ""

    main = threading.get_ident()
    model = Model(lambda prompt: never())
    with pytest.raises(KeyboardInterrupt):
        Harness(model).run("go")
    assert model.ended.is_set()


@pytest.mark.parametrize("face", ["run", "arun"])
def test_a_cassette_miss_comes_out_of_every_face(face: str) -> None:
    """No failure of the model: nothing turns it into a result."""

    def miss(prompt: Prompt) -> str:
        raise CassetteMiss("no take", where="here", fix="record")

    harness = Harness(Model(miss))
    with pytest.raises(CassetteMiss):
        if face == "run":
            harness.run("go")
        else:
            asyncio.run(harness.arun("go"))


def test_run_inside_the_core_names_the_way_out() -> None:
    """A sync call from a tool that is a coroutine would wait for itself."""
    inner = Harness(Model())

    async def sub_agent() -> str:
        return inner.run("go").content

    with pytest.raises(HarnessError, match="wait for itself") as caught:
        Harness(Model(lambda prompt: sub_agent())).run("go").unwrap()
    assert "run -> arun" in caught.value.fix
