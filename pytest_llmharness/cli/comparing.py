"""`llmharness cassette diff`."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from typing import Any

from ..cassette import Cassette, Take
from ..cassette.conversation import conversation
from ..cassette.fingerprint import json_body, request_key, request_path
from ..cassette.words import word_diff
from .screen import Screen

Difference = tuple[str, str, str]
_ABSENT = "(absent)"


def run(given: Namespace, screen: Screen) -> bool:
    """Pair the takes, equal requests first, then in order; show what differs."""
    old, new = (Cassette.load(path).interactions for path in (given.old, given.new))
    rows: list[dict[str, Any]] = []
    for before, after in _pairs(old, new):
        one, other = old[before] if before is not None else None, new[after] if after is not None else None
        found = list(_differences(one, other)) if one and other else []
        if found or one is None or other is None:
            numbers = {
                "old": None if before is None else before + 1,
                "new": None if after is None else after + 1,
            }
            parts = [{"place": place, "old": was, "new": now} for place, was, now in found]
            rows.append({**numbers, "call": _call(one or other), "differences": parts})
    if given.json:
        screen.json(rows)
    else:
        for row in rows:
            _show(screen, row)
        count = f"{len(rows)} of {max(len(old), len(new))} takes differ"
        screen.say(count if rows else f"no difference in {len(old)} takes")
    return bool(rows)


def _pairs(old: Sequence[Take], new: Sequence[Take]) -> Iterator[tuple[int | None, int | None]]:
    waiting: dict[bytes, list[int]] = {}
    for number, take in enumerate(new):
        waiting.setdefault(request_key(take.request), []).append(number)
    equal = {}
    for number, take in enumerate(old):
        same = waiting.get(request_key(take.request))
        if same:
            equal[number] = same.pop(0)
    rest = iter([number for number in range(len(new)) if number not in equal.values()])
    for number in range(len(old)):
        yield number, equal[number] if number in equal else next(rest, None)
    yield from ((None, number) for number in rest)


def _differences(old: Take, new: Take) -> Iterator[Difference]:
    if _call(old) != _call(new):
        yield "call", _call(old), _call(new)
    yield from _changed("request", _leaves(old.request.body), _leaves(new.request.body))
    if old.response.status != new.response.status:
        yield "status", str(old.response.status), str(new.response.status)
    one, other = conversation(old), conversation(new)
    yield from _changed(
        "answer", _told(one.answer.text, one.answer.calls), _told(other.answer.text, other.answer.calls)
    )
    if one.finish != other.finish:
        yield "answer.finish", one.finish or _ABSENT, other.finish or _ABSENT


def _told(text: str, calls: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {
        "text": text,
        **{f"calls[{number}]": f"{name}({given})" for number, (name, given) in enumerate(calls)},
    }


def _changed(side: str, old: dict[str, str], new: dict[str, str]) -> Iterator[Difference]:
    for place in dict.fromkeys((*old, *new)):
        if old.get(place) != new.get(place):
            yield f"{side}.{place}", old.get(place, _ABSENT), new.get(place, _ABSENT)


def _leaves(body: bytes) -> dict[str, str]:
    document = json_body(body)
    if document is None:
        return {"body": body.decode("utf-8", "backslashreplace")}
    return {place.lstrip("."): value for place, value in _walk(document, "")}


def _walk(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _walk(item, f"{place}.{name}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _walk(item, f"{place}[{number}]")
    else:
        yield place, value if isinstance(value, str) else json.dumps(value)


def _call(take: Take | None) -> str:
    return f"{take.request.method} {request_path(take.request.url)}" if take else ""


def _show(screen: Screen, row: dict[str, Any]) -> None:
    names = [f"{side} #{row[side]}" for side in ("old", "new") if row[side]]
    only = f"  only in {'old' if row['old'] else 'new'}" if len(names) == 1 else ""
    screen.line(screen.paint(f"{' / '.join(names)}  {row['call']}{only}", "bold"))
    for part in row["differences"]:
        words = _words(screen, part["old"], part["new"])
        screen.line("  ", screen.paint(part["place"], "cyan"), ": ", words)


def _words(screen: Screen, old: str, new: str) -> str:
    """Return both texts in one, word by word: [-what was-]{+what is+}."""
    pieces = []
    # Cleaned before they are cut: a secret may lie across words.
    for kind, text in word_diff(screen.clean(old), screen.clean(new)):
        if kind == "same":
            pieces.append(text if len(text) <= 80 else f"{text[:30]} ... {text[-30:]}")
        elif kind == "was":
            pieces.append(screen.paint(f"[-{text}-]", "red"))
        else:
            pieces.append(screen.paint(f"{{+{text}+}}", "green"))
    return "".join(pieces).replace("\n", "\n    ")
