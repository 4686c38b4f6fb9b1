"""Where HTTP stacks are tapped while a cassette is in use: httpx and aiohttp by us, others by vcrpy.

vcrpy imports every stack that is installed, which takes half a second, so the first call that needs
it calls for it: until then a tripwire stands in its place. A stack that is imported while a cassette
is in use is tapped as it comes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any
from urllib.parse import urlsplit

_OURS = "llmharness_tap"


@dataclass(frozen=True, slots=True)
class _Place:
    """A method that every call of its stack goes through."""

    stack: str
    owner: str
    method: str
    kind: str = "wire"

    def find(self) -> Any:
        """Return the class, or None where this release of the stack has none."""
        found: Any = sys.modules[self.stack]
        if getattr(found.__spec__, "_initializing", False):
            found = import_module(self.stack)  # waits for the thread that is importing it
        for part in self.owner.split("."):
            found = getattr(found, part, None)
        return found


_PLACES = (
    _Place("httpx", "HTTPTransport", "handle_request", "sync"),
    _Place("httpx", "AsyncHTTPTransport", "handle_async_request", "async"),
    _Place("httpx2", "HTTPTransport", "handle_request", "sync"),
    _Place("httpx2", "AsyncHTTPTransport", "handle_async_request", "async"),
    _Place("httpcore", "ConnectionPool", "handle_request", "bare"),
    _Place("httpcore", "AsyncConnectionPool", "handle_async_request", "bare"),
    _Place("httpcore2", "ConnectionPool", "handle_request", "bare"),
    _Place("httpcore2", "AsyncConnectionPool", "handle_async_request", "bare"),
    _Place("curl_cffi.requests.session", "Session", "request", "uncovered"),
    _Place("curl_cffi.requests.session", "AsyncSession", "request", "uncovered"),
    _Place("websockets.asyncio.client", "connect", "__await__", "uncovered"),
    _Place("websockets.sync.client", "ClientConnection", "handshake", "uncovered"),
    _Place("http.client", "HTTPConnection", "__init__", "birth"),
    _Place("http.client", "HTTPSConnection", "__init__", "birth"),
    _Place("urllib3", "connectionpool.HTTPConnectionPool", "urlopen"),  # requests and botocore, too
    _Place("aiohttp", "BaseConnector", "connect", "connector"),
    _Place("httplib2", "Http", "request"),
    _Place("tornado.httpclient", "AsyncHTTPClient", "fetch"),
)
_STACKS = {place.stack: tuple(each for each in _PLACES if each.stack == place.stack) for place in _PLACES}


class Taps(MetaPathFinder):
    """The taps of this process. Two threads must not call `on` and `off` at once."""

    def __init__(self) -> None:
        self._on = False
        self._tapped: list[tuple[_Place, Any, Any]] = []
        self._made: dict[tuple[Any, str], Any] = {}
        self._vcr: AbstractContextManager[Any] | None = None
        self._tripping = threading.Lock()

    def on(self) -> None:
        """Tap what is imported, and watch the imports for the rest."""
        self._on = True
        sys.meta_path.insert(0, self)
        for name in _STACKS.keys() & sys.modules.keys():
            self._tap(name)

    def off(self) -> None:
        """Put everything back."""
        self._on = False
        sys.meta_path[:] = [each for each in sys.meta_path if each is not self]
        with self._tripping:
            if self._vcr is not None:
                leaving, self._vcr = self._vcr, None
                leaving.__exit__(None, None, None)
            while self._tapped:
                place, owner, original = self._tapped.pop()
                setattr(owner, place.method, original)

    def trip(self) -> bool:
        """Let vcrpy take hold of its stacks; return whether it has them."""
        if self._on and self._vcr is None:
            with self._tripping:  # other threads wait here until vcrpy is ready
                if self._on and self._vcr is None:
                    from .vcr_bridge import patches

                    entering = patches()
                    entering.__enter__()
                    self._vcr = entering
        return self._vcr is not None

    def _tap(self, stack: str) -> None:
        for place in _STACKS[stack]:
            owner = place.find()
            if owner is not None:
                original = real(getattr(owner, place.method))
                setattr(owner, place.method, self._tap_of(place, owner, original))
                self._tapped.append((place, owner, original))

    def _tap_of(self, place: _Place, owner: Any, original: Any) -> Any:
        made = self._made.get((owner, place.method))
        if made is None or real(made) is not original:
            made = self._made[owner, place.method] = _MAKERS[place.kind](self, place, owner, original)
            setattr(made, _OURS, original)
        return made

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """Find a stack by the other finders, and tap it once it is imported."""
        if name not in _STACKS:
            return None
        finders = [each for each in sys.meta_path if each is not self and hasattr(each, "find_spec")]
        found = (finder.find_spec(name, path, target) for finder in finders)
        spec = next((each for each in found if each is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _TappingLoader(spec.loader, self._imported)
        return spec

    def _imported(self, name: str) -> None:
        # Without the lock: the thread that holds it may be waiting for this very import.
        if self._on and self._vcr is None:
            self._tap(name)


class _TappingLoader(Loader):
    """Loads a module as its own loader does, then says so."""

    def __init__(self, loader: Any, imported: Callable[[str], None]) -> None:
        self._loader, self._imported = loader, imported

    def create_module(self, spec: ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._imported(module.__name__)


def real(method: Any) -> Any:
    """Return what stood there before a tap, also one that somebody put back after its time."""
    return getattr(method, _OURS, method)


def _sync(_taps: Taps, place: _Place, _owner: Any, original: Any) -> Any:
    from .transports import sync_transport

    return sync_transport(sys.modules[place.stack], original)


def _async(_taps: Taps, place: _Place, _owner: Any, original: Any) -> Any:
    from .transports import async_transport

    return async_transport(sys.modules[place.stack], original)


def _connector(_taps: Taps, place: _Place, _owner: Any, original: Any) -> Any:
    from .aiohttp_connector import connector

    return connector(sys.modules[place.stack], original)


def _bare(_taps: Taps, place: _Place, owner: Any, original: Any) -> Any:
    """Refuse what did not come through a transport that is covered: a subclass, or a bare pool."""
    from .in_use import current
    from .transports import inside

    @wraps(original)
    def bare(this: Any, request: Any) -> Any:
        recording = None if inside.get() else current()
        if recording is not None:
            name = f"{place.stack}.{owner.__name__}"
            raise recording.refuse(
                f"a request went to {name} past the transports that a cassette covers",
                where=f"{name}.{place.method}",
                fix="in a transport of your own call super().handle_request(request), or use a Client",
            )
        return original(this, request)

    return bare


def _uncovered(_taps: Taps, place: _Place, _owner: Any, original: Any) -> Any:
    """Refuse a stack that no cassette can hold; its WebSockets to this machine are let through."""
    from .in_use import current

    @wraps(original)
    def uncovered(this: Any, *args: Any, **kwargs: Any) -> Any:
        recording = None if _on_loopback(this) else current()
        if recording is not None:
            name = place.stack.partition(".")[0]
            raise recording.refuse(
                f"{name} is not covered: no cassette can hold its calls",
                where=f"{place.stack}.{place.owner}",
                fix="make the call with httpx, httpx2, aiohttp, requests or urllib3, or outside of the block",
            )
        return original(this, *args, **kwargs)

    return uncovered


def _on_loopback(this: Any) -> bool:
    uri = getattr(this, "uri", None) or getattr(getattr(this, "protocol", None), "uri", None)
    host = getattr(uri, "host", None) or urlsplit(str(uri)).hostname
    return host in ("localhost", "::1") or str(host).startswith("127.")


def _wire(taps: Taps, place: _Place, owner: Any, original: Any) -> Any:
    """Trip, then call what stands there: vcrpy may have put its own method over this one."""

    @wraps(original)
    def wire(this: Any, *args: Any, **kwargs: Any) -> Any:
        now = getattr(owner, place.method) if taps.trip() else original
        return (original if now is wire else now)(this, *args, **kwargs)

    return wire


def _birth(taps: Taps, place: _Place, owner: Any, original: Any) -> Any:
    """Trip when a plain connection is made, and let it be born as one of vcrpy's."""

    @wraps(original)
    def birth(this: Any, *args: Any, **kwargs: Any) -> None:
        if type(this) is owner and taps.trip():
            from .vcr_bridge import lifted, stub_of

            if not lifted():
                this.__class__ = stub_of(place.owner)
                this.__init__(*args, **kwargs)
                return
        original(this, *args, **kwargs)

    return birth


_MAKERS: dict[str, Callable[[Taps, _Place, Any, Any], Any]] = {
    "sync": _sync,
    "async": _async,
    "connector": _connector,
    "bare": _bare,
    "uncovered": _uncovered,
    "wire": _wire,
    "birth": _birth,
}
