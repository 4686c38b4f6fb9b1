"""What stands around a match: whether it is said to the reader, and of what it speaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise

from .grammar import Language, Match, Matcher
from .lexicon import LANGUAGES
from .phrases import Phrases, entries
from .skeleton import folded_word
from .words import Word

_REPORTED = "了"  # behind a Chinese verb: it is told, not asked
_ORDERS = ("orders", "rules", "guards")
_NO_NAMES = ("old", "all", "your", "follow", "maker", "inner", "special", "lawless")
_FAR = 7
_REPORTED_FAR = 6
_ARTICLE_FAR = 2
_OWNER_FAR = 3
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


def is_of_others(sentence: Sequence[Word], match: Match, language: Language) -> bool:
    """Whether it is said of somebody's own orders, or done by him: "I have deleted the old instructions"."""
    before = sentence[max(0, match.start - _OWNER_FAR) : match.start]
    return any(word.text in language.others for word in before)


def reported_places(reports: Iterable[Match]) -> dict[int, int]:
    """Return the places where what begins is what somebody makes a model do, and where it is said.

    "They told the bot to ignore its instructions": each place has the end of the first report it belongs to.
    """
    places: dict[int, int] = {}
    for report in reports:
        for place in range(report.start, report.end + _REPORTED_FAR + 1):
            places[place] = min(report.end, places.get(place, report.end))
    return places


def is_about(sentence: Sequence[Word], matcher: Matcher, match: Match) -> bool:
    """Whether a match speaks of a matter of its own: "the rules of the pool", "the payment rules"."""
    if matcher.others:
        return has_topic(sentence, match.last)
    return has_topic(sentence, match.end) or _names_a_matter(sentence, match, matcher.language)


def _names_a_matter(sentence: Sequence[Word], match: Match, language: Language) -> bool:
    """Whether a word before the orders says whose matter it is: "ignore the payment instructions"."""
    if not language.qualities:
        return False
    matters, fitting, endings = _fitting(language)
    for index in range(match.end - 1, match.start, -1):
        if sentence[index].text in matters:
            before = sentence[index - 1].text
            if index + 1 < match.end and sentence[index + 1].text in _phrases("artefacts"):
                return True
            return index > match.head_end and before not in fitting and not before.endswith(endings)
    return False


@cache
def _fitting(language: Language) -> tuple[Phrases, Phrases, tuple[str, ...]]:
    """What may have a name before it, and what is no such name: words, and endings of words."""
    qualities = entries(language.qualities)
    whole = [word for word in qualities if word[0] != "*"]
    for name in (*_ORDERS, *_NO_NAMES):
        whole += language.lists[name].replace(",", " ").split()
    orders = Phrases(entry for name in _ORDERS for entry in entries(language.lists[name]))
    endings = tuple(folded_word(word[1:]) for word in qualities if word[0] == "*")
    return orders, Phrases(whole), endings


@cache
def _indefinite(language: Language) -> Phrases:
    return Phrases(entries(language.indefinite))


def is_vague(sentence: Sequence[Word], match: Match, language: Language) -> bool:
    """Whether the last piece is spoken of in general: "explain what a system prompt is"."""
    before = sentence[max(match.head_end, match.last - _ARTICLE_FAR) : match.last]
    return any(word.text in _indefinite(language) for word in before)


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
