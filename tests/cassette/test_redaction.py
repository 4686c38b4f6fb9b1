"""Nothing secret reaches the disk or the screen, and next to nothing innocent is touched."""

from __future__ import annotations

import base64
import gzip
import hashlib
import itertools
import json
import random
import re
import string
import sysconfig
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from pytest_llmharness.adapters.providers.endpoint import Endpoint
from pytest_llmharness.cassette import (
    Cassette,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Take,
    add_redactor,
    use_cassette,
)
from pytest_llmharness.cassette.cutting import cut_alike
from pytest_llmharness.cassette.redaction import Redactor
from pytest_llmharness.errors import CassetteError, CassetteMiss, HarnessError, ProviderError
from pytest_llmharness.secrecy import Nets, hide

ALNUM, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
LOWER, UPPER = string.ascii_lowercase + string.digits, string.ascii_uppercase + string.digits
URL_SAFE = ALNUM + "-_"

# What issuers say of their keys, written down apart from what finds them: (prefix, alphabet, length, end).
KEYS: dict[str, tuple[str, str, int, str]] = {
    "openai": ("sk-", ALNUM, 48, ""),
    "openai project": ("sk-proj-", URL_SAFE, 120, ""),
    "openai admin": ("sk-admin-", URL_SAFE, 80, ""),
    "openai session": ("sess-", ALNUM, 40, ""),
    "openai organization": ("org-", ALNUM, 24, ""),
    "openai project id": ("proj_", ALNUM, 24, ""),
    "anthropic": ("sk-ant-api03-", URL_SAFE, 93, "AA"),
    "openrouter": ("sk-or-v1-", HEX, 64, ""),
    "deepseek": ("sk-", HEX, 32, ""),
    "langfuse": ("sk-lf-", HEX, 32, ""),
    "google": ("AIza", URL_SAFE, 34, "x"),
    "google oauth": ("ya29.", URL_SAFE, 60, ""),
    "google client": ("GOCSPX-", URL_SAFE, 27, "x"),
    "aws": ("AKIA", UPPER, 16, ""),
    "aws session": ("ASIA", UPPER, 16, ""),
    "azure openai": ("", ALNUM, 52, "JQQJ99AKACYeBjFXJ3w3AAABACOG7xQz"),
    "github": ("ghp_", ALNUM, 36, ""),
    "github fine-grained": ("github_pat_", ALNUM, 82, ""),
    "gitlab": ("glpat-", ALNUM, 20, ""),
    "hugging face": ("hf_", ALNUM, 34, ""),
    "slack": ("xoxb-", string.digits, 12, "-AbCdEfGh1234567890abcdef"),
    "stripe": ("sk_live_", ALNUM, 24, "0a"),
    "webhook": ("whsec_", ALNUM, 32, ""),
    "groq": ("gsk_", ALNUM, 52, ""),
    "xai": ("xai-", ALNUM, 80, ""),
    "perplexity": ("pplx-", HEX, 48, ""),
    "replicate": ("r8_", ALNUM, 37, ""),
    "nvidia": ("nvapi-", URL_SAFE, 64, ""),
    "tavily": ("tvly-", ALNUM, 32, ""),
    "langsmith": ("lsv2_pt_", HEX, 32, "_0123456789"),
    "pinecone": ("pcsk_", ALNUM, 60, ""),
    "sendgrid": ("SG.", ALNUM, 22, "." + "aB3" * 14 + "x"),
    "npm": ("npm_", ALNUM, 36, ""),
    "pypi": ("pypi-AgEIcHlwaS5vcmc", URL_SAFE, 100, ""),
    "digitalocean": ("dop_v1_", HEX, 64, ""),
    "databricks": ("dapi", HEX, 32, ""),
    "vault": ("hvs.", ALNUM, 90, ""),
    "twilio": ("SK", HEX, 32, ""),
    "linear": ("lin_api_", ALNUM, 40, ""),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9.eyJ", ALNUM, 40, ".c2lnbmF0dXJlMTIzNDU2Nzg5MA"),
}
PLACES = ("header", "cookie", "url", "json", "deep", "form", "basic", "base64", "gzip", "pem")
PLACES += ("answer", "coded answer", "stream", "token stream", "answer header", "error text")


def key(kind: str, dice: random.Random) -> str:
    prefix, alphabet, length, end = KEYS[kind]
    return prefix + "".join(dice.choices(alphabet, k=length - 2)) + dice.choice("0123456789") + "0" + end


class Handler(BaseHTTPRequestHandler):
    """Answers what the test laid out, in the pieces it was laid out in."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        status, headers, pieces = self.server.answer  # type: ignore[attr-defined]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in filter(None, pieces):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def asked(place: str, secret: str) -> dict[str, Any]:
    """Return the request that carries the secret in this place."""
    note = f"please use {secret} today"
    return {
        "header": {"headers": {"authorization": f"Bearer {secret}", "x-note": note}, "json": {"say": note}},
        "cookie": {"headers": {"cookie": f"sid={secret}; theme=dark"}, "json": {"say": note}},
        "url": {"params": {"q": note, "key": secret}},
        "json": {"json": {"messages": [{"role": "user", "content": f'"quoted"\n{secret}\tand more'}]}},
        "deep": {"json": {"arguments": json.dumps({"inner": json.dumps({"text": f"a\n{secret}"})})}},
        "form": {"data": {"note": note, "other": "1"}},
        "basic": {"headers": {"authorization": "Basic " + b64(f"me:{secret}")}, "json": {"say": note}},
        "base64": {"json": {"file": f"data:text/plain;base64,{b64('the file says ' + note)}"}},
        "gzip": {"content": gzip.compress(json.dumps({"say": note}).encode())},
        "pem": {
            "json": {
                "say": f"-----BEGIN RSA PRIVATE KEY-----\n{b64(secret * 3)}\n-----END RSA PRIVATE KEY-----\n"
            }
        },
    }.get(place, {"json": {"say": "hello"}})


def answer(place: str, secret: str, dice: random.Random) -> tuple[int, dict[str, str], list[bytes]]:
    """Return the status, the headers and the pieces of the answer that carries the secret."""
    note = f"your key {secret} is fine"
    if place == "coded answer":
        return 200, {"content-encoding": "gzip"}, [gzip.compress(json.dumps({"say": note}).encode())]
    if place == "stream":
        return 200, {"content-type": "text/event-stream"}, cut(events([note]), secret, dice)
    if place == "token stream":
        parts = [note[start : start + 5] for start in range(0, len(note), 5)]
        return 200, {"content-type": "text/event-stream"}, [events(parts)]
    if place == "answer header":
        return (
            200,
            {"x-debug": note, "set-cookie": f"sid={secret}", "location": f"http://h/?token={secret}"},
            [],
        )
    if place == "error text":
        return (
            401,
            {},
            [json.dumps({"error": {"message": f"Incorrect API key provided: {secret}."}}).encode()],
        )
    content = note if place == "answer" else "fine"
    return 200, {}, [json.dumps({"choices": [{"message": {"content": content}}]}).encode()]


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def events(parts: list[str]) -> bytes:
    frames = [{"id": "c1", "choices": [{"index": 0, "delta": {"content": part}}]} for part in parts]
    return "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames).encode() + b"data: [DONE]\n\n"


def cut(whole: bytes, secret: str, dice: random.Random) -> list[bytes]:
    """Cut the body twice within the secret."""
    start = whole.index(secret.encode())
    one, two = sorted(dice.sample(range(start + 1, start + len(secret)), 2))
    return [whole[:one], whole[one:two], whole[two:]]


def readings(data: bytes, depth: int = 0) -> Iterator[str]:
    """Yield all that somebody can read out of bytes: decoded, unpacked, put together again."""
    yield (text := data.decode("utf-8", "replace"))
    if depth > 4:
        return
    for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
        for start in range(4):
            coded = run[start:].replace("-", "+").replace("_", "/")
            coded = coded[: len(coded) // 4 * 4]
            yield from readings(base64.b64decode(coded), depth + 3)
    if data[:2] == b"\x1f\x8b":
        yield from readings(zlib.decompressobj(31).decompress(data), depth + 1)
    told = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data: {")]
    yield "".join(event["choices"][0]["delta"]["content"] for event in told if "choices" in event)
    with_escapes = re.sub(r"\\+u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text)
    yield with_escapes.replace("\\", "")


def windows(secret: str) -> Iterator[str]:
    """Yield the parts of a secret that are too long to be there by chance."""
    yield from (secret[start : start + 12] for start in range(4, len(secret) - 12, 4))


def shown(path: Path) -> Iterator[str]:
    yield from readings(path.read_bytes(), 4)
    for take in Cassette.load(path).interactions:
        yield from readings(take.request.body)
        yield from readings(take.response.body)


def test_no_seeded_secret_survives_on_disk(server: Any, tmp_path: Path) -> None:
    """Keys of 40 shapes, each in 16 places of real calls, and no 12 characters of them are left."""
    dice = random.Random(7)
    seeded, survived = 0, []
    with httpx.Client(verify=False) as client:
        for kind, place in itertools.product(KEYS, PLACES):
            path, secret = tmp_path / f"{kind}-{place}.json", key(kind, dice)
            server.answer = answer(place, secret, dice)
            with use_cassette(path, record_mode="once"):
                client.post(f"http://127.0.0.1:{server.server_port}/v1/chat", **asked(place, secret))
            text = "\0".join(dict.fromkeys(shown(path)))
            survived += [(kind, place, secret) for window in windows(secret) if window in text]
            seeded += 1
    assert survived == []
    assert seeded >= 500


def test_no_seeded_secret_survives_on_screen(tmp_path: Path) -> None:
    """An error of ours shows none, whoever raises it: keys in what, where and fix, a miss, a provider's error."""
    dice = random.Random(8)
    endpoint = Endpoint(
        "p", "http://h/v1", "export KEY=...", "start", "list", secrets=("a secret of its own",)
    )
    for kind, number in itertools.product(KEYS, range(5)):
        secret = key(kind, dice)
        texts = [
            str(
                HarnessError(
                    f"the key {secret} is bad", where=f"x.json?key={secret}", fix=f"export K={secret}"
                )
            ),
            str(endpoint.error(ProviderError, f"said: {secret}; a secret of its own", "fix")),
            hide(f"line one\n{secret}\n{quote(secret)}"),
        ]
        with use_cassette(tmp_path / "absent.json"), pytest.raises(CassetteMiss) as miss:
            httpx.post(f"http://h/{number}/{secret}", verify=False)
        texts += [str(miss.value), repr(miss.value)]
        for text in texts:
            assert not any(window in text for window in windows(secret)), (kind, text)
            assert "secret of its own" not in text


@pytest.mark.parametrize("name", ["MY_SERVICE_KEY", "DEPLOY_TOKEN", "session_secret"])
def test_values_of_the_environment_are_secret(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whatever they look like, from 12 characters on; variables of other names are not."""
    secret, path = "correct horse/battery+1", tmp_path / "take.json"
    monkeypatch.setenv(name, secret)
    monkeypatch.setenv("SHORT_KEY", "elevenchars")
    monkeypatch.setenv("HOMEPAGE", "an innocent value")
    told = f"{secret} elevenchars an innocent value {quote(secret, safe='')} {b64('x' + secret)}"
    server.answer = (200, {"x-told": told}, [json.dumps({"told": told}).encode()])
    with use_cassette(path, record_mode="once"):
        httpx.post(f"http://127.0.0.1:{server.server_port}/", json={"told": told}, verify=False)
    texts = list(shown(path))
    assert not any("horse" in text for text in texts)
    assert any("elevenchars an innocent value" in text for text in texts)
    assert "horse" not in str(HarnessError(f"cannot use {secret}", where="", fix="none"))


@pytest.mark.parametrize(
    "text",
    [
        '{"password": "Tr0ub4dor&3"}',
        '{"arguments": "{\\"api_key\\": \\"Tr0ub4dor&3\\"}"}',
        '{"headers": {"X-Api-Key": ["Tr0ub4dor&3"]}}',
        "client_secret=Tr0ub4dor&grant_type=x",
        "Authorization: Bearer Tr0ub4dorTr0ub4dor",
        "cookie: sid=Tr0ub4dor12; theme=dark",
        "postgres://admin:Tr0ub4dor@db/main",
        "password=Tr0ub4dor ",
    ],
)
def test_a_value_under_a_credentials_name_is_secret(text: str) -> None:
    """It needs no shape."""
    assert "Tr0ub4dor" not in hide(text)


@pytest.mark.parametrize(
    "text",
    [
        "task-0123456789abcdef0123456789abcdef is not a key",
        '{"logprobs": {"content": [{"token": "Hello12345", "key": "abc123456"}]}}',
        'api_key = os.environ["OPENAI_API_KEY_2"]',
        "api_key=settings.openai.api_key1",
        "password: Optional[str] = None",
        '{"properties": {"password": {"type": "string", "title": "Password"}}}',
        '{"password": "required", "secret": "string"}',
        '<div class="sk-toggleable__content sk-estimator-doc-link">',
        "Basic understanding of bearer authentication-schemes",
        "the password: choose one with 8 characters",
        '{"max_tokens": 12345678, "usage": {"completion_tokens": 12345678}}',
        "call_abcdefghijklmnop1234567890 chatcmpl-9xYzABCDEFGHIJKLMNOP1234567890 msg_01AbCdEfGhIjKlMnOpQrStUv",
    ],
)
def test_what_only_looks_like_a_secret_is_left(text: str) -> None:
    """Words, types, variables, names and ids."""
    assert hide(text) == text


def innocent() -> Iterator[str]:
    dice = random.Random(9)
    for number in range(1500):
        yield hashlib.sha256(str(number).encode()).hexdigest()
        yield hashlib.md5(str(number).encode()).hexdigest()
        yield str(uuid.UUID(int=dice.getrandbits(128), version=4))
        yield base64.b64encode(dice.randbytes(48)).decode()
        yield base64.urlsafe_b64encode(dice.randbytes(48)).decode()
    for _ in range(20):
        yield "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n" + dice.randbytes(20_000)).decode()
    library = Path(sysconfig.get_path("stdlib"))
    for name in ("argparse", "ssl", "getpass", "hmac", "secrets", "http/client", "urllib/request", "smtplib"):
        yield from filter(str.strip, (library / f"{name}.py").read_text("utf-8").splitlines())


def test_at_most_one_innocent_string_in_a_thousand_is_touched() -> None:
    """Hashes, uuids, base64, images, and code and prose of the standard library that handles credentials."""
    nets = Nets()
    strings = list(innocent())
    touched = [text for text in strings if nets.hide(text) != text]
    assert len(strings) > 10_000
    assert len(touched) <= len(strings) / 1000, touched


def test_a_stream_keeps_its_parts() -> None:
    """Cuts outside a secret stay, those inside move to its end; the parts make up the redacted whole."""
    secret = key("openai", random.Random(1))
    whole = events(["before ", secret[:9], secret[9:], " after"])
    ends = [whole.index(b"before"), whole.index(secret[:9].encode()) + 3, whole.index(b" after"), len(whole)]
    parts = [whole[start:end] for start, end in itertools.pairwise([0, *ends])]
    hidden = Redactor().body(whole)
    found = cut_alike(parts, whole, hidden)
    assert len(found) == len(parts)
    assert b"".join(found) == hidden
    assert found[0] == parts[0]
    assert found[-1] == parts[-1]
    assert cut_alike([b"xx\nse", b"cret y"], b"xx\nsecret y", b"xx\n* y") == [b"xx\n*", b" y"]


def test_redacting_twice_changes_nothing_more() -> None:
    """So that an old cassette may be written again."""
    dice = random.Random(3)
    nets = Nets()
    for kind in KEYS:
        secret = key(kind, dice)
        once = nets.hide(f'{{"api_key": "{secret}", "b": "{b64("xx " + secret)}"}} Bearer {secret}')
        assert nets.hide(once) == once
        assert nets.find(once) == []


# --- what a hook adds ---


@pytest.fixture
def plug() -> Iterator[Callable[[Callable[[str], str]], None]]:
    undo: list[Callable[[], None]] = []
    yield lambda redactor: undo.append(add_redactor(redactor))
    for each in undo:
        each()


def test_an_added_redactor_takes_out_more_and_replays(server: Any, tmp_path: Path, plug: Any) -> None:
    """In requests and answers; another value in its place finds the same take."""
    plug(lambda text: re.sub(r"customer-\d+", "customer-N", text))
    server.answer = (200, {}, [b'{"for": "customer-77"}'])
    path, url = tmp_path / "take.json", f"http://127.0.0.1:{server.server_port}/"
    for mode, number in (("once", 77), ("none", 78)):
        with use_cassette(path, record_mode=mode) as recording:
            httpx.post(url, json={"say": f"customer-{number}"}, verify=False)
    assert recording.played == 1
    assert "77" not in path.read_text("utf-8").replace(str(server.server_port), "")


def test_a_take_that_cannot_be_cleaned_is_not_written(server: Any, tmp_path: Path, plug: Any) -> None:
    """What is secret after redaction too ends the block in an error that names it and not the secret."""
    secret = key("github", random.Random(2))
    plug(lambda text: text + "x" if "hello" in text else text)
    server.answer = (200, {}, [b"{}"])
    path = tmp_path / "take.json"
    with (
        pytest.raises(CassetteError, match=r"take 1 of take\.json is not written: after redaction") as error,
        use_cassette(path, record_mode="once"),
    ):
        httpx.post(f"http://127.0.0.1:{server.server_port}/", json={"say": f"hello {secret}"}, verify=False)
    assert not path.exists()
    assert "ghp_" not in str(error.value)


def test_a_body_that_cannot_be_searched_is_not_written(server: Any, tmp_path: Path) -> None:
    """Its coding is not known here, so nobody knows what it holds."""
    server.answer = (200, {"content-encoding": "x-new"}, [b"\x00\x01"])
    path = tmp_path / "take.json"
    with (
        pytest.raises(CassetteError, match="coded with x-new, which cannot be undone here"),
        use_cassette(path, record_mode="once"),
    ):
        httpx.post(f"http://127.0.0.1:{server.server_port}/", verify=False)
    assert not path.exists()


def test_escapes_hide_nothing() -> None:
    """A key spelled in JSON escapes is a key."""
    secret = key("groq", random.Random(4))
    spelled = "".join(f"\\u{ord(letter):04x}" for letter in secret)
    take = Take(
        RecordedRequest("POST", "http://h/", Headers(), f'{{"say": "{spelled}"}}'.encode()),
        RecordedResponse(
            200, Headers(), f'{{"n": 1, "say": "{spelled}"}}\n{{"n": 2, "say": "b"}}\n'.encode()
        ),
    )
    clean = Redactor().take(take)
    assert json.loads(clean.request.body) == {"say": "[redacted]"}
    assert [json.loads(line)["say"] for line in clean.response.body.splitlines()] == ["[redacted]", "b"]
