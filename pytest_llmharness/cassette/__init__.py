"""Record and replay: an exact request gets its recorded answer, anything else is a miss.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from .loading import Cassette
from .recording import Recording
from .take import Headers, RecordedRequest, RecordedResponse, Take
from .using import use_cassette

__all__ = [
    "Cassette",
    "Headers",
    "RecordedRequest",
    "RecordedResponse",
    "Recording",
    "Take",
    "use_cassette",
]
