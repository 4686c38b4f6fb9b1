"""Redacts blocked words from text that comes whole or in pieces: any chunking gives the same."""

from __future__ import annotations

import json
import re
from typing import Protocol

from .blocked_words import BlockedWords

MARKER = "[REDACTED]"
_CONTEXT = 4
_ENDS = {"": re.compile(r"\s"), '"': re.compile(r'["\n]'), "'": re.compile(r"['\n]")}
_STRUCTURE = re.compile(r'["{}\[\],:]')
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_QUOTE_OR_ESCAPE = re.compile(r'["\\]')


class Redactor(Protocol):
    """Takes text in pieces and gives back what may be shown."""

    hits: list[str]

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain to be shown as it is."""
        ...

    def close(self) -> str:
        """Return the rest."""
        ...


class TextRedactor:
    """Redacts plain text. Held back is only what may yet become a blocked word.

    Args:
        words: what to look for.
        hits: a list to add to; None makes one.

    `hits` lists the entries found, in order; never the values.
    """

    def __init__(self, words: BlockedWords, hits: list[str] | None = None) -> None:
        self._words = words
        self._before = ""
        self._held = ""
        self._swallows: str | None = None
        self.hits = [] if hits is None else hits

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain."""
        return self._advance(text, final=False)

    def close(self) -> str:
        """Return the rest; what is fed afterwards is another text."""
        rest = self._advance("", final=True)
        self._before, self._swallows = "", None
        return rest

    def _advance(self, more: str, *, final: bool) -> str:
        text = self._before + self._held + more
        position = len(self._before)
        shown: list[str] = []
        while position < len(text):
            if self._swallows is not None:
                position = self._swallow(text, position, self._swallows)
                continue
            start = self._words.next_start(text, position)
            shown.append(text[position:start])
            position = start
            if start == len(text) or (not final and self._words.undecided(text, start)):
                break
            hit = self._words.hit(text, start)
            if hit is None:
                shown.append(text[start])
                position += 1
                continue
            self.hits.append(hit.entry)
            shown.append(MARKER)
            position = hit.end
            if hit.assigned:
                quote = text[position] if text[position] in "\"'" else ""
                self._swallows, position = quote, position + len(quote)
        self._before, self._held = text[max(0, position - _CONTEXT) : position], text[position:]
        return "".join(shown)

    def _swallow(self, text: str, position: int, quote: str) -> int:
        """Skip a secret's value: up to the next space, or through the closing quote."""
        end = _ENDS[quote].search(text, position)
        if end is None:
            return len(text)
        self._swallows = None
        return end.end() if end.group() == quote else end.start()


class JsonRedactor:
    """Redacts JSON text: in string values only, never in property names; all else stays as it is.

    What is not JSON at all is redacted as text, so that nothing escapes through a broken answer.

    Args:
        words: what to look for.
    """

    def __init__(self, words: BlockedWords) -> None:
        self.hits: list[str] = []
        self._outside = TextRedactor(words, self.hits)
        self._inside = TextRedactor(words, self.hits)
        self._string: list[str] | None = None
        self._escaping = False
        self._open: list[str] = []
        self._is_name = False

    def feed(self, text: str) -> str:
        """Take the next piece and return what is certain; a string value comes when it is whole."""
        shown: list[str] = []
        position = 0
        while position < len(text):
            if self._string is not None:
                position = self._in_string(text, position, shown)
            else:
                position = self._between(text, position, shown)
        return "".join(shown)

    def close(self) -> str:
        """Return the rest; a string that never ended is redacted as text."""
        rest = self._outside.close()
        if self._string is not None:
            rest += self._redacted("".join(self._string))
            self._string = None
        return rest

    def _between(self, text: str, position: int, shown: list[str]) -> int:
        """Take what stands outside strings, up to the next sign of structure."""
        found = _STRUCTURE.search(text, position)
        end = len(text) if found is None else found.start()
        sign = "" if found is None else found.group()
        if sign == '"':
            shown.append(self._outside.feed(text[position:end]) + self._outside.close())
            self._string = [sign]
            return end + 1
        shown.append(self._outside.feed(text[position : end + len(sign)]))
        if not sign:
            return end
        if sign in "{[":
            self._open.append(sign)
        elif sign in "}]" and self._open:
            self._open.pop()
        self._is_name = sign in "{," and bool(self._open) and self._open[-1] == "{"
        return end + 1

    def _in_string(self, text: str, position: int, shown: list[str]) -> int:
        """Take what stands inside a string, up to its end."""
        assert self._string is not None
        start = position
        if self._escaping:
            self._escaping, position = False, position + 1
        while (found := _QUOTE_OR_ESCAPE.search(text, position)) is not None:
            if found.group() == '"':
                raw = "".join((*self._string, text[start : found.end()]))
                self._string = None
                shown.append(raw if self._is_name else self._redacted_string(raw))
                return found.end()
            position = found.end() + 1
        self._escaping = position > len(text)
        self._string.append(text[start:])
        return len(text)

    def _redacted_string(self, raw: str) -> str:
        try:
            value = json.loads(raw, strict=False)
        except ValueError:
            return self._redacted(raw)
        clean = self._redacted(value)
        if clean == value:
            return raw
        # What came escaped goes out escaped; half a surrogate pair has no other form.
        return json.dumps(clean, ensure_ascii=raw.isascii() or _HALF_PAIR.search(clean) is not None)

    def _redacted(self, text: str) -> str:
        return self._inside.feed(text) + self._inside.close() if text else text
