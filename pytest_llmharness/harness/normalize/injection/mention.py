"""Whether a stretch of text is quoted as an example rather than meant."""

# ruff: noqa: RUF001 - look-alike letters are what this is about
from __future__ import annotations

import re
from functools import cache

from .phrases import entries
from .skeleton import folded_word

_QUOTES = (
    ('"', '"'),
    ("'", "'"),
    ("`", "`"),
    ("/", "/"),
    ("“", "”"),
    ("„", "“”"),
    ("«", "»"),
    ("»", "«"),
    ("‘", "’"),
    ("「", "」"),
    ("『", "』"),
)
_STRUCTURE = re.compile(r"(?:[=(\[{]|[\"'\])}\d]\s{0,3},|[\"']\s{0,3}:)\s{0,3}\Z")
_BEFORE_REGEX = ("", " ", "(", "[", "=", ",", ":", "\n")
_FIELD_END = re.compile(r"[\"']\s{0,3}[:,]\s{0,3}[\"']")
_CITED = re.compile(r"^>[^\n]*\Z", re.MULTILINE)
_KEY = re.compile(r"[\"']\w{1,40}[\"']\s{0,3}:\s{0,3}\Z")
_QUOTE_MARK = re.compile(r"(?<!\w)[\"'“„«‘「](?=\w)|(?<=\w)[\"'”»’」](?!\w)")
_LONGEST = 240
_AROUND = 200
_WORDS_OUTSIDE = 3
_FOLLOW_IT = re.compile(
    rf"\b(?:{folded_word('follow|obey|execute|run|perform|apply|do')}) "
    rf"(?:{folded_word('it|this|that|them|these|as|what')})\b"
    rf"|\b(?:{folded_word('act on|as your next|comply|decode')})\b"
    rf"|\b(?:{folded_word('complete|continue|finish')}) (?:{folded_word('the sentence|the text')})\b"
    rf"|\b(?:{folded_word('begin|start')}) (?:{folded_word('your reply|your answer|your response|with')})\b"
)
# These alone excuse what is quoted in code, or was disguised.
_OF_ATTACKS = """attack, attacks, attacker, attackers, payload, payloads, injection, injections, jailbreak,
    jailbreaks, detect, detects, detected, detector, flag, flags, flagged, assert, test, tests,
    parametrize, scanner, classifier, malicious, example, examples, detection, regex, exploit, deny, denied,
    block, blocks, blocked, blocklist, pattern, patterns, forbidden, banned, guard, expect, angriff, beispiel,
    attaque, exemple, ataque, ejemplo, атака, пример, атаки, 攻击, 示例"""
# Talk of language itself: one such word is enough beside a quotation.
_OF_LANGUAGE = """translate, translation, rewrite, paraphrase, passive, spelling, synonym, means, said, says,
    wrote, quote, quoted, phrase, sentence, line, string, übersetze, übersetzung, heißt, sagte, passiv,
    traduis, traduire, traduction, dit, passif, traduce,
    traducir, dijo, pasiva, переведи, переведите, сказал, залог, 翻译, 被动句, 造句, 句子, 例子"""


@cache
def _talk_of_language() -> frozenset[str]:
    return frozenset(folded_word(word) for word in entries(_OF_LANGUAGE))


@cache
def _talk_of_attacks() -> frozenset[str]:
    return frozenset(folded_word(word) for word in entries(_OF_ATTACKS))


def is_mentioned(source: str, start: int, end: int, *, hidden: bool = False) -> bool:
    """Whether source[start:end] is spoken of and not meant.

    Args:
        source: the text.
        start: where the stretch begins.
        end: where it ends.
        hidden: the stretch was disguised; then only talk of attacks excuses it.
    """
    quote = _quote_around(source, start, end)
    first, last = quote or (start, end)
    line = max(source.rfind("\n\n", 0, first), first - _AROUND, 0)
    before = source[line:first]
    is_structure = _is_structure(before)
    before = _KEY.sub("", before)
    stop = source.find("\n\n", last)
    after = source[last : min(stop if stop >= 0 else len(source), last + _AROUND)]
    around = re.findall(r"[^\W_]+", folded_word(f"{before} {after}"))
    if _FOLLOW_IT.search(" ".join(around)):
        return False
    if quote is None and not hidden:
        return _introduced(before) or _is_cited(source, start, end)
    if hidden or is_structure:
        return not _talk_of_attacks().isdisjoint(around)
    return len(around) >= _WORDS_OUTSIDE or any(
        not word.isascii() or word in _talk_of_language() for word in around
    )


def crosses_quotes(source: str, start: int, end: int) -> bool:
    """Whether one end of source[start:end] lies in a quotation and the other does not."""
    return len(_QUOTE_MARK.findall(source, start, end)) % 2 == 1


def crosses_fields(source: str, start: int, end: int) -> bool:
    """Whether source[start:end] reaches from one quoted field into another, as in JSON."""
    return _FIELD_END.search(source, start, end) is not None


def _introduced(before: str) -> bool:
    """Whether the sentence so far announces an example: "a known attack: ..."."""
    sentence = re.split(r"[.!?\n]\s", before)[-1]
    told = sentence.rstrip().endswith((":", ",", "("))
    return told and not _talk_of_attacks().isdisjoint(re.findall(r"\w+", folded_word(sentence)))


def _is_cited(source: str, start: int, end: int) -> bool:
    """Whether the line repeats what somebody wrote, as mail programs mark it, and is then spoken of."""
    if not _CITED.search(source, max(0, start - _LONGEST), start):
        return False
    around = source[max(0, start - _AROUND) : start] + source[end : end + _AROUND]
    talk = re.findall(r"\w+", folded_word(around))
    return not (_talk_of_attacks() | _talk_of_language()).isdisjoint(talk)


def _is_structure(before: str) -> bool:
    """Whether the quotes belong to code or JSON, where everything is quoted."""
    return _STRUCTURE.search(before) is not None


def _quote_around(source: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the quotation that holds the stretch, if it holds little else."""
    best = None
    for opening, closings in _QUOTES:
        first = source.rfind(opening, max(0, start - _LONGEST), start + 1)
        if first < 0 or any(source.find(closing, first + 1, start) >= 0 for closing in closings):
            continue
        if opening in "\"'`/" and not _opens(source, first):
            continue
        lasts = [
            place
            for closing in closings
            if (place := source.find(closing, max(start, first + 1), end + _LONGEST)) >= 0
        ]
        if lasts and (best is None or first > best[0]):
            best = (first, min(lasts) + 1)
    return best


def _opens(source: str, place: int) -> bool:
    before, after = source[max(0, place - 1) : place], source[place + 1 : place + 2]
    if source[place] == "/":
        return before in _BEFORE_REGEX
    return not before.isalnum() and not after.isspace()
