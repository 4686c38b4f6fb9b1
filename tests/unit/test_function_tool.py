"""Function tools: the signature is the schema, and arguments arrive as the annotations say."""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import enum
import functools
import inspect
import json
import os
import subprocess
import sys
import threading
import uuid
from collections import abc
from datetime import date
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    Union,
)

import pydantic
import pytest
import typing_extensions

from pytest_llmharness import Harness, HarnessError, Schema, ScriptedProvider, ToolCall, VirtualClock, tool
from pytest_llmharness.adapters.tools.function import FunctionTool
from pytest_llmharness.errors import ConfigError

if TYPE_CHECKING:
    from decimal import Decimal

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
UserId = NewType("UserId", int)
THING = object()
Many = typing_extensions.TypeAliasType("Many", list[int])


class Priority(enum.Enum):
    LOW = "low"
    HIGH = "high"


class Level(enum.IntEnum):
    ONE = 1
    TWO = 2


class Corner(enum.Enum):
    ORIGIN = (0, 0)


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass
class Task:
    """A thing to do.

    Args:
        title: what to do.
        subtasks: what it is made of.
    """

    kinds: ClassVar[int] = 3
    title: str
    priority: Priority = Priority.LOW
    at: Annotated[Point | None, "where"] = None
    tags: set[str] = dataclasses.field(default_factory=set)
    subtasks: list[Task] = dataclasses.field(default_factory=list)
    made: bool = dataclasses.field(default=True, init=False)


@dataclasses.dataclass
class Husband:
    wife: Wife | None = None


@dataclasses.dataclass
class Wife:
    husband: Husband | None = None


@dataclasses.dataclass
class Positive:
    number: int
    unit: dataclasses.InitVar[str] = "m"

    def __post_init__(self, unit: str) -> None:
        if self.number < 0:
            raise ValueError("must not be negative")
        self.text = f"{self.number} {unit}"


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Draft(TypedDict, total=False):
    text: Required[str]
    movie: Movie


class Item(pydantic.BaseModel):
    name: str


class Order(pydantic.BaseModel):
    """An order."""

    items: list[Item]
    due: date | None = None


class Tree(pydantic.BaseModel):
    children: list[Tree] = []


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]


class Home(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


class Shop:
    Item = pydantic.create_model("Item", price=(int, ...))
    Cart: type[pydantic.BaseModel] = pydantic.create_model("Cart", items=(list[Item], ...))
    Fleet: type[pydantic.BaseModel] = pydantic.create_model("Fleet", carts=(list[Cart], ...))


class Depot:
    Item = pydantic.create_model("Item", weight=(int, ...))
    Cart: type[pydantic.BaseModel] = pydantic.create_model("Cart", items=(list[Item], ...))
    Fleet: type[pydantic.BaseModel] = pydantic.create_model("Fleet", carts=(list[Cart], ...))


class Box(pydantic.BaseModel):
    size: int


class Offer(pydantic.BaseModel):
    items: list[Item]
    box: Box


@dataclasses.dataclass
class Album:
    @dataclasses.dataclass
    class Song:
        title: str

    songs: list[Song]


def made_of(annotation: Any, **settings: Any) -> tuple[FunctionTool, list[Any]]:
    """Make a tool of a function with one argument of this annotation, and note what arrives."""
    arrived: list[Any] = []

    def take(value):
        arrived.append(value)

    take.__annotations__ = {"value": annotation}
    return tool(take, **settings), arrived


def schema_of(annotation: Any) -> dict[str, Any]:
    """Return the schema of one argument, its definitions beside it."""
    whole = dict(made_of(annotation)[0].spec.schema)
    return {**whole["properties"]["value"], **({"$defs": whole["$defs"]} if "$defs" in whole else {})}


def arrives(annotation: Any, value: Any) -> Any:
    """Return what a function gets for a JSON value, which must satisfy the schema."""
    made, arrived = made_of(annotation)
    verdict = Schema(dict(made.spec.schema)).check_value({"value": value})
    assert verdict.valid, verdict.hint()
    asyncio.run(made.invoke({"value": value}))
    return arrived[0]


def refused(annotation: Any, value: Any) -> HarnessError:
    """Return the error for a JSON value that does not fit."""
    with pytest.raises(HarnessError) as caught:
        asyncio.run(made_of(annotation)[0].invoke({"value": value}))
    return caught.value


ENUM = {"enum": ["low", "high"]}
POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
    "required": ["x"],
    "additionalProperties": False,
}
MOVIE = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "year": {"type": "integer"}},
    "required": ["title"],
    "additionalProperties": False,
}
INTS = {"type": "array", "items": {"type": "integer"}}

FORMS = [
    (str, {"type": "string"}, "a", "a"),
    (int, {"type": "integer"}, 3, 3),
    (float, {"type": "number"}, 0.5, 0.5),
    (bool, {"type": "boolean"}, True, True),
    (None, {"type": "null"}, None, None),
    (Any, {}, {"any": [1]}, {"any": [1]}),
    (Optional[int], {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),  # noqa: UP045 - a form too
    (int | None, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, 3, 3),
    (Union[int, str], {"anyOf": [{"type": "integer"}, {"type": "string"}]}, "a", "a"),  # noqa: UP007 - a form too
    (Literal["a", 1, None], {"enum": ["a", 1, None]}, 1, 1),
    (Literal[Priority.HIGH], {"enum": ["high"]}, "high", Priority.HIGH),
    (Priority, ENUM, "high", Priority.HIGH),
    (Level, {"enum": [1, 2]}, 2, Level.TWO),
    (Corner, {"enum": [[0, 0]]}, [0, 0], Corner.ORIGIN),
    (Priority | None, {"anyOf": [ENUM, {"type": "null"}]}, "low", Priority.LOW),
    (list, {"type": "array"}, [1, "a"], [1, "a"]),
    (list[int], INTS, [1], [1]),
    (list[Priority], {"type": "array", "items": ENUM}, ["low"], [Priority.LOW]),
    (abc.Sequence[int], INTS, [1], [1]),
    (abc.Iterable[int], INTS, [1], [1]),
    (set[int], {**INTS, "uniqueItems": True}, [1, 2], {1, 2}),
    (frozenset[int], {**INTS, "uniqueItems": True}, [1], frozenset({1})),
    (tuple, {"type": "array"}, [1], (1,)),
    (tuple[int, ...], INTS, [1, 2], (1, 2)),
    (
        tuple[int, Priority],
        {"type": "array", "prefixItems": [{"type": "integer"}, ENUM], "minItems": 2, "maxItems": 2},
        [1, "low"],
        (1, Priority.LOW),
    ),
    (dict, {"type": "object"}, {"a": 1}, {"a": 1}),
    (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": 1}),
    (abc.Mapping[str, Point], {"type": "object", "additionalProperties": POINT}, {"a": {"x": 1}}, {"a": Point(1)}),
    (dict[int, str], {"type": "object", "additionalProperties": {"type": "string"}}, {"1": "a"}, {1: "a"}),
    (Point, POINT, {"x": 1}, Point(1, 0)),
    (Point | Movie, {"anyOf": [POINT, MOVIE]}, {"title": "Heat"}, {"title": "Heat"}),
    (Movie, MOVIE, {"title": "Heat", "year": 1995}, {"title": "Heat", "year": 1995}),
    (UserId, {"type": "integer"}, 7, 7),
    (Many, INTS, [1], [1]),
    (Annotated[int, "how many", object()], {"type": "integer", "description": "how many"}, 1, 1),
    (Annotated[int, typing_extensions.Doc("how many")], {"type": "integer", "description": "how many"}, 1, 1),
    (Annotated[int, pydantic.Field(ge=1, description="n")], {"type": "integer", "minimum": 1, "description": "n"}, 1, 1),
    (date, {"type": "string", "format": "date"}, "2026-01-02", date(2026, 1, 2)),
    (uuid.UUID, {"type": "string", "format": "uuid"}, "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "schema", "value", "arrived"), FORMS, ids=lambda part: str(part)[:40])
def test_every_form_of_annotation(annotation: Any, schema: dict[str, Any], value: Any, arrived: Any) -> None:
    """It has this schema, and its JSON arrives as the annotated type."""
    assert schema_of(annotation) == schema
    got = arrives(annotation, value)
    assert (got, type(got)) == (arrived, type(arrived))


@pytest.mark.parametrize(
    ("annotation", "value", "told"),
    [
        (int, True, "True is no integer"),
        (int, 1.5, "1.5 is no integer"),
        (str, 1, "1 is no string"),
        (bool, 1, "1 is no boolean"),
        (float, "1", "'1' is no number"),
        (Priority, "urgent", "'urgent' is none of 'low', 'high'"),
        (Level, True, "True is none of 1, 2"),
        (Priority | None, "urgent", "'urgent' is none of 'low', 'high'"),
        (int | Point, "a", "fits none of 2 forms"),
        (list[int], "12", "'12' is no array"),
        (list[int], [1, "2"], "value[1]: '2' is no integer"),
        (set[Any], [[]], "unhashable"),
        (tuple[int, int], [1], "1 items, not 2"),
        (tuple[int, int], [1, 2, 3], "3 items, not 2"),
        (dict[str, Point], {"a": {"x": 1, "z": 2}}, "value.a: unknown: z"),
        (Point, {}, "value: missing: x"),
        (Point, [1], "[1] is no object"),
        (Positive, {"number": -1}, "ValueError: must not be negative"),
        (Order, {"items": [{}]}, "items.0.name: Field required"),
        (date, "tomorrow", "date"),
        (str, ["x" * 1000], "..."),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told_in_one_line(annotation: Any, value: Any, told: str) -> None:
    """The error names the argument, the value and what was expected."""
    error = refused(annotation, value)
    assert told in error.what
    assert error.what.startswith("invalid arguments: value")
    assert len(error.what) < 200
    assert error.where == "tool take"


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Task, Task("a")), (Order, Order(items=[])), (Priority, Priority.LOW), (date, date(2026, 1, 2))],
)
def test_a_value_of_the_type_already_stays_as_it_is(annotation: Any, value: Any) -> None:
    """Who calls `invoke` from code may pass the real things."""
    made, arrived = made_of(annotation)
    asyncio.run(made.invoke({"value": value}))
    assert arrived[0] is value


def test_an_optional_argument_complains_like_the_argument() -> None:
    """Null beside it makes no riddle of it."""
    assert refused(Priority | None, "urgent").what == refused(Priority, "urgent").what


def test_an_integer_may_be_written_with_a_fraction_of_zero() -> None:
    """JSON Schema takes 3.0 for an integer, so the function gets one."""
    assert repr(arrives(int, 3.0)) == "3"
    assert repr(arrives(list[int], [2.0])) == "[2]"


def test_a_dataclass_with_everything() -> None:
    """Nested, recursive, with defaults, descriptions and class variables, from JSON to instances."""
    schema = schema_of(Task)
    assert schema["$ref"] == "#/$defs/Task"
    definition = schema["$defs"]["Task"]
    assert list(definition["properties"]) == ["title", "priority", "at", "tags", "subtasks"]
    assert definition["required"] == ["title"]
    assert definition["properties"]["title"] == {"type": "string", "description": "what to do."}
    assert definition["properties"]["priority"] == {**ENUM, "default": "low"}
    assert definition["properties"]["at"]["description"] == "where"
    assert definition["properties"]["subtasks"]["items"] == {"$ref": "#/$defs/Task"}
    got = arrives(
        Task,
        {"title": "a", "at": {"x": 1}, "tags": ["t"], "subtasks": [{"title": "b", "priority": "high"}]},
    )
    assert got == Task("a", at=Point(1), tags={"t"}, subtasks=[Task("b", Priority.HIGH)])


def test_two_dataclasses_that_refer_to_each_other() -> None:
    """Both are built, and the schema is finite."""
    assert arrives(Husband, {"wife": {"husband": {"wife": None}}}) == Husband(Wife(Husband(None)))
    assert arrives(Wife, {"husband": {"wife": {}}}) == Wife(Husband(Wife()))


def test_a_class_inside_a_function_may_refer_to_itself() -> None:
    """Its name is known, though no module has it."""

    @dataclasses.dataclass
    class Node:
        next: Node | None = None

    assert arrives(Node, {"next": {}}) == Node(Node(None))


def test_a_class_may_hold_classes() -> None:
    """Their names are known inside it only."""
    assert arrives(Album, {"songs": [{"title": "a"}]}) == Album([Album.Song("a")])


def test_values_nested_too_deeply_are_refused_by_name() -> None:
    """Not with a RecursionError."""
    value: dict[str, Any] = {"title": "leaf"}
    for _ in range(5000):
        value = {"title": "a", "subtasks": [value]}
    assert "recursion" in refused(Task, value).what


def test_an_init_variable_is_an_argument() -> None:
    """What the constructor takes is what the model sends."""
    assert arrives(Positive, {"number": 2, "unit": "km"}).text == "2 km"


def test_qualifiers_of_a_typed_dict_count_under_postponed_annotations() -> None:
    """Required and NotRequired win over `total`, nested too."""
    schema = schema_of(Draft)
    assert schema["required"] == ["text"]
    assert schema["properties"]["movie"] == MOVIE
    assert arrives(Draft, {"text": "a", "movie": {"title": "b"}}) == {"text": "a", "movie": {"title": "b"}}


def test_pydantic_models_arrive_as_instances_and_their_definitions_are_hoisted() -> None:
    """Every $ref resolves from the root, also where two models bring definitions of one name."""

    @tool
    def place(order: Order, cart: Shop.Cart, tree: Tree, home: Home, offer: Offer | None = None) -> str:
        return f"{order!r} {cart!r} {tree!r} {home!r} {offer!r}"

    schema = dict(place.spec.schema)
    assert all("$defs" not in part for part in schema["properties"].values())
    assert {"Item", "Item_2", "Tree", "Cat", "Dog", "Box"} == set(schema["$defs"])
    assert schema["$defs"]["Item"]["properties"].keys() == {"name"}
    assert schema["$defs"]["Item_2"]["properties"].keys() == {"price"}
    assert schema["properties"]["cart"]["properties"]["items"]["items"] == {"$ref": "#/$defs/Item_2"}
    mapping = schema["properties"]["home"]["properties"]["pet"]["discriminator"]["mapping"]
    assert mapping == {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"}
    arguments = {
        "order": {"items": [{"name": "a"}], "due": "2026-01-02"},
        "cart": {"items": [{"price": 1}]},
        "tree": {"children": [{"children": []}]},
        "home": {"pet": {"kind": "cat"}},
    }
    compiled = Schema(schema)
    assert compiled.check_value(arguments).valid
    for name, wrong in [("order", {"items": [{"price": 1}]}), ("cart", {"items": [{"name": "a"}]}), ("tree", {"children": [1]})]:  # fmt: skip
        assert not compiled.check_value({**arguments, name: wrong}).valid
    assert asyncio.run(place.invoke(arguments)) == (
        "Order(items=[Item(name='a')], due=datetime.date(2026, 1, 2)) Cart(items=[Item(price=1)]) "
        "Tree(children=[Tree(children=[])]) Home(pet=Cat(kind='cat')) None"
    )


def test_definitions_that_point_to_different_things_stay_apart() -> None:
    """Also where their own words are equal: Cart holds another Item here than there."""

    @tool
    def move(shop: Shop.Fleet, depot: Depot.Fleet) -> None: ...

    schema = Schema(dict(move.spec.schema))
    shop, depot = ({"carts": [{"items": [item]}]} for item in ({"price": 1}, {"weight": 1}))
    assert {"Cart", "Item", "Cart_2", "Item_2"} == set(move.spec.schema["$defs"])
    assert schema.check_value({"shop": shop, "depot": depot}).valid
    assert not schema.check_value({"shop": depot, "depot": depot}).valid
    assert not schema.check_value({"shop": shop, "depot": shop}).valid


@dataclasses.dataclass
class Parcel:
    item: Order
    inside: list[Parcel]


class Post:
    class Parcel(pydantic.BaseModel):
        weight: int

    class Van(pydantic.BaseModel):
        parcels: list[Post.Parcel]


Post.Van.model_rebuild()


def test_a_dataclass_and_a_model_of_one_name_stay_apart() -> None:
    """Definitions of ours and of Pydantic's share the root and not their names."""

    @tool
    def both(parcel: Parcel, van: Post.Van) -> None: ...

    schema = Schema(dict(both.spec.schema))
    parcel = {"item": {"items": [{"name": "a"}]}, "inside": []}
    assert {"Parcel", "Parcel_2", "Item"} == set(both.spec.schema["$defs"])
    assert schema.check_value(
        {"parcel": {**parcel, "inside": [parcel]}, "van": {"parcels": [{"weight": 1}]}}
    ).valid
    assert not schema.check_value({"parcel": parcel, "van": {"parcels": [parcel]}}).valid
    assert not schema.check_value(
        {"parcel": {**parcel, "inside": [{"weight": 1}]}, "van": {"parcels": []}}
    ).valid


GOOGLE = """Find things.

    In a second paragraph, more about it.

    Args:
        query (str): what to find,
            in words: "a, b".
            note: all of them.
        limit: how many (at most).

            A second paragraph of it.
        nobody: is no argument.

    Returns:
        limit: not this one.
    """
SPHINX = """Find things.

    :param str query: what to find,
        in words: "a, b".
        note: all of them.
    :param limit: how many (at most). A second paragraph of it.
    :type limit: int
    :returns: limit: not this one.
    """
NUMPY = """Find things.

    Parameters
    ----------
    query : str, optional
        what to find,
        in words: "a, b".
        note: all of them.
    limit
        how many (at most).

        A second paragraph of it.

    Returns
    -------
    limit
        Not this one.
    """


@pytest.mark.parametrize("text", [GOOGLE, SPHINX, NUMPY], ids=["google", "sphinx", "numpy"])
def test_docstrings_describe_the_tool_and_its_arguments(text: str) -> None:
    """The first paragraph is the tool's; Google, Sphinx and numpy style are read alike."""

    def find(query: str, limit: int = 10) -> str:
        return query

    find.__doc__ = text
    spec = tool(find).spec
    assert spec.description == "Find things."
    assert spec.schema["properties"] == {
        "query": {"type": "string", "description": 'what to find, in words: "a, b". note: all of them.'},
        "limit": {
            "type": "integer",
            "description": "how many (at most). A second paragraph of it.",
            "default": 10,
        },
    }


def test_numpy_names_with_commas_share_a_text() -> None:
    """As numpy writes them."""

    @tool
    def move(x: int, y: int) -> None:
        """Move.

        Parameters
        ----------
        x, y : int
            the place.
        """

    assert [part["description"] for part in move.spec.schema["properties"].values()] == ["the place."] * 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, ""),
        ("", ""),
        ("Go.\nOn.\n\nMore.", "Go. On."),
        ("Args:\n    a: b.", ""),
        ("Go.\nArgs:\n    a: b.", "Go."),
        ("Go.\n:param a: b.", "Go."),
        ("Parameters\n----------\na\n    b.", ""),
    ],
)
def test_the_description_is_the_first_paragraph(text: str | None, told: str) -> None:
    """Sections are no paragraph, and no docstring is no description."""

    def go(a: str = "") -> None: ...

    go.__doc__ = text
    spec = tool(go).spec
    assert spec.description == told
    described = spec.schema["properties"]["a"].get("description")
    assert described == ("b." if text and "b." in text else None)


def test_a_given_name_and_description_win() -> None:
    """Over the function's own."""

    @tool(name="search", description="Mine.", read_only=True)
    def find(query: str) -> None:
        """Theirs."""

    assert (find.spec.name, find.spec.description, find.spec.read_only) == ("search", "Mine.", True)
    assert find.__doc__ == "Theirs."


def test_annotated_wins_over_the_docstring_and_that_over_the_types_own_words() -> None:
    """Nearest to the argument first."""

    @tool
    def place(a: Annotated[int, "from the annotation"], b: Order, c: Order) -> None:  # noqa: D417 - c has none
        """Place.

        Args:
            a: from the docstring.
            b: from the docstring.
        """

    told = {name: part["description"] for name, part in place.spec.schema["properties"].items()}
    assert told == {"a": "from the annotation", "b": "from the docstring.", "c": "An order."}


def test_defaults_and_keyword_only_arguments() -> None:
    """A default makes an argument optional and is told where JSON can; the function's own applies."""

    @tool
    def go(a: int, b: str = "x", *, c: Priority = Priority.LOW, d: Point = Point(1, 2), e: Any = THING) -> Any:  # fmt: skip
        return a, b, c, d, type(e)

    schema = go.spec.schema
    assert schema["required"] == ["a"]
    told = {name: part["default"] for name, part in schema["properties"].items() if "default" in part}
    assert told == {"b": "x", "c": "low"}
    assert schema["additionalProperties"] is False
    assert asyncio.run(go.invoke({"a": 1})) == (1, "x", Priority.LOW, Point(1, 2), object)
    assert asyncio.run(go.invoke({"a": 1, "c": "high"}))[2] is Priority.HIGH
    assert go(5, "y")[:2] == (5, "y")


class Counter:
    """Counts."""

    def __init__(self) -> None:
        self.total = 0

    def add(self, number: int) -> int:
        """Add a number."""
        self.total += number
        return self.total

    @classmethod
    def make(cls, number: int) -> str:
        """Make one."""
        return f"{cls.__name__} {number}"

    @staticmethod
    def double(number: int) -> int:
        """Double."""
        return number * 2

    async def __call__(self, number: int) -> str:
        await asyncio.sleep(0)
        return f"{number} on {threading.current_thread().name}"


class Documented:
    def __call__(self, number: int) -> int:
        """Take a number."""
        return number


@pytest.mark.parametrize(
    ("callable_", "name", "description"),
    [
        (Counter().add, "add", "Add a number."),
        (Counter.make, "make", "Make one."),
        (Counter.double, "double", "Double."),
        (Counter(), "Counter", "Counts."),
        (Documented(), "Documented", "Take a number."),
        (functools.partial(Counter().add), "add", "Add a number."),
        (functools.partial(Documented()), "Documented", "Take a number."),
    ],
)
def test_methods_objects_and_partials(callable_: Any, name: str, description: str) -> None:
    """`self` is no argument, and name and description are those of what is called."""
    made = tool(callable_)
    assert (made.spec.name, made.spec.description) == (name, description)
    assert made.spec.schema["properties"] == {"number": {"type": "integer"}}
    assert asyncio.run(made.invoke({"number": 2})) is not None


def test_a_bound_method_keeps_its_object() -> None:
    """The state of one object is not another's."""
    counter = Counter()
    add = tool(counter.add)
    asyncio.run(add.invoke({"number": 2}))
    asyncio.run(add.invoke({"number": 3}))
    assert counter.total == 5


def test_what_a_partial_has_bound_is_hidden_from_the_model() -> None:
    """Neither its name nor its value is told, and a model cannot replace it."""

    def fetch(host: str, path: str, *, key: str = "", retries: int = 1) -> str:
        return f"{host}{path} {key} {retries}"

    made = tool(functools.partial(fetch, "h", key="secret"), name="fetch")
    assert set(made.spec.schema["properties"]) == {"path", "retries"}
    assert "secret" not in json.dumps(dict(made.spec.schema))
    assert asyncio.run(made.invoke({"path": "/p"})) == "h/p secret 1"
    with pytest.raises(HarnessError, match="unknown: key"):
        asyncio.run(made.invoke({"path": "/p", "key": "stolen"}))


def test_async_functions_need_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does an object with an async `__call__`, nor a partial of one."""
    monkeypatch.setattr("pytest_llmharness.adapters.tools.function.in_thread", None)
    for callable_ in (Counter(), functools.partial(Counter()), Counter().__call__):
        made = tool(name="count")(callable_)
        assert asyncio.run(made.invoke({"number": 1})).startswith("1 on")


def test_async_functions_run_on_the_loop_and_others_in_a_thread_with_the_context() -> None:
    """An async function, an async `__call__` and a partial of one stay; a blocking one leaves."""

    async def here() -> str:
        return threading.current_thread().name

    def there() -> tuple[str, str]:
        return threading.current_thread().name, WHO.get()

    def late() -> Any:
        return here()

    async def work() -> list[Any]:
        WHO.set("me")
        return [
            await tool(here).invoke({}),
            await tool(functools.partial(here)).invoke({}),
            await tool(Counter()).invoke({"number": 1}),
            await tool(there).invoke({}),
            await tool(late).invoke({}),
        ]

    mine = threading.current_thread().name
    assert asyncio.run(work()) == [mine, mine, f"1 on {mine}", ("llmharness-tool", "me"), mine]


def test_blocking_tools_never_wait_for_a_free_thread() -> None:
    """Forty that wait for each other all run: a pool of fixed size would hang."""
    together = threading.Barrier(40, timeout=20)

    @tool
    def meet() -> int:
        return together.wait()

    async def work() -> list[int]:
        return await asyncio.gather(*(meet.invoke({}) for _ in range(40)))

    assert sorted(asyncio.run(work())) == list(range(40))


def test_threads_are_kept_for_the_next_call() -> None:
    """A hundred calls, one after another, need no hundred threads."""
    threads: set[int] = set()

    @tool
    def who() -> None:
        threads.add(threading.get_ident())

    async def work() -> None:
        for _ in range(100):
            await who.invoke({})

    asyncio.run(work())
    assert len(threads) < 50


def test_a_thread_that_has_ended_gets_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle threads end after a while, and the next call starts another."""
    monkeypatch.setattr("pytest_llmharness.adapters.workers._IDLE_S", 0.01)
    monkeypatch.setattr("pytest_llmharness.adapters.workers._idle", [])

    @tool
    def who() -> threading.Thread:
        return threading.current_thread()

    for _ in range(3):
        thread = asyncio.run(who.invoke({}))
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_child_starts_threads_of_its_own() -> None:
    """The parent's idle ones are not there."""
    code = """
import asyncio, os, sys, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
from pytest_llmharness import tool

@tool
def double(number: int) -> int:
    return number * 2

async def work():
    async with asyncio.timeout(20):
        return await double.invoke({"number": 2})

assert asyncio.run(work()) == 4
pid = os.fork()
if not pid:
    sys.exit(asyncio.run(work()))
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), asyncio.run(work()))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "4 4\n")


@pytest.mark.parametrize("kind", [ValueError, StopIteration, SystemExit])
def test_what_a_blocking_tool_raises_comes_out(kind: type[BaseException]) -> None:
    """Also StopIteration, which no future takes: it is a RuntimeError, and nobody hangs."""

    @tool
    def fail() -> None:
        raise kind("gone")

    async def work() -> None:
        async with asyncio.timeout(20):
            await fail.invoke({})

    with pytest.raises(RuntimeError if kind is StopIteration else kind):
        asyncio.run(work())


def test_a_cancelled_caller_does_not_wait_for_a_blocking_tool() -> None:
    """The function is left to itself, and its late result disturbs nobody."""
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    @tool
    def block() -> None:
        begun.set()
        go.wait(20)
        ended.set()

    async def work() -> None:
        task = asyncio.create_task(block.invoke({}))
        await asyncio.to_thread(begun.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert not ended.is_set()
    go.set()
    assert ended.wait(20)


def test_a_tool_that_hangs_does_not_hold_the_process() -> None:
    """The interpreter ends in silence while a blocking tool still runs."""
    code = """
import asyncio, threading
from pytest_llmharness import tool
begun = threading.Event()

@tool
def hang() -> None:
    begun.set()
    threading.Event().wait()

async def work():
    task = asyncio.create_task(hang.invoke({}))
    while not begun.is_set():
        await asyncio.sleep(0)

asyncio.run(work())
print("ended")
"""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def unresolvable(value: Decimal) -> None: ...


def variadic(*values: int) -> None: ...


def keywords(**values: int) -> None: ...


def positional(value: int, /) -> None: ...


def bare(value) -> None: ...


def foreign(value: threading.Thread) -> None: ...


def generator_of(value: abc.Callable[[int], int]) -> None: ...


def noted(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@noted
def decorated(value) -> None: ...


class Empty(enum.Enum):
    pass


class Odd(enum.Enum):
    THING = object()


def empty(value: Empty) -> None: ...


def odd(value: Odd) -> None: ...


@dataclasses.dataclass
class Holder:
    thread: threading.Thread


def nested(value: list[Holder]) -> None: ...


@pytest.mark.parametrize(
    ("function", "what", "fix"),
    [
        (unresolvable, "'Decimal' is not defined", "define or import Decimal at module level"),
        (variadic, "*values: 'int' cannot be passed by name", "give every argument a name"),
        (keywords, "**values: 'int' cannot be passed by name", "give every argument a name"),
        (positional, "value: 'int' cannot be passed by name", "give every argument a name"),
        (bare, "value has no annotation", "annotate it: value: str"),
        (decorated, "value has no annotation", "annotate it: value: str"),
        (Counter.add, "self has no annotation", "tool(instance.method)"),
        (foreign, "value: Thread has no JSON Schema", "annotate it with JSON types"),
        (generator_of, "value: collections.abc.Callable[[int], int] has no", "annotate it with JSON types"),
        (empty, "value: Empty has no members", "members"),
        (odd, "is no JSON value", "value of JSON"),
        (nested, "value: thread: Thread has no JSON Schema", "annotate it with JSON types"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_a_signature_without_a_schema_is_a_config_error(function: Any, what: str, fix: str) -> None:
    """It names the argument, the file and line of the function, and what to do."""
    with pytest.raises(ConfigError) as caught:
        tool(function)
    error = caught.value
    assert error.what.startswith(f"the tool {function.__name__} has no argument schema: ")
    assert what in error.what
    assert fix in error.fix
    assert error.where == f"{__file__}:{inspect.unwrap(function).__code__.co_firstlineno}"
    assert "\n" not in error.what


def test_a_name_that_no_model_can_call_is_a_config_error() -> None:
    """A lambda has none, and a dialect would refuse it at the first call."""
    with pytest.raises(ConfigError, match="<lambda>") as caught:
        tool(lambda: None)
    assert "name=" in caught.value.fix
    assert tool(name="nothing")(lambda: None).spec.name == "nothing"
    with pytest.raises(ConfigError, match="a b"):
        tool(name="a b")(bare)


def test_a_builtin_without_a_signature_is_a_config_error() -> None:
    """With the error of its own."""
    with pytest.raises(ConfigError, match="no argument schema"):
        tool(dict)


def test_a_tool_is_still_the_function_it_was() -> None:
    """It can be called, has its docstring, and may be decorated again under another name."""

    @tool
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    assert add(1, b=2) == 3
    assert (add.__name__, add.__doc__) == ("add", "Add.")
    assert tool(name="plus")(add).spec.name == "plus"
    assert asyncio.run(tool(name="plus")(add).invoke({"a": 1, "b": 2})) == 3


def test_a_conversion_that_fails_is_told_to_the_model() -> None:
    """What the schema cannot say, the type can: the run goes on, and the model reads why."""

    @tool
    def walk(way: Positive) -> str:
        return way.text

    calls = [ToolCall("walk", {"way": {"number": -1}}), ToolCall("walk", {"way": {"number": 2}})]
    provider = ScriptedProvider([calls, "done"])
    result = Harness(provider, tools=[walk], clock=VirtualClock()).run("go")
    assert result.content == "done"
    failed, walked = (message.text for message in provider.prompts[1].messages[-2:])
    assert failed.startswith("Error: HarnessError: invalid arguments: way: ValueError: must not be negative")
    assert walked == "2 m"


def test_pydantic_stays_out_where_no_annotation_needs_it() -> None:
    """A tool of plain types, an Enum and a dataclass imports none of it."""
    code = """
import dataclasses, enum, sys
from typing import NewType
from typing_extensions import TypeAliasType
from pytest_llmharness import tool

class Priority(enum.Enum):
    LOW = "low"

@dataclasses.dataclass
class Task:
    priority: Priority

@tool
def go(
    task: Task, tags: list[str] | None, one: NewType("One", int), two: TypeAliasType("Two", list[str])
) -> None: ...

print("pydantic" in sys.modules, "jsonschema" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_without_pydantic_its_annotations_are_a_named_error() -> None:
    """The message says what is not installed."""
    code = """
import sys
sys.modules["pydantic"] = None
from datetime import date
from pytest_llmharness import tool
from pytest_llmharness.errors import ConfigError

def go(day: date) -> None: ...

try:
    tool(go)
except ConfigError as error:
    print(error.what)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "the tool go has no argument schema: day: date has no JSON Schema "
        "(pydantic, which may know it, is not installed)\n"
    )


@pytest.mark.parametrize(
    "option",
    [{"read_only": "no"}, {"in_doubt": "idempotant"}, {"after": "build"}],
    ids=["read_only", "in_doubt", "after"],
)
def test_an_option_that_means_another_thing_than_was_written_is_refused(option: Any) -> None:
    """A truthy word would skip the gate, and a typo would show after the crash."""

    def send(text: str) -> str:
        return text

    with pytest.raises(ConfigError, match="cannot work"):
        tool(**option)(send)
