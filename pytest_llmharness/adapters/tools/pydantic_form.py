"""Forms by Pydantic: of its models, and of annotations that only it can describe."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .definitions import Definitions
from .form import Form, Mismatch


class NoForm(Exception):
    """Pydantic cannot describe a type either, or is not installed."""


def is_model(kind: Any) -> bool:
    """Whether this is a Pydantic model class."""
    return isinstance(kind, type) and callable(getattr(kind, "model_json_schema", None))


def needs_pydantic(note: Any) -> bool:
    """Whether a note in `Annotated[...]` is a constraint that Pydantic reads: `Field(gt=0)`, `Gt(0)`."""
    return type(note).__module__.partition(".")[0] in ("pydantic", "annotated_types")


def model_form(model: Any, definitions: Definitions) -> Form:
    """Return the form of a model class; the value arrives as its instance."""
    return _form(model, model.model_json_schema, model.model_validate_json, definitions)


def adapted_form(kind: Any, definitions: Definitions) -> Form:
    """Return the form of whatever Pydantic can describe.

    Raises:
        NoForm: it cannot, or it is not installed.
    """
    try:
        from pydantic import TypeAdapter
    except ImportError as error:
        raise NoForm("pydantic, which may know it, is not installed") from error
    try:
        adapter: Any = TypeAdapter(kind)
    except Exception as error:
        raise NoForm(_first_line(error)) from error
    return _form(kind, adapter.json_schema, adapter.validate_json, definitions)


def _form(
    kind: Any,
    describe: Callable[[], dict[str, Any]],
    validate: Callable[[str], Any],
    definitions: Definitions,
) -> Form:
    try:
        schema = definitions.adopt(describe())
    except Exception as error:
        raise NoForm(_first_line(error)) from error

    def build(value: Any) -> Any:
        if isinstance(kind, type) and isinstance(value, kind):
            return value
        try:
            return validate(json.dumps(value))
        except Exception as error:  # a validator raises what it likes
            raise Mismatch(_complaint(error)) from error

    return Form(schema, build)


def _complaint(error: Exception) -> str:
    list_errors = getattr(error, "errors", None)
    if not callable(list_errors):
        return f"{type(error).__name__}: {error}"
    told = [(".".join(map(str, one["loc"])), one["msg"]) for one in list_errors(include_url=False)]
    return "; ".join(f"{place}: {text}" if place else str(text) for place, text in told)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".split("\n", 1)[0]
