"""Faults that are laid over takes, and waits that a server asked for and nobody waits for."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import httpx
import httpx2
import ollama
import openai
import pytest
import requests

from pytest_llmharness import Message
from pytest_llmharness.adapters.clocks.system import SystemClock
from pytest_llmharness.adapters.clocks.virtual import VirtualClock
from pytest_llmharness.adapters.providers.ollama import OllamaProvider
from pytest_llmharness.cassette import Cassette, Recording, use_cassette
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import CassetteMiss, ConfigError, RateLimited

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: no call here uses it
URL = "http://127.0.0.1:9/v1/chat"
CHUNKS = ["data: one\n\n", "data: two\n\n", "data: three\n\n"]


def write(path: Path, *takes: dict[str, Any], body: str = "{}", url: str = URL) -> Path:
    request = {"method": "POST", "url": url, "headers": {}, "body": body}
    interactions = [{"request": request, "response": response} for response in takes]
    path.write_text(json.dumps({"metadata": {"format": 2}, "interactions": interactions}))
    return path


def stream(path: Path, times: int = 1) -> Path:
    chunks = [[10.0 * number, text] for number, text in enumerate(CHUNKS, 1)]
    return write(
        path, *[{"status": 200, "headers": {"content-type": "text/event-stream"}, "chunks": chunks}] * times
    )


def read(url: str = URL, after: Any = None) -> list[str]:
    got: list[str] = []
    with httpx2.Client(verify=TLS) as client, client.stream("POST", url, content=b"{}") as response:
        response.raise_for_status()
        for text in response.iter_text():
            got.append(text)
            if after is not None:
                after(text)
    return got


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("rate_limit", httpx2.HTTPStatusError),
        ("server_error", httpx2.HTTPStatusError),
        ("timeout", httpx2.ReadTimeout),
        ("refuse_connection", httpx2.ConnectError),
        ("cut", httpx2.RemoteProtocolError),
    ],
)
def test_a_fault_comes_at_its_call_and_a_retry_gets_the_answer(tmp_path: Path, kind: str, error: Any) -> None:
    """The second call fails once; the take it covers answers the third."""
    path = stream(tmp_path / "take.json", times=2)
    before = path.read_bytes()
    with use_cassette(path) as recording:
        recording.fault(kind, call=2)
        assert read() == CHUNKS
        with pytest.raises(error):
            read()
        assert read() == CHUNKS
        with pytest.raises(CassetteMiss):
            read()
    assert path.read_bytes() == before


def test_a_fault_may_come_several_times(tmp_path: Path) -> None:
    """Three calls in a row meet it, the fourth is answered."""
    with use_cassette(stream(tmp_path / "take.json")) as recording:
        recording.fault("timeout", call=1, times=3)
        for _ in range(3):
            with pytest.raises(httpx2.ReadTimeout):
                read()
        assert read() == CHUNKS


@pytest.mark.parametrize(
    ("details", "came"),
    [
        ({"after_chunks": 2}, CHUNKS[:2]),
        ({"after_chunks": 0}, []),
        ({"after_bytes": 13}, [CHUNKS[0], "da"]),
        ({}, [CHUNKS[0], CHUNKS[1][:6]]),
    ],
)
def test_a_cut_comes_where_it_was_put(tmp_path: Path, details: dict[str, int], came: list[str]) -> None:
    """After so many chunks or bytes, else in the middle."""
    got: list[str] = []
    with use_cassette(stream(tmp_path / "take.json")) as recording:
        recording.fault("cut", call=1, **details)
        with pytest.raises(httpx2.RemoteProtocolError):
            read(after=got.append)
    assert got == came


def test_a_cut_reaches_aiohttp_and_requests_as_their_own_errors(tmp_path: Path) -> None:
    """Each stack raises what it raises on a connection that is gone."""

    async def by_aiohttp() -> bytes:
        async with aiohttp.ClientSession() as session, session.post(URL, data=b"{}") as response:
            return await response.read()

    with use_cassette(stream(tmp_path / "take.json")) as recording:
        recording.fault("cut", call=1, times=2)
        with pytest.raises(aiohttp.ClientPayloadError):
            asyncio.run(by_aiohttp())
        with pytest.raises(requests.ConnectionError):
            requests.post(URL, data=b"{}", timeout=5)
        assert requests.post(URL, data=b"{}", timeout=5).text == "".join(CHUNKS)


def test_a_stall_passes_on_the_clock_and_a_corrupt_chunk_is_no_text(tmp_path: Path) -> None:
    """Both deliver the answer, so its take is played."""
    clock, times = VirtualClock(), []
    with use_cassette(stream(tmp_path / "take.json", times=2), clock=clock) as recording:
        recording.fault("stall", call=1, after_chunks=1, seconds=30)
        recording.fault("corrupt", call=2, after_chunks=1)
        read(after=lambda text: times.append(clock.now()))
        assert times == pytest.approx([0.01, 30.02, 30.03])
        with httpx2.Client(verify=TLS) as client:
            body = client.post(URL, content=b"{}").content
    assert body == CHUNKS[0].encode() + b"\xff\xfe{garbage\n" + CHUNKS[2].encode()
    assert recording.played == 2


def _openai(url: str) -> Any:
    client = openai.OpenAI(
        base_url=f"{url}/v1", api_key="k", max_retries=0, http_client=openai.DefaultHttpxClient(verify=TLS)
    )
    with client:
        return client.chat.completions.create(model="m", messages=[])


def _anthropic(url: str) -> Any:
    http = anthropic.DefaultHttpxClient(verify=TLS)
    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0, http_client=http) as client:
        return client.messages.create(model="m", max_tokens=1, messages=[])


def _ollama(url: str) -> Any:
    client = ollama.Client(host=url, verify=TLS)
    with client._client:
        return client.chat(model="m", messages=[])


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (_openai, openai.RateLimitError),
        (_anthropic, anthropic.RateLimitError),
        (_ollama, ollama.ResponseError),
    ],
)
def test_a_refusal_speaks_the_dialect_of_its_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Any, error: Any
) -> None:
    """Each client finds the message where its provider puts it."""
    asked: list[Any] = []
    with use_cassette(tmp_path / "none.json") as recording, pytest.raises(CassetteMiss):
        monkeypatch.setattr(recording, "play", lambda request: asked.append(request) or _miss(recording))
        ask("http://127.0.0.1:9")
    path = write(
        tmp_path / "take.json",
        {"status": 200, "headers": {}, "body": "{}"},
        body=asked[0].body.decode(),
        url=asked[0].url,
    )
    with use_cassette(path) as recording:
        recording.fault("rate_limit", call=1, retry_after=7)
        with pytest.raises(error, match="rate limit exceeded") as caught:
            ask("http://127.0.0.1:9")
    assert caught.value.status_code == 429
    assert recording.requested_waits == [7.0]


def _miss(recording: Recording) -> Any:
    raise recording.refuse("nothing", where="", fix="")


def test_faults_are_checked_where_they_are_laid(tmp_path: Path) -> None:
    """An unknown kind and numbers that cannot be are named at once."""
    with use_cassette(stream(tmp_path / "take.json")) as recording:
        with pytest.raises(ConfigError, match="no fault 'earthquake'") as caught:
            recording.fault("earthquake", call=1)
        assert "rate_limit" in caught.value.fix
        with pytest.raises(ConfigError, match="call=0 is too small"):
            recording.fault("cut", call=0)
        with pytest.raises(ConfigError, match="after_chunks=-1 is too small"):
            recording.fault("cut", call=1, after_chunks=-1)


@pytest.mark.parametrize(
    ("setting", "words"),
    [({"speed": -1}, "replay speed -1"), ({"rechunk": "halves"}, "'halves'"), ({"rechunk": "random:x"}, "x")],
)
def test_settings_are_checked_where_they_are_given(
    tmp_path: Path, setting: dict[str, Any], words: str
) -> None:
    """A speed that is none and an unknown way to cut are named at once."""
    with pytest.raises(ConfigError, match=words), use_cassette(stream(tmp_path / "take.json"), **setting):
        pass


def test_a_test_lays_faults_and_sets_the_pace_by_its_fixture(pytester: pytest.Pytester) -> None:
    """What the fixture gives has both; a clock makes the recorded times pass without a wait."""
    pytester.makepyfile(
        test_suite=f"""
        import httpx2, pytest
        from pytest_llmharness import VirtualClock

        @pytest.mark.llm_cassette
        def test_it(llm_cassette):
            clock, times = VirtualClock(), []
            llm_cassette.replay(clock=clock, rechunk="merged")
            llm_cassette.fault("timeout", call=1)
            with httpx2.Client(verify=False) as client:
                with pytest.raises(httpx2.ReadTimeout):
                    client.post({URL!r}, content=b"{{}}")
                with client.stream("POST", {URL!r}, content=b"{{}}") as response:
                    chunks = [(clock.now(), chunk) for chunk in response.iter_text()]
            assert chunks == [(pytest.approx(0.03), {"".join(CHUNKS)!r})]
        """
    )
    folder = pytester.mkdir("cassettes") / "test_suite"
    folder.mkdir()
    stream(folder / "test_it.json")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


# --- waits ---


def limited(path: Path, **headers: str) -> Path:
    fine = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    return write(
        path,
        *[{"status": 429, "headers": {"content-type": "application/json"} | headers, "body": "{}"}] * 2,
        {"status": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(fine)},
        body='{"messages":[],"model":"m"}',
        url="http://127.0.0.1:9/v1/chat/completions",
    )


@pytest.mark.parametrize(
    ("headers", "waits"),
    [({"retry-after": "30"}, [30.0, 30.0]), ({"retry-after-ms": "20000"}, [20.0, 20.0]), ({}, [])],
)
def test_no_sdk_waits_in_replay(tmp_path: Path, headers: dict[str, str], waits: list[float]) -> None:
    """Two retries at once, also where the SDK would have picked a pause; what was asked is noted."""
    began = time.perf_counter()
    with (
        use_cassette(limited(tmp_path / "take.json", **headers)) as recording,
        openai.OpenAI(
            base_url="http://127.0.0.1:9/v1", api_key="k", http_client=openai.DefaultHttpxClient(verify=TLS)
        ) as client,
    ):
        assert client.chat.completions.create(model="m", messages=[]).id == "1"
    assert time.perf_counter() - began < 0.5  # the shortest pause of the SDK itself
    assert (recording.played, recording.requested_waits) == (3, waits)


def test_our_own_provider_still_tells_what_was_asked(tmp_path: Path) -> None:
    """Its error has the recorded seconds, though the header says not to wait."""

    async def ask(recording: Recording) -> float | None:
        provider = OllamaProvider(model="m", base_url="http://127.0.0.1:9", clock=SystemClock())
        recording.fault("rate_limit", call=1, retry_after=3)
        try:
            with pytest.raises(RateLimited) as caught:
                await provider.complete(Prompt((Message("user", "hi"),)))
        finally:
            await provider.aclose()
        return caught.value.retry_after_s

    asked: list[Any] = []
    with use_cassette(tmp_path / "none.json") as recording:
        recording.play = lambda request: asked.append(request) or _miss(recording)  # type: ignore[method-assign,func-returns-value]
        with pytest.raises(CassetteMiss):
            asyncio.run(ask(recording))
    path = write(
        tmp_path / "take.json",
        {"status": 200, "headers": {}, "body": "{}"},
        body=asked[0].body.decode(),
        url=asked[0].url,
    )
    with use_cassette(path) as recording:
        assert asyncio.run(ask(recording)) == 3


def test_the_take_itself_keeps_what_was_asked(tmp_path: Path) -> None:
    """Only what is replayed is changed, and for every client alike."""
    path = limited(tmp_path / "take.json", **{"retry-after": "30"})
    assert Cassette.load(path).interactions[0].response.headers["retry-after"] == "30"
    with use_cassette(path), httpx.Client(verify=TLS) as client:
        headers = client.post(
            "http://127.0.0.1:9/v1/chat/completions", json={"messages": [], "model": "m"}
        ).headers
    assert (headers["retry-after"], headers["x-llmharness-retry-after"]) == ("0", "30")
