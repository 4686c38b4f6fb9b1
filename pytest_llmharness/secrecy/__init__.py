"""What no file and no screen may show: secrets by shape, by name and by value.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from .hiding import REDACTED, Finding, Nets, hide
from .known import environment_values
from .names import is_credential_name

__all__ = ["REDACTED", "Finding", "Nets", "environment_values", "hide", "is_credential_name"]
