"""The hooks that we call: a conftest.py or a plugin implements them.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_llmharness_redactors(config: pytest.Config) -> Iterable[Callable[[str], str]]:  # type: ignore[empty-body]
    """Return functions that take more out of what cassettes are about to hold.

    Each is given a URL, a header's value or a body as text, and returns it as it may be written; applied
    twice it changes nothing more. Requests are compared in the form they would be written in.
    """
