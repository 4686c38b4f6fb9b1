"""The core, its fallback, jsonschema and jsonschema_rs agree on schemas and texts nobody chose.

`make fuzz` looks at 100,000 pairs; LLMHARNESS_FUZZ_PAIRS and LLMHARNESS_FUZZ_SEED choose others.
"""

from __future__ import annotations

import json
import os
import random

import jsonschema
import pytest

from pytest_llmharness._native._core import Schema as RustEngine

from .defects import DEFECTS, Defect
from .judges import Crate, Judge, Own, Package
from .pairs import TEXTS_PER_SCHEMA, compared, differences
from .schemas import DRAFTS, NESTED, PLAIN, SINCE, SchemaSource
from .values import ValueSource, spelled

PAIRS = int(os.environ.get("LLMHARNESS_FUZZ_PAIRS", "2000"))
SEED = os.environ.get("LLMHARNESS_FUZZ_SEED", "0")
SHARE = 500


@pytest.mark.parametrize("share", range(-(-PAIRS // SHARE)))
def test_engines_agree(share: int) -> None:
    """One verdict, and one set of (pointer, keyword), but for the defects in the table."""
    found = list(differences(f"{SEED}/{share}", SHARE // TEXTS_PER_SCHEMA))
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.engine}: {defect.what}")
def test_defects_are_defects(defect: Defect) -> None:
    """Each row of the table shows: the engine as it is errs, we do not, and the comparison looks past it."""
    schema = {"$schema": DRAFTS[defect.draft], **defect.schema}
    own = Own(RustEngine(json.dumps(schema), None, True, []))
    assert own.judge(defect.text).places == defect.right
    ours, theirs = compared(defect.engine, defect.draft, schema, defect.text)
    assert defect.avoided or ours == theirs
    judge = {"crate": Crate, "package": Package}[defect.engine]
    plain: Judge = judge(schema, defect.draft, mended=False)
    try:
        errs = plain.judge(defect.text).places != defect.right
    except TypeError:
        errs = True
    if not errs:
        pytest.skip("this version of the engine is right")


def test_a_difference_is_found_and_shrunk() -> None:
    """The comparison is awake: a defect that is not looked past comes out, without what has no part in it."""
    schema = {"type": "string", "minLength": 1, "pattern": "b$", "$schema": DRAFTS["7"]}
    plain = Package(schema, "7", mended=False).judge('"b\\n"')
    assert plain.valid
    assert not Own(RustEngine(json.dumps(schema), None, True, [])).judge('"b\\n"').valid


def test_the_material_is_what_it_should_be() -> None:
    """Schemas are valid, use every keyword of their draft, and about half of the texts satisfy them."""
    used: dict[str, set[str]] = {draft: set() for draft in DRAFTS}
    verdicts = []
    for number in range(400):
        rng = random.Random(f"material/{number}")
        draft = rng.choice(list(DRAFTS))
        source = SchemaSource(rng, draft)
        schema = source.document()
        jsonschema.validators.validator_for(schema).check_schema(schema)
        used[draft] |= _names(schema)
        engine = RustEngine(json.dumps(schema), None, True, [])
        verdicts += [
            engine.accepts(spelled(rng, ValueSource(rng, schema, source).value())) for _ in range(10)
        ]
    assert 0.3 < sum(verdicts) / len(verdicts) < 0.8
    for draft, names in used.items():
        source = SchemaSource(random.Random(0), draft)
        asked = {name for name in PLAIN + NESTED if source.knows(name)}
        groups = {"bounds", "lengths", "exclusive", "itemCounts", "propertyCounts", "annotation", "refer"}
        assert asked - names <= groups
    assert "minContains" in SINCE


def _names(value: object) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {name for each in value.values() for name in _names(each)}
    if isinstance(value, list):
        return {name for each in value for name in _names(each)}
    return set()
