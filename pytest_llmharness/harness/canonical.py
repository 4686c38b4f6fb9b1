"""One text for equal values, and a short name for it."""

from __future__ import annotations

import json
from typing import Any


def canonical(value: Any) -> str:
    """Return JSON text that equal JSON values share, whatever the order of their keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_other)


def digest(value: Any) -> str:
    """Return the 128-bit hash of a value's canonical text, as 32 hexadecimal digits."""
    from hashlib import blake2b  # only now: few runs need it, and it brings OpenSSL along

    return blake2b(canonical(value).encode("ascii"), digest_size=16).hexdigest()


def _other(value: Any) -> Any:
    """Say what a value that JSON does not know is, so that two kinds never look alike."""
    if isinstance(value, set | frozenset):
        return {"set": sorted(map(canonical, value))}
    items = dict(value) if hasattr(value, "keys") else repr(value)
    return items if isinstance(items, dict) else {type(value).__qualname__: items}
