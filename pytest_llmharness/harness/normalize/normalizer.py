"""The first layer in one object: clean, bound, scan, and say what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from ...domain.frozen import dataclass
from ...domain.message import Message, Part, TextPart
from ...domain.request import Request
from ...errors import InvalidRequest
from .admission import refusal
from .document import Document, document_of
from .injection import Hit, scan
from .removal import without_hits
from .settings import NormalizeSettings
from .tool_results import WITHHELD, hits_in_result, result_without_hits
from .truncation import truncated

Step = tuple[str, Callable[[str], str]]

_PASSES = 8
_SHORTEST = 4
_SHORTEST_LATIN = 10
_RAW = 4  # cleaning makes text shorter: what is over this many times the limit is not even read


@dataclass(frozen=True, slots=True)
class Normalized:
    """A text after the layer.

    Attributes:
        text: what goes on.
        changes: the names of the steps that changed something, in order.
        hits: the attempts that were found, with their places in the text as it was then: as it came,
            or cleaned. Both are scanned, for a disguise says something of its own.
    """

    text: str
    changes: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Admission:
    """A request after the layer.

    Attributes:
        request: what goes on; the request as it came where it is refused.
        refusal: why no model may see it, or None.
        changes: the names of the steps that changed something.
        hits: the attempts that were found in the text and in the user's and tools' earlier turns.
        document: what kind of document the text is, or holds, or the first document that came with it.
    """

    request: Request
    refusal: InvalidRequest | None = None
    changes: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    document: Document = Document()


@cache
def default_steps() -> tuple[Step, ...]:
    """Return what cleans a text, in the order it is done."""
    from .characters import canonical_characters
    from .encoding import repaired_encoding
    from .entities import decoded_entities
    from .interface_marks import without_interface_marks
    from .ocr import repaired_scan
    from .whitespace import tidy_whitespace

    return (
        ("encoding", repaired_encoding),
        ("characters", canonical_characters),
        ("entities", decoded_entities),
        ("ocr", repaired_scan),
        ("interface_marks", without_interface_marks),
        ("whitespace", tidy_whitespace),
    )


class Normalizer:
    r"""Prepares what comes in, before anything is built on it.

    Example:
        >>> normalizer = Normalizer()
        >>> normalizer.text("Caf\u00c3\u00a9 &amp; bar\r\n\r\nSent from my iPhone").text
        'Café & bar'
        >>> normalizer.admit(Request("Hello!  ")).request.text
        'Hello!'

    Args:
        settings: the knobs; None means their defaults.
        steps: what cleans a text, in order; each a name and a function of the text. None means
            `default_steps()`, loaded with the first text.
        find: finds attempts to take the model over; None looks for none.
    """

    def __init__(
        self,
        settings: NormalizeSettings | None = None,
        *,
        steps: Iterable[Step] | None = None,
        find: Callable[[str], tuple[Hit, ...]] | None = scan,
    ) -> None:
        self.settings = settings if settings is not None else NormalizeSettings()
        self._steps = None if steps is None else tuple(steps)
        self._find = find

    def text(self, text: str) -> Normalized:
        """Scan, clean and cut one text, until nothing changes any more: doing so again changes nothing.

        Raises:
            InvalidRequest: the text does not settle, which only a text made for it does.
        """
        if not self.settings.enabled:
            return Normalized(text)
        changes: dict[str, None] = {}
        hits: tuple[Hit, ...] = ()
        text = self._cut(text, _RAW * self.settings.max_chars, changes)
        for _ in range(_PASSES):
            found = self._find(text) if self._find is not None and not _says_nothing(text) else ()
            kept = text
            if found and self.settings.on_injection == "neutralise":
                hits += found
                changes["injection"] = None
                kept = without_hits(text, found)
            else:
                hits = found or hits
            cleaned = self._cleaned(kept, changes)
            if cleaned == text:
                return Normalized(text, tuple(changes), hits)
            text = cleaned
        raise InvalidRequest(
            f"the text still changes after {_PASSES} rounds of cleaning: {text[:60]!r}",
            where="Request.text",
            fix="send text that is not escaped many times over",
        )

    def admit(self, request: Request) -> Admission:
        """Prepare a request, or say why it is refused."""
        refused = refusal(request) or self._missing_field(request)
        if refused is not None or not self.settings.enabled:
            return Admission(request, refused)
        changes: dict[str, None] = {}
        try:
            text = self.text(request.text)
            history = [self._turn(message) for message in request.history]
            documents = {name: self._document(text, changes) for name, text in request.documents.items()}
        except InvalidRequest as error:
            return Admission(request, error)
        changes |= dict.fromkeys(text.changes)
        changes |= dict.fromkeys(change for _, turn in history for change in turn.changes)
        hits = (*text.hits, *(hit for _, turn in history for hit in turn.hits))
        admitted = request
        if history or documents or text.text != request.text:
            turns = tuple(message for message, _ in history)
            admitted = replace(request, text=text.text, history=turns, documents=documents)
        if hits and self.settings.on_injection == "reject":
            return Admission(request, _rejected(hits[0], in_text=bool(text.hits)), tuple(changes), hits)
        kinds = (document_of(each) for each in (text.text, *documents.values()) if not _says_nothing(each))
        document = next((found for found in kinds if found.kind is not None), Document())
        return Admission(admitted, refusal(admitted), tuple(changes), hits, document)

    def tool_result(self, text: str) -> Normalized:
        """Scan what a tool returned; it is not cleaned, because its bytes may matter.

        With "neutralise" the attempts are removed, and what was JSON is JSON still; with "reject" the
        whole result is withheld. Hits inside JSON have their places in its strings, line by line.
        """
        if not self.settings.enabled or self._find is None or _says_nothing(text):
            return Normalized(text)
        hits = hits_in_result(text, self._find)
        if not hits or self.settings.on_injection == "flag":
            return Normalized(text, (), hits)
        neutralise = self.settings.on_injection == "neutralise"
        return Normalized(
            result_without_hits(text, self._find) if neutralise else WITHHELD, ("injection",), hits
        )

    def _cleaned(self, text: str, changes: dict[str, None]) -> str:
        return self._cut(self._cleaned_once(text, changes), self.settings.max_chars, changes)

    def _cleaned_once(self, text: str, changes: dict[str, None]) -> str:
        for name, step in default_steps() if self._steps is None else self._steps:
            cleaned = step(text)
            if cleaned != text:
                changes[name] = None
            text = cleaned
        return text

    def _document(self, text: str, changes: dict[str, None]) -> str:
        """Clean a long text page by page; what is taken from it is scanned when it is taken."""
        pages = text[: self.settings.max_document_chars + 1].split("\f")
        cleaned = "\f".join(self._cleaned_once(page, changes) for page in pages)
        return self._cut(cleaned, self.settings.max_document_chars, changes)

    def _cut(self, text: str, max_chars: int, changes: dict[str, None]) -> str:
        cut = truncated(text, max_chars)
        if cut != text:
            changes["truncation"] = None
        return cut

    def _turn(self, message: Message) -> tuple[Message, Normalized]:
        """Prepare an earlier turn: users' are cleaned, tools' are scanned, others are ours."""
        if message.role not in ("user", "tool"):
            return message, Normalized(message.text)
        treat = self.text if message.role == "user" else self.tool_result
        parts: list[Part] = []
        turn = Normalized("")
        for part in message.parts:
            if isinstance(part, TextPart):
                done = treat(part.text)
                turn = Normalized(turn.text + done.text, turn.changes + done.changes, turn.hits + done.hits)
                parts.append(TextPart(done.text))
            else:
                parts.append(part)
        if turn.text == message.text:
            return message, turn
        fresh = Message(message.role, parts, tool_call_id=message.tool_call_id, tool_name=message.tool_name)
        return fresh, turn

    def _missing_field(self, request: Request) -> InvalidRequest | None:
        missing = [
            name for name in self.settings.required_fields if request.metadata.get(name) in (None, "", [], {})
        ]
        if not missing:
            return None
        return InvalidRequest(
            f"the request lacks {', '.join(missing)}",
            where="Request.metadata",
            fix=f"send Request(..., metadata={{{missing[0]!r}: ...}})",
        )


def _says_nothing(text: str) -> bool:
    """Tell whether a text is too short for an instruction, as most results of tools that compute are."""
    return len(text) < _SHORTEST or (len(text) < _SHORTEST_LATIN and text.isascii())


def _rejected(hit: Hit, *, in_text: bool) -> InvalidRequest:
    return InvalidRequest(
        f"the text tries to take the model over ({hit.kind}): {hit.text[:80]!r}",
        where="Request.text" if in_text else "Request.history",
        fix="leave the sentence out, or set NormalizeSettings(on_injection='neutralise')",
    )
