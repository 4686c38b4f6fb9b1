"""The contract of the provider port: what a harness may rely on, whatever model answers."""

from __future__ import annotations

import copy

from ..domain.message import Message
from ..domain.prompt import Prompt
from ..ports.provider import Provider
from ..schema import Schema
from .contract import needs
from .provider_steps import ProviderSteps, check_error, check_timing, collected, gathered, parsed

_SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "sure": {"type": "boolean"}},
    "required": ["answer", "sure"],
    "additionalProperties": False,
}


class ProviderContract(ProviderSteps):
    """Subclass it, define the fixture `provider`, and pytest proves your adapter.

    ```python
    class TestMyProvider(ProviderContract):
        supports_json_mode = False

        @pytest.fixture
        def provider(self):
            return MyProvider(model="small", clock=SystemClock())
    ```

    `provider` must reach a model that answers any prompt, and calls a tool where one is offered.
    Optional fixtures: `slow_provider`, whose model does not answer within `short_timeout_s`
    (default: `provider`, which every network outlasts); `failing_provider`, whose calls fail.
    """

    # --- whole answers ---

    def test_has_a_name(self, provider: Provider) -> None:
        """The adapter has a name, and a model or None."""
        assert isinstance(provider.name, str), "`name` must be text, as configuration spells it"
        assert provider.name, "`name` must not be empty"
        assert provider.model is None or provider.model, "`model` must be a name or None"

    def test_answers_with_text(self, provider: Provider) -> None:
        """A plain question gets text, a finish reason and the name of the model."""
        answer = self.ask(provider, self.prompt())
        assert isinstance(answer.text, str), "Completion.text must be text"
        assert answer.text, "a plain question must get text"
        assert answer.finish in ("stop", "length"), (
            f"finish is {answer.finish!r}: map the server's reason to 'stop' or 'length'"
        )
        assert answer.model, "Completion.model must name the model that answered"

    @needs("reports_usage")
    def test_reports_usage(self, provider: Provider) -> None:
        """Token counts are the server's, and positive."""
        usage = self.ask(provider, self.prompt()).usage
        assert usage.tokens_in > 0, "Usage.tokens_in is 0: read the server's count of prompt tokens"
        assert usage.tokens_out > 0, "Usage.tokens_out is 0: read the server's count of answer tokens"

    def test_times_the_call(self, provider: Provider) -> None:
        """The total is at least the time to the first token."""
        check_timing(self.ask(provider, self.prompt()))

    def test_leaves_the_prompt_alone(self, provider: Provider) -> None:
        """Neither messages, tools nor schemas are changed by a call."""
        schema = copy.deepcopy(_SCHEMA) if self.supports_json_schema else None
        prompt = self.prompt(output_schema=schema)
        before = copy.deepcopy(prompt)
        self.ask(provider, prompt)
        assert prompt == before, "the adapter wrote into the prompt: copy what it changes"

    @needs("honours_max_tokens")
    def test_honours_max_tokens(self, provider: Provider) -> None:
        """An answer cut by max_tokens says so, and is no longer."""
        answer = self.ask(provider, self.prompt(max_tokens=2))
        assert answer.finish == "length", (
            f"finish is {answer.finish!r} after max_tokens=2: send the limit, map the reason to 'length'"
        )
        assert answer.usage.tokens_out <= 2, f"{answer.usage.tokens_out} tokens came where 2 were allowed"

    @needs("supports_json_mode")
    def test_json_mode_gives_json(self, provider: Provider) -> None:
        """JSON mode gives text that is JSON."""
        answer = self.ask(provider, self.prompt("Answer in JSON.", json_mode=True, max_tokens=512))
        parsed(answer)

    @needs("supports_json_schema")
    def test_output_schema_is_satisfied(self, provider: Provider) -> None:
        """An output schema gives JSON that satisfies it."""
        answer = self.ask(provider, self.prompt("Are you sure?", output_schema=_SCHEMA, max_tokens=512))
        parsed(answer)
        verdict = Schema(_SCHEMA).check(answer.text)
        assert verdict.valid, f"the answer breaks the schema that was sent: {verdict.hint()}"

    @needs("deterministic")
    def test_same_prompt_same_answer(self, provider: Provider) -> None:
        """Equal prompts at temperature 0 get equal text."""
        first, second = (self.ask(provider, self.prompt(temperature=0.0)) for _ in range(2))
        assert first.text == second.text, "send the temperature and the seed, or set deterministic = False"

    # --- tools ---

    @needs("supports_tools")
    def test_tool_round_trip(self, provider: Provider) -> None:
        """A model calls a tool, is told the result, and answers in text."""
        asked = self.with_tool()
        answer = self.ask(provider, asked)
        self.check_call(answer)
        call = answer.tool_calls[0]
        results = [Message.tool(each, '{"weather": "sunny"}') for each in answer.tool_calls]
        told = Prompt((*asked.messages, answer.message, *results), asked.tools, asked.options)
        final = self.ask(provider, told)
        assert final.text, f"no text after the result of {call.name}: send tool messages as the dialect does"

    @needs("supports_tools", "supports_streaming")
    def test_streamed_tool_call(self, provider: Provider) -> None:
        """A streamed tool call adds up to what an unstreamed one is."""
        self.check_call(collected(self.listen(provider, self.with_tool())))

    # --- streams ---

    @needs("supports_streaming")
    def test_stream_adds_up_to_a_completion(self, provider: Provider) -> None:
        """The chunks of a stream hold what an unstreamed answer does."""
        streamed = collected(self.listen(provider, self.prompt(temperature=0.0)))
        whole = self.ask(provider, self.prompt(temperature=0.0))
        assert streamed.text, "no chunk had text"
        assert streamed.finish in ("stop", "length"), f"the stream's finish is {streamed.finish!r}"
        assert streamed.model == whole.model, "a stream and a completion name different models"
        if self.reports_usage:
            assert streamed.usage.tokens_out > 0, "ask the server for usage in streams, and read it"
        if self.deterministic:
            assert streamed.text == whole.text, "the chunks do not add up to the unstreamed text"

    @needs("supports_streaming")
    def test_stream_has_one_terminal_chunk(self, provider: Provider) -> None:
        """Exactly one chunk carries the finish, and it is the last."""
        chunks = self.listen(provider, self.prompt())
        terminal = [number for number, chunk in enumerate(chunks) if chunk.finish is not None]
        assert len(terminal) == 1, f"{len(terminal)} chunks carry a finish: exactly one may"
        assert terminal == [len(chunks) - 1], "the chunk with the finish must be the last"
        assert chunks[-1].timing is not None, "the last chunk must carry the timing"
        assert chunks[-1].usage is not None, "the last chunk must carry the usage"
        assert all(chunk.text or chunk.tool_calls for chunk in chunks[:-1]), "an empty chunk was sent"

    @needs("supports_streaming")
    def test_stream_times_the_first_token(self, provider: Provider) -> None:
        """A stream knows its time to the first token."""
        streamed = collected(self.listen(provider, self.prompt()))
        assert streamed.timing.ttft_ms is not None, "time the first chunk with text or a tool call"
        check_timing(streamed)

    @needs("supports_streaming")
    def test_stream_can_be_closed_early(self, provider: Provider) -> None:
        """Closing a stream after its first chunk ends it, and the next call works."""
        self.run(self.closes_early(provider))

    # --- limits and cancellation ---

    def test_timeout_cancels(self, slow_provider: Provider) -> None:
        """A call that outlasts `timeout_s` ends in ProviderTimeout and leaves nothing running."""
        self.run(self.times_out(slow_provider, slow_provider.complete))

    @needs("supports_streaming")
    def test_timeout_cancels_a_stream(self, slow_provider: Provider) -> None:
        """A stream that outlasts `timeout_s` ends in ProviderTimeout and leaves nothing running."""
        self.run(self.times_out(slow_provider, lambda prompt: gathered(slow_provider, prompt)))

    def test_cancellation_propagates(self, slow_provider: Provider) -> None:
        """Cancelling the task that waits for a call cancels the call, and is not turned into a result."""
        self.run(self.is_cancelled(slow_provider, slow_provider.complete))

    @needs("supports_streaming")
    def test_cancellation_propagates_from_a_stream(self, slow_provider: Provider) -> None:
        """Cancelling the task that reads a stream cancels the stream."""
        self.run(self.is_cancelled(slow_provider, lambda prompt: gathered(slow_provider, prompt)))

    # --- life ---

    def test_works_again_after_aclose(self, provider: Provider) -> None:
        """Closing twice does no harm, and a closed provider reconnects."""
        self.run(self.closes_twice(provider))

    def test_serves_two_loops_in_turn(self, provider: Provider) -> None:
        """One provider serves one event loop after another, closed in between or not."""
        for _ in range(2):
            answer = self.run(self.once(provider, self.prompt()))
            assert answer.text, "the second event loop got no text: hold one client per loop"
        self.run(provider.aclose())

    def test_eight_calls_at_once(self, provider: Provider) -> None:
        """Eight concurrent calls get eight answers."""
        answers = self.run(self.eight(provider))
        assert len([answer for answer in answers if answer.text]) == 8, "a concurrent call lost its text"

    # --- errors ---

    def test_timeout_error_explains_itself(self, slow_provider: Provider) -> None:
        """The timeout's error says what, where and how to mend, and can travel between processes."""
        error = self.run(self.times_out(slow_provider, slow_provider.complete))
        check_error(error, slow_provider.name)

    def test_failure_is_a_named_error(self, failing_provider: Provider) -> None:
        """A failed call raises a leaf of ProviderError, streamed or not."""
        self.run(self.fails(failing_provider, failing_provider.complete))
        if self.supports_streaming:
            self.run(self.fails(failing_provider, lambda prompt: gathered(failing_provider, prompt)))
