"""The network guard: an armed test connects only to what is allowed, and says so otherwise.

It watches Python's own sockets and name look-ups. C clients that open their own sockets, and
uvloop, do not pass through them; AF_UNIX sockets and pipes are free. Python itself tells it of them
(an audit hook): what is patched into `socket`, other plugins take off, pytest-socket after every
test and pytest-recording after every test that it blocked.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import NetworkBlocked

Address = tuple[str, int]

_CONNECTING = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg"))
_armed: list[NetworkGuard] = []
_hooked: list[bool] = []


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _armed:
        return
    if event in _CONNECTING:
        for guard in tuple(_armed):
            guard.check(*args)
    elif event == "socket.getaddrinfo":
        for guard in tuple(_armed):
            guard.check_name(*args[:2])


class NetworkGuard:
    """Idle it costs one look at a list for each audit event of the process.

    Args:
        own_addresses: returns the (host, port) pairs of this process's own servers.
        blocked: the error class to raise.
    """

    def __init__(
        self,
        own_addresses: Callable[[], set[Address]],
        blocked: type[NetworkBlocked] = NetworkBlocked,
    ) -> None:
        self._own_addresses = own_addresses
        self._blocked = blocked
        self._hosts: set[tuple[str, int | None]] = set()
        self._fix: Callable[[], str] = str
        self._lookup: Any = None
        self._noting: Any = None
        self.refused: list[NetworkBlocked] = []

    def arm(self, allowed: Iterable[str], *, fix: Callable[[], str]) -> None:
        """Refuse every connection but to `allowed` ("host" or "host:port"); `fix` tells how to mend it."""
        if not _hooked:  # it stays for the life of the process
            sys.addaudithook(_audit)
            _hooked.append(True)
        self._hosts = {_split(host) for host in allowed}
        self._fix = fix
        self.refused = []
        self._note_lookups()
        _armed.append(self)

    def allow(self, host: str) -> None:
        """Let the armed test connect to one more host."""
        self._hosts.add(_split(host))

    def disarm(self) -> None:
        """Let everything through again; what was refused is forgotten with the test."""
        self.refused = []
        if self in _armed:
            _armed.remove(self)

    def uninstall(self) -> None:
        """Disarm, and put the original look-up back."""
        self.disarm()
        if self._noting is not None and socket.getaddrinfo is self._noting:
            socket.getaddrinfo = self._lookup

    def _note_lookups(self) -> None:
        """Stand over `getaddrinfo`, again where somebody has taken it off: its answers are needed."""
        if self._noting is not None and socket.getaddrinfo is self._noting:
            return
        lookup = self._lookup = socket.getaddrinfo

        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            found = lookup(host, port, *args, **kwargs)
            if self in _armed and host is not None and self._knows(_text(host), port):
                known = _split_port(_text(host), port, self._hosts)
                self._hosts.update((_text(entry[4][0]), known) for entry in found)
            return found

        self._noting = socket.getaddrinfo = getaddrinfo

    def check_name(self, host: Any, port: Any) -> None:
        """Refuse to look up a name that nothing allows."""
        if host is None or _is_address(_text(host)):
            return
        if not self._knows(_text(host), port) and _text(host) != "localhost":
            self._refuse(_text(host), port)

    def check(self, sock: socket.socket, address: Any) -> None:
        """Refuse a connection that nothing allows."""
        if sock.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
            return
        host, port = _text(address[0]), address[1]
        if not self._knows(host, port) and (host, port) not in self._own_addresses():
            sock.close()  # callers close it after an OSError only, and this is none
            self._refuse(host, port)

    def _knows(self, host: str, port: Any) -> bool:
        return (host, None) in self._hosts or (host, port) in self._hosts

    def _refuse(self, host: str, port: Any) -> None:
        error = self._blocked(
            f"the test tried to connect to {host}:{port}, and nothing allows it",
            where=f"network guard (llm_network), {host}:{port}",
            fix=self._fix().format(host=host, port=port),
        )
        self.refused.append(error)
        raise error


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)


def _split(host: str) -> tuple[str, int | None]:
    name, _, port = host.rpartition(":")
    return (
        (name.strip("[]"), int(port)) if name and port.isdigit() and not _is_address(host) else (host, None)
    )


def _split_port(name: str, port: Any, hosts: set[tuple[str, int | None]]) -> int | None:
    return None if (name, None) in hosts else int(port)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
