"""Model output to text, thinking, tool calls and JSON; damaged JSON to what it meant."""

from .coercion import Coerced, Receipt, coerce_json
from .grammar import Grammar, grammars
from .output import ParsedOutput, ParseEvent, Reading
from .parser import OutputParser, OutputStream
from .repairing import Edit, Repaired, repair_json

__all__ = [
    "Coerced",
    "Edit",
    "Grammar",
    "OutputParser",
    "OutputStream",
    "ParseEvent",
    "ParsedOutput",
    "Reading",
    "Receipt",
    "Repaired",
    "coerce_json",
    "grammars",
    "repair_json",
]
