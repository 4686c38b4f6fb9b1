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
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

from .places import MAKERS, PLACES, Place

_OURS = "llmharness_tap"
_STACKS = {place.stack: tuple(each for each in PLACES if each.stack == place.stack) for place in PLACES}


class Taps(MetaPathFinder):
    """The taps of this process. Two threads must not call `on` and `off` at once."""

    def __init__(self) -> None:
        self._on = False
        self._tapped: list[tuple[Place, Any, Any]] = []
        self._made: dict[tuple[Any, str], Any] = {}
        self._vcr: AbstractContextManager[Any] | None = None
        self._tripping = threading.Lock()

    def on(self) -> None:
        """Tap what is imported, and watch the imports for the rest."""
        self._on = True
        sys.meta_path.insert(0, self)
        for name in _STACKS.keys() & sys.modules.keys():
            self._tap(name)

    def over(self) -> list[tuple[Place, Any, Any]]:
        """Tap once more what somebody has patched meanwhile: the cassette opened last answers."""
        laid = []
        for place, owner, _ in self._tapped[:]:
            there = getattr(owner, place.method)
            if not hasattr(there, _OURS):
                tap = MAKERS[place.kind](self.trip, place, owner, there)
                setattr(tap, _OURS, there)
                setattr(owner, place.method, tap)
                laid.append((place, owner, tap))
        return laid

    def back(self, laid: list[tuple[Place, Any, Any]]) -> None:
        """Undo `over`, but for what somebody has taken off already."""
        for place, owner, tap in laid:
            if getattr(owner, place.method) is tap:
                setattr(owner, place.method, real(tap))

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

    def _tap_of(self, place: Place, owner: Any, original: Any) -> Any:
        made = self._made.get((owner, place.method))
        if made is None or real(made) is not original:
            made = self._made[owner, place.method] = MAKERS[place.kind](self.trip, place, owner, original)
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
