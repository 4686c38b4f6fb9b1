"""The knobs of the normalize layer."""

from __future__ import annotations

from typing import Literal

from ...domain.frozen import dataclass
from ...errors import ConfigError
from .truncation import MARK

_ACTIONS = ("reject", "neutralise", "flag")


@dataclass(frozen=True, slots=True)
class NormalizeSettings:
    """Settings of the normalize layer. A value that cannot work is a `ConfigError` at construction.

    Args:
        enabled: False lets every text through as it came.
        max_chars: the most characters of one text; what is over is cut, with a mark.
        max_document_chars: the same for a document that comes with a request.
        required_fields: keys that `Request.metadata` must hold, with a value.
        on_injection: what happens to text that tries to take the model over: "reject" refuses the
            request, "neutralise" puts a mark in its place, "flag" only reports it.
    """

    enabled: bool = True
    max_chars: int = 200_000
    max_document_chars: int = 2_000_000
    required_fields: tuple[str, ...] = ()
    on_injection: Literal["reject", "neutralise", "flag"] = "neutralise"

    def __post_init__(self) -> None:
        for name in ("max_chars", "max_document_chars"):
            value = getattr(self, name)
            if not isinstance(value, int) or value <= len(MARK):
                raise _bad(name, value, f"a whole number over {len(MARK)}")
        if self.on_injection not in _ACTIONS:
            raise _bad("on_injection", self.on_injection, f"one of {', '.join(_ACTIONS)}")
        fields: object = self.required_fields
        if isinstance(fields, str):
            raise _bad("required_fields", self.required_fields, "a tuple of names")


def _bad(name: str, value: object, wanted: str) -> ConfigError:
    return ConfigError(
        f"{name}={value!r} cannot work", where=f"NormalizeSettings.{name}", fix=f"give it {wanted}"
    )
