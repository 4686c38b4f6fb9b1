"""Judges SQL by its parse, never by its text: what it destroys, and what cannot be shown to be safe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...errors import MissingExtra
from .sql_rows import Finding, RowCounter, SqlReport, clip, counted, destructive
from .truth import Rows, selected

_LONGEST = 50_000
_VERBS = (
    *("SELECT", "WITH", "VALUES", "TABLE", "(", "SHOW", "DESCRIBE", "DESC", "BEGIN", "START", "COMMIT"),
    *("INSERT", "UPDATE", "DELETE", "MERGE", "CREATE", "ALTER"),
)
_KINDS = (
    *("Select", "Union", "Intersect", "Except", "Values", "Subquery", "Show", "Describe", "Transaction"),
    *("Commit", "Insert", "Update", "Delete", "Merge", "Create", "Alter"),
)
_NEVER_INSIDE = ("Insert", "Update", "Delete", "Merge", "Drop", "TruncateTable", "Command")
_MAKES = ("TABLE", "INDEX", "VIEW", "SEQUENCE", "SCHEMA")
_EXPLAIN = re.compile(
    r"^\s*explain\b(?:\s+query\s+plan\b)?(?:\s+analyze\b|\s+verbose\b|\s*\([^)]*\))*", re.IGNORECASE
)
_REPLACE = re.compile(r"^\s*replace\s+into\b", re.IGNORECASE)
_REACHES_OUT = re.compile(
    r"pg_(sleep|read_|write|ls_|stat_file|terminate|cancel|reload|rotate|switch|promote|advisory)"
    r"|lo_|dblink|xp_|sp_|sys_(eval|exec)|utl_|dbms_|load_(file|extension)|readfile|writefile|query_to_xml"
    r"|(edit|sleep|benchmark|shell|system|nextval|setval|set_config)$",
    re.IGNORECASE,
)


async def inspect_sql(
    text: str, *, dialect: str | None = None, count: RowCounter | None = None, max_rows: int | None = None
) -> SqlReport:
    """Return what is wrong with one SQL statement.

    Reads pass, and so do INSERT, additive CREATE and ALTER, and an UPDATE or DELETE that pins a
    column to given values or whose rows were counted and are not all rows of the table.

    Args:
        text: the statement as the model wrote it.
        dialect: sqlglot's name of the dialect, such as "postgres"; None reads the common core.
        count: counts rows in a dry run; without it what the parse cannot show stays unproven.
        max_rows: more rows than this are unproven, however few of the table they are.

    Raises:
        MissingExtra: sqlglot is not installed.
    """
    try:
        exp, root = _parsed(text, dialect)
        flaws = (root,) if isinstance(root, Finding) else tuple(_flaws(root, exp))
        if flaws or not isinstance(root, exp.Update | exp.Delete):
            return SqlReport(flaws)
        return await counted(root, exp, dialect, count, max_rows)
    except RecursionError:
        return destructive("the SQL is nested too deeply")


def _parsed(text: str, dialect: str | None) -> tuple[Any, Any]:
    """Return (sqlglot's expressions, the statement or what is wrong with the text)."""
    try:
        import sqlglot
        from sqlglot import errors, exp
    except ImportError as error:
        raise MissingExtra(
            "SQL in a tool call cannot be checked: sqlglot is not installed",
            where="the gate's rules about SQL",
            fix="pip install 'pytest-llmharness[gate]', or leave the SQL rules out of the policy",
        ) from error
    if len(text) > _LONGEST:
        return exp, Finding("destructive", f"the SQL is longer than {_LONGEST} characters")
    plain = _REPLACE.sub("INSERT OR REPLACE INTO", _EXPLAIN.sub("", text, count=1), count=1)
    try:
        flaw = _first_words(sqlglot.tokenize(plain, dialect=dialect))
        if flaw is not None:
            return exp, Finding("destructive", flaw)
        statements = [one for one in sqlglot.parse(plain, dialect=dialect) if one is not None]
    except (errors.SqlglotError, ValueError) as error:
        return exp, Finding("destructive", f"the SQL cannot be parsed: {clip(str(error).splitlines()[0])}")
    if len(statements) != 1:
        return exp, Finding("destructive", f"{len(statements)} statements where one may run")
    return exp, statements[0]


def _first_words(tokens: Any) -> str | None:
    """Return what is wrong before anything is parsed: an executable comment, or a verb nobody knows."""
    if any(note.startswith(("!", "M!")) for token in tokens for note in token.comments):
        return "a comment holds code that some servers run"
    words = [str(token.text).upper() for token in tokens[:6]]
    if not words:
        return "there is no statement"
    if words[0] not in _VERBS:
        return f"{clip(words[0])} is not among the statements that may run"
    if words[0] == "CREATE" and not set(words) & set(_MAKES):
        return f"CREATE {clip(words[1]) if words[1:] else ''} is not among the statements that may run"
    return None


def _flaws(root: Any, exp: Any) -> Iterator[Finding]:
    """Yield what the parse alone shows."""
    kind = type(root).__name__
    if kind not in _KINDS:
        yield Finding("destructive", f"{kind.upper()} is not among the statements that may run")
        return
    for node in root.walk():
        reason = _inside(node, type(node).__name__) if node is not root and kind != "Alter" else None
        if reason is not None:
            yield Finding("destructive", reason)
    if kind == "Create" and (root.args.get("replace") or str(root.kind).upper() not in _MAKES):
        yield Finding("destructive", f"CREATE {root.kind} replaces or defines code")
    if kind == "Alter" and not all(type(action).__name__ == "ColumnDef" for action in root.args["actions"]):
        yield Finding("destructive", "ALTER does more than add a column")
    if kind == "Merge":
        yield Finding("unproven", "MERGE changes rows that were not counted")
    overwrites = any(root.args.get(part) for part in ("overwrite", "conflict", "alternative"))
    if kind == "Insert" and overwrites and not isinstance(root.expression, exp.Values):
        yield Finding("unproven", "INSERT overwrites rows that were not counted")
    if kind in ("Update", "Delete"):
        yield from _unbounded(root.args.get("where"), kind.upper())


def _inside(node: Any, kind: str) -> str | None:
    if kind in _NEVER_INSIDE:
        return f"{kind.upper()} is hidden inside the statement"
    if kind == "Into":
        return "SELECT INTO writes"
    called = str(node.name) if kind == "Anonymous" else ""
    return f"the function {called} reaches out of the query" if _REACHES_OUT.match(called) else None


def _unbounded(where: Any, verb: str) -> Iterator[Finding]:
    if where is None:
        yield Finding("destructive", f"{verb} has no WHERE")
    elif selected(where) in (Rows.ALL, Rows.ALL_OR_NONE):
        yield Finding("destructive", f"{verb} matches every row: WHERE {clip(where.this.sql())}")
