"""First layer: what comes in is cleaned, bounded and checked before anything is spent on it."""

from .admission import as_request, refusal
from .document import Document, document_of
from .injection import Hit, scan
from .normalizer import Admission, Normalized, Normalizer
from .removal import REMOVED
from .settings import NormalizeSettings
from .tool_results import WITHHELD

__all__ = [
    "REMOVED",
    "WITHHELD",
    "Admission",
    "Document",
    "Hit",
    "NormalizeSettings",
    "Normalized",
    "Normalizer",
    "as_request",
    "document_of",
    "refusal",
    "scan",
]
