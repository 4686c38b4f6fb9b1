"""Counts tokens without a vocabulary: four bytes a token."""

from __future__ import annotations

from ...domain.frozen import dataclass
from ...errors import ConfigError


@dataclass(frozen=True, slots=True)
class ByteEstimate:
    """Estimates tokens as UTF-8 bytes over `bytes_per_token`, rounded up.

    It knows no vocabulary, so it errs both ways: docs/layers/context.md has the measured errors. A
    smaller divisor (3, say) is safer for code, JSON and Chinese; a counter that knows the model's
    vocabulary is better than any.

    Example:
        >>> ByteEstimate().count("hello world")
        3
    """

    bytes_per_token: int = 4

    def __post_init__(self) -> None:
        if type(self.bytes_per_token) is not int or self.bytes_per_token < 1:
            raise ConfigError(
                f"bytes_per_token={self.bytes_per_token!r} cannot work",
                where="ByteEstimate.bytes_per_token",
                fix="give it a whole number of at least 1 (default 4)",
            )

    def count(self, text: str) -> int:
        """Return the estimate; 0 for the empty text."""
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return (size + self.bytes_per_token - 1) // self.bytes_per_token
