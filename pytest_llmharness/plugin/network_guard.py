"""The network guard: an armed test connects only to what is allowed, and says so otherwise.

It watches Python's own sockets and name look-ups. C clients that open their own sockets, and
uvloop, do not pass through them; AF_UNIX sockets and pipes are free.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import NetworkBlocked

Address = tuple[str, int]


class NetworkGuard:
    """Patches `socket` once, at its first arming; idle it costs one attribute look-up a connection.

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
        self._originals: dict[tuple[Any, str], Any] = {}
        self._armed = False
        self._hosts: set[tuple[str, int | None]] = set()
        self._fix: Callable[[], str] = str
        self.refused: list[NetworkBlocked] = []

    def arm(self, allowed: Iterable[str], *, fix: Callable[[], str]) -> None:
        """Refuse every connection but to `allowed` ("host" or "host:port"); `fix` tells how to mend it."""
        self._install()
        self._hosts = {_split(host) for host in allowed}
        self._fix = fix
        self.refused = []
        self._armed = True

    def allow(self, host: str) -> None:
        """Let the armed test connect to one more host."""
        self._hosts.add(_split(host))

    def disarm(self) -> None:
        """Let everything through again; what was refused is forgotten with the test."""
        self._armed = False
        self.refused = []

    def uninstall(self) -> None:
        """Put the original functions back."""
        self._armed = False
        for (owner, name), original in self._originals.items():
            setattr(owner, name, original)
        self._originals.clear()

    def _install(self) -> None:
        if self._originals:
            return
        for name in ("connect", "connect_ex"):
            self._wrap(socket.socket, name, self._checked_method)
        self._wrap(socket.socket, "sendto", self._checked_sendto)
        self._wrap(socket, "getaddrinfo", self._checked_lookup)

    def _wrap(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = getattr(owner, name)
        self._originals[owner, name] = original
        setattr(owner, name, make(original))

    def _checked_method(self, original: Any) -> Any:
        def checked(sock: socket.socket, address: Any) -> Any:
            if self._armed:
                self._check(sock, address)
            return original(sock, address)

        return checked

    def _checked_sendto(self, original: Any) -> Any:
        def sendto(sock: socket.socket, *args: Any) -> Any:
            if self._armed:
                self._check(sock, args[-1])
            return original(sock, *args)

        return sendto

    def _checked_lookup(self, original: Any) -> Any:
        def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._armed or host is None or _is_address(_text(host)):
                return original(host, port, *args, **kwargs)
            name = _text(host)
            if not self._knows(name, port) and name != "localhost":
                self._refuse(name, port)
            found = original(host, port, *args, **kwargs)
            if self._knows(name, port):
                self._hosts.update((entry[4][0], _split_port(name, port, self._hosts)) for entry in found)
            return found

        return getaddrinfo

    def _check(self, sock: socket.socket, address: Any) -> None:
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
