"""The door to the compiled core, which has the only implementation of this room."""

from __future__ import annotations

from types import ModuleType

from ..errors import CoreMissing


def load(feature: str) -> ModuleType:
    """Return the compiled core.

    Args:
        feature: what needs it, for the error.

    Raises:
        CoreMissing: this installation has no core.
    """
    try:
        from .._native import _core
    except ImportError as error:
        raise CoreMissing(
            f"{feature} needs the compiled core, and this installation has none",
            where="pytest_llmharness._native._core",
            fix="pip install --force-reinstall pytest-llmharness  (a wheel, or Rust from https://rustup.rs)",
        ) from error
    return _core
