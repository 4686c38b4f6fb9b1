"""The file is what its specification says, whatever is in it; large content lies beside it."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_llmharness import Schema
from pytest_llmharness.cassette import (
    Cassette,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Take,
    use_cassette,
)
from pytest_llmharness.cassette.fingerprint import MATCHING, request_key
from pytest_llmharness.errors import CassetteError, CassetteMiss

ROOT = Path(__file__).parents[2]
SCHEMA = Schema((ROOT / "docs/cassette.schema.json").read_text("utf-8"))
JSON = Headers([("content-type", "application/json")])
PNG = b"\x89PNG" + os.urandom(9000)


def record(path: Path, *takes: tuple[RecordedRequest, RecordedResponse]) -> None:
    with use_cassette(path, record_mode="new_episodes") as recording:
        for request, response in takes:
            recording.record(request, response)


def asked(body: bytes, path: str = "/v1") -> RecordedRequest:
    return RecordedRequest("POST", f"http://a{path}", JSON, body)


def documents(path: Path) -> list[str]:
    text = path.read_text("utf-8")
    return [f"{{\n{each}}}\n" for each in re.findall(r"^\{\n(.*?)^\}\n", text, re.DOTALL | re.MULTILINE)]


RESPONSES = [
    RecordedResponse(200, JSON, b'{"a":1}', 3.5),
    RecordedResponse(200, Headers([("a", "1"), ("a", "2")]), b"plain \xe4"),
    RecordedResponse(
        200, JSON, b"data: a\n\ndata: b\n\n", 1.0, ((2.0, 9), (3.0, 9)), "cut", "ReadError: gone"
    ),
    RecordedResponse(0, start_ms=4.0, end="connect_error", error="ConnectError: refused"),
    RecordedResponse(200, JSON, PNG),
    RecordedResponse(204, JSON),
]


def test_every_document_of_a_file_fits_the_schema(tmp_path: Path) -> None:
    """Header and takes, of each kind there is; the key is on the second line."""
    path = tmp_path / "take.json"
    record(path, *((asked(f'{{"n": {number}}}'.encode()), each) for number, each in enumerate(RESPONSES)))
    found = documents(path)
    assert "".join(found) == path.read_text("utf-8")
    assert len(found) == 1 + len(RESPONSES)
    for document in found:
        assert SCHEMA.check(document).violations == ()
    for document, take in zip(found[1:], Cassette.load(path).interactions, strict=True):
        assert document.splitlines()[1] == f'  "key": "{request_key(take.request).hex()}",'
    assert [take.response for take in Cassette.load(path).interactions] == RESPONSES
    lines = found[3].splitlines()
    assert '      [2.0, "data: a\\n\\n"],' in lines
    assert not SCHEMA.accepts(found[1].replace('"status": 200', '"status": "200"'))


def test_the_page_shows_a_file_that_fits_the_schema() -> None:
    """What the specification shows is one."""
    page = (ROOT / "docs/cassette-format.md").read_text("utf-8")
    [shown] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    header, take = re.findall(r"^\{\n.*?^\}\n", shown, re.DOTALL | re.MULTILINE)
    assert SCHEMA.check(header).violations == SCHEMA.check(take).violations == ()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
            ),
            max_leaves=8,
        ).flatmap(
            lambda value: st.sampled_from(
                [
                    json.dumps(value).encode(),
                    json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
                    json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(
                        "utf-8", "surrogatepass"
                    ),
                    json.dumps(value, indent=1).encode(),
                ]
            )
        ),
        st.just(b'{"a":{"$blob":"x"}}'),
        st.just(b'{"a": 1, "a": 2}'),
        st.just(b"[1e400, 1E5, 1.50, -0]"),
    )
)
def test_any_body_comes_back_byte_for_byte(tmp_path: Path, body: bytes) -> None:
    """However its JSON is spelled, and where it is none."""
    path = tmp_path / "take.json"
    path.unlink(missing_ok=True)
    record(path, (asked(body), RecordedResponse(200, JSON, body)))
    [take] = Cassette.load(path).interactions
    assert (take.request.body, take.response.body) == (body, body)
    assert all(SCHEMA.accepts(document) for document in documents(path))


# --- large content ---


def image(content: bytes = PNG) -> bytes:
    url = "data:image/png;base64," + base64.b64encode(content).decode()
    return json.dumps(
        {"messages": [{"content": [{"image_url": {"url": url}}, {"text": "what is it?"}]}]}
    ).encode()


def test_an_image_in_a_prompt_is_a_file_beside_the_cassette(tmp_path: Path) -> None:
    """Named by its hash, written once, a picture that can be opened; the cassette stays text to be read."""
    path = tmp_path / "take.json"
    answer = RecordedResponse(200, JSON, b"{}")
    record(path, (asked(image()), answer), (asked(image(), "/v2"), RecordedResponse(200, JSON, PNG)))
    [blob] = (tmp_path / "take.blobs").iterdir()
    assert blob.suffix == ".png"
    assert blob.read_bytes() == PNG
    assert path.stat().st_size < 2500
    takes = Cassette.load(path).interactions
    assert takes[0].request.body == image()
    assert takes[1].response.body == PNG
    with use_cassette(path) as recording:
        assert recording.play(asked(image())) is not None


def test_blobs_that_nothing_names_are_swept(tmp_path: Path) -> None:
    """When the cassette is written anew; those that a journal names stay."""
    path = tmp_path / "take.json"
    answer = RecordedResponse(200, JSON, b"{}")
    record(path, (asked(image()), answer))
    journal = tmp_path / "take.json.1-1.failed"
    journal.write_bytes(path.read_bytes())
    other = b"RIFF....WAVE" + os.urandom(9000)
    for present in (2, 1):
        with use_cassette(path, record_mode="rewrite") as recording:
            recording.record(asked(image(other)), answer)
        assert len(list((tmp_path / "take.blobs").iterdir())) == present
        journal.unlink(missing_ok=True)
    with use_cassette(path, record_mode="rewrite") as recording:
        recording.record(asked(b"{}"), answer)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("harm", ["missing", "other", "../../etc/passwd"])
def test_a_blob_that_is_not_what_it_is_called_is_named(tmp_path: Path, harm: str) -> None:
    """Also a name that would lead elsewhere."""
    path = tmp_path / "take.json"
    record(path, (asked(image()), RecordedResponse(200, JSON, b"{}")))
    [blob] = (tmp_path / "take.blobs").iterdir()
    if harm == "missing":
        blob.unlink()
    elif harm == "other":
        blob.write_text("version https://git-lfs.github.com/spec/v1")
    else:
        path.write_text(path.read_text("utf-8").replace(blob.name, harm), "utf-8")
    with pytest.raises(CassetteError, match=r"take 1: .*(cannot be read|not the content|no name of a blob)"):
        Cassette.load(path)


# --- large files ---


def large(path: Path, count: int) -> None:
    take = documents_of_one(path)
    body = "".join(take.replace("NUMBER", str(n)).replace("KEY", key(n)) for n in range(count))
    path.write_text(f'{{\n  "format": 3,\n  "matching": {MATCHING},\n  "recorder": "x"\n}}\n{body}', "utf-8")


def key(number: int) -> str:
    return request_key(asked(f'{{"n": "{number}"}}'.encode())).hex()


def documents_of_one(path: Path) -> str:
    record(path, (asked(b'{"n": "NUMBER"}'), RecordedResponse(200, JSON, b'"NUMBER' + b"x" * 300 + b'"')))
    document = documents(path)[1]
    path.unlink()
    return re.sub('"key": "[0-9a-f]*"', '"key": "KEY"', document)


def test_a_large_file_is_read_take_by_take(tmp_path: Path) -> None:
    """Any of them can be had; a broken one fails the call that needs it, in a way no code can swallow."""
    path = tmp_path / "take.json"
    large(path, 3000)
    assert path.stat().st_size > 1 << 20
    takes = Cassette.load(path).interactions
    assert len(takes) == 3000
    assert [takes[n].request.body for n in (0, 1499, -1)] == [
        b'{"n": "0"}',
        b'{"n": "1499"}',
        b'{"n": "2999"}',
    ]
    assert [take.request.body for take in takes[10:12]] == [b'{"n": "10"}', b'{"n": "11"}']
    with pytest.raises(IndexError):
        takes[3000]
    path.write_text(path.read_text("utf-8").replace('"status": 200', '"status": "x"'), "utf-8")
    with use_cassette(path) as recording:
        with pytest.raises(CassetteMiss, match="is no cassette: take 8: ") as caught:
            recording.play(asked(b'{"n": "7"}'))
        assert re.fullmatch(rf"{re.escape(str(path))}:\d+", caught.value.where)


def test_a_file_that_is_replaced_is_read_as_it_was(tmp_path: Path) -> None:
    """Who has it open plays on."""
    path = tmp_path / "take.json"
    large(path, 3000)
    with use_cassette(path) as recording:
        other = tmp_path / "other.json"
        other.write_text("{}")
        other.replace(path)
        assert recording.play(asked(b'{"n": "2345"}')) is not None


def test_a_file_that_somebody_laid_out_anew_is_read(tmp_path: Path) -> None:
    """On one line, with other spaces, with the line breaks of Windows, with a byte order mark."""
    path = tmp_path / "take.json"
    record(path, *((asked(f'{{"n": {number}}}'.encode()), each) for number, each in enumerate(RESPONSES[:3])))
    whole = Cassette.load(path)
    compact = "\n".join(json.dumps(json.loads(each)) for each in documents(path))
    text = path.read_text("utf-8")
    for other in (
        compact,
        text.replace("\n", "\r\n"),
        "\ufeff" + text,
        text.replace("  ", "\t"),
        text + "\n\n",
    ):
        path.write_bytes(other.encode())
        assert Cassette.load(path).interactions == whole.interactions
        with use_cassette(path) as recording:
            assert recording.play(asked(b'{"n": 1}')) is not None


def test_a_stale_key_is_computed_anew_where_the_header_says_so(tmp_path: Path) -> None:
    """A cassette of an older or newer way of matching still answers, and one that was edited by hand."""
    path = tmp_path / "take.json"
    large(path, 3)
    text = re.sub('"key": "[0-9a-f]*"', f'"key": "{"0" * 32}"', path.read_text("utf-8"))
    for matching in (MATCHING, 77):
        path.write_text(text.replace(f'"matching": {MATCHING}', f'"matching": {matching}'), "utf-8")
        with use_cassette(path) as recording:
            assert recording.play(asked(b'{"n": "2"}')) is not None


def test_a_take_is_found_without_reading_the_others(tmp_path: Path) -> None:
    """In a process that may not use much more memory than the index of the file."""
    path = tmp_path / "take.json"
    large(path, 60_000)
    program = """
import resource, sys
from pytest_llmharness.cassette import Cassette
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
takes = Cassette.load(sys.argv[1]).interactions
assert takes[-1].request.body == b'{"n": "59999"}'
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    command = [sys.executable, "-c", program, str(path)]
    grown_kb = int(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout)
    assert grown_kb * 1024 < path.stat().st_size / 3


def test_takes_are_a_sequence_like_a_list(tmp_path: Path) -> None:
    """Equal to one, and shown by their count."""
    path = tmp_path / "take.json"
    record(path, (asked(b"{}"), RESPONSES[0]))
    takes: Any = Cassette.load(path).interactions
    assert takes == [Take(asked(b"{}"), RESPONSES[0], takes[0].recorded_at)]
    assert repr(takes) == "<1 takes of take.json>"
