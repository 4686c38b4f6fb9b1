"""The port to a tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..domain.tool import ToolSpec


class Tool(Protocol):
    """Something the model can call."""

    @property
    def spec(self) -> ToolSpec:
        """The contract the model sees and arguments are checked against."""
        ...

    async def invoke(self, arguments: Mapping[str, Any]) -> Any:
        """Run with arguments that match the spec. Any exception is the tool's failure."""
        ...
