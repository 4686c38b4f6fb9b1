"""`llmharness doctor`."""

from __future__ import annotations

import platform
from argparse import Namespace
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import NamedTuple

from ..adapters.providers.known_servers import KNOWN_SERVERS, KnownServer
from ..live import probe
from .files import cassette_files, size
from .screen import Screen

_PACKAGES = (
    ("pytest", "the plugin", "pytest"),
    ("vcrpy", "recording requests, urllib3, aiohttp, http.client", "vcrpy"),
    ("jsonschema", "Schema without the compiled core", "jsonschema"),
    ("openai", "provider openai and all servers that speak its dialect", "pytest-llmharness[openai]"),
    ("anthropic", "provider anthropic", "pytest-llmharness[anthropic]"),
    ("ollama", "provider ollama", "pytest-llmharness[ollama]"),
    ("hypothesis", "fuzzing", "pytest-llmharness[fuzz]"),
    ("pydantic", "schemas from your models", "pytest-llmharness[pydantic]"),
    ("xllamacpp", "the embedded engine", "pytest-llmharness[embedded]"),
    ("brotli", "recording answers coded with br", "brotli"),
    ("zstandard", "recording answers coded with zstd", "zstandard"),
)
_ANSWER_S = 0.25


class Fact(NamedTuple):
    """One line: what it is about, whether it is there, and what to do about it."""

    group: str
    name: str
    found: str
    fix: str = ""


def run(given: Namespace, screen: Screen) -> bool:
    """Say what is there; what is missing is no failure, for nobody needs all of it."""
    facts = [*_core(), *_packages(), *([] if given.no_engines else _engines()), *_cassettes()]
    if given.json:
        screen.json([fact._asdict() for fact in facts])
        return False
    group = ""
    for fact in facts:
        if fact.group != group:
            group = fact.group
            screen.line(screen.paint(group, "bold"))
        found = screen.paint(fact.found or "missing", "green" if fact.found else "yellow")
        screen.line(
            "  ", screen.clean(fact.name.ljust(16)), found, screen.clean(f"   {fact.fix}" if fact.fix else "")
        )
    return False


def _core() -> Iterator[Fact]:
    yield Fact("here", "llmharness", _version("pytest-llmharness") or "not installed, run from its source")
    yield Fact("here", "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    core = find_spec("pytest_llmharness._native._core") is not None
    fix = (
        ""
        if core
        else "install Rust from https://rustup.rs, then pip install --force-reinstall pytest-llmharness"
    )
    yield Fact("here", "core", "rust" if core else "", fix)


def _packages() -> Iterator[Fact]:
    for name, use, install in _PACKAGES:
        found = _version(name)
        yield Fact("packages", name, found, "" if found else f"for {use}: pip install '{install}'")


def _engines() -> Iterator[Fact]:
    from concurrent.futures import ThreadPoolExecutor

    servers = [server for server in KNOWN_SERVERS.values() if server.start]
    with ThreadPoolExecutor(len(servers)) as pool:
        for server, found in zip(servers, pool.map(_answers, servers), strict=True):
            yield Fact(
                "engines on this machine",
                server.name,
                found,
                "" if found else str(server.start).replace("{model}", "MODEL"),
            )


def _answers(server: KnownServer) -> str:
    path = "/api/tags" if server.dialect == "ollama" else "/models"
    try:
        answer = probe.get(server.base_url + path, timeout_s=_ANSWER_S)
    except (OSError, ValueError):
        return ""
    return (
        f"answers at {server.base_url}"
        if answer.status == 200
        else f"status {answer.status} at {server.base_url}"
    )


def _cassettes() -> Iterator[Fact]:
    files = cassette_files(())
    total = size(sum(file.stat().st_size for file in files))
    fix = "" if files else "record some: pytest --llm-record-mode=once"
    yield Fact("cassettes", "here and below", f"{len(files)}, {total}" if files else "", fix)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
