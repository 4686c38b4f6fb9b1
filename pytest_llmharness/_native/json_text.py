"""JSON text from values: by the compiled core where it is there, else by the standard library."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any

__all__ = ["encoder", "json_of", "json_text"]

try:
    from ._core import json_of
except ImportError:

    def json_of(value: object, /) -> str | None:  # noqa: ARG001
        """Know no quick way; the caller takes the slow one."""
        return None


def json_text(value: Any) -> str:
    """Return the JSON text of a value, without spaces, as UTF-8 can express it.

    Raises:
        TypeError, ValueError, RecursionError: JSON cannot express the value.
    """
    text = json_of(value)
    if text is not None:
        return text
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, which an escape can stand for
        return _encode_ascii(value)
    return text


def encoder(**settings: Any) -> Callable[[Any], str]:
    """Return what `json.JSONEncoder(**settings).encode` does, without its fixed cost where that can be.

    The standard library makes its C encoder anew for every value, which takes longer than to write a
    small one.

    Args:
        settings: those of `json.JSONEncoder` but for `indent`. Values that hold themselves end in a
            RecursionError.
    """
    made = json.JSONEncoder(**settings, check_circular=False)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return made.encode
    texts: Any = getattr(
        json.encoder, "encode_basestring_ascii" if made.ensure_ascii else "encode_basestring"
    )
    write = make(
        None,
        made.default,
        texts,
        None,
        made.key_separator,
        made.item_separator,
        made.sort_keys,
        made.skipkeys,
        made.allow_nan,
    )

    def encode(value: Any) -> str:
        text: str = texts(value) if isinstance(value, str) else "".join(write(value, 0))
        return text

    return encode


_encode = encoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_encode_ascii = encoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)
