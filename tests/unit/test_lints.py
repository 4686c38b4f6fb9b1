"""Article 000's five mistakes: each found where it was made, and not where it was not."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pytest_llmharness
from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    Request,
    ScriptedProvider,
    VirtualClock,
    fault,
)
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.explain import Finding, code_lines, lint
from pytest_llmharness.harness import orchestrator
from pytest_llmharness.harness.routing import ModelTier
from pytest_llmharness.scoring import scored

NUMBER = {"type": "integer"}


def harness(*script: Any, name: str = "scripted", **settings: Any) -> Harness:
    """Return a harness on a script, in virtual time."""
    provider = ScriptedProvider(script)
    provider.name = name
    return Harness(provider, clock=VirtualClock(), **{"schema": NUMBER, **settings})


def names(findings: list[Finding]) -> list[str]:
    return [finding.lint for finding in findings]


def test_a_harness_without_a_validator() -> None:
    """A31.1: nothing checks what comes out; a schema or any validator will do."""
    [found] = lint(harness(schema=None))
    assert found.lint == "no_validator"
    assert str(found) == (
        "no_validator: nothing checks what the model answers\n"
        "  where: Harness(schema=..., validators=...)\n"
        "  fix:   give it a schema, or validators=[json_validator] for a start"
    )
    assert names(lint(harness(layers={"validate": None}))) == ["no_validator"]
    assert lint(harness()) == []
    assert lint(harness(schema=None, validators=[lambda value: None])) == []


def blind(script: list[Any], attempts: int, **settings: Any) -> tuple[Harness, list[LLMResult]]:
    """Run a request again and again until it succeeds, as article 000 warns of."""
    made, results = harness(*script, **settings), []
    for _ in range(attempts):
        results.append(made.run("How many?"))
        if results[-1].success:
            break
    return made, results


def test_a_retry_that_says_nothing_new() -> None:
    """A31.2: a loop around the harness that sends the same prompt again; the second time is found."""
    made, results = blind(["no", "no", "7"], 3, config=HarnessConfig(max_retries=0))
    found = lint(made, [pass_on(result) for result in results])
    assert names(found) == ["identical_retry", "identical_retry"]
    session = results[1].metadata["session_id"]
    assert found[0].where == f"session {session}, model call 1"


def pass_on(result: LLMResult) -> LLMResult:
    """Score a result, so that only the lint in question has something to say."""
    return scored(result, {})


@pytest.mark.parametrize(
    ("script", "attempts"),
    [(["no", "no", "7"], 1), ([fault.server_error(), fault.rate_limit(), "7"], 1), (["7"], 1)],
    ids=["repaired", "on its way", "at once"],
)
def test_a_retry_that_names_the_fault_or_has_none_to_name(script: list[Any], attempts: int) -> None:
    """A31.2: the harness's own repairs, and equal prompts after a failed call."""
    made, results = blind(script, attempts)
    assert results[-1].success
    assert lint(made, [pass_on(result) for result in results]) == []


def test_the_same_request_after_a_good_answer_is_no_retry() -> None:
    """A31.2: trials ask the same again; prompts that belong to no result say nothing."""
    made = harness("no", "7", "no", "8", "9")
    results = [pass_on(made.run("How many?")) for _ in range(2)]
    assert lint(made, results) == []
    made.run("How many?")
    assert lint(made, results) == []


def test_a_retry_at_the_fallback_is_told_by_its_endpoint() -> None:
    """A31.2: prompts are put in order by what the results say was tried; or they are given."""
    big = ScriptedProvider([fault.server_error(), "no", "no"], model="big")
    small = ScriptedProvider(["no"], model="small")
    made = Harness(
        big, fallbacks=[small], schema=NUMBER, clock=VirtualClock(), config=HarnessConfig(max_retries=0)
    )
    results = [made.run("How many?") for _ in range(3)]
    assert [result.metadata["tried"][-1] for result in results] == [
        "scripted/small",
        "scripted/big",
        "scripted/big",
    ]
    assert names(lint(made, results)) == ["identical_retry"]
    in_order = [big.prompts[0], small.prompts[0], *big.prompts[1:]]
    assert names(lint(made, results, prompts=in_order)) == ["identical_retry"]
    assert lint(made, results, prompts=in_order[1:]) == []


def test_a_better_model_may_be_asked_the_same() -> None:
    """A31.2: tiers share a provider, and the prompt that the small one failed at goes to the next."""
    provider = ScriptedProvider(["no", "7"], model="")
    tiers = {"fast": ModelTier("small", 512), "best": ModelTier("large", 512)}
    config = HarnessConfig(max_retries=0)
    made = Harness(provider, tiers=tiers, schema=NUMBER, config=config, clock=VirtualClock())
    result = made.run(Request("How many?", metadata={"tier": "fast"}))
    assert (result.unwrap(), len(provider.prompts)) == (7, 2)
    assert provider.prompts[0].messages == provider.prompts[1].messages
    assert lint(made, [pass_on(result)]) == []


def test_results_that_nobody_scores() -> None:
    """A31.3: one score is enough; where nothing succeeded there is nothing to score."""
    made = harness("7", "8")
    results = [made.run("How many?"), made.run("How many now?")]
    [found] = lint(made, results)
    assert (found.lint, "2 successful results" in found.what) == ("no_scoring", True)
    assert lint(made, [results[0], scored(results[1], {})]) == []
    assert lint(made) == []


def test_more_at_once_than_the_server_works_on() -> None:
    """A31.4: five workers on an Ollama server, as the provider or as a fallback; four are fine."""
    [found] = lint(harness(name="ollama"), max_workers=5)
    assert (found.lint, found.where, found.fix) == (
        "over_parallel", "batch(max_workers=5)", "use max_workers=4 or fewer",
    )  # fmt: skip
    assert names(lint(harness(fallbacks=[harness(name="ollama").provider]), max_workers=8)) == [
        "over_parallel"
    ]
    assert lint(harness(name="ollama"), max_workers=4) == []
    assert lint(harness(), max_workers=50) == []


def test_a_harness_that_has_become_a_framework(tmp_path: Path) -> None:
    """A31.5: 401 lines of code are too many; comments, docstrings and blank lines are none."""
    package = tmp_path / "mine"
    package.mkdir()
    (package / "a.py").write_text(
        '"""Room.\n\nOf two.\n"""\n\n# why\nx = 1\n\n\ndef f():\n    """Do."""\n' + "    x\n" * 198
    )
    (package / "b.py").write_text("x = (\n" + "    1 +\n" * 198 + "    1\n)\n" + 'y = """a\nb"""\n' * 0)
    assert (code_lines(package / "a.py"), code_lines(package / "b.py"), code_lines(str(package))) == (
        200,
        201,
        401,
    )
    [found] = lint(harness(), source=package)
    assert (found.lint, found.what.startswith("the code around the model is 401 lines")) == (
        "framework",
        True,
    )
    assert lint(harness(), source=package / "a.py") == []
    assert lint(harness(), source=package, max_lines=401) == []


@pytest.mark.parametrize("source", ["nowhere.py", ModuleType("made_up"), sys])
def test_source_that_is_not_there_is_named(source: Any) -> None:
    """A lint that counted nothing would pass for ever."""
    with pytest.raises(ConfigError, match="no Python source"):
        lint(harness(), source=source)


def test_source_that_is_no_python_is_named(tmp_path: Path) -> None:
    """The file stands in the error."""
    (tmp_path / "bad.py").write_text("def (")
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        code_lines(tmp_path)
    assert caught.value.where.endswith("bad.py")


def test_our_own_core_is_a_harness() -> None:
    """A31.5: the loop itself keeps the budget, and no layer needs it: each loads without the orchestrator."""
    assert lint(harness(), source=orchestrator) == []
    rooms = (
        "normalize",
        "context",
        "constrain",
        "validate.checking",
        "repair",
        "gate",
        "degrade",
        "state",
        "prompt",
    )
    code = (
        "import importlib, sys\n"
        f"for room in {rooms!r}:\n    importlib.import_module('pytest_llmharness.harness.' + room)\n"
        "print([name for name in sys.modules if name.endswith(('.orchestrator', '.wiring', '.calling'))])"
    )  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lints_cost_nothing_before_they_are_asked_for() -> None:
    """The face of the room imports none of it, and no lint is imported by the harness."""
    code = (
        "import sys; from pytest_llmharness import Harness; assert Harness; import pytest_llmharness.explain\n"
        "print([name for name in sys.modules if name.startswith('pytest_llmharness.explain.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_code_lines_are_those_that_python_compiles() -> None:
    """Of a real module: no statement is missed, none is counted twice."""
    path = Path(pytest_llmharness.__file__)
    statements = {node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.stmt)}
    assert 0 < code_lines(path) < len(path.read_text().splitlines())
    assert code_lines(path) >= len(statements) - 1  # all but the docstring


def test_one_line_of_a_test_is_enough() -> None:
    """All five at once."""
    bad = harness("x", name="ollama", schema=None)
    results = [bad.run(Request("How many?"))]
    found = lint(bad, results, max_workers=9, source=Path(pytest_llmharness.__file__).parent)
    assert names(found) == ["no_validator", "no_scoring", "over_parallel", "framework"]
