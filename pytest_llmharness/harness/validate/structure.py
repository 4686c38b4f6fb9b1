"""Article 000's two validators: is it JSON, and has it the fields that are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError
from .complaints import MAX_COMPLAINTS, Validator, named

if TYPE_CHECKING:
    from ...schema import Violation


def json_validator(value: Any) -> tuple[Violation, ...]:
    """Complain of a text that is no JSON, as strictly as RFC 8259; a value that is no text is none.

    For answers that stay text. Where the value is wanted, give the harness a schema instead; True
    accepts any JSON.
    """
    from ...schema import Schema

    return Schema(True).check(value).violations if isinstance(value, str | bytes) else ()


def schema_validator(
    schema: Any = None,
    *,
    required: Iterable[str] = (),
    enums: Mapping[str, Iterable[Any]] | None = None,
) -> Validator:
    """Return a validator by a schema, or by the names of required fields and the values of some.

    ```python
    schema_validator(required=["category"], enums={"category": ["billing", "technical"]})
    ```

    It takes a text as JSON, and anything else as it is. What is no object has none of the fields.

    Args:
        schema: whatever `Schema` takes; then there is nothing else to say.
        required: fields that must be there.
        enums: the values that a field may have, where it is there.

    Raises:
        ConfigError: both forms are given, or none.
    """
    from ...schema import Schema

    required, enums = tuple(required), {name: list(values) for name, values in (enums or {}).items()}
    if (schema is None) is not bool(required or enums):
        raise ConfigError(
            "a schema and fields exclude each other" if schema is not None else "nothing is asked for",
            where="schema_validator(schema, required=, enums=)",
            fix="give a schema, or required= and enums=",
        )
    if schema is None:
        fields = {name: {"enum": values} for name, values in enums.items()}
        schema = {"type": "object", "properties": fields, "required": list(required)}
    compiled = schema if isinstance(schema, Schema) else Schema(schema)

    def fits_schema(value: Any) -> tuple[Violation, ...]:
        verdict = compiled.check(value) if isinstance(value, str | bytes) else compiled.check_value(value)
        return verdict.violations[:MAX_COMPLAINTS]

    return named(fits_schema, "schema_validator")
