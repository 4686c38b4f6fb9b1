"""`llmharness cassette show`."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from ..cassette import Cassette, Take
from ..cassette.conversation import Turn, conversation
from ..cassette.fingerprint import request_path
from ..cassette.take import DONE
from ..errors import ConfigError
from .files import cassette_files
from .screen import Screen

_COLORS = {"system": "yellow", "user": "blue", "assistant": "green", "tool": "cyan", "received": "green"}
_SHOWN_LINES, _SHOWN_CHARS = 12, 400
_ROLE_CHARS = 10


def run(given: Namespace, screen: Screen) -> bool:
    """Show each take: a line about the call, then who said what."""
    shown = []
    for file in cassette_files(given.paths):
        cassette = Cassette.load(file)
        takes = list(enumerate(cassette.interactions, 1))
        if given.take is not None:
            takes = [(number, take) for number, take in takes if number == given.take]
        if not takes and given.take is not None:
            raise ConfigError(
                f"{file.name} has no take {given.take}, only {len(cassette.interactions)}",
                where=str(file),
                fix=f"llmharness cassette show {file}",
            )
        shown.append({"path": str(file), "takes": [_plain(number, take) for number, take in takes]})
        if not given.json:
            screen.line(screen.paint(str(file), "bold"))
            for number, take in takes:
                _show(screen, number, take, full=given.full)
    if given.json:
        screen.json(shown)
    return False


def _plain(number: int, take: Take) -> dict[str, Any]:
    call = {
        "take": number,
        "method": take.request.method,
        "url": take.request.url,
        "status": take.response.status,
        "end": take.response.end,
    }
    return {**call, **asdict(conversation(take))}


def _show(screen: Screen, number: int, take: Take, *, full: bool) -> None:
    told = conversation(take)
    facts = [
        f"#{number} {take.request.method} {request_path(take.request.url)}",
        str(take.response.status or "no answer"),
    ]
    facts += [told.model, "streamed" if told.streamed else "", told.finish]
    facts += [take.response.end if take.response.end != DONE else "", take.response.error]
    facts += [
        f"{count} tokens {way}"
        for count, way in zip(told.tokens, ("in", "out"), strict=True)
        if count is not None
    ]
    screen.line(
        "\n",
        screen.paint("  ".join(filter(None, facts)), "bold" if 0 < take.response.status < 400 else "red"),
    )
    for turn in (*told.asked, told.answer):
        _turn(screen, turn, full=full)


def _turn(screen: Screen, turn: Turn, *, full: bool) -> None:
    lines = turn.text if full else _shortened(turn.text)
    said = [(turn.role, line) for line in lines.splitlines()]
    said += [("call", f"{name}({arguments})") for name, arguments in turn.calls]
    before = None
    for role, line in said or [(turn.role, "")]:
        label = "" if role == before and role != "call" else role
        before = role
        color = _COLORS.get(role, "dim")
        screen.line("  ", screen.paint(label.ljust(_ROLE_CHARS), color), " ", screen.clean(line))


def _shortened(text: str) -> str:
    lines = text.splitlines()
    clipped = [
        line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}... ({len(line)} characters)"
        for line in lines
    ]
    if len(clipped) > _SHOWN_LINES:
        clipped[_SHOWN_LINES:] = [f"... ({len(lines) - _SHOWN_LINES} more lines; --full shows them)"]
    return "\n".join(clipped)
