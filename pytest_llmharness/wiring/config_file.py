"""A harness from a YAML file: checked with our own Schema, errors that point to the line."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from os import PathLike, fspath, stat
from os.path import dirname, join
from typing import Any

from ..errors import ConfigError
from ..harness.config import HarnessConfig, config_schema
from ..harness.routing import ModelTier
from ..ports.clock import Clock
from ..schema import Schema, Violation
from .providers import PROVIDERS, make_provider

_PRESETS = ("article_000", "article_003", "article_004", "deterministic")


@dataclass(frozen=True, slots=True)
class FileSettings:
    """What a file says.

    Args:
        config: the settings under `harness:`.
        models: (name, model, base_url) of the provider and then of the fallbacks.
        tiers: what `ModelTier` takes, by name, with the provider's name and base_url; or None.
        system: the standing instruction, or None.
        sessions: the path of the session log, from the folder of the file, or None.
    """

    config: HarnessConfig
    models: tuple[tuple[str, str | None, str | None], ...]
    tiers: Mapping[str, Mapping[str, Any]] | None = None
    system: str | None = None
    sessions: str | None = None


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema of a configuration file."""
    harness = config_schema()
    preset = {"enum": list(_PRESETS), "default": "article_003"}
    harness["properties"] = {"preset": preset, **harness["properties"]}
    model: dict[str, Any] = {
        "type": "object",
        "properties": {
            "name": {"enum": list(PROVIDERS)},
            "model": {"type": "string", "minLength": 1},
            "base_url": {"type": "string", "pattern": "^https?://"},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    tier = {
        "type": "object",
        "properties": {
            "model": model["properties"]["model"],
            "max_tokens": {"type": "integer", "minimum": 1},
            "cost_per_call": {"type": ["number", "null"], "minimum": 0, "default": 0.0},
            "cloud": {"type": "boolean", "default": False},
            "provider": model["properties"]["name"],
            "base_url": model["properties"]["base_url"],
        },
        "required": ["model", "max_tokens"],
        "dependentRequired": {"base_url": ["provider"]},
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pytest-llmharness: a harness",
        "type": "object",
        "properties": {
            "harness": harness,
            "provider": model,
            "fallbacks": {"type": "array", "items": model},
            "tiers": {"type": "object", "additionalProperties": tier, "minProperties": 1},
            "system": {"type": "string"},
            "session_log": {"type": "string", "minLength": 1},
        },
        "additionalProperties": False,
    }


def read_file(path: str | PathLike[str]) -> FileSettings:
    """Read and check a configuration file. What it does not say is as `article_003` has it.

    Raises:
        ConfigError: the file cannot be read, is no YAML, or says something that cannot work; `where`
            is its path and line.
    """
    text = _text(path)
    content, lines = _parsed(text, fspath(path))
    verdict = _schema().check_value(content)
    if not verdict.valid:
        raise _refused(verdict.violations[0], fspath(path), lines)
    settings = dict(content.get("harness") or {})
    preset = settings.pop("preset", "article_003")
    for name, value in settings.items():
        settings[name] = tuple(value) if isinstance(value, list) else value
    models = [content["provider"]] if "provider" in content else []
    models += content.get("fallbacks", [])
    return FileSettings(
        getattr(HarnessConfig, preset)(**settings),
        tuple((one["name"], one.get("model"), one.get("base_url")) for one in models),
        content.get("tiers"),
        content.get("system"),
        content.get("session_log"),
    )


class ConfigFile:
    """A file that a harness follows.

    Args:
        path: the file.
        given: arguments of `Harness` that win over what the file says.
    """

    def __init__(self, path: str | PathLike[str], given: Mapping[str, Any]) -> None:
        self._path, self._given = path, given
        self._seen = self._stamp()

    @property
    def changed(self) -> bool:
        """Whether the file is another one than was last looked at."""
        return self._stamp() != self._seen

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `Harness` as the file has them now.

        Raises:
            ConfigError: see `read_file`.
        """
        self._seen = self._stamp()
        said = read_file(self._path)
        clock = self._given.get("clock")
        models = [
            make_provider(name, model=model, base_url=url, clock=clock) for name, model, url in said.models
        ]
        arguments: dict[str, Any] = {"config": said.config, "system": said.system}
        if models:
            arguments |= {"provider": models[0], "fallbacks": models[1:]}
        if said.tiers is not None:
            arguments["tiers"] = {name: _tier(facts, clock) for name, facts in said.tiers.items()}
        if said.sessions is not None and "session_log" not in self._given:
            from ..adapters.stores.sqlite_session_log import SqliteSessionLog

            folder = dirname(fspath(self._path))
            arguments["session_log"] = SqliteSessionLog(join(folder, said.sessions))
        arguments |= self._given
        if "provider" not in arguments:
            raise ConfigError(
                "the configuration file names no provider",
                where=fspath(self._path),
                fix="add provider: {name: ollama, model: ...}, or pass provider=... to from_config",
            )
        return arguments

    def new_arguments(self) -> dict[str, Any] | None:
        """Return the arguments as the changed file has them; None where it cannot work, with a warning."""
        try:
            return self.arguments()
        except ConfigError as error:
            warnings.warn(f"the harness goes on as it was: {error}", stacklevel=4)
            return None

    def _stamp(self) -> tuple[int, int]:
        try:
            found = stat(self._path)
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_size


def _tier(facts: Mapping[str, Any], clock: Clock | None) -> ModelTier:
    name, url = facts.get("provider"), facts.get("base_url")
    own = {key: value for key, value in facts.items() if key not in ("provider", "base_url")}
    provider = None if name is None else make_provider(name, model=own["model"], base_url=url, clock=clock)
    return ModelTier(**own, provider=provider)


@cache
def _schema() -> Schema:
    return Schema(file_schema())


def _text(path: str | PathLike[str]) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"the configuration file cannot be read: {reason}",
            where=fspath(path),
            fix="give Harness.from_config the path of a YAML file in UTF-8",
        ) from error


def _parsed(text: str, path: str) -> tuple[Any, Mapping[str, int]]:
    """Return the content, and the line of every value by its JSON pointer."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(
            f"the configuration file is no YAML: {getattr(error, 'problem', None) or error}",
            where=f"{path}:{mark.line + 1}" if mark is not None else path,
            fix="write it as key: value, indented by two spaces",
        ) from error
    lines: dict[str, int] = {}
    if node is not None:
        _note_lines(node, "", lines, 0)
    return {} if content is None else content, lines


def _note_lines(node: Any, pointer: str, lines: dict[str, int], depth: int) -> None:
    lines.setdefault(pointer, node.start_mark.line + 1)
    if depth > 20 or not isinstance(node.value, list):
        return
    for index, each in enumerate(node.value):
        if isinstance(each, tuple):
            name = str(each[0].value).replace("~", "~0").replace("/", "~1")
            lines[f"{pointer}/{name}"] = each[0].start_mark.line + 1
            _note_lines(each[1], f"{pointer}/{name}", lines, depth + 1)
        else:
            _note_lines(each, f"{pointer}/{index}", lines, depth + 1)


def _refused(violation: Violation, path: str, lines: Mapping[str, int]) -> ConfigError:
    pointer = violation.pointer
    for name in (line[len(pointer) + 1 :] for line in lines if line.startswith(f"{pointer}/")):
        if violation.keyword == "additionalProperties" and name in re.split("['\"]", violation.hint):
            pointer += f"/{name}"
            break
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return ConfigError(
        violation.hint,
        where=f"{path}:{lines.get(pointer, 1)}",
        fix="see docs/harness.schema.json for what a file can say",
    )
