from typing import TypeAlias, final

__all__ = ["Schema"]

# (pointer, schema pointer, keyword, expected as JSON text, branches, byte span)
_Finding: TypeAlias = tuple[str, str, str, str, list[list["_Finding"]], tuple[int, int] | None]

@final
class Schema:
    """A compiled JSON Schema; immutable, usable from any thread."""

    def __new__(
        cls,
        text: str,
        draft: str | None,
        formats: bool,
        registry: list[tuple[str, str]],
        /,
    ) -> Schema:
        """Compile schema text. ValueError carries (kind, detail, finding | None)."""

    @property
    def is_own(self) -> bool:
        """Whether the own engine reads the schema; else the jsonschema crate does."""

    def accepts(self, text: str | bytes, /) -> bool:
        """Whether the text is JSON that satisfies the schema."""

    def check(self, text: str | bytes, /) -> list[_Finding]:
        """Everything that is wrong with the text; an empty list where it is valid."""
