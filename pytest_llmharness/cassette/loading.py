"""Read a cassette from disk, whoever wrote it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import CassetteError
from .content_coding import decoded
from .foreign import foreign_takes
from .native import READABLE, is_native, native_takes
from .storage import AGAIN, broken, read_text
from .take import DONE, Take
from .yaml_text import YamlError, read_yaml


@dataclass(frozen=True)
class Cassette:
    """A recorded conversation.

    Attributes:
        path: the file it was read from.
        interactions: its takes, in order of recording.
        metadata: what was said about it when it was recorded: `format`, `recorder`, and as far as
            known engine, dialect, model and base_url. Of a vcrpy file, its metadata.
    """

    path: Path
    interactions: list[Take]
    metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Cassette:
        """Read a cassette: our JSON, vcrpy's YAML or JSON, or YAML with `parsed_body`.

        Raises:
            CassetteError: there is no such file, or it is no cassette.
        """
        cassette = load_if_there(Path(path))
        if cassette is None:
            raise CassetteError(
                f"there is no cassette {Path(path).name}",
                where=str(path),
                fix=f'record it: use_cassette("{path}", record_mode="once")',
            )
        return cassette


def load_if_there(path: Path) -> Cassette | None:
    """Read a cassette, or return None where there is no file.

    Raises:
        CassetteError: there is a file, but it is no cassette.
    """
    text = read_text(path)
    if text is None:
        return None
    document = _document(path, text)
    if is_native(document):
        _check_format(path, document["metadata"]["format"])
    takes: list[Take] = []
    try:
        for take in native_takes(document) if is_native(document) else foreign_takes(document):
            _check(take)
            takes.append(replace(take, response=decoded(take.response)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise broken(path, f"is no cassette: {_where(document, takes)}: {_why(error)}") from error
    metadata = document.get("metadata")
    return Cassette(path, takes, dict(metadata) if isinstance(metadata, dict) else {})


def _document(path: Path, text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text) if text.lstrip()[:1] == "{" else read_yaml(text)
    except json.JSONDecodeError as error:
        raise broken(path, f"is broken at column {error.colno}: {error.msg}", line=error.lineno) from error
    except YamlError as error:
        raise broken(path, f"is broken: {error}", line=error.line) from error
    except (ValueError, RecursionError) as error:
        raise broken(path, f"is broken: {error}", line=1) from error
    if not isinstance(document, dict) or not isinstance(document.get("interactions"), list):
        raise broken(path, "is no cassette: it has no list of interactions", line=1)
    return document


def _check_format(path: Path, version: Any) -> None:
    if version not in READABLE:
        known = " and ".join(map(str, READABLE))
        raise CassetteError(
            f"the cassette {path.name} has format {version!r}, and this version reads formats {known}",
            where=str(path),
            fix=f"pip install -U pytest-llmharness   (or {AGAIN})",
        )


def _check(take: Take) -> None:
    """Refuse what would only fail later, in the middle of a test."""
    if not isinstance(take.request.url, str) or not isinstance(take.response.status, int):
        raise TypeError("url must be a text and status a number")
    if not 100 <= take.response.status <= 999 and (take.response.status or take.response.end == DONE):
        raise ValueError(f"{take.response.status} is no HTTP status")
    urlsplit(take.request.url)
    for name, value in (*take.request.headers.pairs, *take.response.headers.pairs):
        name.encode("ascii")
        value.encode()


def _where(document: Mapping[str, Any], takes: list[Take]) -> str:
    if len(takes) < len(document["interactions"]):
        return f"interactions[{len(takes)}]"
    return "metadata"


def _why(error: BaseException) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
