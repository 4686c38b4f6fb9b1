"""Pairs of a schema and a text from a seed, what all engines say of them, and the smallest that differs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pytest_llmharness._native._core import Schema as RustEngine
from pytest_llmharness.schema.fallback import PythonEngine

from .defects import comparable, gives_up, has_no_oracle, mended_schema
from .judges import Crate, Judge, Outcome, Own, Package
from .schemas import DRAFTS, SchemaSource
from .values import ValueSource, spelled

TEXTS_PER_SCHEMA = 10
# The fallback takes fifty times as long to compile as all others together.
FALLBACK_EVERY = 10


@dataclass(frozen=True)
class Difference:
    """Two engines that disagree, on the smallest pair that could be found."""

    engine: str
    draft: str
    schema: str
    text: str
    ours: Outcome | str
    theirs: Outcome | str

    def __str__(self) -> str:
        return (
            f"{self.engine}, draft {self.draft}\n  schema {self.schema}\n  text   {self.text}\n"
            f"  ours   {self.ours}\n  theirs {self.theirs}"
        )


def differences(seed: str, schemas: int) -> Iterator[Difference]:
    """Yield what the engines disagree on, over so many schemas with `TEXTS_PER_SCHEMA` texts each."""
    for number in range(schemas):
        rng = random.Random(f"{seed}/{number}")
        draft = rng.choice(list(DRAFTS))
        source = SchemaSource(rng, draft)
        schema = source.document()
        texts = [spelled(rng, ValueSource(rng, schema, source).value()) for _ in range(TEXTS_PER_SCHEMA)]
        yield from _differences(schema, texts, draft, with_fallback=number % FALLBACK_EVERY == 0)


def _differences(schema: Any, texts: list[str], draft: str, *, with_fallback: bool) -> Iterator[Difference]:
    schema = _readable(schema)
    # The package lacks most checks of formats: beside it they are annotations.
    plain, asserting = (Own(RustEngine(json.dumps(schema), None, formats, [])) for formats in (False, True))
    others: list[tuple[str, Own, Judge]] = [("crate", asserting, Crate(schema, draft))]
    if not has_no_oracle(draft, json.dumps(schema)):
        others.append(("package", plain, Package(schema, draft)))
    if with_fallback and not has_no_oracle(draft, json.dumps(schema)):
        others.append(("fallback", plain, Own(PythonEngine(json.dumps(schema), None, False, []))))
    for text in texts:
        for name, own, other in others:
            ours, theirs = outcome(own, text, name), outcome(other, text, name)
            if ours != theirs and not (
                isinstance(ours, Outcome) and gives_up(ours.places, json.dumps(schema))
            ):
                yield shrunk(name, draft, schema, text)


def _readable(schema: Any) -> Any:
    """Return the schema; where the core leaves it to the crate, with patterns that the crate reads rightly."""
    own = RustEngine(json.dumps(schema), None, True, [])
    return schema if own.is_own else mended_schema(schema, "crate")


def outcome(judge: Judge, text: str, engine: str) -> Outcome | str:
    """Return what the engine says, without what `engine` is known to get wrong."""
    try:
        found = judge.judge(text)
    except Exception as error:  # noqa: BLE001 - an engine that fails has said something, too
        return f"{type(error).__name__}: {error}"[:200]
    return Outcome(found.valid, comparable(engine, found.places))


def compared(engine: str, draft: str, schema: Any, text: str) -> tuple[Outcome | str, Outcome | str]:
    """Return what we and the engine say of one pair."""
    formats = engine == "crate"
    own = Own(RustEngine(json.dumps(schema), None, formats, []))
    make: dict[str, Callable[[], Judge]] = {
        "package": lambda: Package(schema, draft),
        "crate": lambda: Crate(schema, draft),
        "fallback": lambda: Own(PythonEngine(json.dumps(schema), None, False, [])),
    }
    return outcome(own, text, engine), outcome(make[engine](), text, engine)


def shrunk(engine: str, draft: str, schema: Any, text: str) -> Difference:
    """Return the difference on a pair from which no part can be left out."""
    value = json.loads(text)

    def differs(schema: Any, text: str) -> bool:
        try:
            ours, theirs = compared(engine, draft, schema, text)
        except Exception:  # noqa: BLE001 - no schema any more
            return False
        return ours != theirs

    if differs(schema, json.dumps(value)):
        value = _least(value, lambda less: differs(schema, json.dumps(less)))
        text = json.dumps(value)
    schema = _least(schema, lambda less: differs(less, text))
    return Difference(engine, draft, json.dumps(schema), text, *compared(engine, draft, schema, text))


def _least(value: Any, fails: Callable[[Any], bool]) -> Any:
    """Leave out parts for as long as it still fails."""
    shorter = True
    while shorter:
        shorter = False
        for less in _less(value):
            if fails(less):
                value, shorter = less, True
                break
    return value


def _less(value: Any) -> Iterator[Any]:
    """Yield the value with one part left out, at any depth."""
    if isinstance(value, dict):
        for name in value:
            yield {key: each for key, each in value.items() if key != name}
        for name, each in value.items():
            yield from ({**value, name: less} for less in _less(each))
    elif isinstance(value, list):
        for at in range(len(value)):
            yield value[:at] + value[at + 1 :]
        for at, each in enumerate(value):
            yield from ([*value[:at], less, *value[at + 1 :]] for less in _less(each))
