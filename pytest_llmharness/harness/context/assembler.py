"""The context layer in one object: retrieve, filter, rank, compress, assemble, and trim the history."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias

from ...domain.frozen import dataclass
from ...domain.prompt import Prompt
from ...domain.tool import ToolSpec
from ...errors import InvalidRequest
from .estimate import ByteEstimate
from .packing import context_message, within
from .settings import ContextSettings
from .snippet import Ask, Snippet, Step, StepReport
from .tokens import messages_tokens, tool_tokens

if TYPE_CHECKING:
    from ...ports.counter import TokenCounter
    from ...ports.retriever import Retriever
    from ...ports.summarizer import Summarizer

Reports: TypeAlias = tuple[StepReport, ...]
Documents: TypeAlias = Mapping[str, str] | Iterable[str]
Retrieve: TypeAlias = Callable[[Ask], Awaitable[Sequence[Snippet]]]


@dataclass(frozen=True, slots=True)
class ContextSteps:
    """The five steps; None stands for the layer's own. `unchanged` switches one of the last four off.

    Attributes:
        retrieve: finds snippets; None asks the retriever and searches the request's documents.
        filter: leaves out what does not help.
        rank: puts the best first.
        compress: says the same in fewer tokens.
        assemble: chooses what fits, and puts it in the order in which it is read.
    """

    retrieve: Retrieve | None = None
    filter: Step | None = None
    rank: Step | None = None
    compress: Step | None = None
    assemble: Step | None = None


@dataclass(frozen=True, slots=True)
class Assembled:
    """A prompt after the layer.

    Attributes:
        prompt: what goes to the provider.
        snippets: what the context message holds, in the order it is read.
        steps: what each step did.
        tokens: what the whole prompt costs by the layer's counter, tools included; None where no limit
            can bind and nothing was counted.
        dropped: how many messages of the history left.
    """

    prompt: Prompt
    snippets: tuple[Snippet, ...] = ()
    steps: tuple[StepReport, ...] = ()
    tokens: int | None = None
    dropped: int = 0


class ContextAssembler:
    """Gives a prompt the knowledge it needs and no more, within its budget.

    Stateless: one object serves any number of runs at once.

    Example:
        >>> layer = ContextAssembler(ContextSettings(max_tokens=200))
        >>> prompt = Prompt((Message.system("Be brief."), Message.user("When do refunds arrive?")))
        >>> faq = {"faq": "Refunds arrive in five days.", "jobs": "We hire cooks."}
        >>> done = asyncio.run(layer.assemble(prompt, documents=faq))
        >>> [message.role for message in done.prompt.messages]
        ['system', 'user', 'user']
        >>> [snippet.source for snippet in done.snippets]
        ['faq, page 1']

    Args:
        settings: the knobs; None takes the defaults.
        counter: counts tokens; None estimates them as four bytes each.
        retriever: finds snippets outside the conversation.
        summarizer: says what left the history; None takes sentences from it.
        steps: what to do otherwise than the layer does.
        clean: what every found text passes before anything else; the scan for injections, say.
    """

    def __init__(
        self,
        settings: ContextSettings | None = None,
        *,
        counter: TokenCounter | None = None,
        retriever: Retriever | None = None,
        summarizer: Summarizer | None = None,
        steps: ContextSteps = ContextSteps(),  # noqa: B008 - it is frozen
        clean: Callable[[str], str] | None = None,
    ) -> None:
        self.settings = settings or ContextSettings()
        self.counter: TokenCounter = counter or ByteEstimate()
        self._retriever, self._steps, self._clean = retriever, steps, clean
        self._summarizer = summarizer
        self._tools: tuple[tuple[ToolSpec, ...], int] = (), 0

    async def assemble(self, prompt: Prompt, *, documents: Documents = ()) -> Assembled:
        """Put a context message before the last user message, and trim the history. Once a run.

        The system messages and the last user message stay as they are. Where the retriever fails, the
        prompt goes on without its snippets, and the report of "retrieve" says why.

        Args:
            prompt: system messages, history, and the user's message last.
            documents: texts, or texts by name, that came with the request.

        Raises:
            InvalidRequest: what may not leave the prompt is alone over `settings.window_tokens`.
        """
        place = _last_user(prompt)
        if place is None or not (documents or self._retriever or self._steps.retrieve):
            return await self._trimmed(prompt)
        limit = min(self.settings.max_tokens, self._room(prompt))
        ask = Ask(prompt.messages[place].text, limit, self.settings.max_snippets, self.counter)
        snippets, reports = await self._selected(ask, documents)
        if snippets:
            block = (context_message(snippets),)
            messages = prompt.messages[:place] + block + prompt.messages[place:]
            prompt = replace(prompt, messages=messages)
        done = await self._trimmed(prompt)
        return replace(done, snippets=tuple(snippets), steps=reports + done.steps)

    async def refit(self, prompt: Prompt) -> Assembled:
        """Trim a prompt that grew during a run; nothing is retrieved again.

        Free where the settings have no limit that a growing run can reach.

        Raises:
            InvalidRequest: what may not leave the prompt is alone over `settings.window_tokens`.
        """
        return await self._trimmed(prompt) if self.trims_growth else Assembled(prompt)

    @property
    def trims_growth(self) -> bool:
        """Whether the settings have a limit that a growing run can reach."""
        history = self.settings.history
        limits = (self.settings.window_tokens, history.max_messages, history.max_turns)
        return limits != (None, None, None)

    async def _selected(self, ask: Ask, documents: Documents) -> tuple[Sequence[Snippet], Reports]:
        """Run the five steps; whatever they return, the budget is kept."""
        found, error = await self._found(ask, documents)
        reports = [self._report("retrieve", (), found, error)] if found or error else []
        if not found or not self.settings.enabled:
            return found, tuple(reports)
        for name, step in self._own_steps():
            given = found
            result = step(ask, given)
            found = list(await result if isawaitable(result) else result)
            if name == "assemble":
                found = within(ask, found)
            reports.append(self._report(name, given, found))
        return found, tuple(reports)

    def _own_steps(self) -> Iterable[tuple[str, Step]]:
        # Loaded here: who has nothing to select does not pay for the topics' patterns.
        from .steps import assembled, compressed, ranked, relevant

        steps = self._steps
        return (
            ("filter", steps.filter or relevant(self.settings.min_share)),
            ("rank", steps.rank or ranked),
            ("compress", steps.compress or compressed),
            ("assemble", steps.assemble or assembled),
        )

    async def _found(self, ask: Ask, documents: Documents) -> tuple[list[Snippet], str]:
        error = ""
        found: list[Snippet] = []
        try:
            if self._steps.retrieve is not None:
                found = list(await self._steps.retrieve(ask))
            elif self._retriever is not None:
                pairs = await self._retriever.retrieve(ask.query, self.settings.candidates)
                found = [Snippet(text, score) for text, score in pairs]
        except Exception as failure:  # noqa: BLE001 - whatever a retriever raises, the run goes on without it
            error = f"{type(failure).__name__}: {failure}"
        found += self._in_documents(ask, documents)
        if self._clean is not None:
            found = [replace(snippet, text=self._clean(snippet.text)) for snippet in found]
        return found, error

    def _in_documents(self, ask: Ask, documents: Documents) -> list[Snippet]:
        named = dict(documents) if isinstance(documents, Mapping) else list(documents)
        if not named:
            return []
        from .library import Library, by_name

        if not self.settings.enabled:
            return [Snippet(text, source=name) for name, text in by_name(named)]
        return Library(named).search(ask.query, self.settings.candidates)

    def _room(self, prompt: Prompt) -> int:
        """Return the tokens there are for the context message and for what may leave."""
        window = self.settings.window_tokens
        if window is None or not self.settings.enabled:
            return sys.maxsize
        from .history import fixed

        taken = self._tokens(replace(prompt, messages=fixed(prompt.messages)))
        if taken > window:
            raise InvalidRequest(
                f"the prompt takes {taken:,} tokens without any history, the window has {window:,}",
                where="ContextSettings.window_tokens",
                fix="shorten the text or the system message, send long texts as documents, or raise it",
            )
        return window - taken

    async def _trimmed(self, prompt: Prompt) -> Assembled:
        before = self._tokens(prompt)
        if not self.settings.enabled or self._surely_fits(prompt, before):
            return Assembled(prompt, tokens=before)
        from .history import trimmed

        done = await trimmed(
            prompt.messages,
            self.settings.history,
            counter=self.counter,
            summarizer=self._summarizer,
            room=self._room(prompt),
        )
        if done.messages == prompt.messages:
            return Assembled(prompt, tokens=before)
        came, prompt = len(prompt.messages), replace(prompt, messages=done.messages)
        after = self._tokens(prompt)
        report = StepReport("history", came, len(done.messages), before, after, done.error)
        return Assembled(prompt, (), (report,), after, done.dropped)

    def _tokens(self, prompt: Prompt) -> int:
        """Count a prompt; the tools of a harness stay the same from run to run, and are counted once."""
        tools, tokens = self._tools
        if prompt.tools is not tools:
            tools, tokens = self._tools = prompt.tools, tool_tokens(prompt.tools, self.counter)
        return tokens + messages_tokens(prompt.messages, self.counter)

    def _surely_fits(self, prompt: Prompt, tokens: int) -> bool:
        """Tell at a glance what is true of most prompts: no limit is near."""
        history = self.settings.history
        limits = (
            (tokens, self.settings.window_tokens),
            (tokens, history.max_tokens),
            (len(prompt.messages), history.max_messages),
            (len(prompt.messages), history.max_turns),
        )
        return all(most is None or count <= most for count, most in limits)

    def _report(
        self, name: str, given: Sequence[Snippet], found: Sequence[Snippet], error: str = ""
    ) -> StepReport:
        tokens_in, tokens_out = (
            sum(self.counter.count(snippet.text) for snippet in snippets) for snippets in (given, found)
        )
        return StepReport(name, len(given), len(found), tokens_in, tokens_out, error)


def _last_user(prompt: Prompt) -> int | None:
    messages = prompt.messages
    return next((at for at in range(len(messages) - 1, -1, -1) if messages[at].role == "user"), None)
