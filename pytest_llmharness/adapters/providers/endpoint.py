"""Where a provider's calls go, what mends them, and which texts nobody may see."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from ...errors import ProviderError
from ...secrecy import hide

_HIDDEN = "***"
_SHORTEST_KEY = 8


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where calls go, and what a user can do when they fail.

    Args:
        provider: the adapter's name.
        url: the address of the calls, fit to be read: no password, no query.
        key_fix, start_fix, models_fix: how to give a key, start the server, list its models;
            "{model}" in them stands for the model asked.
        secrets: texts that no error may show.
        model: the model asked.
    """

    provider: str
    url: str
    key_fix: str
    start_fix: str
    models_fix: str
    secrets: tuple[str, ...] = ()
    model: str = ""

    def asking(self, model: str) -> Endpoint:
        """Return this endpoint with the model of one call."""
        return replace(self, model=model)

    def fill(self, fix: str) -> str:
        """Put the model's name where the fix leaves room for it."""
        return fix.replace("{model}", self.model)

    def hide(self, text: str) -> str:
        """Return the text without these secrets, nor any other that shows by name or shape."""
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_KEY:
                text = text.replace(secret, _HIDDEN)
            elif len(secret) > 1:  # as a part of other words it tells nothing, and hiding it would
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _HIDDEN, text)
        return hide(text)

    def betrays(self, error: BaseException) -> bool:
        """Whether a foreign error, or one behind it, shows a secret: tracebacks would print it."""
        link: BaseException | None = error
        while link is not None and self.hide(str(link)) == str(link):
            link = link.__cause__ or link.__context__
        return link is not None

    def error(self, kind: type[ProviderError], what: str, fix: str, **facts: Any) -> ProviderError:
        """Make an error of this kind that says where and how to mend, and no secret."""
        return kind(
            self.hide(what),
            where=self.hide(f"{self.url} (model {self.model})"),
            fix=self.hide(self.fill(fix)),
            provider=self.provider,
            **facts,
        )
