"""The commands that our messages offer: pasted as they are, they do what they say.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .case import Case

_OPTIONS = ("llm_engine", "llm_base_url", "llm_engine_model")


def pytest_command(case: Case, *flags: str) -> str:
    """Return the command that runs just this test, from where pytest was started."""
    return shlex.join(("pytest", *flags, _test(case)))


def _test(case: Case) -> str:
    path, colons, name = case.item.nodeid.partition("::")
    config = case.item.config
    if config.invocation_params.dir != config.rootpath:
        path = os.path.relpath(config.rootpath / path, config.invocation_params.dir)
    return f"{path}{colons}{name}"


def live_command(case: Case, models: Iterable[str] = ()) -> str:
    """Return the command that runs the test live, on the engine that was asked for."""
    return pytest_command(case, "--llm-live", *_given(case), *map(_model_flag, models))


def replay_command(case: Case, models: Iterable[str]) -> str:
    """Return the command that replays the test for each of the models."""
    return pytest_command(case, *map(_model_flag, models))


def record_command(case: Case) -> str:
    """Return the command that records the test anew, on the engine it was recorded with."""
    flags, test = record_words(case)
    return shlex.join(("pytest", *flags, test))


def record_words(case: Case) -> tuple[list[str], str]:
    """Return the flags that record the test anew, and how the test is named behind them."""
    live = ["--llm-live"] if case.live_marked else []
    told = case.recording.metadata if case.recording is not None else {}
    engine = _given(case) or list(_recorded(case, told))
    return [*live, *engine, "--llm-record-mode=rewrite"], _test(case)


def _given(case: Case) -> list[str]:
    """Repeat what the command line said about the engine: a test's id may depend on it."""
    config = case.item.config
    values = {name: config.getoption(name, None) for name in _OPTIONS}
    return [
        f"--{name.replace('_', '-')}={value}"
        for name, given in values.items()
        for value in (given if isinstance(given, list) else [given])
        if value
    ]


def _recorded(case: Case, told: Mapping[str, Any]) -> Iterator[str]:
    """Name the engine of the cassette, where nothing else names one."""
    from ..options import ENGINES

    name, model, url = told.get("engine"), told.get("model"), told.get("base_url")
    config = case.item.config
    if name not in ENGINES or case.engine or config.getini("llm_engine") != "auto":
        return
    yield f"--llm-engine={name}"
    if name == "embedded":
        return
    if isinstance(url, str) and not config.getini("llm_base_url"):
        yield from _address(name, url)
    if isinstance(model, str) and not (case.models or config.getini("llm_engine_model")):
        yield _model_flag(model)


def _address(name: str, url: str) -> Iterator[str]:
    from ..adapters.providers.known_servers import KNOWN_SERVERS
    from ..cassette.redaction import SOME_PORT

    if name not in KNOWN_SERVERS or url != KNOWN_SERVERS[name].base_url:
        yield f"--llm-base-url={re.sub(f':{SOME_PORT}(?=/|$)', ':PORT', url)}"


def _model_flag(model: str) -> str:
    return f"--llm-engine-model={model}"


def guard_fix(case: Case | None) -> str:
    """Return how to let a refused connection through; "{host}" and "{port}" stand for its address."""
    mark = "@pytest.mark.llm_allow_network('{host}:{port}')"
    if case is None:
        return f"mark the test {mark}, or set llm_network = scoped"
    if not (case.live_marked or case.cassette_marked):
        return f"script the model, or mark the test {mark}"
    command = live_command(case) if case.live_marked else record_command(case)
    command = command.replace("{", "{{").replace("}", "}}")
    return f"{command}   (or mark the test {mark})"
