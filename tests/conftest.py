"""Tests of the plugin run pytest inside pytest; tests of clients ask one real llama.cpp server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_llmharness.live.embedded import EmbeddedEngine

pytest_plugins = ["pytester"]


@pytest.fixture(scope="session")
def embedded_engine() -> Iterator[EmbeddedEngine]:
    """The server with the toy model, one for all tests of a process."""
    from pytest_llmharness.errors import EngineUnavailable
    from pytest_llmharness.live.embedded import EmbeddedEngine

    try:
        engine = EmbeddedEngine.start()
    except EngineUnavailable as error:
        pytest.skip(error.what)
    with engine:
        yield engine
