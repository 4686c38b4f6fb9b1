"""The order of the fallback's findings: that of the value, as a reader meets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .hint import parts_of

if TYPE_CHECKING:
    from .._native._core import _Finding as Finding


def in_order(value: Any, findings: Iterable[Finding]) -> list[Finding]:
    """Return different findings in the order of the value, as the core does from byte offsets."""
    places = _Places()
    ordered = sorted(findings, key=lambda finding: places.order(value, finding))
    return list({finding[:4]: finding for finding in reversed(ordered)}.values())[::-1]


class _Places:
    """Where things stand in a value, so that violations come in its order."""

    def __init__(self) -> None:
        self._positions: dict[int, dict[str, int]] = {}

    def order(self, value: Any, finding: Finding) -> tuple[list[int], str, str]:
        place = []
        for part in parts_of(finding[0]):
            if isinstance(value, dict):
                place.append(self._position(value, part))
                value = value.get(part)
            elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                place.append(int(part))
                value = value[int(part)]
        return place, finding[2], finding[3]

    def _position(self, members: dict[str, Any], key: str) -> int:
        known = self._positions.get(id(members))
        if known is None:
            known = {name: number for number, name in enumerate(members)}
            self._positions[id(members)] = known
        return known.get(key, len(known))
