"""The live engines of a session: started at first use, kept, and started again where one died.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import pytest

from ..cassette import Cassette
from ..errors import CassetteError, EngineUnavailable, HarnessError
from ..live.engines import Engine, OpenEngine, open_engine
from .case import Case
from .commands import pytest_command, record_command
from .failures import failed


class LiveEngines:
    """The engines in use.

    Args:
        settings: the values of the options.
        notes: where to say what the user should know at the end.
        skipped: where to keep why a test had no engine, by its id.
    """

    def __init__(self, settings: Mapping[str, Any], notes: list[str], skipped: dict[str, str]) -> None:
        self._settings, self._notes, self._skipped = settings, notes, skipped
        self._open: dict[tuple[str, str, str], OpenEngine] = {}

    def get(self, case: Case) -> Engine:
        """Return the engine of a test.

        An engine that cannot be had skips the test where it was only preferred (auto, embedded),
        and fails it where it was asked for by name or address.
        """
        name, base_url = self._name(case), self._settings["llm_base_url"]
        named = self._settings["llm_engine_model"] or case.models
        key = name, base_url, case.model or (named[0] if named else "")
        self._bury(key, case)
        if key not in self._open:
            self._open[key] = self._start(case, *key)
        return self._open[key].engine

    def close(self) -> None:
        """Stop what was started."""
        while self._open:
            self._open.popitem()[1].close()

    def _name(self, case: Case) -> str:
        name: str = self._settings["llm_engine"]
        if case.engine is None or case.engine == name:
            return name
        if name != "auto":
            command = pytest_command(case, "--llm-live", f"--llm-engine={case.engine}")
            self._skip(case, f"needs the engine {case.engine}: {command}")
        return case.engine

    def _bury(self, key: tuple[str, str, str], case: Case) -> None:
        """Forget an embedded engine whose process has ended, so that this test gets a new one."""
        running = self._open.get(key)
        if running is not None and running.embedded is not None and not running.embedded.alive:
            del self._open[key]
            running.close()
            self._notes.append(f"the embedded engine died; it was started again for {case.item.nodeid}")

    def _start(self, case: Case, name: str, base_url: str, model: str) -> OpenEngine:
        try:
            return open_engine(name, base_url=base_url or None, model=model or None)
        except EngineUnavailable as error:
            if name in ("auto", "embedded") and not base_url:
                self._skip(case, f"{error.what}; {error.fix}")
            raise failed(error) from None
        except HarnessError as error:
            raise failed(error) from None

    def _skip(self, case: Case, reason: str) -> NoReturn:
        self._skipped[case.item.nodeid] = reason
        pytest.skip(reason)


def refuse_another_model(case: Case, engine: Engine) -> None:
    """Fail a test that would add the takes of one model to those of another.

    Raises:
        CassetteError: its cassette was recorded with another model.
    """
    if case.plan.record_mode != "new_episodes":
        return
    try:
        model = Cassette.load(case.cassette_path).metadata.get("model", engine.model)
    except CassetteError:
        return  # there is none, or the one that opens it next says what is wrong with it
    if model != engine.model:
        raise CassetteError(
            f"the cassette {case.cassette_path.name} holds what the model {model!r} answered, "
            f"and this run asks {engine.model!r}",
            where=str(case.cassette_path),
            fix=f"{record_command(case)}   (or ask the same model: --llm-engine-model={model})",
        )
