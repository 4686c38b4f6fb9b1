"""Whose cassettes are read, and what is said of files that are none."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import zlib
from itertools import cycle
from pathlib import Path
from typing import Any

import brotli
import httpx2
import pytest
import vcr
import yaml
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_llmharness.cassette import Cassette, use_cassette
from pytest_llmharness.cassette.yaml_text import YamlError, read_yaml
from pytest_llmharness.errors import CassetteError

MODES = ["none", "once", "new_episodes", "all", "rewrite"]
ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus")) / "cassettes"
VCR: dict[str, Any] = {
    "version": 1,
    "interactions": [
        {
            "request": {
                "method": "post",
                "uri": "http://a/p",
                "body": '{"q": "ä"}',
                "headers": {"Content-Type": ["application/json"], "X": "single"},
            },
            "response": {
                "status": {"code": 201, "message": "Created"},
                "headers": {"Set-Cookie": ["a=1", "b=2"], "content-type": ["text/plain"]},
                "body": {"string": "höhe"},
            },
        }
    ],
}


def write_vcr(path: Path, **response: Any) -> Path:
    document = json.loads(json.dumps(VCR))
    document["interactions"][0]["response"].update(response)
    path.write_text(yaml.dump(document))
    return path


@pytest.mark.parametrize("kind", ["take.yaml", "take.json"])
def test_vcrpy_files_are_read(tmp_path: Path, kind: str) -> None:
    """YAML and JSON, with lists of header values or single ones."""
    path = tmp_path / kind
    path.write_text(yaml.dump(VCR) if kind == "take.yaml" else json.dumps(VCR))
    cassette = Cassette.load(str(path))
    [take] = cassette.interactions
    assert (take.request.method, take.request.url) == ("POST", "http://a/p")
    assert take.request.body == '{"q": "ä"}'.encode()
    assert take.request.headers["CONTENT-type"] == "application/json"
    assert dict(take.request.headers) == {"content-type": "application/json", "x": "single"}
    assert (take.response.status, take.response.body) == (201, "höhe".encode())
    assert take.response.headers["set-cookie"] == "a=1, b=2"
    assert take.response.headers.lists()["set-cookie"] == ["a=1", "b=2"]
    assert cassette.metadata == {}


def test_parsed_bodies_are_read(tmp_path: Path) -> None:
    """pydantic-ai stores JSON bodies as YAML; a request in another key order still matches."""
    path = tmp_path / "take.yaml"
    path.write_text(
        "interactions:\n- request:\n    headers: {}\n    method: POST\n    uri: https://a/p\n"
        "    parsed_body: {model: m, temperature: 0.5, messages: [{role: user, content: hä}]}\n"
        "  response:\n    headers: {content-length: ['9']}\n    status: {code: 200, message: OK}\n"
        "    parsed_body: {id: 1, text: 'yes'}\n"
    )
    [take] = Cassette.load(path).interactions
    assert json.loads(take.response.body) == {"id": 1, "text": "yes"}
    sent = '{"temperature":0.5,"messages":[{"content":"hä","role":"user"}],"model":"m"}'
    with use_cassette(path), httpx2.Client() as client:
        assert client.post("https://a/p", content=sent).content == take.response.body


def test_a_cassette_that_vcrpy_wrote_replays(tmp_path: Path) -> None:
    """Written by vcrpy's own serializer: text, bytes, an empty body, a file-like one."""
    path = tmp_path / "take.yaml"
    request = vcr.request.Request("POST", "http://a/p", b"\xff\x00 bytes", {"a": "b"})
    empty = vcr.request.Request("GET", "http://a/p", None, {})
    response = {
        "status": {"code": 200, "message": "OK"},
        "headers": {"x": ["1"]},
        "body": {"string": b"\xfe"},
    }
    vcr.persisters.filesystem.FilesystemPersister.save_cassette(
        path,
        {"requests": [request, empty], "responses": [response, response]},
        vcr.serializers.yamlserializer,
    )
    with use_cassette(path) as recording, httpx2.Client() as client:
        assert client.post("http://a/p", content=b"\xff\x00 bytes").content == b"\xfe"
        assert client.get("http://a/p").headers["x"] == "1"
    assert recording.played == 2


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("br", brotli.compress),
        ("zstd", _zstd),
        ("gzip, br", lambda data: brotli.compress(gzip.compress(data))),
        ("gzip", lambda data: data),
        ("identity", lambda data: data),
    ],
)
def test_coded_bodies_are_read_plain(tmp_path: Path, coding: str, encode: Any) -> None:
    """Also those that say gzip over a plain body, as some recorders leave them."""
    plain = b'{"text": "hello hello hello"}'
    headers = {"content-encoding": [coding], "content-length": ["3"]}
    path = write_vcr(tmp_path / "take.yaml", headers=headers, body={"string": encode(plain)})
    [take] = Cassette.load(path).interactions
    assert take.response.body == plain
    assert dict(take.response.headers) == {"content-length": str(len(plain))}


def test_an_unknown_coding_is_left_alone(tmp_path: Path) -> None:
    """What we cannot decode, the client may."""
    path = write_vcr(
        tmp_path / "take.yaml", headers={"content-encoding": ["x-new"]}, body={"string": b"\xff"}
    )
    [take] = Cassette.load(path).interactions
    assert (take.response.body, take.response.headers["content-encoding"]) == (b"\xff", "x-new")


def test_a_foreign_file_that_gets_new_takes_becomes_ours(tmp_path: Path) -> None:
    """Nothing of it is lost but private headers, and what is left is still a cassette."""
    path = write_vcr(tmp_path / "take.yaml")
    before = Cassette.load(path).interactions[0]
    with use_cassette(path, record_mode="new_episodes") as recording:
        recording.record(before.request, before.response)
    both = Cassette.load(path).interactions
    assert [take.response.body for take in both] == [before.response.body] * 2
    assert "set-cookie" not in both[0].response.headers


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the public corpus is not at {CORPUS}")
def test_every_public_cassette_is_read_as_vcrpy_reads_it() -> None:
    """Where vcrpy can read the file, the takes are the same; the others load too."""
    files = sorted(CORPUS.rglob("*.y*ml"))[::6]
    assert files
    for path in files:
        takes = Cassette.load(path).interactions
        document = yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader)
        assert read_yaml(path.read_text("utf-8")) == document
        assert len(takes) == len(document["interactions"])
        for take, each in zip(takes, document["interactions"], strict=True):
            if isinstance(each["request"].get("body"), str):
                assert take.request.body == each["request"]["body"].encode()


YAML_TEXTS = [
    "a: 1\nb: [1.5, true, null, ~, 'x', \"y\\n\", 2020-01-01, !!binary aGk=, 0x1f, 1e3, .inf]",
    "a: &x [1, 2]\nb: *x\nc: |\n  text\n  more\nd: >\n  folded\n  text",
    "? [1]\n: 2",
    "",
    "- !!str 1\n- !!int '2'\n- ! 3",
]


@pytest.mark.parametrize("text", YAML_TEXTS)
def test_yaml_is_read_as_the_safe_loader_reads_it(text: str) -> None:
    """Scalars, anchors, block texts; where it refuses, so do we."""
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        with pytest.raises(YamlError):
            read_yaml(text)
    else:
        assert read_yaml(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "- " * 100_000,
        "{a: " * 50_000,
        "&a [*a]",
        "*a",
        "!!python/name:os.system x",
        "!!python/object/apply:os.system ['x']",
        "--- 1\n--- 2",
    ],
)
def test_hostile_yaml_is_refused(text: str) -> None:
    """Depth, circles, code and second documents; the C loader overflows the stack on the first."""
    with pytest.raises(YamlError):
        read_yaml(text)


# --- files that are no cassettes ---

GOOD = '{"metadata": {"format": 1}, "interactions": [%s]}'
TAKE = json.dumps(
    {
        "request": {"method": "GET", "url": "http://a/", "headers": {}, "body": ""},
        "response": {"status": 200, "headers": {}, "body": ""},
    }
)


HEAD = b'{\n  "format": 3\n}\n'


@pytest.mark.parametrize(
    ("content", "what", "line"),
    [
        (b"", "is empty", 1),
        (b" \n", "is empty", 1),
        (b'{"metadata":\n {"format": 1}, "inter', "is broken at column 17: Unterminated string", 2),
        (b"interactions:\n- request: 'open\n", "is broken: found unexpected end of stream", 3),
        (b"\n\xff\xfe", "is not UTF-8 text at byte 1", 2),
        (b"[1, 2]", "it has no list of interactions", 1),
        (b"{}", "it has no list of interactions", 1),
        (b'{"interactions": 5}', "it has no list of interactions", 1),
        (b"hello", "it has no list of interactions", 1),
        (b"a: b\x00", "is broken: ", 1),
        ((GOOD % (TAKE + ",5")).encode(), "is no cassette: interactions[1]: ", None),
        (b'{"interactions": [{"request": {}}]}', "interactions[0]: 'method' is missing", None),
        ((GOOD % TAKE.replace("200", '"200"')).encode(), "interactions[0]: url must be a text", None),
        ((GOOD % TAKE.replace("http://a/", "http://[")).encode(), "interactions[0]: Invalid IPv6", None),
        ((GOOD % TAKE.replace('"body": ""', '"body": {"base64": "%"}')).encode(), "interactions[0]: ", None),
        ((GOOD % TAKE.replace('"body": ""', r'"body": "\ud800"')).encode(), "surrogates not allowed", None),
        (b'{"metadata": {"format": 4}, "interactions": [1]}', "this version reads formats 1, 2 and 3", None),
        (b'{"format": 4}', "this version reads formats 1, 2 and 3", None),
        (HEAD + b'{\n  "key": "x",\n', "is broken at column 1: Expecting property name", 6),
        (HEAD + b"<<<<<<< HEAD\n" + HEAD, "is broken at column 1: Expecting value", 4),
        (HEAD + b'{\n  "request": {}\n}\n', "is no cassette: take 1: 'method' is missing", 4),
        (HEAD + b'{\n  "a": \xff\n}\n', "is no cassette: take 1: 'utf-8' codec", 4),
        (b"[" * 100_000, "is broken: more than 500 levels deep", 1),
        (b'{"a":' * 100_000, "is broken: ", 1),
        (b'{"a": ' + b"9" * 5000 + b"}", "is broken: ", 1),
    ],
)
@pytest.mark.parametrize("mode", ["load", *MODES])
def test_a_broken_file_is_named_and_left_as_it_is(
    tmp_path: Path, mode: str, content: bytes, what: str, line: int | None
) -> None:
    """In every mode: the error says where, and not a byte changes."""
    path = tmp_path / "take.json"
    path.write_bytes(content)
    with pytest.raises(CassetteError) as caught:
        Cassette.load(path) if mode == "load" else use_cassette(path, mode).__enter__()
    assert what in caught.value.what
    assert caught.value.what.startswith("the cassette take.json ")
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}")
    mend = "pip install -U pytest-llmharness" if "reads formats" in what else f"git checkout -- {path}"
    assert caught.value.fix == f"{mend}   (or delete it and record it again)"
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_the_fix_of_a_broken_file_offers_the_given_command(tmp_path: Path) -> None:
    """A plugin passes the command that records this test again."""
    path = tmp_path / "take.json"
    path.write_text("{")
    with pytest.raises(CassetteError) as caught, use_cassette(path, fix="pytest --llm-record-mode=all"):
        pass
    assert caught.value.fix.endswith("(or delete it and record it again: pytest --llm-record-mode=all)")


@pytest.mark.parametrize("mode", MODES)
def test_what_is_no_regular_file_is_refused(tmp_path: Path, mode: str) -> None:
    """A folder, a pipe (which must not block), and a path below a file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "file" / "take.json"):
        with pytest.raises(CassetteError, match=r"is not a regular|Not a dir") as caught:
            use_cassette(path, record_mode=mode).__enter__()
        assert caught.value.where == str(path)


AS_NOBODY = f"""
import os, sys
from pytest_llmharness.cassette import use_cassette
if os.geteuid() == 0:  # root is not bound by permissions
    with use_cassette(sys.argv[1]):
        pass  # brings in what the user below may not read
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
for path in sys.argv[1:]:
    for mode in {MODES!r}:
        try:
            with use_cassette(path, mode):
                print("in")
        except Exception as error:
            print(type(error).__name__, error.what)
"""


def test_permissions_are_asked_for_at_the_door() -> None:
    """A file that may not be read, in every mode; what may not be written, where one records."""
    with tempfile.TemporaryDirectory() as name:  # tmp_path lies in a folder that only its owner may enter
        paths = [Path(name) / each for each in ("shut.json", "read.json", "free.json")]
        for path, permissions in zip(paths, (0o000, 0o444, 0o666), strict=True):
            path.write_text(GOOD % TAKE)
            path.chmod(permissions)
        Path(name).chmod(0o555)
        ended = subprocess.run(
            [sys.executable, "-B", "-c", AS_NOBODY, *map(str, paths)],
            check=True,
            timeout=60,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        Path(name).chmod(0o755)
    refused = "CassetteError the cassette free.json cannot be written: {} is not a folder that can be written"
    assert ended.stdout.splitlines() == [
        *["CassetteError the cassette shut.json cannot be read: Permission denied"] * 5,
        *["in"] * 2,
        *["CassetteError the cassette read.json cannot be written: the file is read-only"] * 3,
        *["in"] * 2,
        *[refused.format(name)] * 3,
    ]


def native_file(path: Path) -> Path:
    takes = ",".join(TAKE.replace("http://a/", f"http://a/{number}") for number in range(2))
    path.write_text(json.dumps(json.loads(GOOD % takes), indent=2) + "\n")
    return path


def vcr_file(path: Path) -> Path:
    document = json.loads(json.dumps(VCR))
    document["interactions"] = [
        json.loads(json.dumps(VCR["interactions"][0]).replace("http://a/p", f"http://a/{number}"))
        for number in range(2)
    ]
    document["interactions"][1]["response"]["body"]["string"] = "a\nb c\n" * 3
    path.write_text(yaml.dump(document))
    return path


@pytest.mark.parametrize("make", [native_file, vcr_file])
def test_a_file_cut_anywhere_is_named_or_has_only_whole_takes(tmp_path: Path, make: Any) -> None:
    """At every byte, in a replay or in a recording: one named error, and the file stays."""
    path = make(tmp_path / "take")
    content = path.read_bytes()
    takes = Cassette.load(path).interactions
    whole, said = set(), []
    for cut, mode in zip(range(len(content)), cycle(["none", "new_episodes"]), strict=False):
        path.write_bytes(content[:cut])
        try:
            with use_cassette(path, record_mode=mode):
                left = Cassette.load(path).interactions
        except CassetteError as error:
            said.append(error)
        else:
            assert left == takes[: len(left)]
            whole.add(len(left))
        assert path.read_bytes() == content[:cut]
    assert all(each.what.startswith("the cassette take is ") for each in said)
    assert all(each.where.startswith(str(path)) for each in said)
    assert all(f"git checkout -- {path}" in each.fix for each in said)
    assert whole == ({2} if make is native_file else {1, 2})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=300)
    | st.text(alphabet='{}[]":,-?&*!|> \n\t#%@`a1e.\\', max_size=200).map(str.encode)
    | st.builds(lambda cut: (GOOD % TAKE)[:cut].encode(), st.integers(0, 220))
    | st.builds(
        lambda at, byte: (GOOD % TAKE).encode()[:at] + bytes([byte]) + (GOOD % TAKE).encode()[at + 1 :],
        st.integers(0, 200),
        st.integers(0, 255),
    ),
    mode=st.sampled_from(MODES),
)
@example(content=b"interactions: []\n", mode="rewrite")
def test_any_bytes_are_a_cassette_or_a_cassette_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, mode: str
) -> None:
    """No other exception, and the file is the same afterwards."""
    path = tmp_path_factory.mktemp("any") / "take.json"
    path.write_bytes(content)
    try:
        with use_cassette(path, record_mode=mode):
            pass
        error = None
    except CassetteError as caught:
        error = caught
    assert path.read_bytes() == content
    if error is None:
        assert isinstance(list(Cassette.load(path).interactions), list)
    else:
        assert str(path) in error.where


def test_a_missing_file_cannot_be_loaded(tmp_path: Path) -> None:
    """Unlike `use_cassette`, `Cassette.load` asks for the takes at once."""
    with pytest.raises(CassetteError, match=r"there is no cassette absent\.json"):
        Cassette.load(tmp_path / "absent.json")
