"""What a test's cassette is told about matching and age: by ini, by fixture, by marker.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from ..cassette import Cassette, Match
from ..cassette.age import parse_age, recorded_at
from ..errors import CassetteError, ConfigError
from .case import Case
from .commands import record_command


@dataclass(frozen=True)
class Rules:
    """What holds for one test.

    Attributes:
        match: what may differ between a request and its take.
        max_age: the age from which on a cassette is expired, "" for none.
    """

    match: Match
    max_age: str = ""


def rules_of(case: Case, settings: Mapping[str, Any], configured: Iterable[Mapping[str, Any]]) -> Rules:
    """Add up the rules: ini, then each `llm_cassette_config`, then markers, all from outside in.

    Raises:
        ConfigError: a fixture or the ini file says something that is not valid.
    """
    match, max_age = match_of(settings), settings["llm_max_age"]
    for given in configured:
        match, max_age = match.with_rules(given.get("match")), given.get("max_age") or max_age
    for each in case.settings.matches:
        match = match.with_rules(each)
    return Rules(match, case.settings.playing.get("max_age") or max_age)


def match_of(settings: Mapping[str, Any]) -> Match:
    """Return the rules of the ini file.

    Raises:
        ConfigError: one of them is not valid.
    """
    builtin = settings["llm_match_builtin"]
    return Match(
        settings["llm_match_ignore"],
        settings["llm_match_patterns"],
        () if builtin == ("none",) else builtin,
    )


def check_marker(mark: pytest.Mark, nodeid: str) -> None:
    """Refuse at the door what a marker says about matching and age.

    Raises:
        pytest.UsageError: it is not valid.
    """
    try:
        Match.of(mark.kwargs.get("match"))
        if mark.kwargs.get("max_age") is not None:
            parse_age(mark.kwargs["max_age"], "max_age")
    except ConfigError as error:
        raise pytest.UsageError(f"{nodeid}: {error}") from None


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse at the door what the command line and the ini file say about matching and age.

    Raises:
        pytest.UsageError: it is not valid.
    """
    try:
        match_of(settings)
        if settings["llm_max_age"]:
            parse_age(settings["llm_max_age"], "llm_max_age")
    except ConfigError as error:
        raise pytest.UsageError(f"ini {error}") from None


def expiry(case: Case, recording: Any, max_age: str) -> CassetteError | None:
    """Return what is to be said of a cassette that is older than it may be, or None."""
    if not max_age or not recording.takes or not case.cassette_path.exists():
        return None
    cassette = Cassette(case.cassette_path, list(recording.takes), recording.metadata)
    moment, source = recorded_at(cassette)
    age = datetime.now(UTC) - moment
    if age <= parse_age(max_age, "max_age"):
        return None
    return CassetteError(
        f"the cassette {case.cassette_path.name} has expired: "
        f"{age.days} days old by {source}, and max_age is {max_age}",
        where=str(case.cassette_path),
        fix=record_command(case),
    )
