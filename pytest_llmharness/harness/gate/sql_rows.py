"""Counts what a statement would touch, without touching it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from ...domain.frozen import dataclass
from .truth import Rows, narrow, selected

RowCounter: TypeAlias = Callable[[str], Awaitable[int]]
"""Runs a SELECT COUNT(*) and returns the number. Give it a connection that cannot write."""

# From this many rows on, a statement that matches every row of its table is refused for that.
_ALL_ROWS_FROM = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a statement.

    Args:
        level: "destructive" is shown by the parse or by a count; "unproven" could not be ruled out.
        reason: one clause for the model and for the person who is asked.
    """

    level: Literal["destructive", "unproven"]
    reason: str


@dataclass(frozen=True, slots=True)
class SqlReport:
    """What the inspection of a statement found; no findings means that it may run.

    Args:
        findings: what is wrong, the parse's findings first.
        note: what the dry run counted, such as "DELETE touches 3 of 10 rows", or "".
    """

    findings: tuple[Finding, ...] = ()
    note: str = ""


async def counted(
    root: Any, exp: Any, dialect: str | None, count: RowCounter | None, max_rows: int | None
) -> SqlReport:
    """Return what a count says about an UPDATE or DELETE that has a WHERE."""
    verb, where = type(root).__name__.upper(), root.args["where"]
    bound_later = any(True for _ in where.find_all(exp.Placeholder, exp.Parameter))
    queries = None if bound_later else _counts(root, exp, dialect)
    if count is None or queries is None:
        if selected(where) is Rows.NONE or (narrow(where) and max_rows is None):
            return SqlReport()
        return unproven(f"the rows that {verb} touches were not counted: WHERE {clip(where.this.sql())}")
    try:
        matched, total = [await count(query) for query in queries]
    except Exception as error:  # noqa: BLE001 - whatever the database raises, the rows are not known
        return unproven(f"the rows that {verb} touches could not be counted: {type(error).__name__}")
    note = f"{verb} touches {matched} of {total} rows"
    if matched >= total >= _ALL_ROWS_FROM:
        return destructive(f"{verb} matches all {total} rows", note)
    if max_rows is not None and matched > max_rows:
        return unproven(f"{verb} matches {matched} rows, and {max_rows} pass without a question", note)
    return SqlReport(note=note)


def _counts(root: Any, exp: Any, dialect: str | None) -> tuple[str, str] | None:
    """Return the queries for the rows matched and for all rows; None where no query says it."""
    table = root.this
    if not isinstance(table, exp.Table) or table.args.get("joins") or root.args.get("tables"):
        return None
    where = root.args["where"].this.copy()
    source = root.args.get("from_")
    others = root.args.get("using") or ([source.this] if source is not None else [])
    if others:
        inner = exp.select("1").from_(others[0].copy()).where(where)
        for other in others[1:]:
            inner = inner.join(other.copy(), join_type="cross")
        where = exp.Exists(this=inner)
    matched, total = (exp.select("COUNT(*)").from_(table.copy()) for _ in range(2))
    matched = matched.where(where)
    if root.args.get("with_"):
        matched.set("with_", root.args["with_"].copy())
    return matched.sql(dialect=dialect), total.sql(dialect=dialect)


def destructive(reason: str, note: str = "") -> SqlReport:
    """Return a report of one proven fault."""
    return SqlReport((Finding("destructive", reason),), note)


def unproven(reason: str, note: str = "") -> SqlReport:
    """Return a report of one thing that could not be ruled out."""
    return SqlReport((Finding("unproven", reason),), note)


def clip(text: str) -> str:
    """Shorten a text for a message."""
    return text if len(text) <= 80 else f"{text[:77]}..."
