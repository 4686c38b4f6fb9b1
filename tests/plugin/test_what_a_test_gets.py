"""The table of what a test gets: its take, a live model, a skip, or a reason why not."""

from __future__ import annotations

import itertools

import pytest

from pytest_llmharness.plugin.plan import Plan, plan


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the plugins that the pytest inside would load for nothing."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")


REPLAY, LIVE, SKIP, OFFLINE = Plan("replay"), Plan("live"), Plan("skip"), Plan("offline")


@pytest.mark.parametrize(
    ("live", "cassette", "allowed", "mode", "exists", "expected"),
    [
        (False, True, False, "none", True, REPLAY),
        (False, True, False, "none", False, REPLAY),
        (False, True, False, "once", True, REPLAY),
        (False, True, False, "once", False, Plan("record", "once")),
        (False, True, False, "rewrite", True, Plan("record", "rewrite")),
        (False, True, True, "none", True, REPLAY),
        (True, False, False, "none", True, REPLAY),
        (True, False, False, "none", False, SKIP),
        (True, False, False, "rewrite", False, SKIP),
        (True, False, True, "none", True, LIVE),
        (True, False, True, "rewrite", True, Plan("record", "rewrite")),
        (True, True, False, "none", False, REPLAY),
        (True, True, True, "none", True, LIVE),
        (False, False, False, "none", True, REPLAY),
        (False, False, False, "none", False, OFFLINE),
        (False, False, True, "all", False, OFFLINE),
    ],
)
def test_the_table(  # noqa: PLR0917 - one column an argument
    live, cassette, allowed, mode, exists, expected
) -> None:
    """Every row of the table, as one function."""
    assert (
        plan(
            live_marked=live,
            cassette_marked=cassette,
            live_allowed=allowed,
            record_mode=mode,
            has_cassette=exists,
        )
        == expected
    )


def test_nothing_connects_without_a_permission() -> None:
    """Without --llm-live and with mode none, no combination reaches a model."""
    for live, cassette, exists in itertools.product([True, False], repeat=3):
        decided = plan(
            live_marked=live,
            cassette_marked=cassette,
            live_allowed=False,
            record_mode="none",
            has_cassette=exists,
        )
        assert not decided.connects


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(
        test_suite="""
        import pytest

        def test_scripted(llm_harness):
            harness = llm_harness(['{"n": "1"}', '{"n": 1}'], schema={"properties": {"n": {"type": "integer"}}})
            assert harness.run("count").unwrap() == {"n": 1}

        @pytest.mark.llm_live
        def test_live(llm_harness):
            assert llm_harness().run("hello").success

        def test_unmarked(llm_provider):
            pass

        @pytest.mark.llm_cassette
        def test_unrecorded(llm_harness):
            llm_harness().run("hello")
        """
    )
    return pytester


def test_each_says_what_to_do(suite: pytest.Pytester) -> None:
    """Scripted passes, live is skipped with the command, the others fail with a mend."""
    result = suite.runpytest_inprocess("-rs")
    result.assert_outcomes(passed=1, skipped=1, failed=1, errors=1)
    text = result.stdout.str()
    assert "needs a live model: pytest --llm-live test_suite.py::test_live" in text
    assert "this test has no model: no cassette and no marker" in text
    assert "script one: llm_script(['answer'])" in text
    assert "this test has no cassette" in text
    assert "pytest --llm-record-mode=rewrite test_suite.py::test_unrecorded" in text
    assert "llmharness: 4 tests (2 offline, 1 replay, 1 skip); schema core: rust" in text


def test_a_live_selection_without_live_tests_fails(suite: pytest.Pytester) -> None:
    """An empty live run is no success, and says why."""
    result = suite.runpytest_inprocess("--llm-live", "-k", "scripted")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "--llm-live selected no test marked llm_live" in result.stdout.str()


def test_a_live_selection_without_live_tests_fails_under_xdist(suite: pytest.Pytester) -> None:
    """The controller learns it from its workers."""
    result = suite.runpytest_inprocess("--llm-live", "-k", "scripted", "-n", "2")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_live_tests_that_all_lack_their_engine_are_no_success(
    pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    """Nothing ran live, so nothing is green; a reason is said without -rs."""
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.llm_live(engine="vllm")
        @pytest.mark.parametrize("number", range(3))
        def test_it(llm_engine, number):
            pass

        def test_other():
            pass
        """
    )
    result = pytester.runpytest_inprocess("--llm-live", "--llm-engine=ollama", *workers)
    result.assert_outcomes(passed=1, skipped=3)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    [line] = [line for line in result.outlines if "had no engine" in line]
    assert line.startswith("llmharness: 3 tests marked llm_live had no engine and did not run (-rs ")
    assert "needs the engine vllm: pytest --llm-live --llm-engine=vllm" in line


def test_an_engine_named_by_its_address_must_be_there(pytester: pytest.Pytester) -> None:
    """It was asked for, so its absence is a failure, not a reason to skip."""
    pytester.makepyfile(
        test_suite="""
        import pytest

        @pytest.mark.llm_live
        def test_it(llm_engine):
            pass
        """
    )
    result = pytester.runpytest_inprocess("--llm-live", "--llm-base-url=http://127.0.0.1:1/v1")
    result.assert_outcomes(errors=1)
    assert "no engine answers at http://127.0.0.1:1/v1: Connection refused" in result.stdout.str()


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_record_mode_that_records_nothing_is_told(suite: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """A live test is recorded only where it runs live."""
    result = suite.runpytest_inprocess("--llm-record-mode=rewrite", "-k", "test_live", *workers)
    [line] = [line for line in result.outlines if "records no test" in line]
    assert line.endswith("marked llm_live without --llm-live (1 test): add --llm-live")
    quiet = suite.runpytest_inprocess("-k", "test_live", *workers)
    assert "records no test" not in quiet.stdout.str()


FAILING = {
    "an error of the harness": (
        "llm_harness(make_provider('openai', base_url='http://127.0.0.1:1/v1', model='m')).run('x').unwrap()",
        ["ProviderUnavailable: no answer from the server", "fix:   "],
    ),
    "a refused connection": (
        "llm_harness(make_provider('openai', base_url='http://127.0.0.2:1/v1', model='m')).run('x').unwrap()",
        [
            "the test tried to connect to 127.0.0.2:1, and nothing allows it",
            "llm_allow_network('127.0.0.2:1')",
        ],
    ),
    "an end of the script": ("llm_harness([]).run('x')", ["ScriptExhausted: the script has 0 steps"]),
}


@pytest.mark.parametrize(("line", "told"), FAILING.values(), ids=FAILING)
def test_an_error_that_explains_itself_is_short(
    pytester: pytest.Pytester, line: str, told: list[str]
) -> None:
    """What, where and fix at the user's own line; --full-trace shows the way through the libraries."""
    pytester.makepyfile(
        test_suite=f"""
        import pytest
        from pytest_llmharness.wiring import make_provider

        @pytest.mark.llm_allow_network("127.0.0.1:1")
        def test_it(llm_harness):
            {line}
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    for words in told:
        assert words in text
    for library in ("orchestrator.py", "selector_events.py", "_client.py"):
        assert library not in text
    assert len(result.outlines) < 50
    whole = pytester.runpytest_inprocess("--full-trace")
    assert ("sdk_provider.py" in whole.stdout.str() or "scripted.py" in whole.stdout.str()) == (
        "nothing allows it" not in text
    )


@pytest.mark.parametrize("script", ["'hello'", "{'n': 1}", "[None]", "7"])
def test_a_script_that_is_none_points_to_the_test(pytester: pytest.Pytester, script: str) -> None:
    """The failure shows the user's line and the mend, and none of our frames."""
    pytester.makepyfile(
        test_suite=f"""
        def test_it(llm_harness):
            llm_harness({script})
        """
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert f">       llm_harness({script})" in text
    assert "script" in text
    assert "fix:" in text
    assert "fixtures.py" not in text


@pytest.mark.parametrize(
    ("arguments", "ini", "expected"),
    [
        (["--llm-record-mode=sometimes"], "", "'none', 'once', 'new_episodes', 'all', 'rewrite'"),
        (["--llm-engine=chatgpt"], "", "choose from"),
        ([], "llm_record_mode = sometimes", "use one of none, once, new_episodes, all, rewrite"),
        ([], "llm_network = maybe", "use one of scoped, strict, off"),
    ],
)
def test_a_bad_option_is_a_usage_error(pytester: pytest.Pytester, arguments, ini, expected) -> None:
    """It ends at the door and lists the valid values."""
    pytester.makepyfile("def test_a(): pass")
    pytester.makeini(f"[pytest]\n{ini}\n")
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = result.stderr.str() + result.stdout.str()
    assert expected.replace("'", "") in said.replace("'", "")


def test_a_bad_marker_argument_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """A typing error in a marker is found at collection."""
    pytester.makepyfile("import pytest\n@pytest.mark.llm_cassette(mode='once')\ndef test_a(): pass")
    result = pytester.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "the marker llm_cassette takes no argument 'mode'; it takes name=, record_mode=, "
        in result.stderr.str()
    )


def test_a_bad_marker_argument_is_told_under_xdist_too(pytester: pytest.Pytester) -> None:
    """Nobody sees what a worker writes, so the test itself says it."""
    pytester.makepyfile("import pytest\n@pytest.mark.llm_cassette(mode='once')\ndef test_a(): pass")
    result = pytester.runpytest_inprocess("-n", "1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        "*the marker llm_cassette takes no argument 'mode'; it takes name=, record_mode=, *"
    )


def test_every_marker_is_registered(pytester: pytest.Pytester) -> None:
    """--strict-markers knows ours, and --markers explains them."""
    result = pytester.runpytest_inprocess("--markers")
    text = result.stdout.str()
    for marker in ("llm_live(", "llm_cassette(", "llm_allow_network("):
        assert f"@pytest.mark.{marker}" in text


def test_the_plugin_can_be_switched_off_by_its_name(suite: pytest.Pytester) -> None:
    """`-p no:llmharness` removes fixtures and options."""
    result = suite.runpytest_inprocess("-p", "no:llmharness", "-k", "scripted")
    assert "fixture 'llm_harness' not found" in result.stdout.str()
