"""Frozen values that every floor speaks in: no behaviour but their own, no dependency but errors."""
