"""YAML text to plain objects, without recursion: PyYAML's C loader overflows the stack on depth.

Built from the parser's events, which libyaml reads with a stack of its own; this also spares the
node objects between. Tags other than YAML's own and vcrpy's few Python ones are refused.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_DEEPEST = 500
_TAG = "tag:yaml.org,2002:"
_STRINGS = {f"{_TAG}str", f"{_TAG}python/str", f"{_TAG}python/unicode"}
_PLAIN_COLLECTIONS = {None, "!", f"{_TAG}map", f"{_TAG}seq", f"{_TAG}python/tuple"}


class YamlError(ValueError):
    """The text is not YAML that a cassette may hold; `line` counts from 1."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(why)
        self.line = line


def read_yaml(text: str) -> Any:
    """Return the one document of a YAML text.

    Raises:
        YamlError: the text is broken, too deep, or has tags that stand for code.
    """
    yaml: Any = import_module("yaml")
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    line = 1
    try:
        loader = loader_class(text)
        try:
            document = _Document(yaml, loader)
            while loader.check_event():
                event = loader.get_event()
                line = event.start_mark.line + 1 if event.start_mark else line
                document.take(event)
            return document.root
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(f"{error.problem or error.context}", mark.line + 1 if mark else line) from error
    except yaml.YAMLError as error:
        position = getattr(error, "position", 0)
        reason = getattr(error, "reason", "unreadable")
        raise YamlError(f"{reason}", text.count("\n", 0, position) + 1) from error
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise YamlError(str(error), line) from error


class _Document:
    """Builds the objects of one document from its events."""

    def __init__(self, yaml: Any, loader: Any) -> None:
        self.root: Any = None
        self._yaml, self._loader = yaml, loader
        self._open: list[tuple[Any, list[Any], str | None]] = []
        self._anchors: dict[str, Any] = {}
        self._documents = 0

    def take(self, event: Any) -> None:
        """Go on by one event."""
        yaml = self._yaml
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = value
            self._put(value)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._start(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            container, pending, anchor = self._open.pop()
            if isinstance(container, dict):
                container.update(zip(pending[::2], pending[1::2], strict=True))
            if anchor:  # not before: an alias into what is still open would be a circle
                self._anchors[anchor] = container
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise ValueError(f"the alias *{event.anchor} stands for nothing")
            self._put(self._anchors[event.anchor])
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise ValueError("a second document follows the first")

    def _start(self, event: Any, container: Any) -> None:
        if event.tag not in _PLAIN_COLLECTIONS:
            raise ValueError(f"the tag {event.tag} is not allowed")
        if len(self._open) >= _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels deep")
        self._put(container)
        self._open.append((container, [], event.anchor))

    def _put(self, value: Any) -> None:
        if not self._open:
            self.root = value
            return
        container, pending, _ = self._open[-1]
        (container if isinstance(container, list) else pending).append(value)

    def _scalar(self, event: Any) -> Any:
        if event.tag in _STRINGS or (event.tag is None and event.implicit[1] and not event.implicit[0]):
            return event.value
        node_class = self._yaml.ScalarNode
        tag = event.tag
        if tag in (None, "!"):
            tag = self._loader.resolve(node_class, event.value, event.implicit)
        if tag == f"{_TAG}str":
            return event.value
        return self._loader.construct_object(node_class(tag, event.value))
