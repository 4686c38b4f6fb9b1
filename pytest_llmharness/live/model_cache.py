"""Where the toy model's file lives: made once a user, shared by every process, never half-written."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from . import toy_model

_FOLDER = "pytest-llmharness"


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for files that can be made again.

    `LLMHARNESS_CACHE_DIR` where it is set, else this platform's place for a user's caches.
    """
    if chosen := environ.get("LLMHARNESS_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / _FOLDER / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / _FOLDER
    xdg = environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / _FOLDER


class ModelFile:
    """The toy model on disk, in the cache folder or, where that cannot be written, in a private one.

    Attributes:
        path: the GGUF file.
    """

    def __init__(self, path: Path, private: tempfile.TemporaryDirectory[str] | None = None) -> None:
        self.path = path
        self._private = private

    @classmethod
    def ready(cls, environ: Mapping[str, str] = os.environ) -> ModelFile:
        """Find the toy model's file, or make it.

        Raises:
            ImportError: it has to be made, and gguf or numpy is not installed.
            OSError: neither the cache folder nor a temporary one can be written.
        """
        name = f"toy-{toy_model.fingerprint()}.gguf"
        try:
            path = cache_dir(environ) / name
            if not os.access(path, os.R_OK):
                path.parent.mkdir(parents=True, exist_ok=True)
                _make(path)
        except (OSError, RuntimeError):  # read-only, full, or a user without a home
            private = tempfile.TemporaryDirectory(prefix=f"{_FOLDER}-", ignore_cleanup_errors=True)
            toy_model.build(Path(private.name) / name)
            return cls(Path(private.name) / name, private)
        return cls(path)

    def release(self) -> None:
        """Remove the file where it is private; nobody uses it any more."""
        if self._private is not None:
            self._private.cleanup()
            self._private = None


def _make(path: Path) -> None:
    """Write beside the target and rename: whoever comes at the same time sees all of it or nothing."""
    handle, draft = tempfile.mkstemp(prefix=f"{path.stem}-", suffix=".tmp", dir=path.parent)
    os.close(handle)
    try:
        toy_model.build(Path(draft))
        os.chmod(draft, 0o644)  # a folder shared by several users holds one file for all of them
        with suppress(PermissionError):  # Windows, where another worker's file is open by now: the same bytes
            os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)
    if not path.is_file():
        raise OSError(f"{path} could not be put in place")
