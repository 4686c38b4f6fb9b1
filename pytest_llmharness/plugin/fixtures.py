"""The fixtures. Each imports what it needs when a test first asks for it.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import HarnessError
from .case import Case
from .session import session_of

if TYPE_CHECKING:
    from ..adapters.providers.scripted import ScriptedProvider, Step
    from ..live.engines import Engine
    from ..ports.provider import Provider
    from ..wiring import Harness


@pytest.fixture
def _llm_model(request: pytest.FixtureRequest) -> str | None:
    """Which model this test asks, where several run side by side."""
    model: str | None = getattr(request, "param", None)
    return model


@pytest.fixture(scope="session")
def llm_cassette_config() -> dict[str, Any]:
    """How cassettes are matched and played, for many tests: override it and return e.g. {"max_age": "30d"}.

    Every override from the session down to the class counts, the nearest first; a test's own marker
    counts before all of them.
    """
    return {}


@pytest.fixture
def llm_cassette(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Record or replay the test's model calls; None where the test runs live.

    The recording has `.path`, `.played` and `.recorded` (counts) and `.metadata`.
    """
    from .settings import configured

    session = session_of(request.config)
    _after_other_recorders(request)
    with session.cassette(session.case(request.node), partial(configured, request)) as recording:
        yield recording


@pytest.fixture
def llm_engine(request: pytest.FixtureRequest, _llm_model: str | None) -> Engine:
    """The model server of this test: `.base_url`, `.api_key`, `.model`, `.dialect`, `.name`.

    Live it is a running server; in replay it says what the cassette was recorded with, and any
    client pointed at it is answered from the cassette.
    """
    session = session_of(request.config)
    case = session.case(request.node)
    means = case.plan.means
    if means == "skip":
        pytest.skip(_needs_live(case))
    if means == "offline":
        pytest.fail(_no_model(case), pytrace=False)
    recording = request.getfixturevalue("llm_cassette")
    if means == "replay":
        return _recorded_engine(case, recording)
    return session.engine(case)


@pytest.fixture
def llm_provider(llm_engine: Engine) -> Iterator[Provider]:
    """A provider on the test's model: replayed from its cassette, or live."""
    from ..wiring import PROVIDERS, make_provider
    from .failures import failed

    try:
        provider = make_provider(
            llm_engine.name if llm_engine.name in PROVIDERS else llm_engine.dialect,
            model=llm_engine.model,
            base_url=llm_engine.base_url,
            api_key=llm_engine.api_key,
        )
    except HarnessError as error:
        raise failed(error) from None
    yield provider
    _on_portal(provider.aclose)


@pytest.fixture
def llm_script() -> Callable[..., ScriptedProvider]:
    """Make a scripted model: `llm_script(["text", ToolCall(...), fault.rate_limit()])`."""

    def script(steps: Iterable[Step], **settings: Any) -> ScriptedProvider:
        __tracebackhide__ = True
        from ..adapters.providers.scripted import ScriptedProvider

        return ScriptedProvider(steps, **settings)

    return script


@pytest.fixture
def llm_harness(request: pytest.FixtureRequest, _llm_model: str | None) -> Iterator[Callable[..., Harness]]:
    """Make a harness: `llm_harness(["answer"], schema=...)`; without a script on `llm_provider`.

    Takes what `Harness` takes. Scripted harnesses run in virtual time and replayed ones skip
    their pauses, so a retry costs a test nothing.
    """
    made: list[Harness] = []

    def harness(script_or_provider: Any = None, /, **settings: Any) -> Harness:
        __tracebackhide__ = True
        from ..wiring import PROVIDERS, Harness

        provider = script_or_provider
        if provider is None:
            provider = request.getfixturevalue("llm_provider")
        elif not hasattr(provider, "complete") and provider not in PROVIDERS:
            provider = request.getfixturevalue("llm_script")(provider)
        settings.setdefault("clock", _clock(provider, session_of(request.config).case(request.node)))
        made.append(Harness(provider, **settings))
        return made[-1]

    yield harness
    for each in made:
        _on_portal(each.aclose)


def _clock(provider: Any, case: Case) -> Any:
    from ..adapters.clocks.skipping import SkippingClock
    from ..adapters.clocks.system import SystemClock
    from ..adapters.clocks.virtual import VirtualClock

    if getattr(provider, "name", None) == "scripted":
        return VirtualClock()
    return SkippingClock() if case.plan.means == "replay" else SystemClock()


def _recorded_engine(case: Case, recording: Any) -> Engine:
    from ..live.engines import Engine
    from .commands import record_command

    told = recording.metadata
    lacking = [name for name in ("engine", "dialect", "base_url") if not isinstance(told.get(name), str)]
    if lacking:
        there = case.cassette_path.exists()
        what = f"the cassette does not say its {lacking[0]}" if there else "this test has no cassette"
        fix = record_command(case)
        pytest.fail(f"{what}\n  where: {case.cassette_path}\n  fix:   {fix}", pytrace=False)
    return Engine(
        name=told["engine"],
        dialect=told["dialect"],
        base_url=told["base_url"],
        model=told.get("model"),
        api_key="replay",
    )


def _after_other_recorders(request: pytest.FixtureRequest) -> None:
    """Let pytest-recording, pytest-vcr and cassetter patch first: the last one answers."""
    if request.node.get_closest_marker("vcr") is None:
        return
    for name in ("vcr", "_vcr_marker", "cassette"):
        if name in request.fixturenames:
            request.getfixturevalue(name)


def _needs_live(case: Case) -> str:
    from .cassette_place import recorded_models
    from .commands import live_command, replay_command

    reason = f"needs a live model: {live_command(case)}"
    models = [] if case.model else recorded_models(case.item)
    if not models:
        return reason
    return f"{reason}; or replay what {len(models)} models answered: {replay_command(case, models)}"


def _no_model(case: Case) -> str:
    from .commands import live_command, record_command

    return (
        "this test has no model: no cassette and no marker\n"
        f"  where: {case.item.nodeid} (cassette would be {case.cassette_path})\n"
        "  fix:   script one: llm_script(['answer']) or llm_harness(['answer']);\n"
        f"         or mark the test @pytest.mark.llm_cassette and record it: {record_command(case)};\n"
        f"         or mark it @pytest.mark.llm_live: {live_command(case)}"
    )


def _on_portal(close: Callable[[], Any]) -> None:
    """Close on the loop thread, where a sync call opened connections; else there are none."""
    executors = sys.modules.get("pytest_llmharness.adapters.executors.portal")
    if executors is not None:
        executors.portal().run(close())
