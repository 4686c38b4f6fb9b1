"""`llmharness doctor`: what is installed, and what is missing for what."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness.adapters.providers.known_servers import KNOWN_SERVERS
from pytest_llmharness.cli import doctor, main
from pytest_llmharness.server import ModelServer


def facts(capsys: Any, *words: str) -> dict[str, dict[str, str]]:
    assert main(["doctor", "--json", *words]) == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_it_names_what_is_here(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions as pip knows them, the core in use, and the cassettes below."""
    monkeypatch.chdir(tmp_path)
    shelf = tmp_path / "cassettes"
    shelf.mkdir()
    (shelf / "one.json").write_text('{"metadata": {"format": 1}, "interactions": []}')
    found = facts(capsys, "--no-engines")
    assert found["openai"]["found"] == version("openai")
    assert found["core"]["found"] == "rust"
    assert found["here and below"]["found"] == "1, 47 B"
    assert "ollama" in found
    assert not any(row["group"].startswith("engines") for row in found.values())


def test_what_is_missing_comes_with_how_to_get_it(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it would be for; nothing missing is a failure."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "_PACKAGES", (("no-such-package", "provider x", "pytest-llmharness[x]"),))
    assert main(["doctor", "--no-engines"]) == 0
    shown = capsys.readouterr().out
    assert "no-such-package missing   for provider x: pip install 'pytest-llmharness[x]'" in shown


def test_it_asks_the_engines_of_this_machine(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers is named with its address."""
    monkeypatch.chdir(tmp_path)
    with ModelServer([]) as server:
        url = server.url("ollama")
        known = replace(KNOWN_SERVERS["ollama"], base_url=url)
        monkeypatch.setattr(doctor, "KNOWN_SERVERS", {"here": known})
        assert main(["doctor"]) == 0
    assert f"answers at {url}" in capsys.readouterr().out
