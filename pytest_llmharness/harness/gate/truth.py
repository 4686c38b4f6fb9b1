"""Which WHERE clauses select every row, as far as it shows without asking the database."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any

_NEUTRAL = {"Add": "0", "Sub": "0", "Mul": "1", "Div": "1"}
_REFLEXIVE = ("EQ", "GTE", "LTE", "NullSafeEQ", "Like", "ILike", "Is")
_WILDCARDS = {"Like": r"%+", "ILike": r"%+", "Glob": r"\*+", "RegexpLike": r"\^?(\.\*)*\$?"}
_OPPOSITE = {"EQ": "NEQ", "NEQ": "EQ", "LT": "GTE", "GTE": "LT", "GT": "LTE", "LTE": "GT"}
_ORDER = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "LT": operator.lt,
    "LTE": operator.le,
    "GT": operator.gt,
    "GTE": operator.ge,
}
_FREE = ("Column", "Placeholder", "Parameter")


class Rows(Enum):
    """Which rows a predicate selects."""

    ALL = "all"
    NONE = "none"
    ALL_OR_NONE = "all or none"
    SOME = "some"


def selected(node: Any) -> Rows:
    """Return which rows a predicate (a sqlglot expression) selects, as far as it shows.

    A predicate that looks at no column decides for all rows alike: it selects all or none, even where
    its value cannot be computed here. NULLs are left aside: `id = id` selects all.
    """
    kind = type(node).__name__
    if kind in ("Paren", "Where"):
        return selected(node.this)
    if kind == "Not":
        inner = selected(node.this)
        return {Rows.ALL: Rows.NONE, Rows.NONE: Rows.ALL}.get(inner, inner)
    if kind in ("And", "Or"):
        return _joined(node, kind)
    if not any(type(each).__name__ in _FREE for each in node.walk()):
        return _constant(node, kind)
    return Rows.ALL if _holds_for_all(node, kind) else Rows.SOME


def narrow(node: Any) -> bool:
    """Return whether a predicate pins a column to given values, so that it hardly means all rows."""
    kind = type(node).__name__
    if kind in ("Paren", "Where"):
        return narrow(node.this)
    if kind == "And":
        return any(narrow(part) for part in _flat(node, kind))
    if kind == "Or":
        return all(narrow(part) for part in _flat(node, kind))
    if kind == "EQ":
        sides = (node.this, node.expression)
        return any(type(one).__name__ == "Column" and _given(other) for one, other in (sides, sides[::-1]))
    if kind == "In":
        given = node.args.get("expressions") or []
        return bool(given) and type(node.this).__name__ == "Column" and all(map(_given, given))
    return False


def _joined(node: Any, kind: str) -> Rows:
    parts = list(_flat(node, kind))
    found = {selected(part) for part in parts}
    decisive, idle = (Rows.ALL, Rows.NONE) if kind == "Or" else (Rows.NONE, Rows.ALL)
    keys = {_key(part) for part in parts}
    if decisive in found or any(_negated(key) in keys for key in keys):
        return decisive
    left = found - {idle} or {idle}
    if len(left) == 1:
        return left.pop()
    # Some rows, and all or none: an OR may still mean all of them, an AND never more than some.
    return Rows.ALL_OR_NONE if kind == "Or" else Rows.SOME


def _flat(node: Any, kind: str) -> Iterator[Any]:
    """Yield the operands of a chain of AND or OR, whatever its parentheses."""
    stack = [node]
    while stack:
        one = stack.pop()
        name = type(one).__name__
        if name == kind:
            stack += (one.expression, one.this)
        elif name == "Paren":
            stack.append(one.this)
        else:
            yield one


def _key(node: Any) -> tuple[Any, ...]:
    """Return what tells a predicate from others."""
    kind = type(node).__name__
    if kind == "Paren":
        return _key(node.this)
    if kind == "Not":
        return _negated(_key(node.this))
    if kind in _OPPOSITE:
        return kind, _text(node.this), _text(node.expression)
    return "", _text(node)


def _negated(key: tuple[Any, ...]) -> tuple[Any, ...]:
    if key[0] in _OPPOSITE:
        return _OPPOSITE[key[0]], *key[1:]
    return key[1:] if key[0] == "not" else ("not", *key)


def _holds_for_all(node: Any, kind: str) -> bool:
    if kind in _REFLEXIVE and _same(node.this, node.expression):
        return True
    if kind in _WILDCARDS:
        pattern = node.expression
        return type(pattern).__name__ == "Literal" and bool(re.fullmatch(_WILDCARDS[kind], str(pattern.this)))
    if kind == "Between":
        return _same(node.this, node.args["low"]) and _same(node.this, node.args["high"])
    return kind == "In" and _in_itself(node)


def _in_itself(node: Any) -> bool:
    """`id IN (1, id)` and `id IN (SELECT id FROM the_same_table)` hold for every row."""
    if any(_same(node.this, each) for each in node.args.get("expressions") or ()):
        return True
    query = node.args.get("query")
    select = query.this if type(query).__name__ == "Subquery" else query
    if type(select).__name__ != "Select" or len(select.expressions) != 1:
        return False
    filters = any(select.args.get(part) for part in ("where", "limit", "having", "joins", "group"))
    source = select.args.get("from_")
    target = _target(node)
    if filters or source is None or target is None or type(select.expressions[0]).__name__ != "Column":
        return False
    same_table = str(source.this.name).casefold() == str(target.name).casefold()
    return same_table and str(select.expressions[0].name).casefold() == str(node.this.name).casefold()


def _constant(node: Any, kind: str) -> Rows:
    value: bool | None = None
    if kind in ("Boolean", "Null"):
        value = kind == "Boolean" and bool(node.this)
    elif kind in _ORDER:
        one, other = _literal(node.this), _literal(node.expression)
        if one is not None and type(one) is type(other):
            value = bool(_ORDER[kind](one, other))
    elif isinstance(number := _literal(node), float):
        value = number != 0
    return Rows.ALL_OR_NONE if value is None else Rows.ALL if value else Rows.NONE


def _literal(node: Any) -> float | str | None:
    if type(node).__name__ != "Literal":
        return None
    return str(node.this) if node.is_string else float(node.this)


def _same(one: Any, other: Any) -> bool:
    return other is not None and any(_columns(one)) and _text(one) == _text(other)


def _columns(node: Any) -> Iterator[Any]:
    return (each for each in node.walk() if type(each).__name__ == "Column")


def _text(node: Any) -> str:
    """Return the expression without neutral operations, needless qualifiers, parentheses and case."""
    kind = type(node).__name__
    if kind == "Paren":
        return _text(node.this)
    if kind == "Column":
        return _column(node)
    if kind in _NEUTRAL and _text(node.expression) == _NEUTRAL[kind]:
        return _text(node.this)
    if kind in ("Add", "Mul") and _text(node.this) == _NEUTRAL[kind]:
        return _text(node.expression)
    return str(node.sql(comments=False)).casefold()


def _column(node: Any) -> str:
    """Return the column's name, with its table only where that is not the statement's own."""
    name, table = str(node.name).casefold(), str(node.table).casefold()
    target = _target(node)
    own = (str(target.name).casefold(), str(target.alias).casefold()) if target is not None else ()
    return name if not table or table in own else f"{table}.{name}"


def _target(node: Any) -> Any:
    """Return the table that the statement around a node changes."""
    while node is not None and type(node).__name__ not in ("Update", "Delete"):
        node = node.parent
    return None if node is None else node.this


def _given(node: Any) -> bool:
    """Return whether a value is fixed: a literal, a parameter or a computation without columns."""
    return type(node).__name__ not in ("Boolean", "Null") and not any(_columns(node))
