"""A call that is being recorded: what comes in and when, until its true end."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable

from .take import CLIENT_CLOSED, DONE, Headers, RecordedRequest, RecordedResponse

_COMPLETE = re.compile(
    rb"data: ?\[DONE\]\s*\Z"
    rb"|event: ?(message_stop|response\.(completed|incomplete|failed))\r?\n[^\n]*\s*\Z"
    rb'|"done": ?true[^\n]*\n?\Z'
)
"""The last words of a stream that is whole: SDKs do not wait for what HTTP says after them."""


class Tape:
    """Runs from the request to the end of its answer. Safe to use from several threads.

    Args:
        request: what went out.
        number: the place of the call among all calls of the recording.
        now: the time in seconds.
        keep: takes the response when it has ended; is called once, or never.
        drop: is called instead where nothing is to be kept.
    """

    def __init__(
        self,
        request: RecordedRequest,
        number: int,
        now: Callable[[], float],
        keep: Callable[[Tape, RecordedResponse], None],
        drop: Callable[[Tape], None],
    ) -> None:
        self.request, self.number = request, number
        self._now, self._keep, self._drop = now, keep, drop
        self._began = now()
        self._start_ms: float | None = None
        self._status, self._headers = 0, Headers()
        self._chunks: list[tuple[float, bytes]] = []
        self._ended = False
        self._lock = threading.Lock()

    def answered(self, status: int, headers: Headers) -> None:
        """Note that the head of the answer is here."""
        self._status, self._headers, self._start_ms = status, headers, self._ms()

    def chunk(self, data: bytes) -> None:
        """Note what came in."""
        if data and not self._ended:
            self._chunks.append((self._ms(), bytes(data)))

    def end(self, kind: str = DONE, error: BaseException | None = None) -> None:
        """Note the end; the first end is the true one. Without an answer a client's end is dropped."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        if not self._status and kind in (DONE, CLIENT_CLOSED):
            self._drop(self)
            return
        self._keep(self, self._response(kind, error))

    def drop(self) -> None:
        """Keep nothing of the call."""
        self._status = 0
        self.end(CLIENT_CLOSED)

    def _ms(self) -> float:
        return round((self._now() - self._began) * 1e3, 2)

    def _response(self, kind: str, error: BaseException | None) -> RecordedResponse:
        body = b"".join(data for _, data in self._chunks)
        if kind == CLIENT_CLOSED and _COMPLETE.search(body[-4096:]):
            kind = DONE
        start_ms = self._ms() if self._start_ms is None else self._start_ms
        cuts = tuple((ms, len(data)) for ms, data in self._chunks)
        if kind == DONE and not self._is_stream():
            # How the network cut a plain answer says nothing: it counts when it is whole.
            start_ms, cuts = cuts[-1][0] if cuts else start_ms, ()
        words = f"{type(error).__name__}: {error}" if error is not None else ""
        return RecordedResponse(self._status, self._headers, body, start_ms, cuts, kind, words)

    def _is_stream(self) -> bool:
        kind = self._headers.get("content-type", "").partition(";")[0].strip().lower()
        if "stream" in kind or "ndjson" in kind or "jsonl" in kind:
            return True
        if "content-length" in self._headers:
            return False
        return kind != "application/json" or _asks_for_stream(self.request)


def _asks_for_stream(request: RecordedRequest) -> bool:
    if "stream" in request.url.lower():
        return True
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and bool(body.get("stream"))
