"""The words for what a cassette records, as vcrpy and pytest-recording use them."""

from __future__ import annotations

from enum import StrEnum


class RecordMode(StrEnum):
    """What happens to a request when a cassette is in use."""

    NONE = "none"
    ONCE = "once"
    NEW_EPISODES = "new_episodes"
    ALL = "all"
    REWRITE = "rewrite"

    @property
    def connects(self) -> bool:
        """Whether the mode is a permission to reach a model."""
        return self is not RecordMode.NONE
