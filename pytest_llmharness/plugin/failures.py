"""What must not be swallowed, in the form in which pytest shows it without our frames.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from typing import Any

import pytest

from ..errors import CassetteMiss, HarnessError, NetworkBlocked, Unignorable


class _Shown(Unignorable):
    """pytest prints `msg` instead of a traceback where `pytrace` is false."""

    pytrace = False

    @property
    def msg(self) -> str:
        return str(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self).__qualname__, self.__dict__.copy())


class FailedMiss(_Shown, CassetteMiss, pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A cassette miss inside a test; also a `pytest.fail.Exception`."""


class FailedConnection(_Shown, NetworkBlocked, pytest.fail.Exception):  # type: ignore[name-defined, misc]
    """A refused connection inside a test; also a `pytest.fail.Exception`."""


_SHOWN = {"CassetteMiss": FailedMiss, "NetworkBlocked": FailedConnection}
for _name, _kind in _SHOWN.items():  # the name that a summary line shows, as pytest does for its own
    _kind.__module__, _kind.__qualname__, _kind.__name__ = "builtins", _name, _name


def _again(name: str, state: dict[str, Any]) -> Unignorable:
    kind = _SHOWN[name]
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = (error.what,)
    return error


def failed(error: HarnessError) -> BaseException:
    """Return what fails a test with the error's own words and no traceback of ours."""
    return pytest.fail.Exception(str(error), pytrace=False)
