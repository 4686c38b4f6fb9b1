"""Finds blocked words: whole words, case-folded, and the parts of snake_case and camelCase."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from ..domain.frozen import dataclass
from ..errors import ConfigError
from .letter_forms import forms, pattern

# What a reader does not see may stand inside a word; more of it than this ends the word.
_UNSEEN = "\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff"
_GAP = f"[{_UNSEEN}]{{0,3}}"
_JOIN = rf"[{_UNSEEN}\s_.\-]{{0,4}}"
_CONTEXT = 4
_IS_UNSEEN = re.compile(f"[{_UNSEEN}]+")
# Scripts that write no spaces between words: each character is a word of its own.
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_JOINS = re.compile(r"[\s_.\-]+")
_RUNS = re.compile(r"[^\W_]+|[\s_.\-]+|[\s\S]")
# After a whole entry: the end of the text, or a letter or sign that decides only with what follows it.
_MAY_GO_ON = rf"(?:\Z|[^\W_{_UNSEEN}][\s\S]{{0,{_CONTEXT - 2}}}\Z|[{_UNSEEN}][\s\S]{{0,{_CONTEXT - 2}}}\Z)"
_NEVER = r"(?!)"
_ASSIGNED = r"[\"']?[ \t]{0,8}[:=][ \t]{0,8}(?=\S)"
_ASSIGNED_SO_FAR = r"[\"']?[ \t]{0,8}(?:\Z|[:=][ \t]{0,8}\Z)"


@dataclass(frozen=True, slots=True)
class Hit:
    """A blocked word in a text: where it ends, which entry it is, and whether a value follows it."""

    end: int
    entry: str
    assigned: bool = False


class BlockedWords:
    """The compiled list.

    An entry of several words ("api key", "api_key", "apiKey") matches them however they are joined.
    A secret name matches only before ":" or "=" and a value, which is then part of the hit.

    Args:
        words: the blocked words.
        secret_names: the names whose assigned values are secret.

    Raises:
        ConfigError: an entry without a letter, digit or sign.
    """

    def __init__(self, words: Iterable[str], secret_names: Iterable[str] = ()) -> None:
        self._entries = tuple(sorted({*words}, key=len, reverse=True))
        self._names = tuple(sorted({*secret_names}, key=len, reverse=True))
        self._plain = _Patterns(self._entries, self._names, plain=True)
        self._full: _Patterns | None = None

    def next_start(self, text: str, position: int) -> int:
        """Return where a hit may start, at or after a position; len(text) where none may."""
        patterns = self._for(text)
        while (found := patterns.start.search(text, position)) is not None:
            start = found.start()
            candidate = patterns.candidate.match(text, start) is not None
            if candidate and (start + _CONTEXT > len(text) or edge(text, start)):
                return start
            position = start + 1
        return len(text)

    def undecided(self, text: str, start: int) -> bool:
        """Whether more text could turn what starts here into a hit, or into another one."""
        return self._for(text).begun.match(text, start) is not None

    def hit(self, text: str, start: int) -> Hit | None:
        """Return the hit that starts here; the text is taken to end where it ends."""
        if not edge(text, start):
            return None
        patterns = self._for(text)
        for name, assigned in patterns.named:
            found = assigned.match(text, start)
            if found is not None:
                return Hit(found.end(), name, assigned=True)
        for entry, whole in patterns.whole:
            found = whole.match(text, start)
            if found is not None and edge(text, found.end()):
                return Hit(found.end(), entry)
        return None

    def _for(self, text: str) -> _Patterns:
        """Return the patterns for a text; those for ASCII know fewer letters and are much faster."""
        if text.isascii():
            return self._plain
        if self._full is None:
            self._full = _Patterns(self._entries, self._names, plain=False)
        return self._full


def edge(text: str, position: int) -> bool:
    """Return whether a word may begin or end here: at what is no letter or digit, or at a hump."""
    before = _IS_UNSEEN.sub("", text[max(0, position - _CONTEXT) : position])
    after = _IS_UNSEEN.sub("", text[position : position + _CONTEXT])
    if not before or not after or not (before[-1].isalnum() and after[0].isalnum()):
        return True
    last, first, second = before[-1], after[0], after[1:2]
    if _SPACELESS.match(last) or _SPACELESS.match(first) or last.isdigit() != first.isdigit():
        return True
    return first.isupper() and (last.islower() or (last.isupper() and second.islower()))


class _Patterns:
    """One compilation: of the whole entries, of their beginnings, and of where one may start."""

    def __init__(self, entries: tuple[str, ...], names: tuple[str, ...], *, plain: bool) -> None:
        pieces = {entry: _pieces(entry, plain=plain) for entry in (*entries, *names)}
        self.whole = [(entry, re.compile(_whole(pieces[entry]))) for entry in entries]
        self.named = [(name, re.compile(_whole(pieces[name]) + _ASSIGNED)) for name in names]
        begun = [_begun(pieces[entry], _MAY_GO_ON) for entry in entries]
        begun += [_begun(pieces[name], _ASSIGNED_SO_FAR) for name in names]
        complete = [compiled.pattern for _, compiled in (*self.whole, *self.named)]
        firsts = "".join(sorted({first for each in pieces.values() for first in each[0].firsts}))
        self.begun = re.compile("|".join(begun) or _NEVER)
        self.candidate = re.compile("|".join([*complete, *begun]) or _NEVER)
        # Between two small letters no word begins; most of a text is skipped by this alone.
        self.start = re.compile(rf"[{re.escape(firsts)}](?<![a-z][a-z])" if firsts else _NEVER)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A letter of an entry, or two that one character may stand for: the gap before it, its pattern."""

    gap: str
    pattern: str
    firsts: tuple[str, ...]
    first_of_two: str = ""


def _pieces(entry: str, *, plain: bool) -> list[_Piece]:
    runs = _RUNS.findall(unicodedata.normalize("NFKC", entry).strip(" \t\r\n_.-"))
    if not runs:
        raise ConfigError(
            f"{entry!r} is no word to block", where="blocked_words", fix="leave it out, or write a word"
        )
    letters = [each for run in runs if not _JOINS.fullmatch(run) for each in _letters(run)]
    pieces = []
    while letters:
        letter, gap = letters.pop(0)
        firsts = forms(letter, plain=plain)
        alone = pattern(letter, plain=plain)
        pair = letter + letters[0][0] if letters and letters[0][1] == _GAP else ""
        if pair and forms(pair, plain=plain):
            second = pattern(letters.pop(0)[0], plain=plain)
            either = f"(?:{alone}{_GAP}{second}|{pattern(pair, plain=plain)})"
            pieces.append(_Piece(gap, either, (*firsts, *forms(pair, plain=plain)), alone))
        else:
            pieces.append(_Piece(gap, alone, firsts))
    return pieces


def _letters(run: str) -> Iterator[tuple[str, str]]:
    """Yield (folded letter, gap before it); between the parts of a run the gap may be a joint."""
    for position, character in enumerate(run):
        joins = not position or (edge(run, position) and not _SPACELESS.match(character))
        for number, letter in enumerate(character.casefold()):
            yield letter, _GAP if number or not joins else _JOIN


def _whole(pieces: list[_Piece]) -> str:
    return pieces[0].pattern + "".join(piece.gap + piece.pattern for piece in pieces[1:])


def _begun(pieces: list[_Piece], ending: str) -> str:
    """Return the pattern of what the pieces may still become: any beginning of them up to the end."""
    begun = ending
    for number, piece in reversed(list(enumerate(pieces))):
        half = rf"|{piece.first_of_two}{_GAP}\Z" if piece.first_of_two else ""
        inner = f"{piece.pattern}(?:{begun}){half}"
        begun = rf"{piece.gap}(?:\Z|{inner})" if number else f"(?:{inner})"
    return begun
