"""JSON Schema from JSON text to a verdict that says how to mend the text."""

from .compiled import Schema
from .stream import SchemaStream
from .verdict import Verdict, Violation

__all__ = ["Schema", "SchemaStream", "Verdict", "Violation"]
