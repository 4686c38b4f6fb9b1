"""Words for violations: what was asked for, what is there, and how to mend it.

Both engines share them: a hint depends on the pointer, the keyword, what the keyword expects and
the value, on nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from . import phrase, text

if TYPE_CHECKING:
    from .._native._core import _Finding as Finding

Explained: TypeAlias = tuple[str, str, str, str, str, str, tuple[int, int] | None]

_LINE_ENDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_PIECES = json.JSONEncoder(ensure_ascii=False)

MAX_GOT = 80
MAX_LINE = 300
_TOLD_APART = 3


def explained(value: Any, finding: Finding) -> Explained:
    """Return (pointer, schema pointer, keyword, expected, got, hint, span) of one finding."""
    pointer, schema_pointer, keyword, expected, _, span = finding
    line = clipped(on_one_line(_line(finding, value)), MAX_LINE)
    words = clipped(on_one_line(phrase.expectation(keyword, json.loads(expected))), MAX_LINE)
    return pointer, schema_pointer, keyword, words, shown(at(value, pointer)), line, span


def of_no_json(source: str | bytes) -> tuple[str, str]:
    """Return (got, hint) for text that is no JSON."""
    got = source.decode(errors="replace") if isinstance(source, bytes) else source
    try:
        text.read(source)
    except text.NoJson as error:
        reason = f": the text {error}"
    else:
        reason = ""
    # A lone surrogate cannot be printed or sent.
    got = clipped(got[: 2 * MAX_GOT], MAX_GOT).encode(errors="replace").decode()
    return got, f"answer with one JSON value and nothing else{reason}"


def of_inexpressible(pointer: str, what: str, why: str) -> str:
    """Return the hint for a Python object that JSON cannot express."""
    parts = parts_of(pointer)
    whose = f"field '{clipped(parts[-1], 60)}'" if parts else phrase.WHOLE
    return on_one_line(f"{whose} must be a JSON value, not {what}: {why}")


def of_demand(value: Any, pointer: str, demand: str) -> str:
    """Return what a validator demands of a place ("must be positive", or any sentence), with its subject."""
    whose = subject(value, pointer)
    if demand.startswith("must "):
        return f"{whose} {demand}"
    return demand if whose == phrase.WHOLE else f"{whose}: {demand}"


def bounded(lines: Collection[str], limit: int) -> list[str]:
    """Return whole lines up to `limit` bytes of UTF-8; the last one says how many were left out."""
    room = limit - len(f"\nand {len(lines)} more")
    kept: list[str] = []
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            return [*kept, f"and {len(lines) - len(kept)} more"]
        kept.append(line)
    return kept


def shown(value: Any) -> str:
    """Return a value as JSON of at most 80 characters, without writing more of it than that."""
    if not isinstance(value, (list, dict)):
        return clipped(phrase.as_json(value[: 2 * MAX_GOT] if isinstance(value, str) else value), MAX_GOT)
    words = ""
    for piece in _PIECES.iterencode(value):
        words += piece[: 2 * MAX_GOT]
        if len(words) > MAX_GOT:
            break
    return clipped(words, MAX_GOT)


def clipped(words: str, limit: int) -> str:
    """Return the words, cut to `limit` characters with a mark where they are longer."""
    return words if len(words) <= limit else words[: limit - 3] + "..."


def on_one_line(words: str) -> str:
    """Escape what would end a line: names and patterns may hold it."""
    return _LINE_ENDS.sub(lambda match: match[0].encode("unicode_escape").decode(), words)


def parts_of(pointer: str) -> list[str]:
    """Split an RFC 6901 pointer into its unescaped parts."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def escaped(part: object) -> str:
    """Return a name or a number as one part of a pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")


def at(value: Any, pointer: str) -> Any:
    """Return what a pointer leads to; None where it leads nowhere."""
    for part in parts_of(pointer):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _line(finding: Finding, value: Any) -> str:
    pointer, _, keyword, expected, _, _ = finding
    if keyword in ("anyOf", "oneOf"):
        return _of_alternatives(finding, value)
    return phrase.sentence(subject(value, pointer), keyword, json.loads(expected), at(value, pointer))


def _of_alternatives(finding: Finding, value: Any) -> str:
    """Explain the alternative that the value came closest to."""
    pointer, _, keyword, _, branches, _ = finding
    whose = subject(value, pointer)
    matched = sum(not branch for branch in branches)
    if keyword == "oneOf" and matched > 1:
        return phrase.too_many(whose, matched, len(branches))
    failed = [branch for branch in branches if branch]
    kinds = [_only_type(branch, pointer) for branch in failed]
    if failed and all(kinds):
        types = list(dict.fromkeys(kind for each in kinds for kind in each))
        return phrase.sentence(whose, "type", types, at(value, pointer))
    tag = _unknown_tag(failed, pointer)
    if tag is not None:
        place, options = tag
        return phrase.sentence(subject(value, place), "enum", options, at(value, place))
    nearest = min(failed, key=lambda branch: _distance(branch, pointer), default=[])
    if not nearest:
        return phrase.sentence(whose, keyword, None, at(value, pointer))
    lines = dict.fromkeys(_line(each, value) for each in nearest)
    told = "; ".join(list(lines)[:_TOLD_APART])
    if len(failed) - sum(map(bool, kinds)) == 1:
        # The others are of another kind, as null is in "an object or null".
        return told
    return phrase.of_branch(told, branches.index(nearest) + 1, len(branches))


def _unknown_tag(failed: Sequence[Sequence[Finding]], pointer: str) -> tuple[str, list[Any]] | None:
    """Find the field that tells the alternatives apart, where its value fits none of them."""
    options: dict[str, list[Any]] = {}
    for branch in failed:
        for found, _, keyword, expected, _, _ in branch:
            if keyword in ("const", "enum") and found.count("/") == pointer.count("/") + 1:
                asked = json.loads(expected)
                options.setdefault(found, []).append(asked if keyword == "enum" else [asked])
    for place, asked in options.items():
        if len(asked) == len(failed) > 1:
            return place, [option for each in asked for option in each]
    return None


def _only_type(branch: list[Finding], pointer: str) -> list[str]:
    """The types a branch asks for, where the wrong type is all it complains about."""
    if len(branch) != 1 or branch[0][0] != pointer or branch[0][2] != "type":
        return []
    types = json.loads(branch[0][3])
    return types if isinstance(types, list) else [types]


def _distance(branch: list[Finding], pointer: str) -> tuple[bool, bool, int, int]:
    """How far a value is from an alternative: by kind, by tag, by depth, by number of faults."""
    level = pointer.count("/")
    wrong_kind = any(found == pointer and keyword == "type" for found, _, keyword, *_ in branch)
    wrong_tag = any(
        keyword == "const" or (keyword == "enum" and found.count("/") == level + 1)
        for found, _, keyword, *_ in branch
    )
    depth = min(found.count("/") for found, *_ in branch)
    return wrong_kind, wrong_tag, level - depth, len(branch)


def subject(value: Any, pointer: str) -> str:
    """Name a place: the field it is, with the items of arrays on the way to it.

    The only item of an array needs no number where a field inside it is named.
    """
    parts = parts_of(pointer)
    names: list[str] = []
    only: dict[int, bool] = {}
    for depth, part in enumerate(parts):
        name = clipped(part, 60)
        if isinstance(value, list):
            array = clipped(parts[depth - 1], 60) if depth and names and names[-1] == "" else None
            names.append(f"item {name} of '{array}'" if array else f"item {name}")
            only[depth] = len(value) == 1
        else:
            names.append(f"field '{name}'" if depth == len(parts) - 1 else "")
        value = at(value, f"/{escaped(part)}")
    a_field = len(parts) - 1 not in only
    told = (name for depth, name in enumerate(names) if name and not (a_field and only.get(depth)))
    return ", ".join(told) or phrase.WHOLE
