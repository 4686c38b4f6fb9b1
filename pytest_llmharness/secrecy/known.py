"""Secrets known by their value: those of the environment, and those a caller names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

_SHORTEST_IN_ENVIRONMENT = 12
_NAMES = ("KEY", "TOKEN", "SECRET")


def environment_values(environ: Mapping[str, str] | None = None) -> frozenset[str]:
    """Return the values of 12 and more characters of variables named *KEY, *TOKEN and *SECRET."""
    variables = os.environ if environ is None else environ
    return frozenset(
        value.strip()
        for name, value in variables.items()
        if name.upper().endswith(_NAMES) and len(value.strip()) >= _SHORTEST_IN_ENVIRONMENT
    )


def forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the secrets as they may stand in a text, longest first: one may hold another one."""
    return tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))


def _forms(secret: str) -> Iterator[str]:
    """Yield the secret raw, in a JSON string, in one within another, in a form or URL."""
    yield secret
    yield (once := json.dumps(secret)[1:-1])
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield json.dumps(once)[1:-1]
    yield once.replace("/", "\\/")
    yield quote(secret, safe="", errors="surrogatepass")
    yield quote(secret, errors="surrogatepass")
    yield quote_plus(secret, errors="surrogatepass")
