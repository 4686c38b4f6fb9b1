"""The first net: a value that stands under the name of a credential."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .shapes import Span

# Patterns as texts, compiled when they are first used: most of those who import this never search.
_CREDENTIAL = (
    r"(.*[-_])?(authorization|api[-_]?key|access[-_]?key|secret|password|credential|signature)"
    r"|(.*[-_])?(access|auth|security|session|id|refresh|csrf|xsrf)[-_]?token"
    r"|.*-(token|auth|cookie)|key|token|sig|auth|cookie"
)
# In a body "key" and "token" are words like others (logprobs), so these names are longer.
_NAME = (
    r"(?:api[_-]?key|api[_-]?token|api[_-]?secret|secret[_-]?key|secret[_-]?access[_-]?key|access[_-]?key"
    r"|client[_-]?secret|private[_-]?key|signing[_-]?key|encryption[_-]?key|subscription[_-]?key"
    r"|account[_-]?key|auth[_-]?key"
    r"|(?:access|auth|refresh|session|security|bearer|id|csrf|xsrf|oauth)[_-]?token"
    r"|password|passwd|passphrase|credentials?|secret|authorization)"
)
_QUOTE = r"\\{0,7}[\"']"
_NAMED = (
    rf"{_NAME}(?:{_QUOTE})?\s{{0,9}}(?:=>|[:=])\s{{0,9}}(?:[bfru]|\[\s{{0,9}})?"
    rf"(?:(?P<quote>{_QUOTE})(?P<quoted>(?:[^\"\\\s]|\\/){{1,4096}}?)(?P=quote)"
    r"|(?P<bare>[^\s\"'\\<>{}()\[\],;&$`]{8,4096}+)(?![({\[\"']))"
)
_COOKIE = (
    rf"cookie(?:{_QUOTE})?\s{{0,9}}[:=]\s{{0,9}}(?:\[\s{{0,9}})?(?:{_QUOTE})?"
    rf"(?P<crumbs>[\w.-]{{1,128}}=[^\"'\\\r\n]{{8,4096}})"
)
_HINTS = (
    "_key",
    "-key",
    "apikey",
    "tkey",
    "ykey",
    "skey",
    "secret",
    "passw",
    "passphrase",
    "credential",
    "authorization",
)
_TOKEN_HINTS = ("access", "auth", "refresh", "session", "security", "bearer", "id", "api", "csrf", "xsrf")
_DOTTED = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+"
_CONSTANT = r"[A-Z][A-Z_]*|[a-z][a-z_.-]*|[A-Za-z][a-z]+(?:[A-Z][a-z]+)*"
_LONGEST_WORD = 24
_SHORTEST_QUOTED = 6


def is_credential_name(name: str) -> bool:
    """Whether a header, parameter or field of this name carries a credential."""
    return re.fullmatch(_CREDENTIAL, name.lower()) is not None


def find_named(text: str) -> Iterator[tuple[str, Span]]:
    """Yield each value that stands under the name of a credential, in JSON, a form, code or prose."""
    lowered = text.replace(
        "\u0130", "I"
    ).lower()  # the one letter whose lower case is two: places would differ
    if any(hint in lowered for hint in _HINTS) or _names_a_token(lowered):
        for found in re.finditer(_NAMED, lowered):
            group = "bare" if found["quoted"] is None else "quoted"
            value = text[slice(*found.span(group))]
            if _secret(value, quoted=group == "quoted"):
                yield "value of a credential", found.span(group)
    if "cookie" in lowered:
        for found in re.finditer(_COOKIE, lowered):
            if re.search(r"\d", found["crumbs"]):
                yield "cookie", found.span("crumbs")


def _names_a_token(lowered: str) -> bool:
    start = lowered.find("token")
    while start >= 0:
        if lowered[max(start - 9, 0) : start].rstrip("_-").endswith(_TOKEN_HINTS):
            return True
        start = lowered.find("token", start + 5)
    return False


def _secret(value: str, *, quoted: bool) -> bool:
    """Whether a value is one, and not a word, a type, a variable or a place to fill in."""
    if len(value) < _SHORTEST_QUOTED or (re.fullmatch(_CONSTANT, value) and len(value) < _LONGEST_WORD):
        return False
    if quoted:
        return re.search(r"[<>{}$*\[\]]", value) is None or re.search(r"\d", value) is not None
    return re.fullmatch(_DOTTED, value) is None and re.search(r"\d", value) is not None
