"""Runs one test over several models, side by side.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import pytest

from .case import as_models
from .session import LLMSession


def parametrize_models(metafunc: pytest.Metafunc, session: LLMSession) -> None:
    """Repeat a live test for each of the models named, if they are several.

    Other tests run once: they are made for one recording, whatever models are compared live.
    """
    mark = metafunc.definition.get_closest_marker("llm_live")
    if mark is None or "_llm_model" not in metafunc.fixturenames:
        return
    models = session.models or as_models(mark.kwargs.get("models"))
    if len(models) > 1:
        metafunc.parametrize("_llm_model", models, indirect=True, ids=[str(model) for model in models])
