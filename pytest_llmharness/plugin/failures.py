"""What must not be swallowed, in the form in which pytest shows it without our frames.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import pytest

from ..errors import CassetteMiss, NetworkBlocked, Unignorable


class _Shown(Unignorable):
    """pytest prints `msg` instead of a traceback where `pytrace` is false."""

    pytrace = False

    @property
    def msg(self) -> str:
        return str(self)


class FailedMiss(_Shown, CassetteMiss, pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A cassette miss inside a test; also a `pytest.fail.Exception`."""


class FailedConnection(_Shown, NetworkBlocked, pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A refused connection inside a test; also a `pytest.fail.Exception`."""
