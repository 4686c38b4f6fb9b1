"""Record and replay: an exact request gets its recorded answer, anything else is a miss.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from .loading import Cassette
from .match import Match
from .recording import Recording
from .redaction import add_redactor
from .take import Headers, RecordedRequest, RecordedResponse, Take
from .using import use_cassette

__all__ = [
    "Cassette",
    "Headers",
    "Match",
    "RecordedRequest",
    "RecordedResponse",
    "Recording",
    "Take",
    "add_redactor",
    "use_cassette",
]
