"""Guardrails: blocked words as words, secrets with their values, sizes in bytes, any chunking alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_llmharness import Schema, ToolCall
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.guardrails import BLOCKED_WORDS, SECRET_NAMES, Guarded, Guardrails
from pytest_llmharness.harness.redaction import MARKER

GUARDRAILS = Guardrails()
WORDS = Guardrails(secret_names=())


def shown(text: str, guardrails: Guardrails = WORDS, *, is_json: bool = False) -> str:
    return guardrails.output(text, is_json=is_json).text


# --- blocked words ---


def test_the_defaults_are_pinned() -> None:
    """D17: article 003's words and patterns, 10,000 bytes, redact, never truncate."""
    assert BLOCKED_WORDS == ("password", "secret", "key", "token", "credential")
    assert SECRET_NAMES == ("password", "api_key", "secret")
    assert (GUARDRAILS.action, GUARDRAILS.max_output_size, GUARDRAILS.truncate) == ("redact", 10_000, False)


@pytest.mark.parametrize(
    "text",
    [
        "monkey", "keyboard", "tokenize", "passwords", "Turkey", "keys", "secretary", "credentials", "KEYBOARD", "mon\u00adkey",
        "token\u0131ze", "forsecrets",
    ],
)  # fmt: skip
def test_words_that_hold_a_blocked_one_pass(text: str) -> None:
    """D27: a substring is no word; a soft hyphen does not make it one."""
    assert WORDS.output(text) == Guarded(text, size_bytes=len(text.encode()))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the key is here", f"the {MARKER} is here"),
        ("KEY", MARKER),
        ("Password!", f"{MARKER}!"),
        ("user_password", f"user_{MARKER}"),
        ("PASSWORD_HASH", f"{MARKER}_HASH"),
        ("userPassword", f"user{MARKER}"),
        ("passwordHash", f"{MARKER}Hash"),
        ("HTTPKey", f"HTTP{MARKER}"),
        ("keyID", f"{MARKER}ID"),
        ("passWord", MARKER),
        ("my.key/token-ring", f"my.{MARKER}/{MARKER}-ring"),
        ("key2 2key", f"{MARKER}2 2{MARKER}"),
        ("pass\u200bword", MARKER),
        ("\uff2b\uff25\uff39 \u017fecret \u212aey", f"{MARKER} {MARKER} {MARKER}"),
        ("key key", f"{MARKER} {MARKER}"),
        ("密key码", f"密{MARKER}码"),
    ],
)
def test_blocked_words_are_found_as_words(text: str, wanted: str) -> None:
    """D17.11: whole words, case-folded; parts of snake_case and camelCase count as words."""
    assert shown(text) == wanted


@pytest.mark.parametrize(
    ("entry", "text", "wanted"),
    [
        ("straße", "STRASSE Straße STRAẞE", f"{MARKER} {MARKER} {MARKER}"),
        ("api key", "apiKey api_key API-KEY apikeys", f"{MARKER} {MARKER} {MARKER} apikeys"),
        ("apiKey", "api key", MARKER),
        ("C++", "C++ C", f"{MARKER} C"),
        ("密码", "我的密码是", f"我的{MARKER}是"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", MARKER),
        ("key", "key", MARKER),
    ],
)
def test_entries_of_every_kind(entry: str, text: str, wanted: str) -> None:
    """Several words, signs, other alphabets, scripts without spaces."""
    assert shown(text, Guardrails(blocked_words=(entry,), secret_names=())) == wanted


def test_hits_name_entries_never_values() -> None:
    """What goes into an event is the word of the list."""
    guarded = GUARDRAILS.output("Password: hunter2, Token x")
    assert (guarded.text, guarded.hits) == (f"{MARKER} {MARKER} x", ("password", "token"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("password: hunter2 rest", f"{MARKER} rest"),
        ("api_key=abc123", MARKER),
        ("apiKey = 'two words' rest", f"{MARKER} rest"),
        ('secret="a b', MARKER),
        ("db_password=x y", f"db_{MARKER} y"),
        ('{"password": "hunter2"}', f'{{"{MARKER}}}'),
        ("secret:", f"{MARKER}:"),
        ("a secret. Then", f"a {MARKER}. Then"),
        ("nosecret: x", "nosecret: x"),
    ],
)
def test_secrets_go_with_their_values(text: str, wanted: str) -> None:
    """Article 003's patterns: the name, the sign and the value."""
    assert shown(text, GUARDRAILS) == wanted


def test_off_means_off() -> None:
    """D17.10: with the guardrail off the blocked word passes."""
    off = Guardrails(outputs=False, inputs=False, arguments=False)
    call = ToolCall("t", {"a": "the key"})
    assert (off.output("the key").text, off.input("a\x00"), off.call(call)) == (
        "the key",
        "a\x00",
        (call, ()),
    )


def test_block_shows_what_came_before() -> None:
    """The other action: the answer ends, and says why."""
    guarded = Guardrails(action="block").output("before the key after")
    assert guarded == Guarded("before the ", "blocked_word", ("key",), 20)


# --- JSON ---


def test_only_string_values_are_redacted() -> None:
    """Property names, numbers and the layout stay byte for byte as they were."""
    text = '{ "password": "my key",\n "n": 1.50, "a": ["tok\\u0065n", "monkey", "a\\"key\\""], "key": {"secret": "x"} }'
    wanted = (
        text.replace("my key", f"my {MARKER}")
        .replace("tok\\u0065n", MARKER)
        .replace('a\\"key\\"', f'a\\"{MARKER}\\"')
    )
    assert shown(text, is_json=True) == wanted


def test_a_redacted_answer_is_to_be_validated_again() -> None:
    """The hits say that the text has changed: what was valid may not be any more."""
    schema = Schema({"type": "object", "properties": {"kind": {"enum": ["key", "lock"]}}})
    text = '{"kind": "key"}'
    guarded = WORDS.output(text, is_json=True)
    assert schema.accepts(text)
    assert guarded.hits
    assert not schema.accepts(guarded.text)


def test_prose_where_json_was_due_is_guarded_too() -> None:
    """A broken answer is no way out."""
    assert (
        shown('no JSON: the key "my token" key', is_json=True)
        == f'no JSON: the {MARKER} "my {MARKER}" {MARKER}'
    )


NAMES = st.sampled_from(["key", "password", "a", "token_id"])
DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False)
    | st.text(max_size=6)
    | st.sampled_from(["my key", "monkey", "Token"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS, st.booleans(), st.sampled_from([None, 1]))
def test_json_in_json_out(document: Any, ascii_only: bool, indent: int | None) -> None:
    """The text of any document stays JSON with the same names and the same values, but for the redacted strings."""
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    result = json.loads(shown(text, is_json=True))

    def redacted(value: Any) -> Any:
        if isinstance(value, str):
            return shown(value)
        if isinstance(value, list):
            return [redacted(each) for each in value]
        return {name: redacted(each) for name, each in value.items()} if isinstance(value, dict) else value

    assert result == redacted(document)


# --- streams ---

PIECES = st.lists(
    st.sampled_from(
        ["password", "pass", "word", "key", "api", "tok", "en", "secret", " ", "_", "-", "K", "EY", "s", "ß", "1", ":", "=", "'", '"',
         "\\", '\\"', "{", "}", "[", ",", "\n", "\u200b", "\u00ad", "密", "x", "\\u0065"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(PIECES, st.lists(st.integers(1, 5), min_size=1), st.booleans(), st.sampled_from(["redact", "block"]))
@example("the pass", [1], False, "redact")
@example('"\\""key', [1], True, "redact")
def test_any_chunking_shows_what_the_whole_shows(
    text: str, sizes: list[int], is_json: bool, action: Any
) -> None:
    """G6: split anywhere, inside words, escapes and secrets: the same text, the same hits."""
    guardrails = Guardrails(action=action)
    stream, given_out, position = guardrails.stream(is_json=is_json), "", 0
    for size in sizes * len(text):
        given_out += stream.feed(text[position : position + size])
        position += size
        if position >= len(text):
            break
    given_out += stream.close()
    whole = guardrails.output(text, is_json=is_json)
    assert (given_out, stream.problem) == (whole.text, whole.problem)
    assert stream.over or stream.hits == whole.hits


def test_a_word_split_over_two_chunks_is_caught() -> None:
    """The first half is held back, and only that."""
    stream = WORDS.stream()
    assert [stream.feed("my pass"), stream.feed("word is"), stream.close()] == ["my ", f"{MARKER} is", ""]


def test_what_cannot_become_a_blocked_word_is_shown_at_once() -> None:
    """No token waits for the end of the answer."""
    stream = WORDS.stream()
    assert [stream.feed(piece) for piece in ("Hello", " world", " and mon", "key")] == [
        "Hello",
        " world",
        " and mon",
        "key",
    ]


def test_a_secret_without_an_end_needs_no_memory() -> None:
    """A value of any length is swallowed as it comes."""
    guardrails = Guardrails(max_output_size=None)
    stream = guardrails.stream()
    assert stream.feed("password=") == ""
    assert {stream.feed("x" * 1000) for _ in range(100)} == {MARKER, ""}
    assert stream.feed(" end") + stream.close() == " end"


# --- sizes ---


def test_ten_thousand_bytes_pass_and_one_more_does_not() -> None:
    """D11, D17.9: counted in UTF-8; the part that fits is kept for the metadata."""
    assert GUARDRAILS.output("x" * 10_000) == Guarded("x" * 10_000, size_bytes=10_000)
    assert GUARDRAILS.output("x" * 10_001) == Guarded("x" * 10_000, "output_too_large", (), 10_001)
    assert GUARDRAILS.output("é" * 5_000).problem is None
    assert GUARDRAILS.output("é" * 5_001).problem == "output_too_large"


def test_no_character_is_cut() -> None:
    """At the byte where one would be, the cut comes before it."""
    guarded = Guardrails(max_output_size=4).output("aé\U0001f600b")
    assert (guarded.text, guarded.problem) == ("aé", "output_too_large")


def test_truncation_is_asked_for_and_marked() -> None:
    """Opt-in, marked, and with the mark within the limit."""
    guarded = Guardrails(max_output_size=30, truncate=True).output("words " * 10)
    assert guarded == Guarded("words words words  [TRUNCATED]", None, (), 60, True)
    assert len(guarded.text.encode()) <= 30
    assert Guardrails(max_output_size=30, truncate=True).output("x" * 30).text == "x" * 30


@pytest.mark.parametrize(
    ("text", "is_json"), [('{"a": "' + "x" * 40, False), ("[1, 2" + ", 3" * 20, False), ("x" * 40, True)]
)
def test_json_is_never_cut(text: str, is_json: bool) -> None:
    """Half a document is none: it is refused instead."""
    guarded = Guardrails(max_output_size=30, truncate=True).output(text, is_json=is_json)
    assert (guarded.problem, guarded.truncated) == ("output_too_large", False)


@settings(max_examples=200, deadline=None)
@given(st.text("aé\U0001f600 ", max_size=40), st.lists(st.integers(1, 6), min_size=1), st.booleans())
def test_a_stream_is_cut_at_the_same_byte(text: str, sizes: list[int], truncate: bool) -> None:
    """However it comes, what is shown has at most the bytes allowed, and is what the whole gives."""
    guardrails = Guardrails(max_output_size=24, truncate=truncate)
    stream, given_out, position = guardrails.stream(), "", 0
    while position < len(text) and not stream.over:
        size = sizes[position % len(sizes)]
        given_out += stream.feed(text[position : position + size])
        position += size
    given_out += stream.close()
    whole = guardrails.output(text)
    assert (given_out, stream.problem, stream.truncated) == (whole.text, whole.problem, whole.truncated)
    assert len(given_out.encode()) <= 24


def test_a_stream_ends_at_the_byte() -> None:
    """It does not wait for the end of the chunk, and shows nothing afterwards."""
    stream = Guardrails(max_output_size=5).stream()
    assert [stream.feed("abc"), stream.feed("defgh"), stream.over, stream.feed("ijk"), stream.close()] == [
        "abc",
        "de",
        True,
        "",
        "",
    ]


# --- arguments and inputs ---


def test_tool_arguments_are_guarded_too() -> None:
    """String values only, however deep; the model's own call stays as it was."""
    call = ToolCall(
        "send", {"key": "the key", "list": [{"text": "password=x y", "n": 5}], "ok": True}, id="c"
    )
    clean, hits = GUARDRAILS.call(call)
    assert clean.arguments == {"key": f"the {MARKER}", "list": [{"text": f"{MARKER} y", "n": 5}], "ok": True}
    assert (hits, clean.id, call.arguments["key"]) == (("key", "password"), "c", "the key")


def test_a_clean_call_is_the_same_call() -> None:
    """Nothing is copied for nothing."""
    call = ToolCall("send", {"text": "monkey"})
    assert GUARDRAILS.call(call)[0] is call


def test_inputs_lose_what_no_text_has() -> None:
    """Control signs and half surrogates go, lines, tabs and all words stay."""
    assert GUARDRAILS.input("a\x00b\x1b[2J\ud800 key\n\tc") == "ab[2J key\n\tc"


@pytest.mark.parametrize(
    "setting",
    [
        {"action": "delete"}, {"max_output_size": -1}, {"max_output_size": 1.5}, {"max_output_size": True},
        {"max_output_size": 5, "truncate": True}, {"blocked_words": ("ok", " _ ")},
    ],
)  # fmt: skip
def test_a_setting_that_cannot_work_fails_at_the_door(setting: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match=next(iter(setting)).replace("blocked_words", "no word to block")):
        Guardrails(**setting)


@pytest.mark.parametrize(
    "text", ["password" * 12_500, "pass" * 25_000, "k\u200b" * 50_000, '"' * 100_000, "{" * 100_000]
)
@pytest.mark.parametrize("is_json", [False, True])
def test_hostile_text_takes_linear_time(text: str, is_json: bool) -> None:
    """A hundred kilobytes of what almost matches ends, and well within the test's time."""
    assert Guardrails(max_output_size=None).output(text, is_json=is_json).size_bytes >= 100_000
