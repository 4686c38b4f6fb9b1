from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, TypeVar, final, overload

__all__ = ["Findings", "Schema", "Stream", "json_of"]

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

def json_of(value: object, /) -> str | None:
    """The JSON text of a Python value; None where it takes a slower look."""
