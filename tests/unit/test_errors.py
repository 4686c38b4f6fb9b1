"""Every error has one form, and survives pickle and copy."""

from __future__ import annotations

import copy
import pickle

import pytest

from pytest_llmharness import errors


def _leaves() -> list[type[errors.Explained]]:
    found, todo = [], [errors.Explained]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__ == errors.__name__ and kind is not errors.Explained:
            found.append(kind)
    return found


def test_the_list_of_leaves_is_not_empty() -> None:
    """The parametrised tests below have something to run on."""
    assert {errors.HarnessError, errors.CassetteMiss, errors.RateLimited} <= set(_leaves())


@pytest.mark.parametrize("kind", _leaves(), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
def test_survives_pickle_and_copy(kind: type[errors.Explained], again) -> None:
    """A copy has the same type, text and facts."""
    error = kind("it broke", where="here:3", fix="do that")
    error.extra = {"tokens": 3}
    twin = again(error)
    assert type(twin) is kind
    assert str(twin) == str(error) == "it broke\n  where: here:3\n  fix:   do that"
    assert twin.__dict__ == error.__dict__
    assert twin.args == error.args


def test_provider_facts_survive() -> None:
    """Status and patience go through a pickle."""
    error = errors.RateLimited("slow down", where="", fix="wait", provider="x", status=429, retry_after_s=2.5)
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.provider, twin.status, twin.retry_after_s, twin.retryable) == ("x", 429, 2.5, True)
    assert "where" not in str(twin)


def test_fix_has_no_default() -> None:
    """An error without a mend cannot be written."""
    with pytest.raises(TypeError):
        errors.HarnessError("it broke", where="here")  # type: ignore[call-arg]


def test_a_miss_passes_except_exception() -> None:
    """What must not be swallowed is no Exception."""
    assert not issubclass(errors.CassetteMiss, Exception)
    assert not issubclass(errors.NetworkBlocked, Exception)
