"""What a dialect hands to the transport."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: a whole body, or pieces that are sent as they come."""

    status: int
    body: bytes | Iterator[bytes]
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)


class Refusal(Exception):
    """A request that is answered with an error in the dialect's shape."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, encoded({"error": message}), {**JSON, **headers})


class Disconnect(Exception):
    """The connection is to be closed without another byte."""


def encoded(document: Any) -> bytes:
    """Return a document as one line of JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
