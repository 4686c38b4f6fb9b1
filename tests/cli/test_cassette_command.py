"""`llmharness cassette`: what it says, what it writes, how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import vcr
import yaml

from pytest_llmharness.cassette import Cassette, use_cassette
from pytest_llmharness.cassette.fingerprint import MATCHING
from pytest_llmharness.cli import main

ROOT = Path(__file__).parents[2]
SECRET = "sk-abcDEF0123456789abcDEF0123456789"
NATIVE: dict[str, Any] = {"metadata": {"format": 1, "model": "m"}, "interactions": []}


def chat(prompt: str, answer: Any, **more: Any) -> dict[str, Any]:
    """Return one native interaction of a chat."""
    asked = {
        "model": "gpt-x",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": prompt}],
    }
    body = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return {
        "request": {
            "method": "POST",
            "url": "http://h/v1/chat/completions",
            "headers": {},
            "body": json.dumps(asked, ensure_ascii=False),
        },
        "response": {"status": 200, "headers": {"content-type": "application/json"}, "body": body, **more},
    }


def said(text: str, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 3}, **more}


def cassette(path: Path, *interactions: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(NATIVE | {"interactions": interactions}), "utf-8")
    return path


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["cassette", *words])
    return code, *capsys.readouterr()


# --- ls, show, diff ---


def test_ls_finds_the_cassettes_below(tmp_path: Path, capsys: Any) -> None:
    """Without a path, those of every cassettes folder; one that is broken has its line, too."""
    cassette(tmp_path / "a/cassettes/one.json", chat("Hi", said("Hello", created=1_700_000_000)))
    cassette(tmp_path / "elsewhere/two.json", chat("Hi", said("Hello")))
    (tmp_path / "a/cassettes/bad.yaml").write_text("interactions: 3")
    code, out, _ = run(capsys, "ls")
    assert code == 0
    assert re.search(r"^ +1  +\d+ B  +\d+ d  a/cassettes/one.json  gpt-x$", out, re.MULTILINE)
    assert "broken  a/cassettes/bad.yaml  the cassette bad.yaml is no cassette" in out
    assert "2 cassettes, 1 takes" in out
    code, out, _ = run(capsys, "ls", "--json", "elsewhere")
    [row] = json.loads(out)
    assert (row["path"], row["takes"], row["models"]) == ("elsewhere/two.json", 1, ["gpt-x"])


STREAMS = {
    "openai": [
        {"choices": [{"index": 0, "delta": {"content": "Hel"}}]},
        {"choices": [{"index": 0, "delta": {"content": "lo"}}]},
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": '{"a"'}}]},
                }
            ]
        },
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]},
                    "finish_reason": "stop",
                }
            ]
        },
    ],
    "anthropic": [
        {
            "type": "message_start",
            "message": {"type": "message", "content": [], "usage": {"input_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {
            "type": "content_block_start",
            "index": 1,
            "content_block": {"type": "tool_use", "name": "f", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'},
        },
        {"type": "message_delta", "delta": {"stop_reason": "stop"}, "usage": {"output_tokens": 2}},
    ],
    "ollama": [
        {"message": {"role": "assistant", "content": "Hel"}},
        {
            "message": {"content": "lo", "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
            "done_reason": "stop",
        },
    ],
    "gemini": [
        {"candidates": [{"content": {"parts": [{"text": "Hello"}]}}]},
        {
            "candidates": [
                {
                    "content": {"parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
                    "finishReason": "stop",
                }
            ]
        },
    ],
    "responses": [
        {"type": "response.output_text.delta", "delta": "Hel"},
        {
            "type": "response.completed",
            "response": {
                "status": "stop",
                "output": [
                    {"type": "message", "id": "1", "content": [{"type": "output_text", "text": "Hello"}]},
                    {"type": "function_call", "id": "2", "name": "f", "arguments": '{"a": 1}'},
                ],
            },
        },
    ],
}


@pytest.mark.parametrize("dialect", STREAMS)
def test_show_reads_every_dialect(tmp_path: Path, capsys: Any, dialect: str) -> None:
    """A stream is put together to what was said and which tool was called with what."""
    lead = "" if dialect == "ollama" else "data: "
    body = "".join(f"{lead}{json.dumps(event)}\n\n" for event in STREAMS[dialect])
    path = cassette(tmp_path / "take.json", chat("Hi\nthere", body))
    code, out, _ = run(capsys, "show", str(path))
    assert code == 0
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[2].startswith("#1 POST /v1/chat/completions  200  gpt-x  streamed  stop")
    assert lines[3:] == [
        "  system     Be kind.",
        "  user       Hi",
        "             there",
        "  assistant  Hello",
        '  call       f({"a": 1})',
    ]


def test_show_shortens_and_cleans(tmp_path: Path, capsys: Any) -> None:
    """Long texts only with --full, no secrets at all, and nothing that steers the terminal."""
    path = cassette(
        tmp_path / "take.json",
        chat(f"key {SECRET}", said("\x1b[2Jgone" + "\nline" * 50)),
        chat("b", said("c")),
    )
    _, out, _ = run(capsys, "show", str(path), "--take=1")
    assert "#2" not in out
    assert "sk-abc" not in out
    assert "\x1b" not in out
    assert "\\x1b[2Jgone" in out
    assert "(39 more lines; --full shows them)" in out
    _, out, _ = run(capsys, "show", str(path), "--full")
    assert out.count("line") == 50
    _, out, _ = run(capsys, "show", str(path), "--json")
    [shown] = json.loads(out)
    assert shown["takes"][1]["answer"] == {"role": "assistant", "text": "c", "calls": []}
    assert shown["takes"][1]["tokens"] == [7, 3]
    assert run(capsys, "show", str(path), "--take=9")[0] == 2


def test_color_is_for_terminals(tmp_path: Path, capsys: Any) -> None:
    """Plain in a pipe, coloured when asked."""
    path = str(cassette(tmp_path / "take.json", chat("a", said("b"))))
    assert "\x1b" not in run(capsys, "show", path)[1]
    assert "\x1b[32massistant" in run(capsys, "show", path, "--color=always")[1]


def test_diff_says_what_changed_word_by_word(tmp_path: Path, capsys: Any) -> None:
    """Equal requests are paired first, the rest in order; exit 1 where anything differs."""
    old = cassette(
        tmp_path / "old.json", chat("the same", said("yes")), chat("a red house", said("one two three"))
    )
    new = cassette(
        tmp_path / "new.json",
        chat("a blue house", said("one 2 three")),
        chat("the same", said("yes")),
        chat("new", said("x")),
    )
    code, out, _ = run(capsys, "diff", str(old), str(new))
    assert code == 1
    assert out == (
        "old #2 / new #1  POST /v1/chat/completions\n"
        "  request.messages[1].content: a [-red-]{+blue+} house\n"
        "  answer.text: one [-two-]{+2+} three\n"
        "new #3  POST /v1/chat/completions  only in new\n"
        "2 of 3 takes differ\n"
    )
    code, out, _ = run(capsys, "diff", str(old), str(old))
    assert (code, out) == (0, "no difference in 2 takes\n")
    code, out, _ = run(capsys, "diff", str(old), str(new), "--json")
    assert json.loads(out)[0]["differences"][1] == {
        "place": "answer.text",
        "old": "one two three",
        "new": "one 2 three",
    }


# --- check, scrub, prune ---


def test_check_names_every_fault_and_its_mend(tmp_path: Path, capsys: Any) -> None:
    """A secret, an old one, an orphan, a broken one; the good one is not named."""
    now = int(datetime.now(UTC).timestamp())
    (tmp_path / "test_a.py").write_text(
        "def test_good(): ...\ndef test_old(): ...\nclass TestC:\n    def test_in(self): ...\n"
    )
    shelf = tmp_path / "cassettes/test_a"
    cassette(shelf / "test_good.json", chat("a", said("b", created=now)))
    cassette(shelf / "test_good-x-0123abcd.json", chat("a", said("b", created=now)))
    cassette(shelf / "TestC.test_in.json", chat("a", said("b", created=now)))
    assert run(capsys, "check", "--max-age=30d") == (0, "3 cassettes checked, 0 with faults\n", "")
    old = int((datetime.now(UTC) - timedelta(days=40)).timestamp())
    cassette(shelf / "test_old.json", chat("a", said("b", created=old)))
    cassette(shelf / "test_gone.json", chat(f"my key {SECRET}", said("b", created=now)))
    cassette(tmp_path / "cassettes/test_b/test_x.json", chat("a", said("b", created=now)))
    (shelf / "test_bad.json").write_text("{")
    code, out, _ = run(capsys, "check", "--max-age=30d")
    assert code == 1
    assert "test_bad.json: broken: " in out
    assert "test_old.json: expired: recorded 40 days ago by the answers" in out
    assert "test_gone.json: secret: take 1: request body: OpenAI-style key" in out
    assert "test_gone.json: orphan: test_a.py has no test test_gone" in out
    assert "test_x.json: orphan: there is no test_b.py" in out
    assert "fix:   llmharness cassette scrub cassettes/test_a/test_gone.json" in out
    assert "test_good" not in out
    assert SECRET not in out
    code, out, _ = run(capsys, "check", "--json")
    assert {row["kind"] for row in json.loads(out)} == {"broken", "orphan", "secret"}


VCR_FILE = f"""
interactions:
- request:
    method: POST
    uri: https://api.example.com/v1/chat/completions?key={SECRET}
    headers: {{authorization: [Bearer {SECRET}], content-type: [application/json]}}
    body: '{{"model": "m", "messages": [{{"role": "user", "content": "say {SECRET}"}}]}}'
  response:
    status: {{code: 200, message: OK}}
    headers: {{content-type: [application/json], set-cookie: [sid=abcdefgh12345678]}}
    body: {{string: '{{"choices": [{{"message": {{"content": "hi"}}}}]}}'}}
version: 1
"""


def test_scrub_takes_secrets_out_in_the_form_they_are_in(tmp_path: Path, capsys: Any) -> None:
    """A native file stays native, vcrpy's stays vcrpy's, and a clean one is not touched."""
    clean = cassette(tmp_path / "clean.json", chat("a", said("b")))
    native = cassette(tmp_path / "native.json", chat(f"a {SECRET}", said(f"b {SECRET}")))
    foreign = tmp_path / "foreign.yaml"
    foreign.write_text(VCR_FILE)
    before = clean.read_bytes()
    code, out, _ = run(capsys, "scrub", "--dry-run", ".")
    assert (code, SECRET in foreign.read_text()) == (1, True)
    assert "take 1: request header authorization" in out
    code, out, _ = run(capsys, "scrub", ".")
    assert code == 0
    assert out.endswith("2 cassettes scrubbed\n")
    assert SECRET not in native.read_text() + foreign.read_text() + out
    assert "abcdefgh12345678" not in foreign.read_text()
    assert clean.read_bytes() == before
    with vcr.VCR().use_cassette(str(foreign)) as takes:
        assert len(takes) == 1
    assert Cassette.load(native).metadata == {"format": 3, "model": "m", "matching": MATCHING}
    assert run(capsys, "check", ".")[0] == 0


def test_prune_deletes_only_when_told(tmp_path: Path, capsys: Any) -> None:
    """It lists first; deleting takes empty folders along and leaves what a test owns."""
    (tmp_path / "test_a.py").write_text(
        "def test_kept(): ...\n@pytest.mark.llm_cassette(name='named')\ndef test_n(): ...\n"
    )
    kept = cassette(tmp_path / "cassettes/test_a/test_kept.json", chat("a", said("b")))
    named = cassette(tmp_path / "cassettes/test_a/named.json", chat("a", said("b")))
    orphan = cassette(tmp_path / "cassettes/sub/test_gone/test_x.json", chat("a", said("b")))
    code, out, _ = run(capsys, "prune")
    assert (code, orphan.exists()) == (1, True)
    assert out.startswith(
        "cassettes/sub/test_gone/test_x.json: orphan: there is no sub/test_gone.py\n1 cassettes to delete"
    )
    code, out, _ = run(capsys, "prune", "--yes")
    assert (code, orphan.exists(), (tmp_path / "cassettes/sub").exists()) == (0, False, False)
    assert kept.exists()
    assert named.exists()
    code, out, _ = run(capsys, "prune")
    assert (code, out) == (0, "nothing to delete\n")


# --- convert ---


@pytest.mark.parametrize("form", ["vcr", "vcr-json", "parsed-body"])
def test_convert_there_and_back_keeps_every_take(tmp_path: Path, capsys: Any, form: str) -> None:
    """Requests still match, answers are the same; the way back gives the native file again."""
    stream = (
        "data: "
        + json.dumps({"choices": [{"delta": {"content": "Grüße, 世界"}}]}, ensure_ascii=False)
        + "\n\ndata: [DONE]\n\n"
    )
    native = cassette(
        tmp_path / "take.json", chat("Grüße, 世界", said("b")), chat("c", stream), chat("c", "")
    )
    code, out, _ = run(capsys, "convert", "--to", form, "-o", "other.x", str(native))
    assert (code, out) == (0, f"{native} (native) -> other.x ({form}), 3 takes\n")
    assert run(capsys, "convert", "--to=native", "-o", "back.json", "other.x")[0] == 0
    first, last = (Cassette.load(tmp_path / name).interactions for name in ("take.json", "back.json"))
    for one, other in zip(first, last, strict=True):
        assert json.loads(one.request.body) == json.loads(other.request.body)
        assert (one.response.status, one.request.url) == (other.response.status, other.request.url)
        if form != "parsed-body":
            assert one.response.body == other.response.body
    assert "\\u" not in (tmp_path / "other.x").read_text("utf-8")


def test_vcrpy_plays_what_was_converted_for_it(tmp_path: Path, capsys: Any) -> None:
    """With its body matcher; and we play what it plays."""
    native = cassette(tmp_path / "take.json", chat("Hi", said("Hello")))
    assert run(capsys, "convert", "--to=vcr", str(native))[0] == 0
    asked = json.loads(Cassette.load(native).interactions[0].request.body)
    path = str(tmp_path / "take.yaml")
    for using in (
        vcr.VCR(match_on=("method", "uri", "body")).use_cassette(path, record_mode="none"),
        use_cassette(path),
    ):
        with using, httpx.Client(verify=False) as client:
            answer = client.post(
                "http://h/v1/chat/completions", content=json.dumps(asked, ensure_ascii=False)
            )
        assert answer.json()["choices"][0]["message"]["content"] == "Hello"


def test_a_stream_keeps_its_chunks_when_it_is_scrubbed(tmp_path: Path, capsys: Any) -> None:
    """And how it ended; vcrpy's forms hold no call that nobody answered, and say so."""
    asked = chat("a", "")["request"]
    chunks = [[1.0, "data: 1\n\n"], [2.0, f"data: {SECRET}\n\n"], [3.0, "data: 2\n\n"]]
    cut = {"status": 200, "headers": {}, "ms": 0.5, "chunks": chunks, "end": "cut", "error": f"E: {SECRET}"}
    gone = {"ms": 1.0, "end": "connect_error", "error": "ConnectError: refused"}
    path = cassette(
        tmp_path / "take.json", {"request": asked, "response": cut}, {"request": asked, "response": gone}
    )
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    assert run(capsys, "scrub", str(path))[0] == 0
    first, second = (take.response for take in Cassette.load(path).interactions)
    assert first.chunks == [(1.0, b"data: 1\n\n"), (2.0, b"data: [redacted]\n\n"), (3.0, b"data: 2\n\n")]
    assert (first.end, first.error) == ("cut", "E: [redacted]")
    assert (second.status, second.end) == (0, "connect_error")
    assert "no answer  gpt-x  connect_error  ConnectError: refused" in run(capsys, "show", str(path))[1]
    code, _, error = run(capsys, "convert", "--to=vcr", str(path))
    assert (code, "holds a call without an answer" in error) == (2, True)


def test_convert_writes_no_secret_and_over_nothing(tmp_path: Path, capsys: Any) -> None:
    """What is there stays unless forced, and many files go to a folder."""
    (tmp_path / "one.yaml").write_text(VCR_FILE)
    (tmp_path / "two.yaml").write_text(VCR_FILE)
    assert run(capsys, "convert", "--to=native", "-o", "new", "one.yaml", "two.yaml")[0] == 0
    assert SECRET not in (tmp_path / "new/one.json").read_text() + (tmp_path / "new/two.json").read_text()
    code, _, error = run(capsys, "convert", "--to=native", "-o", "new", "one.yaml")
    assert code == 2
    assert error.startswith(
        "error: new/one.json is there already\n  where: new/one.json\n  fix:   llmharness cassette"
    )
    assert run(capsys, "convert", "--to=native", "-o", "new", "--force", "one.yaml")[0] == 0


def test_a_parsed_body_is_read_by_people(tmp_path: Path, capsys: Any) -> None:
    """JSON stands as YAML, not as a text with quotes in it."""
    native = cassette(tmp_path / "take.json", chat("Hi", said("Hello")))
    assert run(capsys, "convert", "--to=parsed-body", str(native))[0] == 0
    [found] = yaml.safe_load((tmp_path / "take.yaml").read_text())["interactions"]
    assert found["request"]["parsed_body"]["messages"][1] == {"role": "user", "content": "Hi"}
    assert found["response"]["parsed_body"]["choices"][0]["message"]["content"] == "Hello"


# --- as a command ---


def command(*words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    call = [sys.executable, "-m", "pytest_llmharness.cli", *words]
    return subprocess.run(
        call,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        **settings,
    )


def test_errors_say_what_where_and_fix(tmp_path: Path) -> None:
    """On standard error, with exit code 2, and no traceback."""
    done = command("cassette", "show", "absent.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "error: there is no absent.json\n  where: absent.json\n  fix:   llmharness cassette ls\n"
    )
    (tmp_path / "bad.json").write_text("{")
    done = command("cassette", "diff", "bad.json", "bad.json")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    done = command("cassette", "check", "--max-age=soon")
    assert (done.returncode, "'soon' is no age" in done.stderr) == (2, True)
    done = command("cassette", "convert", "--to=tape", "bad.json")
    assert (done.returncode, "'native', 'vcr', 'vcr-json', 'parsed-body'" in done.stderr) == (2, True)


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    """`llmharness cassette show ... | head -1`."""
    path = cassette(tmp_path / "take.json", *[chat("x" * 300, said("y" * 300))] * 300)
    call = [sys.executable, "-m", "pytest_llmharness.cli", "cassette", "show", str(path)]
    settings = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings) as shown:
        assert shown.stdout is not None
        assert shown.stderr is not None
        shown.stdout.readline()
        shown.stdout.close()
        assert shown.stderr.read() == b""
    assert shown.returncode == 0


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="children's CPU time is not told one by one there")
def test_it_starts_in_150_ms(tmp_path: Path) -> None:
    """CPU time, with the interpreter's own; a listing costs at most five starts of the bare interpreter."""
    cassette(tmp_path / "cassettes/one.json", chat("a", said("b")))
    command, bare = ["-m", "pytest_llmharness.cli"], spent("-c", "pass")
    assert spent(*command, "--version") < 0.15
    assert spent(*command, "cassette", "ls") < 5 * bare


def spent(*words: str) -> float:
    """Return the CPU seconds of the quickest of seven runs: a busy machine slows them all."""
    settings = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    found = []
    for _ in range(7):
        child = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL, env=settings)
        _, child.returncode, used = os.wait4(child.pid, 0)
        assert child.returncode == 0
        found.append(used.ru_utime + used.ru_stime)
    return min(found)


def test_it_imports_nothing_heavy(tmp_path: Path) -> None:
    """Neither a test tool nor an SDK, for any of the commands that read."""
    cassette(tmp_path / "cassettes/one.json", chat("a", said("b")))
    code = (
        "import sys; from pytest_llmharness.cli import main\n"
        "for words in (['ls'], ['show', 'cassettes'], ['check']): main(['cassette', *words])\n"
        "heavy = 'asyncio ssl pytest vcr yaml hypothesis pydantic httpx openai email'.split()\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    call = [sys.executable, "-c", code]
    done = subprocess.run(
        call, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
