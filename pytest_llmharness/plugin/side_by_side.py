"""Runs one test over several models, side by side.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import pytest

from .session import LLMSession


def parametrize_models(metafunc: pytest.Metafunc, session: LLMSession) -> None:
    """Repeat a test that asks a model for each of the models named, if they are several."""
    if "llm_engine" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("llm_live")
    named = mark.kwargs.get("models") if mark else None
    models = session.models or ((named,) if isinstance(named, str) else tuple(named or ()))
    if len(models) > 1:
        metafunc.parametrize("_llm_model", models, indirect=True, ids=[str(model) for model in models])
