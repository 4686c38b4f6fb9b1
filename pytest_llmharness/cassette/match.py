"""What may differ between a request and the take that answers it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

from ..errors import ConfigError
from .fingerprint import dump, json_body
from .json_paths import Step, parse_path, without
from .take import RecordedRequest

BUILT_IN = ("uuid", "time", "cwd", "call_id")
"""UUIDs, ISO times, the working directory, and the ids that tie a tool's result to its call."""

Rules: TypeAlias = "Match | Mapping[str, Any] | None"
_STAND_IN = "<any>"


@dataclass(frozen=True)
class Match:
    """The declared volatile parts of requests.

    A request that a take answers exactly is answered by it; only where there is none do these count.

    Args:
        ignore: JSON paths in the body whose value, or absence, says nothing: "$.metadata.run_id".
        patterns: regular expressions; what they find in the URL or a text of the body is equal to
            whatever else they find.
        builtin: which of the built-in ones count, by name; in calls of a model only.
    """

    ignore: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    builtin: tuple[str, ...] = BUILT_IN

    def __post_init__(self) -> None:
        _ = self._paths, self._compiled  # read now: a bad one fails at the door
        for name in self.builtin:
            if name not in BUILT_IN:
                raise ConfigError(
                    f"{name!r} is no built-in volatile part",
                    where="match: builtin",
                    fix=f"use some of {', '.join(BUILT_IN)}, or none of them: []",
                )

    @classmethod
    def of(cls, rules: Rules) -> Match:
        """Read rules as they stand in a marker or a fixture: `{"ignore": [...], "patterns": [...]}`.

        Raises:
            ConfigError: a key or a value is not valid.
        """
        return cls().with_rules(rules)

    def with_rules(self, rules: Rules) -> Match:
        """Return these rules and others; of the built-in ones those that the others name."""
        if rules is None:
            return self
        if isinstance(rules, Match):
            rules = {"ignore": rules.ignore, "patterns": rules.patterns, "builtin": rules.builtin}
        if not isinstance(rules, Mapping) or set(rules) - {"ignore", "patterns", "builtin"}:
            raise ConfigError(
                f"match={rules!r} is not valid",
                where="match",
                fix="match={'ignore': ['$.metadata'], 'patterns': ['run-[0-9]+'], 'builtin': ['uuid']}",
            )
        texts = {name: _texts(name, value) for name, value in rules.items()}
        return replace(
            self,
            ignore=(*self.ignore, *texts.get("ignore", ())),
            patterns=(*self.patterns, *texts.get("patterns", ())),
            builtin=texts.get("builtin", self.builtin),
        )

    def applied(self, request: RecordedRequest) -> RecordedRequest:
        """Return the request less what the declared rules name."""
        if not self.ignore and not self.patterns:
            return request
        url, document = self._masked(request.url), json_body(request.body)
        if document is None:
            text = request.body.decode("utf-8", "surrogateescape")
            return replace(request, url=url, body=self._masked(text).encode("utf-8", "surrogateescape"))
        try:
            for path in self._paths:
                document = without(document, path)
            body = dump(self._masked_in(document))
        except RecursionError:
            return request
        return replace(request, url=url, body=body)

    @cached_property
    def _paths(self) -> tuple[tuple[Step, ...], ...]:
        return tuple(map(parse_path, self.ignore))

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str], ...]:
        return tuple(map(_compiled, self.patterns))

    def _masked(self, text: str) -> str:
        for pattern in self._compiled:
            text = pattern.sub(_STAND_IN, text)
        return text

    def _masked_in(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._masked(value)
        if isinstance(value, dict):
            return {name: self._masked_in(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._masked_in(each) for each in value]
        return value


def _texts(name: str, value: Any) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not all(isinstance(each, str) for each in texts):
        raise ConfigError(
            f"{value!r} is no list of texts", where=f"match: {name}", fix=f"match={{{name!r}: ['...']}}"
        )
    return tuple(texts)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"{pattern!r} is no regular expression: {error}",
            where="match: patterns",
            fix="write one as Python's re reads it",
        ) from error
