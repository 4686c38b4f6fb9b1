"""Folds a text to the letters a reader sees, so that a disguise does not hide a word.

Look-alike letters of other scripts, digits that stand for letters, accents, width, case and
invisible characters all fold away. The words of the rules are folded by the same function, so the
fold may be coarse (`l`, `i` and `1` are one letter) without losing a match.
"""

# ruff: noqa: RUF001 - look-alike letters are what this is about
from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from functools import cached_property

_LOOK_ALIKES = {
    "a": "аɑαΑᴀ4",
    "b": "вʙβΒьƅ8",
    "c": "сϲᴄ",
    "d": "ԁɗđδ",
    "e": "еєεΕᴇǝəɛ3",
    "f": "ƒғϝ",
    "g": "ɡɢցԍ69",
    "h": "һнհʜΗħ",
    "i": "іΙιɪıӏlᴌʟł1",
    "j": "јʝ",
    "k": "кκΚᴋ",
    "m": "мΜᴍ",
    "n": "ηΝпɴո",
    "o": "оοΟσօөᴏø0",
    "p": "рρΡᴘþ",
    "q": "ԛզ",
    "r": "гᴦʀяɹ",
    "s": "ѕꜱς5",
    "t": "тτΤᴛʇŧ7",
    "u": "υцսμᴜ",
    "v": "ѵνᴠ",
    "w": "ѡωшԝᴡ",
    "x": "хχΧ",
    "y": "уγΥүʏ",
    "z": "ζΖᴢ",
}
_TWIN = {twin: letter for letter, twins in _LOOK_ALIKES.items() for twin in twins}
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Me"))
_TAGS = range(0xE0020, 0xE007F)  # invisible twins of ASCII
_FLAG_LETTERS = range(0x1F1E6, 0x1F200)  # flags are spelt with these

_SYMBOL_LETTERS = str.maketrans("@$€!|+", "aseiit")
_SYMBOL = re.compile(r"[@$€!|+]")
# A symbol counts as a letter inside a word, before one that holds another such letter, and alone between
# letters that were pulled apart.
_SYMBOL_IN_WORD = re.compile(
    r"(?=[@$€!|+])(?:(?<=\w)[@$€]+|(?<![@$€])[@$€]+(?=\w)|(?<=[\w@$€])(?<![a-z](?=![A-Z]))[!|+](?=[@$€]{0,2}\w)"
    r"|(?<![\w!])!(?=[^\W\d_]{0,12}[\d@$€!|]\w|[@$])"
    r"|(?<=\w[ ._*-])[@$€!](?!\w)|(?<!\w)[@$€!](?=[ ._*-]\w(?!\w)))"
)
_DISGUISED = re.compile(r"[^\W\d_][\d@$€|][^\W\d_]|[\u00ad\u200b-\u200f\u2060\ufeff\uff01-\uff5e]")
_WRAP = re.compile(r"(?<![^\S\n])[^\S\n]*\n[^\S\n]*(?=[^\W\d_])")
_ITEM = re.compile(r"^[ \t]*(?:§+[ \t]*)?\d{1,3}(?:\.\d{1,3}){0,3}[.)]?(?=[ \t]+[^\W\d_]{2})", re.MULTILINE)
"""The number of a clause or an item; its digits are no letters, and a command may begin behind it."""
_SPACES = re.compile(r"\s+")
_CONTRACTION = re.compile(r"['’](?=(?:s|t|re|ii|ve|m|d)\b)")


class _Folds(dict[int, str]):
    """Folded characters by code point, filled as they are met."""

    def __missing__(self, point: int) -> str:
        folded = self[point] = _fold(chr(point))
        return folded


def _fold(char: str) -> str:
    if ord(char) in _TAGS:
        return _fold(chr(ord(char) - 0xE0000))
    if ord(char) in _FLAG_LETTERS:
        return _fold(chr(ord(char) - 0x1F1E6 + ord("a")))
    if char in _TWIN:
        return _TWIN[char]
    if char in _BLANKS or (unicodedata.category(char) in _UNSEEN and not char.isspace()):
        return ""
    parts = unicodedata.normalize("NFKD", char).casefold()
    return "".join(_TWIN.get(part, part) for part in parts if unicodedata.category(part)[0] != "M")


_FOLDS = _Folds()


def folded_word(word: str) -> str:
    """Fold one word of a rule."""
    return word.translate(_FOLDS)


class Folded:
    """A text as its letters read, able to point back into the text it was made from.

    Attributes:
        source: the text.
        text: folded letters; runs of white space are one space, or one newline where a line ends
            that is no mere wrap of a sentence.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        counted = _ITEM.sub(_item_mark, source)
        self._spelt = _SYMBOL_IN_WORD.sub(_letter_for_symbol, counted) if _SYMBOL.search(source) else counted
        lines = _WRAP.sub(_wrap_or_break, self._spelt) if "\n" in source else self._spelt
        self.text = _CONTRACTION.sub("", _SPACES.sub(_one_blank, lines.translate(_FOLDS)))

    @cached_property
    def _letters(self) -> list[int]:
        """Where each letter of `text` stands in it."""
        return [index for index, char in enumerate(self.text) if char.isalnum()]

    @cached_property
    def _origins(self) -> list[int]:
        """Where each letter of `text` comes from in `source`; folding never reorders letters."""
        folds = _FOLDS
        return [
            index for index, char in enumerate(self._spelt) for part in folds[ord(char)] if part.isalnum()
        ]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of `source` that the part start:end of `text` was folded from."""
        first, last = bisect_left(self._letters, start), bisect_left(self._letters, end) - 1
        return self._origins[first], self._origins[max(first, last)] + 1

    def is_disguised(self, start: int, end: int) -> bool:
        """Whether source[start:end] is written so that it does not read as what it folds to."""
        return _DISGUISED.search(self.source, start, end) is not None


def _item_mark(match: re.Match[str]) -> str:
    return ":" * len(match[0])


def _letter_for_symbol(match: re.Match[str]) -> str:
    return match[0].translate(_SYMBOL_LETTERS)


def _wrap_or_break(match: re.Match[str]) -> str:
    return " " if match.string[match.end()].islower() else "\n"


def _one_blank(match: re.Match[str]) -> str:
    return "\n" if "\n" in match[0] else " "
