"""What stands around a match: whether it is said to the reader, and of what it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from .grammar import Language, Match
from .lexicon import LANGUAGES
from .phrases import Phrases, entries
from .skeleton import folded_word
from .words import Word

_REPORTED = "了"  # behind a Chinese verb: it is told, not asked
_FAR = 7
_REPORTED_FAR = 6
_ARTICLE_FAR = 2
_DIGITS = frozenset(folded_word("0123456789"))
_LONGEST_NUMBER = 3
_ADVERB_ENDING = folded_word("ly")
_SHORTEST_ADVERB = 4


@cache
def _phrases(field: str) -> Phrases:
    return Phrases(entry for language in LANGUAGES for entry in entries(getattr(language, field)))


def is_directed(sentence: Sequence[Word], place: int, end: int, language: Language) -> bool:
    """Whether the verb at `place` addresses the reader: a command, not a report of one."""
    if is_refused(sentence, place):
        return False
    if not language.spaced and end < len(sentence) and sentence[end].text == _REPORTED:
        return False
    adverbs, openers = _phrases("adverbs"), _phrases("openers")
    while not sentence[place].opens and openers.before(sentence, place) is None:
        start = adverbs.before(sentence, place)
        before = sentence[place - 1].text
        if start is None and not (before.endswith(_ADVERB_ENDING) and len(before) > _SHORTEST_ADVERB):
            return False
        place = place - 1 if start is None else start
    return True


def is_refused(sentence: Sequence[Word], place: int) -> bool:
    """Whether a word before turns the verb at `place` into its opposite: "never"."""
    return _phrases("refusals").before(sentence, place) is not None


def is_reported(match: Match, reports: Iterable[Match]) -> bool:
    """Whether somebody makes a model do it: "they told the bot to ignore its instructions"."""
    return any(
        report.start <= match.start <= report.end + _REPORTED_FAR and match.end > report.end
        for report in reports
    )


def names_a_matter(sentence: Sequence[Word], match: Match, language: Language) -> bool:
    """Whether a word before the orders says whose matter it is: "ignore the payment instructions"."""
    if not language.qualities:
        return False
    matters, fitting, endings = language.fitting
    for index in range(match.end - 1, match.start, -1):
        if sentence[index].text in matters:
            before = sentence[index - 1].text
            if index + 1 < match.end and sentence[index + 1].text in _phrases("artefacts"):
                return True
            return index > match.head_end and before not in fitting and not before.endswith(endings)
    return False


def is_vague(sentence: Sequence[Word], match: Match, language: Language) -> bool:
    """Whether the last piece is spoken of in general: "explain what a system prompt is"."""
    before = sentence[max(match.head_end, match.last - _ARTICLE_FAR) : match.last]
    return any(word.text in language.vague for word in before)


def is_conditional(sentence: Sequence[Word]) -> bool:
    """Whether the sentence speaks to owners of a thing: "if your oven has no clock, ignore ..."."""
    conditions, standing = _phrases("conditions"), _standing()
    return any(
        behind == len(sentence) or not standing.may_begin(sentence[behind].text)
        for place in range(len(sentence))
        for behind in conditions.ends(sentence, place)
    )


@cache
def _standing() -> Phrases:
    """What a condition may say of a model without being about something else: "if your rules forbid it"."""
    return Phrases(
        entry
        for language in LANGUAGES
        for name in ("orders", "rules", "maker")
        for entry in entries(language.lists[name])
    )


def has_topic(sentence: Sequence[Word], end: int) -> bool:
    """Whether a topic of its own follows: "the rules" may be anybody's, "the rules of the pool" are not."""
    places = _phrases("places")
    if any(
        word.text in places and len(number.text) <= _LONGEST_NUMBER and _DIGITS.issuperset(number.text)
        for word, number in pairwise(sentence[end : end + _FAR])
    ):
        return True
    if end >= len(sentence) or sentence[end].opens:
        return False
    if sentence[end].text in _phrases("artefacts"):
        return True
    return any(
        behind < len(sentence) and not _phrases("self").ends(sentence, behind)
        for behind in _phrases("topics").ends(sentence, end)
    )
