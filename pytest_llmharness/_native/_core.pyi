from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, TypeVar, final, overload

__all__ = [
    "REQUEST_VERSION",
    "Edits",
    "Findings",
    "OutputParser",
    "OutputStream",
    "Schema",
    "Stream",
    "coerce_json",
    "grammars",
    "json_of",
    "repair_json",
    "request_key",
    "request_prefixes",
    "request_text",
]

_T = TypeVar("_T")

# (pointer, schema pointer, keyword, expected as JSON text, branches, byte span)
_Finding: TypeAlias = tuple[str, str, str, str, list[list["_Finding"]], tuple[int, int] | None]

@final
class Schema:
    """A compiled JSON Schema; immutable, usable from any thread."""

    def __new__(
        cls,
        schema: str | dict[str, object] | bool,
        draft: str | None,
        formats: bool,
        registry: list[tuple[str, str]],
        /,
    ) -> Schema:
        """Compile JSON text, a dict or a bool. ValueError carries (kind, detail, finding | None).

        TypeError means that the dict is not plain: then its text is asked for.
        """

    @property
    def text(self) -> str:
        """What it was compiled from, as JSON text."""

    @property
    def is_own(self) -> bool:
        """Whether the own engine reads the schema; else the jsonschema crate does."""

    @property
    def accepts(self) -> Callable[[str | bytes], bool]:
        """The built-in method: whether the text is JSON that satisfies the schema."""

    def accepts_value(self, value: object, /) -> bool | None:
        """Whether a Python value, as JSON, satisfies the schema; None where it takes a slower look."""

    def stream(self) -> Stream:
        """A check of a text that is still arriving."""

    def check(self, text: str | bytes, /) -> Findings:
        """Everything that is wrong with the text, in its order; nothing where it is valid."""

@final
class Findings(Sequence[_Finding]):
    """What is wrong with one text: a sequence of tuples that are made when they are asked for."""

    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, number: int) -> _Finding: ...
    @overload
    def __getitem__(self, numbers: slice) -> Sequence[_Finding]: ...
    def unfilled(self, kind: type[_T], origin: object, /) -> tuple[_T, ...]:
        """One object of the class for each finding, with `_origin` (origin, number) and no more."""

@final
class Stream:
    """One text, as far as it has arrived; threads take turns."""

    @property
    def exact(self) -> bool:
        """Whether a text is doomed at the very first byte after which nothing helps."""

    @property
    def text(self) -> bytes:
        """The text up to the byte that doomed it."""

    def feed(self, chunk: str | bytes, /) -> Literal["viable", "complete", "doomed"]:
        """Take the next chunk."""

    def findings(self) -> list[_Finding]:
        """What dooms the text."""

    def scene(self) -> tuple[str, list[bool]]:
        """(the JSON of the doomed value so far, for each part of its pointer whether it is a name)."""

REQUEST_VERSION: int
"""Changes whenever a request gets another key than before."""

# `volatile` are names of what is taken to be equal ("uuid", "time", "cwd", "call_id"), or None; of
# "cwd" the `folders` are the paths.

def request_key(
    head: bytes, path: str, body: bytes, volatile: list[str] | None, folders: list[str], /
) -> bytes | None:
    """16 bytes for a request with this head; None where its body is no JSON."""

def request_prefixes(
    path: str, body: bytes, volatile: list[str] | None, folders: list[str], /
) -> list[bytes]:
    """A key for each beginning of the conversation: of no turn, of one, of two; [] without JSON."""

def request_text(path: str, body: bytes, volatile: list[str] | None, folders: list[str], /) -> str | None:
    """The request in its canonical form, as JSON text; None where it is no JSON."""

def json_of(value: object, /) -> str | None:
    """The JSON text of a Python value; None where it takes a slower look."""

# ((start byte, end byte), rule)
_Edit: TypeAlias = tuple[tuple[int, int], str]

@final
class Edits:
    """The edits of a repair; made into tuples only when they are asked for."""

    def __len__(self) -> int: ...
    def listed(self) -> tuple[_Edit, ...]:
        """The edits in the order of the text."""

def repair_json(text: str, /) -> tuple[Any, Edits]:
    """The value that damaged JSON meant, and the edits. ValueError carries (kind, byte | None)."""

# (pointer, rule, before, after)
_Receipt: TypeAlias = tuple[str, str, str, str]

def coerce_json(text: str, schema: str, /) -> tuple[Any, list[_Receipt]]:
    """The value of a text that fits a schema, and what was changed. ValueError carries (kind, pointer)."""

# (name, arguments | None, raw arguments | None, id | None, byte span)
_Call: TypeAlias = tuple[str, dict[str, Any] | None, str | None, str | None, tuple[int, int]]
# (byte span, the grammars that fit)
_Reading: TypeAlias = tuple[tuple[int, int], list[str]]
# (text, thinking, calls, documents, edits, readings)
_Output: TypeAlias = tuple[str, list[str], list[_Call], list[Any], Edits, list[_Reading]]
_Event: TypeAlias = (
    tuple[Literal["text", "thinking"], str]
    | tuple[Literal["tool_call"], _Call]
    | tuple[Literal["document"], Any]
    | tuple[Literal["text_was_thinking"], None]
)

@final
class OutputParser:
    """A compiled output parser; immutable, usable from any thread."""

    def __new__(
        cls, grammars: list[str] | None, tools: list[tuple[str, str]], strict: bool, /
    ) -> OutputParser:
        """`tools` are (name, schema as JSON text). ValueError carries the grammar that is none."""

    def parse(self, text: str, /) -> _Output:
        """Parse a whole text."""

@final
class OutputStream:
    """One text that is being parsed piece by piece."""

    def __new__(cls, parser: OutputParser, /) -> OutputStream: ...
    def feed(self, chunk: str, /) -> list[_Event]:
        """Take the next piece; what it decided comes back."""

    def close(self) -> tuple[list[_Event], _Output]:
        """Say that the text is over."""

def grammars() -> list[tuple[str, str, str, str, list[str]]]:
    """The formats that are known: (name, family, models, source, markers)."""
