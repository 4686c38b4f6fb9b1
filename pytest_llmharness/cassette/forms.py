"""The forms a cassette's file may have, and how to write one in each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import CassetteError
from .blobs import Blobs
from .fingerprint import MATCHING, json_body
from .journal import journals
from .loading import Cassette
from .native import FORMAT, render_header
from .redaction import Redactor
from .storage import alone, read_text, refused, replace_file
from .take import RecordedRequest, RecordedResponse, Take
from .take_file import as_written, document_of

FORMS: Mapping[str, str] = {"native": ".json", "vcr": ".yaml", "vcr-json": ".json", "parsed-body": ".yaml"}
"""Each form and the usual suffix of its files."""


def form_of(cassette: Cassette) -> str:
    """Return which form the cassette's file has."""
    text = read_text(cassette.path) or ""
    if text.lstrip()[:1] == "{":
        return "native" if "format" in cassette.metadata else "vcr-json"
    return "parsed-body" if "parsed_body:" in text else "vcr"


def write_cassette(cassette: Cassette, path: Path, form: str) -> None:
    """Write a cassette in one of the forms, without its secrets, in place of what is there.

    Raises:
        CassetteError: a take cannot be cleaned or written in this form, or the file not at all.
    """
    takes, redactor = list(cleaned(cassette, path)), Redactor()
    if form == "native":
        metadata = {**redactor.value(cassette.metadata), "format": FORMAT, "matching": MATCHING}
        blobs = Blobs(path)
        pieces = [render_header(metadata), *(document_of(take, blobs) for take in takes)]
    else:
        if any(not take.response.status for take in takes):
            raise CassetteError(
                f"{cassette.path.name} holds a call without an answer, which vcrpy's forms cannot hold",
                where=str(cassette.path),
                fix="llmharness cassette convert --to=native",
            )
        interactions = [_interaction(take, parsed=form == "parsed-body") for take in takes]
        pieces = [_foreign({"interactions": interactions, "version": 1}, path, form)]
    with alone(path):
        replace_file(path, pieces)
    Blobs(path).sweep([path, *journals(path)])


def cleaned(cassette: Cassette, path: Path) -> Iterable[Take]:
    """Yield the takes as they may be written.

    Raises:
        CassetteError: one of them holds a secret even so.
    """
    redactor = Redactor()
    for take in cassette.interactions:
        redactor.learn(take.request)
    for number, take in enumerate(cassette.interactions, 1):
        clean = as_written(take, redactor)
        if (left := redactor.left_in(clean)) is not None:
            raise refused(path, number, left)
        yield clean


def _foreign(document: dict[str, Any], path: Path, form: str) -> bytes:
    if form == "vcr-json":
        try:
            return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
        except TypeError as error:
            raise CassetteError(
                f"{path.name} cannot be vcrpy's JSON: it has a body that is no text",
                where=str(path),
                fix="--to=vcr, whose YAML holds any bytes",
            ) from error
    yaml: Any = import_module("yaml")
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    written: bytes = yaml.dump(document, Dumper=dumper, allow_unicode=True, encoding="utf-8", width=110)
    return written


def _interaction(take: Take, *, parsed: bool) -> dict[str, Any]:
    return {"request": _request(take.request, parsed), "response": _response(take.response, parsed)}


def _request(request: RecordedRequest, parsed: bool) -> dict[str, Any]:
    document = json_body(request.body) if parsed else None
    body = {"body": _text(request.body) or None} if document is None else {"parsed_body": document}
    return {"method": request.method, "uri": request.url, "headers": request.headers.lists(), **body}


def _response(response: RecordedResponse, parsed: bool) -> dict[str, Any]:
    document = json_body(response.body) if parsed else None
    status = {"code": response.status, "message": _phrase(response.status)}
    body = {"body": {"string": _text(response.body)}} if document is None else {"parsed_body": document}
    return {"status": status, "headers": response.headers.lists(), **body}


def _text(body: bytes) -> str | bytes:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
