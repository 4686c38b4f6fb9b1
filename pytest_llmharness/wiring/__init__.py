"""The composition root: settings in, a harness with both faces out."""

from .harness import Harness
from .providers import PROVIDERS, make_provider

__all__ = ["PROVIDERS", "Harness", "make_provider"]
