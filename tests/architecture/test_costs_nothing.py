"""A stranger's suite pays nothing: no heavy import, no file, no line of output."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Everything our plugin may import that pytest alone has not.
ALLOWED = {
    "pytest_llmharness",
    "pytest_llmharness.errors",
    "pytest_llmharness.lazy",
    "pytest_llmharness.options",
    "pytest_llmharness.plugin",
    "pytest_llmharness.plugin.case",
    "pytest_llmharness.plugin.fixtures",
    "pytest_llmharness.plugin.hooks",
    "pytest_llmharness.plugin.hookspecs",
    "pytest_llmharness.plugin.plan",
    "pytest_llmharness.plugin.session",
    "pytest_llmharness.plugin.side_by_side",
    "pytest_llmharness.plugin.verdict",
}
LIST = "import sys\ndef test_a():\n    open('modules.txt', 'w').write('\\n'.join(sys.modules))\n"


def _modules(pytester: pytest.Pytester, *arguments: str) -> set[str]:
    pytester.makepyfile(test_stranger=LIST)
    others = ("xdist", "hypothesispytest", "respx", "anyio")
    result = pytester.runpytest_subprocess("-q", *(f"-pno:{name}" for name in others), *arguments)
    result.assert_outcomes(passed=1)
    assert "llmharness" not in result.stdout.str().replace("test_stranger", "")
    listed = pytester.path / "modules.txt"
    found = set(listed.read_text().split("\n"))
    listed.unlink()
    return found


def test_loading_the_plugin_imports_only_this(pytester: pytest.Pytester) -> None:
    """The exact list: whatever is added here is paid by every suite that has us installed."""
    extra = _modules(pytester) - _modules(pytester, "-p", "no:llmharness")
    assert extra == ALLOWED


def test_an_unused_plugin_leaves_no_file(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even an empty folder."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    pytester.makepyfile("def test_a(): pass")
    folder = pytester.path
    before = sorted(folder.rglob("*"))
    command = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    assert pytester.run(*command).ret == 0
    made = {path.name for path in folder.rglob("*")} - {path.name for path in before}
    assert made <= {"stdout", "stderr"}  # pytester's own


def test_the_harness_needs_no_test_tools() -> None:
    """In production the harness runs without pytest and friends."""
    code = (
        "import sys; from pytest_llmharness import Harness; "
        "print([name for name in ('pytest', 'hypothesis', 'vcr', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_harness_loads_no_schema_before_it_needs_one() -> None:
    """The schema and parsing rooms come with the first schema, tool or answer that wants them."""
    code = (
        "import sys; from pytest_llmharness import Harness; assert Harness\n"
        "rooms = ('pytest_llmharness.schema', 'pytest_llmharness.parsing')\n"
        "print([name for name in sys.modules if name.startswith(rooms)])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_every_public_name_loads() -> None:
    """The lazy face gives what it lists, and names what it does not have."""
    import pytest_llmharness

    assert all(getattr(pytest_llmharness, name) is not None for name in pytest_llmharness.__all__)
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pytest_llmharness.no_such_name
