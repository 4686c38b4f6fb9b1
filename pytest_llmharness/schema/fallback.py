"""The slow engine on the jsonschema package, for where the Rust core is missing.

Its verdicts, pointers and keywords are those of the core; what differs is listed in
tests/property/test_schema_agreement.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import jsonschema
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from ..errors import ConfigError, HarnessError
from . import descent, dialect, references, text
from .order import in_order
from .references import pointer
from .stream import BufferedStream

if TYPE_CHECKING:
    from .._native._core import _Finding as Finding

Formats: TypeAlias = bool | Mapping[str, Callable[[str], object]]


class PythonEngine:
    """A compiled schema with the methods of the core's."""

    def __init__(
        self, source: str, draft: str | None, formats: Formats, registry: Sequence[tuple[str, str]], /
    ) -> None:
        root = _read("", source)
        others = {uri.rstrip("#"): _read(uri, document) for uri, document in registry}
        draft = draft or references.declared_draft(root, others)
        kind = references.DRAFTS[draft][0]
        extended = extend(kind, dialect.reading_of(dict(kind.VALIDATORS)))  # type: ignore[no-untyped-call]
        self._places: dict[int, str] = {}
        descent.run.set(descent.Run(remember=False))
        for error in extended(kind.META_SCHEMA).iter_errors(root):
            raise ValueError("invalid", "", self._finding(error, root))
        references.forget_dialect([root, *others.values()], draft)
        self._places = references.places_of([root, *others.values()])
        known = references.registry_of(others, draft)
        checker = _format_checker(kind, formats)
        self._validator = extended(root, registry=known, format_checker=checker)
        self._remember = not references.check(root, others, draft, known, self._places)

    def accepts(self, source: str | bytes, /) -> bool:
        """Whether the text is JSON that satisfies the schema."""
        return not self._findings(source, at_most=1)

    def accepts_value(self, value: object, /) -> None:  # noqa: ARG002 - the core's signature
        """Leave values to the slower look: this engine has no faster one."""

    def stream(self) -> BufferedStream:
        """Return a check of a text that arrives in chunks, which tells little before its end."""
        return BufferedStream(self.accepts)

    def check(self, source: str | bytes, /) -> list[Finding]:
        """Everything that is wrong with the text; an empty list where it is valid."""
        return self._findings(source, at_most=None)

    def _findings(self, source: str | bytes, at_most: int | None) -> list[Finding]:
        try:
            value = text.read(_checked(source))
        except text.NoJson:
            return [("", "", "json", "null", [], None)]
        descent.run.set(descent.Run(self._remember))
        try:
            errors = islice(self._validator.iter_errors(value), at_most)
            return in_order(value, (self._finding(error, value) for error in errors))
        except HarnessError:
            raise
        except Exception:  # noqa: BLE001 - the package's own faults, deep recursion among them, reject
            return [("", "", "schema", "null", [], None)]

    def _finding(self, error: ValidationError, value: Any) -> Finding:
        keyword = "false" if error.validator is None else str(error.validator)
        expected = descent.expected_of(error)
        return (
            pointer(error.absolute_path),
            self._place(error, keyword, expected),
            keyword,
            json.dumps(expected, sort_keys=True, ensure_ascii=False, separators=(",", ":")),
            self._branches(error, value),
            None,
        )

    def _place(self, error: ValidationError, keyword: str, expected: Any) -> str:
        home = self._places.get(id(error.schema))
        if home is None or keyword == "false":
            return pointer(error.absolute_schema_path)
        if keyword == "propertyNames" and isinstance(expected, dict):
            keyword = expected["keyword"]
        return f"{home}/{keyword}"

    def _branches(self, error: ValidationError, value: Any) -> list[list[Finding]]:
        if error.validator not in ("anyOf", "oneOf") or not error.context:
            return []
        branches: list[list[Finding]] = [[] for _ in error.validator_value]  # type: ignore[union-attr]
        for each in error.context:
            branches[int(each.relative_schema_path[0])].append(self._finding(each, value))
        return [in_order(value, branch) for branch in branches]


def _read(uri: str, document: str) -> Any:
    try:
        return text.read(document)
    except text.NoJson:
        raise ValueError("json", uri, None) from None


def _checked(source: object) -> str | bytes:
    if isinstance(source, (str, bytes)):
        return source
    raise TypeError(f"the text to check must be str or bytes, not {type(source).__name__}")


def _format_checker(kind: Any, formats: Formats) -> jsonschema.FormatChecker | None:
    if formats is False:
        return None
    checker = jsonschema.FormatChecker(formats=())
    checker.checkers = dict(kind.FORMAT_CHECKER.checkers)
    if isinstance(formats, Mapping):
        for name, function in formats.items():
            checker.checkers[name] = (_of_strings(name, function), ())
    return checker


def _of_strings(name: str, function: Callable[[str], object]) -> Callable[[object], bool]:
    def holds(value: object) -> bool:
        if not isinstance(value, str):
            return True
        try:
            return bool(function(value))
        except ValueError:
            return False
        except Exception as error:
            raise ConfigError(
                f"the function of the format {name!r} raised {type(error).__name__}",
                where="Schema(formats=...)",
                fix="return a truth value, or raise ValueError for no",
            ) from error

    return holds
