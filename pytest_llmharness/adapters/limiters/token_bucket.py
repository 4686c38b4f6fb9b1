"""A token bucket a key, in this process: first come, first served."""

from __future__ import annotations

import asyncio
import threading
from weakref import WeakKeyDictionary

from ...errors import ConfigError
from ...ports.clock import Clock

# Above this many keys, buckets that are full again are forgotten: they are as good as new.
_MANY = 1024


class TokenBucket:
    """Grants `capacity` slots at once, then one every `refill_s` seconds, each key for itself.

    Ten at t=0, the 11th at 1.0 s, the 12th at 2.0 s. Who asks first is served first, within an event
    loop: a small request does not overtake a large one. One that gives up or is cancelled takes no
    slot. A bucket is one for all event loops and threads of the process.

    ```python
    requests = TokenBucket(clock, capacity=60, refill_s=60 / 60)  # 60 requests a minute
    tokens = TokenBucket(clock, capacity=90_000, refill_s=60 / 90_000)  # 90,000 tokens a minute
    await requests.acquire("gpt")
    await tokens.acquire("gpt", slots=1_200)  # its estimated tokens
    ```

    Args:
        clock: the time.
        capacity: slots that can be had at once.
        refill_s: seconds until a used slot is free again.
    """

    def __init__(self, clock: Clock, *, capacity: int = 10, refill_s: float = 1.0) -> None:
        for name, value, lowest in (("capacity", capacity, 1), ("refill_s", refill_s, 0)):
            if isinstance(value, bool) or not value >= lowest:
                raise ConfigError(
                    f"{name}={value!r} cannot work",
                    where=f"TokenBucket({name}=...)",
                    fix=f"give it a number of at least {lowest}",
                )
        self._clock = clock
        self._capacity = capacity
        self._refill_s = refill_s
        # By key, the time at which the bucket is full again (the GCRA's theoretical arrival time).
        self._full_at: dict[str, float] = {}
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Queue]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    async def acquire(self, key: str, *, slots: int = 1, timeout_s: float | None = None) -> None:
        """Wait for `slots` slots and take them; more than the capacity waits for all and leaves a debt.

        Raises:
            TimeoutError: they were not free within `timeout_s` seconds.
        """
        queues = self._queues.setdefault(asyncio.get_running_loop(), {})
        queue = queues.setdefault(key, _Queue())
        queue.length += 1
        try:
            async with self._clock.timeout(timeout_s), queue.turn:
                while (wait_s := self._take(key, max(slots, 1))) > 0:
                    await self._clock.sleep(wait_s)
        finally:
            queue.length -= 1
            if not queue.length:
                queues.pop(key, None)

    def _take(self, key: str, slots: int) -> float:
        """Take the slots and return 0, or return how long to wait for them."""
        with self._lock:
            now = self._clock.now()
            full_at = max(self._full_at.get(key, now), now)
            spare = max(self._capacity - slots, 0)
            wait_s = full_at - spare * self._refill_s - now
            if wait_s > 0:
                return wait_s
            self._full_at[key] = full_at + slots * self._refill_s
            if len(self._full_at) > _MANY:
                self._full_at = {one: at for one, at in self._full_at.items() if at > now}
            return 0.0


class _Queue:
    """Those who wait for one key on one loop; a lock of asyncio serves them in order."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.length = 0
