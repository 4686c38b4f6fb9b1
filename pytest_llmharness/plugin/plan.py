"""What a test gets: a take, a live model, both, or a reason why not.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Means: TypeAlias = Literal["replay", "record", "live", "skip", "offline"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision for one test.

    Args:
        means: "replay" answers from the cassette; "record" is live and writes; "live" is live and
            writes nothing; "skip" has neither; "offline" was never given a model.
        record_mode: the cassette's mode where one is used, else "none".
    """

    means: Means
    record_mode: str = "none"

    @property
    def connects(self) -> bool:
        """Whether the test may reach a model."""
        return self.means in ("record", "live")


def plan(
    *, live_marked: bool, cassette_marked: bool, live_allowed: bool, record_mode: str, has_cassette: bool
) -> Plan:
    """Decide from the test's markers, the command line and the cassette on disk.

    Args:
        live_marked: the test bears llm_live.
        cassette_marked: the test bears llm_cassette or asks for the fixture.
        live_allowed: --llm-live was given.
        record_mode: the mode in force for this test.
        has_cassette: its cassette exists.
    """
    if live_marked and live_allowed:
        return Plan("live") if record_mode == "none" else Plan("record", record_mode)
    if cassette_marked and record_mode != "none" and not live_marked:
        if record_mode == "once" and has_cassette:
            return Plan("replay")
        return Plan("record", record_mode)
    if has_cassette or cassette_marked:
        return Plan("replay")
    return Plan("skip") if live_marked else Plan("offline")
