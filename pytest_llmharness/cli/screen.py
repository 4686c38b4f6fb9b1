"""What commands write on: coloured on a terminal, plain in a pipe, never a secret."""

from __future__ import annotations

import json
import os
import re
from typing import Any, TextIO

from ..secrecy import Nets, environment_values

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Screen:
    """A place for lines.

    Args:
        out: where they go.
        color: "auto" colours on a terminal, where NO_COLOR is not set; "always", "never".
    """

    def __init__(self, out: TextIO, *, color: str = "auto") -> None:
        self._out = out
        self._colored = color == "always" or (
            color == "auto" and out.isatty() and "NO_COLOR" not in os.environ
        )
        self._nets = Nets(environment_values())

    def clean(self, text: str) -> str:
        """Return the text without secrets and without what steers a terminal."""
        return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), self._nets.hide(text))

    def paint(self, text: str, color: str) -> str:
        """Return the text, cleaned and in a color where colors are on."""
        text = self.clean(text)
        return f"\x1b[{_CODES[color]}m{text}\x1b[0m" if self._colored and text else text

    def line(self, *pieces: str) -> None:
        """Write pieces that are clean, as one line."""
        self._write("".join(pieces) + "\n")

    def say(self, text: str = "") -> None:
        """Clean a text and write it as a line."""
        self.line(self.clean(text))

    def json(self, value: Any) -> None:
        """Write a value as indented JSON."""
        self._write(json.dumps(self._cleaned(value), indent=2, ensure_ascii=False) + "\n")

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._nets.hide(value)
        if isinstance(value, dict):
            return {name: self._cleaned(item) for name, item in value.items()}
        return [self._cleaned(item) for item in value] if isinstance(value, list | tuple) else value

    def _write(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "backslashreplace").decode(encoding))
