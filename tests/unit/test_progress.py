"""Answers that go round in circles, told from those that only look alike."""

from __future__ import annotations

from time import process_time

import pytest

from pytest_llmharness.harness.progress import going_round

LONG = " ".join(
    f"In section {'abcdefghij'[n % 10] * (n % 7 + 1)} the parties agree on point." for n in range(300)
)


def said(*texts: str) -> bool:
    return going_round([(text, ()) for text in texts])


@pytest.mark.parametrize(
    "texts",
    [
        ["I am sorry."] * 3,
        ["I am sorry (attempt 1).", "I am sorry (attempt 2).", "I am sorry (attempt 31)."],
        [f"Order {name} failed." for name in ("A7-x9", "BB81-q2", "C0-77z")],
        [
            f"Request {name} failed."
            for name in (
                "550e8400-e29b-41d4-a716-446655440000",
                "deadbeef-abcd-efab-cdef-abcdefabcdef",
                "9b2f6c1e-0000-4fff-8aaa-bbbbbbbbbbbb",
            )
        ],
        [f"Trace {name}." for name in ("deadbeef", "cafebabe12", "0123456789abcdef")],
        ["I apologize for the mistake, let me try that again now.", "I apologize for that mistake, let me try that again now.", "I apologize for the mistake, let me try this again now."],
        [LONG, LONG + " Sorry!", "Sorry. " + LONG],
    ],
)  # fmt: skip
def test_three_alike_answers_are_a_circle(texts: list[str]) -> None:
    """B3: alike after digits and ids are masked, or nine tenths similar; the length does not matter."""
    assert said(*texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["I am sorry."] * 2,
        ["The first clause is about liability.", "The second one limits damages.", "Then comes the end."],
        ["I am sorry.", "It is done.", "I am sorry."],
        [LONG, LONG, LONG[: len(LONG) // 2]],
        [LONG + " one more thing" * 400, LONG + " a different end altogether" * 400, LONG],
        ["", "", ""],
        ["yes", "no", "yes"],
    ],
)
def test_what_moves_on_is_none(texts: list[str]) -> None:
    """B3: answers that begin alike and go on differently, and turns without words, are progress."""
    assert not said(*texts)


def test_a_poll_whose_state_moves_is_none() -> None:
    """B3: equal words and equal calls, but the tool's answer changes, if only in a digit."""
    turns = [("Still waiting.", ("status {}", f"{done} % done")) for done in (10, 11, 12)]
    assert not going_round(turns)
    assert going_round([("Still waiting.", ("status {}", "10 % done"))] * 3)


def test_megabytes_are_compared_in_time() -> None:
    """B3: the time grows with the length, not with its square."""
    began = process_time()
    assert said(*[LONG * 60] * 2, LONG * 60 + "!")
    assert process_time() - began < 2
