"""SQL is judged by its parse and by a counted dry run, never by its text."""

from __future__ import annotations

import asyncio
import builtins
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness.errors import MissingExtra
from pytest_llmharness.harness.gate import SqlReport, inspect_sql

pytest.importorskip("sqlglot", reason="sqlglot is not installed: pip install sqlglot")


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    """Ten users and twenty orders."""
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT, active INT, age INT)")
    users = [(number, f"n{number}", f"e{number}@x", number % 2, 20 + number) for number in range(1, 11)]
    made.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", users)
    made.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INT, total INT)")
    orders = [(number, number % 3 + 1, number * 10) for number in range(1, 21)]
    made.executemany("INSERT INTO orders VALUES (?, ?, ?)", orders)
    made.commit()
    made.execute("PRAGMA query_only = 1")
    yield made
    made.close()


@pytest.fixture
def inspect(database: sqlite3.Connection) -> Callable[..., SqlReport]:
    """Inspect a statement with a counted dry run."""

    async def count(query: str) -> int:
        return int(database.execute(query).fetchone()[0])

    def inspected(text: str, **settings: Any) -> SqlReport:
        return asyncio.run(inspect_sql(text, dialect="sqlite", count=count, **settings))

    return inspected


NO_WHERE = ["DELETE FROM users", "UPDATE users SET name = 'x'", "delete from users;"]
ALWAYS_TRUE = [
    "DELETE FROM users WHERE 1=1",
    "DELETE FROM users WHERE id=id",
    "DELETE FROM users WHERE users.id = id",
    "DELETE FROM users WHERE (((id)))=((id+0))",
    "DELETE FROM users WHERE NOT FALSE",
    "DELETE FROM users WHERE 'a'='a'",
    "DELETE FROM users WHERE 1",
    "DELETE FROM users WHERE 2 > 1 AND id = id",
    "DELETE FROM users WHERE id=5 OR 1=1",
    "DELETE FROM users WHERE id IS NULL OR id IS NOT NULL",
    "DELETE FROM users WHERE id=5 OR id<>5",
    "DELETE FROM users WHERE id < 5 OR NOT (id < 5)",
    "DELETE FROM users WHERE NOT (id=5 AND id<>5)",
    "DELETE FROM users WHERE name LIKE '%'",
    "DELETE FROM users WHERE id BETWEEN id AND id",
    "DELETE FROM users WHERE id IN (1, id)",
    "DELETE FROM users WHERE 1 IN (1)",
    "DELETE FROM users WHERE EXISTS (SELECT 1)",
    "DELETE FROM users WHERE id IN (SELECT id FROM users)",
    "DELETE FROM users WHERE COALESCE(id, 1) = COALESCE(id, 1)",
    "DELETE FROM users WHERE TRUE IS TRUE",
    "DELETE FROM users WHERE random() IS NOT NULL",
    "DELETE FROM users WHERE id = 5 OR NOT EXISTS (SELECT 1)",
    "DELETE FROM users WHERE 1 = '1'",
    "UPDATE users SET active = 0 WHERE 1 = 1",
]
COUNTED = [
    "DELETE FROM users WHERE id>0",
    "UPDATE users SET name = 'x' WHERE id > 0",
    "DELETE FROM users WHERE abs(id) >= 0",
    "DELETE FROM users WHERE id NOT IN (-1)",
    "DELETE FROM users WHERE -id < 0",
    "DELETE FROM users WHERE name || '' = name",
    "DELETE FROM orders WHERE user_id IN (SELECT id FROM users)",
    "UPDATE users SET active = 0 WHERE active IN (0, 1)",
    "WITH a AS (SELECT id FROM users) DELETE FROM users WHERE id IN (SELECT id FROM a)",
    "UPDATE orders SET total = 0 FROM users WHERE users.id = orders.user_id",
]
HIDDEN = [
    "DELETE FROM users -- WHERE id = 1",
    "DELETE FROM users /* WHERE id = 1 */",
    "SELECT 1 /*!50000 ; DROP TABLE users */",
    "SELECT 1; DELETE FROM users",
    "SELECT 1; SELECT 2",
    "WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone",
    "WITH gone AS (UPDATE users SET name='x' WHERE id=1 RETURNING *) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM users",
]
FORBIDDEN = [
    "DROP TABLE users",
    "TRUNCATE TABLE users",
    "TRUNCATE users",
    "ALTER TABLE users DROP COLUMN name",
    "CREATE OR REPLACE TABLE users AS SELECT 1",
    "CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM users; END",
    "GRANT ALL ON users TO bob",
    "PRAGMA writable_schema=1",
    "ATTACH DATABASE 'x' AS y",
    "VACUUM",
    "SELECT * INTO stolen FROM users",
    "SELECT load_extension('x')",
    "SELECT pg_sleep(10)",
    "SET ROLE admin",
    "CALL purge()",
    "",
    ";",
    "DELETE FROM users WHERE",
    "'; DROP TABLE users; --",
    "please delete everything",
]
BENIGN = [
    "SELECT * FROM users",
    "SELECT * FROM users WHERE name = 'DROP TABLE users'",
    "SELECT 'it''s; DELETE FROM users'",
    "SELECT /* all of them */ * FROM users -- nothing else",
    "SELECT u.name, COUNT(*) FROM users u JOIN orders o ON o.user_id = u.id GROUP BY u.name HAVING COUNT(*) > 2",
    "SELECT ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY total) FROM orders",
    "WITH a AS (SELECT id FROM users WHERE active = 1) SELECT * FROM a",
    "SELECT * FROM users UNION SELECT * FROM users ORDER BY id LIMIT 5",
    "SELECT 1;",
    "EXPLAIN QUERY PLAN SELECT * FROM users",
    "INSERT INTO users (id, name) VALUES (11, 'x')",
    "INSERT INTO orders SELECT id + 100, 1, 1 FROM users WHERE id = 1",
    "INSERT INTO users (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'y'",
    "REPLACE INTO users VALUES (1, 'a', 'b', 1, 1)",
    "CREATE TABLE extra (a INT)",
    "CREATE INDEX names ON users (name)",
    "ALTER TABLE users ADD COLUMN note TEXT",
    "UPDATE users SET name = 'x' WHERE id = 3",
    "UPDATE users SET name = 'x' WHERE age > 25",
    "UPDATE users SET name = (SELECT name FROM users WHERE id = 2) WHERE id = 1",
    "UPDATE orders SET total = 1 FROM users WHERE users.id = orders.id AND users.id < 3",
    "DELETE FROM users WHERE id = 3",
    "DELETE FROM users AS u WHERE u.id = 3",
    "DELETE FROM users WHERE id IN (1, 2)",
    "DELETE FROM users WHERE id = ?",
    "DELETE FROM users WHERE name = 'n1' -- just one",
    "DELETE FROM orders WHERE total < 50",
    "DELETE FROM orders WHERE user_id IN (SELECT id FROM users WHERE active = 0 AND id > 1)",
    "DELETE FROM users WHERE id = (SELECT MAX(id) FROM users)",
    "DELETE FROM users WHERE 1 = 0",
]


@pytest.mark.parametrize("text", [*NO_WHERE, *ALWAYS_TRUE, *HIDDEN, *FORBIDDEN])
def test_what_the_parse_shows_is_destructive(text: str) -> None:
    """B18: shown without a database: no WHERE, always true, hidden in a comment, a statement, a CTE."""
    report = asyncio.run(inspect_sql(text))
    assert "destructive" in [finding.level for finding in report.findings]


@pytest.mark.parametrize("text", COUNTED)
def test_what_matches_every_row_is_counted(text: str, inspect: Callable[..., SqlReport]) -> None:
    """B18: a dry run counts what the parse cannot show; nothing is touched, the connection cannot write."""
    report = inspect(text)
    assert [finding.level for finding in report.findings] == ["destructive"]
    assert "all" in report.findings[0].reason


@pytest.mark.parametrize("text", BENIGN)
def test_benign_statements_pass(text: str, inspect: Callable[..., SqlReport]) -> None:
    """B18: thirty statements of daily work, the words of the dangerous ones among them."""
    assert inspect(text).findings == ()


@pytest.mark.parametrize("text", [text for text in COUNTED if "IN (0, 1)" not in text])
def test_without_a_count_what_is_open_stays_open(text: str) -> None:
    """Nobody is told that it is safe: it needs an approval."""
    report = asyncio.run(inspect_sql(text))
    assert [finding.level for finding in report.findings] == ["unproven"]


def test_a_count_that_fails_proves_nothing() -> None:
    """The database's error is no permission."""

    async def count(query: str) -> int:
        raise ConnectionError(query)

    report = asyncio.run(inspect_sql("DELETE FROM users WHERE id = 1", count=count))
    assert [(finding.level, "ConnectionError" in finding.reason) for finding in report.findings] == [
        ("unproven", True)
    ]


def test_a_count_is_told_and_bounded(inspect: Callable[..., SqlReport]) -> None:
    """The preview says how many rows, and more than `max_rows` need an approval."""
    text = "UPDATE users SET name = 'x' WHERE age > 25"
    assert inspect(text, max_rows=5).note == "UPDATE touches 5 of 10 rows"
    assert inspect(text, max_rows=5).findings == ()
    assert [finding.level for finding in inspect(text, max_rows=4).findings] == ["unproven"]


def test_one_row_is_not_all_rows() -> None:
    """Deleting the only row of a table by its key is no wipe."""

    async def count(query: str) -> int:
        return 1

    report = asyncio.run(inspect_sql("DELETE FROM users WHERE id = 1", count=count))
    assert report.findings == ()


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("DELETE FROM t USING u WHERE t.id = u.id", "postgres"),
        ("DELETE t FROM t JOIN u ON t.id = u.id WHERE u.id > 0", "mysql"),
        ("MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE", "postgres"),
        ("INSERT OR REPLACE INTO t SELECT * FROM t", "sqlite"),
    ],
)
def test_what_other_dialects_can_do_is_not_waved_through(text: str, dialect: str) -> None:
    """Deletes over joins, merges and overwriting inserts need an approval."""
    report = asyncio.run(inspect_sql(text, dialect=dialect))
    assert report.findings


@pytest.mark.parametrize(
    "text",
    ["SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT " + "1 OR " * 20_000 + "1", "NOT " * 3000 + "x", "\x00", "é" * 100],
    ids=["deep", "long", "nots", "null", "unicode"],
)  # fmt: skip
def test_hostile_text_ends_in_a_report(text: str) -> None:
    """Depth and length are refused, nothing escapes."""
    assert isinstance(asyncio.run(inspect_sql(text)), SqlReport)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text_ends_in_a_report(text: str) -> None:
    """Whatever a model writes into a SQL argument."""
    assert isinstance(asyncio.run(inspect_sql(text)), SqlReport)


ATOMS = st.sampled_from(
    ["id > 3", "id = 5", "age < 25", "name = 'n1'", "active = 1", "id IS NULL", "age = id"]
)
WRAPS = st.sampled_from(
    [
        "({a}) OR 1=1",
        "({a}) OR id = id",
        "NOT (({a}) AND 1=0)",
        "({a}) OR NOT ({a})",
        "({a}) OR ({b}) OR TRUE",
    ]
)


@settings(max_examples=100, deadline=None)
@given(ATOMS, ATOMS, st.lists(WRAPS, min_size=1, max_size=3))
def test_a_dressed_up_tautology_is_found(a: str, b: str, wraps: list[str]) -> None:
    """However a condition is wrapped, where it holds for all rows it is destructive."""
    condition = a
    for wrap in wraps:
        condition = wrap.format(a=condition, b=b)
    report = asyncio.run(inspect_sql(f"DELETE FROM users WHERE {condition}"))
    assert [finding.level for finding in report.findings] == ["destructive"]


@settings(max_examples=100, deadline=None)
@given(st.recursive(ATOMS, lambda inner: st.one_of(
    st.tuples(inner, inner).map(lambda two: f"({two[0]} AND {two[1]})"),
    st.tuples(inner, inner).map(lambda two: f"({two[0]} OR {two[1]})"),
    inner.map(lambda one: f"NOT ({one})"),
), max_leaves=5))  # fmt: skip
def test_what_is_called_always_true_is_true_for_every_row(condition: str) -> None:
    """No false alarm: what the parse calls destructive, SQLite finds true for all rows with values."""
    report = asyncio.run(inspect_sql(f"DELETE FROM users WHERE {condition}"))
    if [finding.level for finding in report.findings] == ["destructive"]:
        with sqlite3.connect(":memory:") as made:
            made.execute("CREATE TABLE users (id INT, name TEXT, active INT, age INT)")
            rows = [(i, f"n{i}", i % 2, age) for i in (1, 3, 5, 7) for age in (i, 24, 25, 30)]
            made.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)
            (matched,) = made.execute(f"SELECT COUNT(*) FROM users WHERE {condition}").fetchone()
        made.close()
        assert matched == len(rows)


def test_without_sqlglot_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """A named error with the command to paste, no silent pass."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "sqlglot":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match="sqlglot is not installed") as caught:
        asyncio.run(inspect_sql("SELECT 1"))
    assert "pip install 'pytest-llmharness[gate]'" in caught.value.fix
