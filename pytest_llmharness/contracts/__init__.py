"""Conformance classes, one a port: subclass one to prove that your own adapter keeps its promises."""

from __future__ import annotations

from .provider import ProviderContract

__all__ = ["ProviderContract"]
