"""Read a cassette from disk, whoever wrote it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import CassetteError
from .content_coding import decoded
from .documents import BEGIN, SMALL, BrokenLayout, Documents
from .foreign import foreign_takes
from .native import FORMAT, READABLE, is_native, native_takes
from .storage import AGAIN, begins, broken, read_text
from .take import Take
from .takes import SHAPE_ERRORS, Takes, check, why
from .yaml_text import YamlError, read_yaml


@dataclass(frozen=True)
class Cassette:
    """A recorded conversation.

    Attributes:
        path: the file it was read from.
        interactions: its takes, in order of recording; of a large file each is read when it is
            asked for.
        metadata: what was said about it when it was recorded: `format`, `recorder`, and as far as
            known engine, dialect, model and base_url. Of a vcrpy file, its metadata.
    """

    path: Path
    interactions: Sequence[Take]
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
    if (head := begins(path, SMALL + 1)) is None:
        return None
    if (found := BEGIN.match(head)) and int(found[1]) >= FORMAT:
        _check_format(path, int(found[1]), READABLE[-1:])
        return _documents(path, head)
    text = read_text(path)
    if text is None or BEGIN.match(text[:256].encode()):  # it was replaced since its first bytes were read
        return load_if_there(path) if text is not None else None
    return _whole(path, _document(path, text))


def read_header(path: Path) -> dict[str, Any]:
    """Return what a cassette says about itself, reading no more of it than that where possible."""
    with suppress(CassetteError, OSError, BrokenLayout, ValueError):
        head = begins(path, SMALL + 1)
        if head is not None and BEGIN.match(head):
            return dict(json.loads(Documents(path, torn=True).header))
        cassette = load_if_there(path)
        return cassette.metadata if cassette else {}
    return {}


def recovered(journal: Path) -> Sequence[Take]:
    """Return the takes of a journal whose process died, less one it was just writing; () of a broken one."""
    with suppress(CassetteError, OSError, BrokenLayout):
        return list(Takes(journal, Documents(journal, torn=True)))
    return ()


def _documents(path: Path, start: bytes) -> Cassette:
    try:
        documents = Documents(path, start)
        header = json.loads(documents.header)
    except BrokenLayout as error:
        raise broken(path, error.why, line=error.line) from error
    except json.JSONDecodeError as error:
        raise broken(path, f"is broken at column {error.colno}: {error.msg}", line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise broken(path, f"is broken: {error}", line=1) from error
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror or repr(error)}") from error
    return Cassette(path, Takes(path, documents), header)


def _whole(path: Path, document: Mapping[str, Any]) -> Cassette:
    if is_native(document):
        _check_format(path, document["metadata"]["format"], READABLE[:-1])
    takes: list[Take] = []
    try:
        for take in native_takes(document) if is_native(document) else foreign_takes(document):
            check(take)
            takes.append(replace(take, response=decoded(take.response)))
    except SHAPE_ERRORS as error:
        raise broken(path, f"is no cassette: {_where(document, takes)}: {why(error)}") from error
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


def _check_format(path: Path, version: Any, possible: Sequence[int]) -> None:
    if version not in possible:
        known = " and ".join((", ".join(map(str, READABLE[:-1])), str(READABLE[-1])))
        raise CassetteError(
            f"the cassette {path.name} has format {version!r}, and this version reads formats {known}",
            where=str(path),
            fix=f"pip install -U pytest-llmharness   (or {AGAIN})",
        )


def _where(document: Mapping[str, Any], takes: list[Take]) -> str:
    if len(takes) < len(document["interactions"]):
        return f"interactions[{len(takes)}]"
    return "metadata"
