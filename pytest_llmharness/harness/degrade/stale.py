"""An answer that was kept, for when nobody can be asked."""

from __future__ import annotations

from ...domain.completion import Completion
from ...errors import CircuitOpen, ProviderError
from ...ports.cache import Cache
from ..cached_answer import unpack
from .failure import blames_endpoint


async def stale_answer(
    cache: Cache | None, key: str | None, failure: ProviderError
) -> tuple[Completion, float] | None:
    """Return the kept answer to an equal request and its age in seconds, where an outage calls for it.

    A cache that fails has nothing kept.
    """
    outage = blames_endpoint(failure) or isinstance(failure, CircuitOpen)
    if cache is None or key is None or not outage:
        return None
    try:
        found = await cache.stale(key)
        answer = unpack(found[0]) if found is not None else None
        return None if found is None or answer is None else (answer, float(found[1]))
    except Exception:  # noqa: BLE001 - the outage is the news, not the cache
        return None
