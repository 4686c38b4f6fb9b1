"""The validation layer: what is refused, where, in which words, and whether it is worth asking again."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, BeforeValidator, Field, field_validator, model_validator

from pytest_llmharness import (
    Harness,
    HarnessConfig,
    LLMResult,
    MaxRetriesExceeded,
    MemorySessionLog,
    Message,
    Request,
    Schema,
    ScriptedProvider,
    Violation,
    VirtualClock,
    fault,
)
from pytest_llmharness.domain.event import EventKind
from pytest_llmharness.domain.prompt import Prompt
from pytest_llmharness.errors import ConfigError, InvalidAnswer
from pytest_llmharness.harness.repair import complaint, repair_messages
from pytest_llmharness.harness.validate import (
    FailFast,
    Validator,
    acheck,
    at,
    check,
    consistency_validator,
    fail_fast,
    in_turn,
    json_validator,
    range_validator,
    schema_validator,
    semantic_validator,
)
from pytest_llmharness.scoring import scored

ANY = Schema(True)
ITEMS = {"type": "object", "properties": {"items": {"type": "array", "items": {"type": "number"}}}}


def run(steps: list[Any], **settings: Any) -> tuple[LLMResult, ScriptedProvider]:
    """Run one request on a script, in virtual time."""
    provider = ScriptedProvider(steps)
    return Harness(provider, clock=VirtualClock(), **settings).run("go"), provider


def asked(provider: ScriptedProvider) -> str:
    """Return the last words the model was told."""
    return provider.prompts[-1].messages[-1].text


def problems(text: str, *validators: Validator, schema: Schema | None = ANY) -> tuple[str, ...]:
    """Return what is wrong with an answer."""
    return check(text, schema, validators).problems


# --- article 000's two ---


@pytest.mark.parametrize(
    ("text", "ok"),
    [
        ('{"a": 1}', True), ("[]", True), ("null", True), ('"word"', True), ("4.5e1", True), (' {"a": 1}\n', True),
        ("", False), ("sure!", False), ('{"a": 1', False), ("{'a': 1}", False), ("NaN", False), ("{} {}", False),
        ('```json\n{"a": 1}\n```', False), ("[" * 5_000, False),
    ],
)  # fmt: skip
def test_json_validator_parses_or_complains(text: str, *, ok: bool) -> None:
    """A13: strict, because the value stays the text that it was; a validator that is None asks nothing."""
    assert (json_validator(text) == ()) is ok
    result, provider = run([text, "{}"], validators=[json_validator])
    assert (result.success, len(provider.prompts)) == (True, 1 if ok else 2)
    assert run([text])[0].success


SUPPORT = {"required": ["category", "confidence"], "enums": {"category": ["billing", "technical"]}}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"category": "billing", "confidence": 1}', None),
        ('{"category": "billing", "confidence": null, "more": 1}', None),
        ('{"category": "sales", "confidence": 1}', "field 'category': use one of"),
        ('{"category": null, "confidence": 1}', "field 'category': use one of"),
        ('{"category": "billing"}', "add the missing field 'confidence'"),
        ("{}", "add the missing field 'category'"),
        ('["category", "confidence"]', "the answer must be an object, not an array"),
        ("7", "the answer must be an object, not a number"),
        ("null", "the answer must be an object, not null"),
        ('"category confidence"', "the answer must be an object, not a string"),
        ('{"category": "billing", ', "answer with one JSON value"),
        ("billing", "answer with one JSON value"),
    ],
)
def test_schema_validator_wants_fields_and_values(text: str, told: str | None) -> None:
    """A14: what is no object is invalid, and no TypeError; every other fault is named too."""
    found = problems(text, schema_validator(**SUPPORT), schema=None)
    assert (found == ()) if told is None else found[0].startswith(told)


def test_schema_validator_takes_a_whole_schema_too() -> None:
    """Of a text or of a value; one form or the other, and never none."""
    assert problems('{"items": ["1"]}', schema_validator(ITEMS)) == (
        "item 0 of 'items' must be a number (e.g., 1), not a string",
    )
    for wrong in ({}, {"schema": ITEMS, "required": ["items"]}):
        with pytest.raises(ConfigError, match=r"nothing is asked for|exclude each other"):
            schema_validator(**wrong)


# --- range, consistency, meaning ---


@pytest.mark.parametrize(
    ("bounds", "value", "told"),
    [
        ((0, None), 0, None),
        ((0, None), -5, "the answer must be at least 0, not -5"),
        ((None, 9.5), 10, "the answer must be at most 9.5, not 10"),
        ((1, 9), 12, "the answer must be from 1 to 9, not 12"),
        ((1, 9), "5", 'the answer must be from 1 to 9, not "5"'),
        ((0, 1), True, "the answer must be from 0 to 1, not true"),
        ((1, 9), None, None),
        (("1990-01-01", "2026-12-31"), "2026-12-31", None),
        (("1990-01-01", "2026-12-31"), "1890-05-01", 'must be from "1990-01-01" to "2026-12-31", not "1890-05-01"'),
    ],
)  # fmt: skip
def test_a_range_has_both_its_ends(bounds: tuple[Any, Any], value: Any, told: str | None) -> None:
    """B23: numbers and dates; null is not asked about, and what cannot be compared is out."""
    found = problems(json.dumps(value), range_validator(*bounds))
    assert (found == ()) if told is None else found[0].endswith(told)


@pytest.mark.parametrize("bounds", [(None, None), (2, 1), ("a", 1)])
def test_a_range_without_room_fails_at_the_door(bounds: tuple[Any, Any]) -> None:
    """No value could ever pass it."""
    with pytest.raises(ConfigError, match="no range lies between"):
        range_validator(*bounds)


def test_fields_that_disagree_are_named_with_what_they_say() -> None:
    """B23: the schema accepts each of them, and not both together."""
    dated = consistency_validator(("/start", "/end"), lambda start, end: start <= end, "the end is too early")
    assert problems('{"start": "2026-05-02", "end": "2026-05-01"}', dated) == (
        """the end is too early ('start' is "2026-05-02", 'end' is "2026-05-01")""",
    )
    for fine in ('{"start": 1, "end": 1}', '{"start": 1}', '{"start": 1, "end": null}', "[]", "7"):
        assert problems(fine, dated) == ()
    assert "failed on it with TypeError" in problems('{"start": 1, "end": "x"}', dated)[0]
    with pytest.raises(ConfigError, match="at least two"):
        consistency_validator(("/start",), bool, "no")


YES, NO = '{"reason": "It names both.", "holds": true}', '{"reason": "Globex is missing.", "holds": false}'


def test_a_model_judges_the_meaning() -> None:
    """B23: a second model is asked about the value alone, and its reason reaches the repair prompt."""
    judge = ScriptedProvider([NO, YES])
    names = at("/summary", semantic_validator("The summary names every party.", judge))
    good = '{"summary": "Acme and Globex agree."}'
    result, provider = run(['{"summary": "Acme agrees."}', good], schema=True, validators=[names])
    assert result.unwrap() == {"summary": "Acme and Globex agree."}
    assert asked(provider) == (
        "Your previous output was invalid because: Validation error: field 'summary': "
        "The summary names every party. Globex is missing. Please retry."
    )
    first = judge.prompts[0].messages[-1].text
    assert first == "The demand: The summary names every party.\n\n<answer>\nAcme agrees.\n</answer>"
    assert judge.prompts[0].options.output_schema is not None


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (fault.server_error(503), "the judge could not judge it"),
        (fault.hang(), "the judge could not judge it"),
        ("I would say so.", "the judge gave no verdict"),
    ],
    ids=["down", "hangs", "babbles"],
)
def test_a_judge_that_gives_no_verdict_blames_no_answer(step: Any, told: str) -> None:
    """No better answer could change it: one call, and the error says who failed."""
    judge = ScriptedProvider([step])
    result, provider = run(["fine"] * 3, validators=[semantic_validator("It is polite.", judge)])
    assert (len(provider.prompts), result.metadata["failure_reason"]) == (1, "validation_failed_fast")
    assert told in str(result.metadata["error"])


def test_any_async_function_is_a_validator() -> None:
    """B23: it may wait, up to the time limit of a call; then the run ends, and says who was slow."""
    clock = VirtualClock()

    async def in_the_register(value: Any) -> str | None:
        await clock.sleep(5 if value["company"] == "Acme" else 3600)
        return "this company is not in the register"

    def harness(company: str) -> Harness:
        provider = ScriptedProvider([json.dumps({"company": company})] * 3)
        config = HarnessConfig(timeout_seconds=60, max_retries=0)
        return Harness(provider, schema=True, validators=[in_the_register], config=config, clock=clock)

    refused = harness("Acme").run("go")
    assert (refused.metadata["failure_reason"], clock.now()) == ("validation_failed_after_retries", 5)
    slow = harness("Globex").run("go")
    assert (slow.metadata["failure_reason"], clock.now()) == ("validation_failed_fast", 65)
    assert "in_the_register could not judge it: TimeoutError" in str(slow.metadata["error"])


# --- one after the other, on a part, as the last word ---


def test_places_in_a_part_are_places_in_the_whole() -> None:
    """Pointer and words both say which of many it was; an escaped name is found as it is written."""
    value = {"risks": [{"cap": 5}, {"cap": -1}, {"cap": -2}], "a/b": {"c~d": 7}}
    found = check(
        json.dumps(value),
        ANY,
        [at("/risks/*/cap", range_validator(0)), at("/a~1b/c~0d", range_validator(0, 5))],
    )
    assert found.problems == (
        "item 1 of 'risks', field 'cap' must be at least 0, not -1",
        "item 2 of 'risks', field 'cap' must be at least 0, not -2",
        "field 'c~d' must be from 0 to 5, not 7",
    )  # fmt: skip
    assert [violation.pointer for violation in found.violations] == [
        "/risks/1/cap",
        "/risks/2/cap",
        "/a~1b/c~0d",
    ]
    first = found.violations[0]
    assert (first.keyword, first.expected, first.got) == ("range", "must be at least 0, not -1", "-1")
    nested = at("/risks/*", schema_validator(required=["cap", "clause"]))
    assert problems(json.dumps({"risks": [{"cap": 1, "clause": ""}, {}]}), nested) == (
        "item 1 of 'risks': add the missing field 'cap'",
        "item 1 of 'risks': add the missing field 'clause'",
    )
    assert problems("[]", at("/nothing/*/here", range_validator(0))) == ()


def test_what_a_cheap_validator_refuses_no_judge_is_asked_about() -> None:
    """in_turn stops at the first complaint, and a list of validators does not."""
    judge = ScriptedProvider([NO, NO])
    meaning = semantic_validator("It is polite.", judge)

    def long_enough(value: str) -> str | None:
        return "say more" if len(value) < 9 else None

    assert problems('"hm"', in_turn(long_enough, meaning)) == ("say more",)
    assert judge.prompts == []
    assert problems('"go away, please"', in_turn(long_enough, meaning)) == (
        "It is polite. Globex is missing.",
    )
    assert problems('"hm"', long_enough, meaning) == ("say more", "It is polite. Globex is missing.")


def test_every_fault_is_named_at_once() -> None:
    """B25: three validators, four complaints, one prompt; none is said twice."""

    def two(value: Any) -> Iterator[Any]:
        yield Violation.of(value, "/total", "must be the sum of the items")
        yield "the invoice has no number"

    again = lambda value: ["the invoice has no number", FailFast("")][:1]  # noqa: E731
    bad, good = '{"total": -3}', '{"total": 3}'

    def only_bad(validator: Any) -> Validator:
        return lambda value: validator(value) if value["total"] < 0 else None

    rules = [only_bad(two), at("/total", range_validator(0)), only_bad(again)]
    result, provider = run([bad, good], schema=True, validators=rules)
    assert result.success
    assert asked(provider) == (
        "Your previous output was invalid because:\n"
        "Validation error: field 'total' must be the sum of the items\n"
        "Validation error: the invoice has no number\n"
        "Validation error: field 'total' must be at least 0, not -3\n"
        "Please retry."
    )


# --- fail fast or repair ---


@pytest.mark.parametrize(
    "hopeless",
    [
        lambda value: FailFast("there is no such contract"),
        lambda value: [FailFast("there is no such contract"), "and it is too short"],
        lambda value: FailFast(Violation.of(value, "", "there is no such contract")),
        fail_fast(lambda value: "there is no such contract"),
        fail_fast(at("", lambda value: "there is no such contract")),
        in_turn(fail_fast(lambda value: "there is no such contract")),
    ],
    ids=["complaint", "one of two", "violation", "validator", "a part", "in turn"],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_what_no_repair_mends_is_one_call_and_the_error(hopeless: Validator, *, streamed: bool) -> None:
    """B24: unrecoverable or too expensive; the same complaint without the word is asked about again."""
    provider, clock = ScriptedProvider(["{}"] * 3), VirtualClock()
    harness = Harness(provider, schema=True, validators=[hopeless], clock=clock)

    async def last() -> LLMResult:
        result: LLMResult = [event async for event in harness.stream("go")][-1].data["result"]
        return result

    result = asyncio.run(last()) if streamed else harness.run("go")
    assert (len(provider.prompts), result.retries, clock.now()) == (1, 0, 0.0)
    assert (result.metadata["failure_reason"], result.metadata["layer"]) == (
        "validation_failed_fast",
        "validate",
    )
    assert result.metadata["attempts"][0]["problems"][0] == "there is no such contract"
    with pytest.raises(InvalidAnswer, match="there is no such contract") as caught:
        result.unwrap()
    assert caught.value.violations[0].hint == "there is no such contract"


def test_what_a_repair_may_mend_is_asked_again() -> None:
    """B24, B27: the other class; after the last attempt the same error is the cause."""
    result, provider = run(
        ["{}"] * 3, schema=True, validators=[at("", lambda value: "there is no such contract")]
    )
    assert len(provider.prompts) == 3
    with pytest.raises(MaxRetriesExceeded) as caught:
        result.unwrap()
    cause = caught.value.__cause__
    assert isinstance(cause, InvalidAnswer)
    assert [violation.hint for violation in cause.violations] == ["there is no such contract"]


def test_what_was_wrong_comes_back_from_the_log_and_from_a_pickle() -> None:
    """The violations of a failed run are typed wherever it is looked at."""
    log = MemorySessionLog()
    settings: dict[str, Any] = {"schema": ITEMS, "config": HarnessConfig(max_retries=0), "session_log": log}
    first = Harness(ScriptedProvider(['{"items": ["1", 2]}']), clock=VirtualClock(), **settings)
    error = first.run(Request("go", session_id="s")).metadata["error"].__cause__
    again = Harness(ScriptedProvider([]), **settings).resume("s").metadata["error"].__cause__
    expected = [("/items/0", "type", "a number", '"1"', (11, 14))]
    for found in (error, again, pickle.loads(pickle.dumps(error))):
        assert isinstance(found, InvalidAnswer)
        assert [(v.pointer, v.keyword, v.expected, v.got, v.span) for v in found.violations] == expected


# --- the repair prompt ---

CAPS = {
    "type": "object",
    "properties": {
        "cap": {"type": ["number", "null"]},
        "due": {"type": "string", "format": "date"},
        "level": {"enum": ["low", "medium", "high"]},
        "days": {"type": "integer", "minimum": 1},
        "open": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "party": {"type": "object", "properties": {"name": {"minLength": 1}}, "required": ["name"]},
    },
    "required": ["cap"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"cap": "$500,000"}, "field 'cap' must be a number (e.g., 500000), not a currency string"),
        ({"cap": "1.2 million"}, "field 'cap' must be a number (e.g., 1200000), not a string"),
        ({"cap": "n/a"}, 'field \'cap\' must be a number or null (e.g., null), not the string "n/a"'),
        ({}, "add the missing field 'cap'"),
        ({"cap": 1, "level": "hihg"}, 'field \'level\': use one of "low", "medium", "high" (nearest: "high")'),
        ({"cap": 1, "due": "tomorrow"}, 'field \'due\' must be a valid date (e.g., "2024-01-31")'),
        ({"cap": 1, "days": "30"}, "field 'days' must be an integer (e.g., 30), not a string"),
        ({"cap": 1, "days": 0}, "field 'days' must be at least 1, not 0"),
        ({"cap": 1, "open": "yes"}, "field 'open' must be a boolean (e.g., true), not a string"),
        ({"cap": 1, "tags": [*["x"] * 37, 8]}, "item 37 of 'tags' must be a string (e.g., \"8\"), not a number"),
        ({"cap": 1, "party": {"name": ""}}, "field 'name' must not be empty"),
        ({"cap": 1, "capp": 2}, "remove the unknown field 'capp' (nearest known field: 'cap')"),
    ],
)  # fmt: skip
def test_the_repair_prompt_says_how_to_mend_what_is_there(bad: Any, told: str) -> None:
    """B25: twelve kinds of fault; the example is made of the value itself, and the place is named."""
    result, provider = run([json.dumps(bad), '{"cap": null}'], schema=CAPS)
    assert result.unwrap() == {"cap": None}
    said, order = provider.prompts[1].messages[-2:]
    assert said == Message.assistant(json.dumps(bad))
    assert order.text == f"Your previous output was invalid because: Validation error: {told}. Please retry."


def test_all_that_the_schema_has_against_an_answer_is_in_one_prompt() -> None:
    """B25: four faults, four lines, one retry."""
    bad = {"cap": "$5", "level": "top", "days": 1.5, "tags": [1]}
    _, provider = run([json.dumps(bad), '{"cap": null}'], schema=CAPS)
    assert asked(provider).count("Validation error: ") == 4


# --- Pydantic ---


class Party(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def is_known(cls, name: str) -> str:
        if name == "Nobody":
            raise ValueError("must be a party of the contract")
        return name.strip().title()


class Contract(BaseModel):
    title: str
    cap: float | None = Field(default=None, ge=0)
    signed: date
    parties: list[Party] = Field(min_length=1)

    @field_validator("title")
    @classmethod
    def has_a_title(cls, title: str) -> str:
        if not title:
            raise AssertionError("a contract has a title")
        return title

    @model_validator(mode="after")
    def is_recent(self) -> Contract:
        if self.signed.year < 1990:
            raise ValueError("the contract was signed too long ago")
        return self


GOOD = '{"title": "Lease", "signed": "2024-05-01", "parties": [{"name": " acme "}]}'


def test_a_pydantic_models_own_validators_reach_the_prompt() -> None:
    """B28: of fields, deep in a list, next to what the schema has to say; the instance is the value."""
    bad = '{"title": "", "cap": "$5", "signed": "2024-05-01", "parties": [{"name": "Acme"}, {"name": "Nobody"}]}'
    result, provider = run([bad, GOOD], schema=Contract)
    assert asked(provider) == (
        "Your previous output was invalid because:\n"
        "Validation error: field 'cap' must be a number (e.g., 5), not a currency string\n"
        "Validation error: field 'title': a contract has a title\n"
        "Validation error: item 1 of 'parties', field 'name' must be a party of the contract\n"
        "Please retry."
    )
    contract = result.unwrap()
    assert isinstance(contract, Contract)
    assert (contract.signed, contract.parties[0].name) == (date(2024, 5, 1), "Acme")


def test_a_models_last_word_is_a_violation_too() -> None:
    """B28: model validators, custom errors and exceptions that are no complaint at all."""
    found = check(GOOD.replace("2024", "1924"), Schema(Contract))
    assert found.problems == ("the contract was signed too long ago",)
    assert (found.violations[0].pointer, found.violations[0].keyword) == ("", "value_error")

    def dates(value: Any) -> Any:
        return {"x": 1}[value]

    class Odd(BaseModel):
        at: Annotated[str, BeforeValidator(dates)]

    assert problems('{"at": "y"}', schema=Schema(Odd)) == ("Odd failed on it with KeyError: 'y'",)


def test_a_union_names_the_field_and_not_the_alternative() -> None:
    """B28: steps that are none of the value are no part of the place."""

    class Cat(BaseModel):
        kind: Literal["cat"]
        lives: int

        @field_validator("lives")
        @classmethod
        def nine(cls, lives: int) -> int:
            if lives != 9:
                raise ValueError("must be nine")
            return lives

    class Dog(BaseModel):
        kind: Literal["dog"]

    class Home(BaseModel):
        pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]]

    found = check('{"pets": [{"kind": "dog"}, {"kind": "cat", "lives": 7}]}', Schema(Home))
    assert [violation.pointer for violation in found.violations] == ["/pets/1/lives"]
    assert found.problems == ("item 1 of 'pets', field 'lives' must be nine",)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (list[int], "[1, 2]", [1, 2]),
        (set[int], "[2, 1]", {1, 2}),
        (dict[str, date], '{"x": "2026-01-02"}', {"x": date(2026, 1, 2)}),
    ],
)
def test_any_type_pydantic_can_describe_gives_its_value(kind: Any, text: str, value: Any) -> None:
    """Fenced or plain; and a number in quotes is still a fault (B22)."""
    schema = Schema(kind)
    assert run([f"```json\n{text}\n```"], schema=kind)[0].unwrap() == value
    assert check(text, pickle.loads(pickle.dumps(schema))).value == value
    assert problems('{"x": "1"}', schema=Schema(dict[str, int])) == (
        "field 'x' must be an integer (e.g., 1), not a string",
    )


def test_a_session_that_has_ended_gives_the_instance_again() -> None:
    """The log keeps JSON; the harness that reads it makes the value anew."""
    log = MemorySessionLog()
    first = Harness(ScriptedProvider([GOOD]), schema=Contract, session_log=log, clock=VirtualClock())
    contract = first.run(Request("go", session_id="s")).unwrap()
    again = Harness(ScriptedProvider([]), schema=Contract, session_log=log)
    assert again.resume("s").unwrap() == contract


def test_an_instance_is_scored_like_the_object_it_was() -> None:
    """A25: by what the request expects, and afterwards."""
    expected = {"title": "lease", "signed": "2024-05-01"}
    harness = Harness(ScriptedProvider([GOOD]), schema=Contract, clock=VirtualClock())
    result = harness.run(Request("go", metadata={"expected": expected}))
    assert result.metadata["field_scores"] == {"title": 1.0, "signed": 1.0}
    again = scored(result, expected)
    assert (isinstance(result.unwrap(), Contract), again.score) == (True, result.score)


def test_validators_take_the_instance_and_find_places_in_it() -> None:
    """A schema made of a model, and rules beside it."""
    rules = [
        at("/parties/*/name", lambda name: "must not be Globex" if name == "Globex" else None),
        consistency_validator(("/title", "/cap"), lambda title, cap: title != "Lease" or cap, "a lease has a cap"),
        lambda contract: None if contract.cap != 1 else Violation.of(contract, "/cap", "must not be one"),
    ]  # fmt: skip
    bad = GOOD.replace(" acme ", "globex").replace('"signed"', '"cap": 0, "signed"')
    found = check(bad, Schema(Contract), rules)
    assert found.problems == (
        "field 'name' must not be Globex",
        "a lease has a cap ('title' is \"Lease\", 'cap' is 0.0)",
    )
    assert found.violations[0].pointer == "/parties/0/name"
    assert problems(bad.replace('"cap": 0', '"cap": 1'), rules[2], schema=Schema(Contract)) == (
        "field 'cap' must not be one",
    )


def test_an_own_loop_needs_the_parts_alone() -> None:
    """B28: a loop of ten lines around any client, as instructor has it, on the public parts."""

    def create(client: Callable[[list[Message]], Any], kind: type[BaseModel], text: str) -> Any:
        schema, messages = Schema(kind), [Message.user(text)]
        for _ in range(3):
            answer = client(messages)
            checked = check(answer.text, schema)
            if checked.valid:
                return checked.value
            messages += repair_messages(answer, complaint(checked.problems))
        raise AssertionError(checked.problems)

    script = ScriptedProvider([GOOD.replace(" acme ", "Nobody"), GOOD])
    contract = create(
        lambda messages: asyncio.run(script.complete(Prompt(tuple(messages)))), Contract, "read it"
    )
    assert contract.parties[0].name == "Acme"
    assert "must be a party of the contract" in asked(script)


# --- what goes wrong ---


def test_check_cannot_wait_and_says_so() -> None:
    """Without a loop a coroutine that needs one is a mistake of the caller's; acheck awaits it."""

    async def slow(value: Any) -> str:
        await asyncio.sleep(0)
        return "no"

    with pytest.raises(ConfigError, match="cannot wait"):
        check("{}", ANY, [slow])
    assert asyncio.run(acheck("{}", ANY, [slow])).problems == ("no",)


def test_what_a_validator_says_is_bounded() -> None:
    """Endless complaints, an endless one, half a character; lines of a text stay lines."""

    def endless(value: Any) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield f"{number}: " + "x" * 500

    found = check("{}", ANY, [endless])
    assert len(found.violations) == 100
    assert found.problems[-1].startswith("and ")
    assert len("\n".join(found.problems).encode()) <= 16_000
    assert len(problems("{}", lambda value: "y" * 10**6)[0]) == 2_000
    assert problems("{}", lambda value: "half \ud83d of it") == ("half � of it",)
    assert problems("{}", lambda value: "line 1\nline 2") == ("line 1\nline 2",)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("too small"), "too small"),
        (AssertionError("not that"), "not that"),
        (KeyError("amount"), "<lambda> failed on it with KeyError: 'amount'"),
        (asyncio.CancelledError(), "<lambda> failed on it with CancelledError: CancelledError"),
    ],
)
def test_what_a_validator_raises_is_a_complaint(raised: BaseException, told: str) -> None:
    """What a model wrote must not end a run; a cancellation nobody asked for does not either."""

    def throw(error: BaseException) -> Any:
        raise error

    found = asyncio.run(acheck("{}", ANY, [lambda value: throw(raised)]))
    assert (found.problems, found.final) == ((told,), False)
    assert asyncio.run(acheck("{}", ANY, [lambda value: throw(ConnectionError("no route"))])).final


def test_a_mistake_inside_a_combination_is_loud() -> None:
    """A bool is no answer, however deep it is returned; nor is an exception that must not be swallowed."""
    with pytest.raises(ConfigError, match="returned False"):
        check("[1]", ANY, [fail_fast(in_turn(at("/0", lambda value: False)))])  # type: ignore[arg-type, return-value]

    def leave(value: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        run(["{}"], validators=[in_turn(leave)])


def test_a_rejected_answer_tells_the_tracer_nothing_of_its_content() -> None:
    """The event says that a check failed; its words hold what the model wrote."""
    events: list[tuple[EventKind, Any]] = []

    async def collect() -> None:
        harness = Harness(
            ScriptedProvider(["{}"]), schema=True, validators=[lambda value: FailFast("secret")]
        )
        events.extend([(event.kind, event.data) async for event in harness.stream("go")])

    asyncio.run(collect())
    [failed] = [data for kind, data in events if kind is EventKind.VALIDATION_FAILED]
    assert failed["problems"] == ("secret",)
