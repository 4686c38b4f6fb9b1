"""The words for what a cassette records, as vcrpy and pytest-recording use them, and three of ours."""

from __future__ import annotations

from enum import StrEnum


class RecordMode(StrEnum):
    """What happens to a request when a cassette is in use."""

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"
    REWRITE = "rewrite"
    CHANGED = "changed"
    VERIFY = "verify"
    SCRIPT = "script"

    @property
    def connects(self) -> bool:
        """Whether the mode is a permission to reach a model."""
        return self not in (RecordMode.NONE, RecordMode.SCRIPT)

    @property
    def writes(self) -> bool:
        """Whether the mode ever changes a cassette."""
        return self.connects and self is not RecordMode.VERIFY

    @property
    def plays(self) -> bool:
        """Whether a take of a cassette that is there answers."""
        return self not in (RecordMode.ALL, RecordMode.REWRITE)

    @property
    def keeps(self) -> bool:
        """Whether the takes that are there stay in a cassette that is written."""
        return self in (RecordMode.NEW_EPISODES, RecordMode.ALL, RecordMode.CHANGED)
