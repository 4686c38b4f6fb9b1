"""JSON text from values, by an encoder that is made once and not at every call."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any


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
