from typing import TypeAlias, final

# (pointer, schema pointer, keyword, expected as JSON text, branches, byte span)
Finding: TypeAlias = tuple[str, str, str, str, list[list["Finding"]], tuple[int, int] | None]

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
        """Compile schema text. ValueError carries (kind, detail, Finding | None)."""

    def accepts(self, text: str | bytes, /) -> bool:
        """Whether the text is JSON that satisfies the schema."""

    def check(self, text: str | bytes, /) -> list[Finding]:
        """Everything that is wrong with the text; an empty list where it is valid."""
