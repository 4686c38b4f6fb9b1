"""Circuits in Redis: what one instance learns about an endpoint, all know."""

from __future__ import annotations

import json

from ...domain.circuit import Circuit
from ...ports.clock import Clock
from ..redis_scripts import NOW, RedisScripts

_READ = NOW + "return {redis.call('GET', KEYS[1]) or '', text(now)}"
# ARGV: the old circuit, the new one, the one of an unknown endpoint. A day without news, and it is forgotten.
_SWAP = """
if (redis.call('GET', KEYS[1]) or ARGV[3]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', 86400)
return 1
"""


class RedisBreakerStates:
    """One circuit an endpoint on a Redis server, timed by the server's clock.

    Args:
        url: where the server is, such as "redis://localhost:6379/0".
        prefix: set before every endpoint's name.
        clock: tells the time instead of the server; for tests.

    Raises:
        MissingExtra: the client library is not installed.
    """

    def __init__(self, url: str, *, prefix: str = "llmharness:circuit:", clock: Clock | None = None) -> None:
        self._server = RedisScripts(url)
        self._prefix = prefix
        self._clock = clock

    async def read(self, endpoint: str) -> tuple[Circuit, float]:
        """Return the circuit and the time now.

        Raises:
            SharedStateUnavailable: the server cannot be reached.
        """
        now = "" if self._clock is None else self._clock.now()
        found, time = await self._server.run(_READ, self._prefix + endpoint, [now])
        return _circuit(found.decode()), float(time)

    async def swap(self, endpoint: str, old: Circuit, new: Circuit) -> bool:
        """Replace the circuit if it still equals `old`.

        Raises:
            SharedStateUnavailable: the server cannot be reached.
        """
        circuits = [_text(old), _text(new), _text(Circuit())]
        return bool(await self._server.run(_SWAP, self._prefix + endpoint, circuits))

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self._server.aclose()


def _text(circuit: Circuit) -> str:
    return json.dumps([circuit.state, circuit.failures, circuit.since_s, circuit.probe])


def _circuit(text: str) -> Circuit:
    return Circuit(*json.loads(text)) if text else Circuit()
