"""`llmharness init`."""

from __future__ import annotations

import re
import tomllib
from argparse import Namespace
from pathlib import Path

from ..errors import ConfigError
from .screen import Screen

_ATTRIBUTES = """\
# Cassettes are text: reviewed like code, never merged line by line; what is beside them is not shown.
**/cassettes/**/*.json text eol=lf merge=binary linguist-generated
**/cassettes/**/*.blobs/** binary
"""
_IGNORED = """\
# What a failed or killed test recorded, beside its cassette.
**/cassettes/**/*.journal
**/cassettes/**/*.failed
"""
_TEST = '''\
"""The harness is what is tested here, not the model: the answers are scripted."""


def test_a_bad_answer_is_asked_for_again(llm_harness):
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    harness = llm_harness(['{"mood": "so so"}', '{"mood": "good"}'], schema=schema)
    result = harness.run("How is the mood?")
    assert result.metadata["value"] == {"mood": "good"}
    assert result.retries == 1
'''
_KEYS = ("llm_record_mode = none", "llm_network = scoped")


def run(given: Namespace, screen: Screen) -> bool:
    """Write what a project needs to begin with, add to what is there, write over nothing."""
    home = Path(given.path)
    if not home.is_dir():
        raise ConfigError(f"there is no folder {home}", where=str(home), fix=f"mkdir -p {home}")
    rows = [
        _lines(home / ".gitattributes", _ATTRIBUTES, given),
        _lines(home / ".gitignore", _IGNORED, given),
        _test(home, given),
        _options(home, given),
    ]
    if given.json:
        screen.json([{"path": str(path), "done": done} for path, done in rows])
        return False
    for path, done in rows:
        screen.line(screen.paint(str(path), "bold"), ": ", screen.clean(done))
    if given.dry_run:
        screen.say("nothing was written; without --dry-run it is")
    return False


def _lines(path: Path, lines: str, given: Namespace) -> tuple[Path, str]:
    there = path.read_text("utf-8") if path.exists() else ""
    lacking = [line for line in lines.splitlines() if line not in there.splitlines()]
    if not any(not line.startswith("#") for line in lacking):
        return path, "has the lines already"
    gap = "" if not there or there.endswith("\n") else "\n"
    _write(path, there + gap + "\n".join(lacking) + "\n", given)
    return path, f"{'lines added' if there else 'written'}: {'; '.join(lines.splitlines()[1:])}"


def _test(home: Path, given: Namespace) -> tuple[Path, str]:
    path = (home / "tests" if (home / "tests").is_dir() else home) / "test_llmharness_first.py"
    if path.exists():
        return path, "is there already, left as it is"
    _write(path, _TEST, given)
    return path, f"written; run it: pytest {path}"


def _options(home: Path, given: Namespace) -> tuple[Path, str]:
    """Put the ini keys where this project keeps pytest's, or offer them where that is no file of ours."""
    keys = "\n".join(_KEYS)
    for name in ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"):
        if (home / name).exists():
            return _offered(home / name, keys)
    project = home / "pyproject.toml"
    if project.exists():
        try:
            tool = tomllib.loads(project.read_text("utf-8")).get("tool", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            return project, "is no TOML, left as it is"
        if "pytest" in tool:
            return _offered(project, re.sub("= (.*)", r'= "\1"', keys))
    for name in ("tox.ini", "setup.cfg"):
        if (home / name).exists() and re.search(
            r"^\[(tool:)?pytest\]", (home / name).read_text("utf-8"), re.M
        ):
            return _offered(home / name, keys)
    _write(home / "pytest.ini", f"[pytest]\n{keys}\n", given)
    return home / "pytest.ini", f"written: {'; '.join(_KEYS)}"


def _offered(path: Path, keys: str) -> tuple[Path, str]:
    there = path.read_text("utf-8")
    lacking = [line for line in keys.splitlines() if line.partition(" ")[0] not in there]
    if not lacking:
        return path, "has the ini keys already"
    return path, f"left as it is; these are the defaults, to be changed there: {'; '.join(lacking)}"


def _write(path: Path, text: str, given: Namespace) -> None:
    if given.dry_run:
        return
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be written: {error.strerror}",
            where=str(path),
            fix=f"make {path.parent} writable",
        ) from error
