"""The run: admit, prepare, ask, use tools, check, repair, answer; every step written down first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from ..domain.event import Event, EventKind
from ..domain.prompt import Prompt
from ..domain.request import Request
from ..domain.result import FailureReason, LLMResult
from ..errors import (
    ConfigError,
    HarnessError,
    InvalidRequest,
    ProviderError,
)
from . import endings
from .acting import Acting
from .bounds import BoundReached
from .calling import Calling, Manner
from .context.packing import context_message
from .context.snippet import Snippet
from .deadline import until
from .degrade.failure import reason
from .foreign import said
from .journal import Journal, Listener, SteadyJournal
from .memory import Memory
from .normalize import refusal
from .observations import LLM_CALL, llm_call
from .owner import owned_by
from .parts import Parts
from .progress import going_round
from .repair import places_of
from .state import RunState, Step
from .validate.checking import Check
from .validate.reading import revived
from .written import read

if TYPE_CHECKING:
    from .climbing import Climbing


class Orchestrator:
    """Runs requests over its parts; all it knows of a session is in the session's log."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.manner = Manner(parts)

    async def run(self, request: Request) -> LLMResult:
        """Run a request to its result."""
        return await self._run(request, None)

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """Yield what happens, in order; the last event holds the result."""
        events: asyncio.Queue[Event | None] = asyncio.Queue()

        async def work() -> None:
            try:
                await self._run(request, events.put)
            finally:
                events.put_nowait(None)

        task = asyncio.ensure_future(work())
        try:
            while (event := await events.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def resume(self, session_id: str, settle: Mapping[int, str | None]) -> LLMResult:
        """Go on with an interrupted session, or return the result it ended with.

        Args:
            session_id: the session.
            settle: for calls in doubt, by position, what they returned; None makes them again.

        Raises:
            ConfigError: there is no log, or no such session in it.
        """
        state = await self.state(session_id)
        if state.request is None:
            raise ConfigError(
                f"there is no session {session_id!r}",
                where="Harness.resume",
                fix="give the session_id that a result's metadata names, and the log it was written to",
            )
        if state.outcome is not None and not state.waits:
            return revived(state.outcome, self.parts.schema)
        _check_settle(state, settle)
        return await Run(await self._parts_now(), self.manner, state, None).resume(settle)

    async def state(self, session_id: str, upto: int | None = None) -> RunState:
        """Return the session as it was after event number `upto`, or as it is.

        Raises:
            ConfigError: there is no log.
        """
        if self.parts.log is None:
            raise ConfigError(
                "this harness keeps no log, so no session can be looked up",
                where="Harness(session_log=...)",
                fix="give it one: SqliteSessionLog('sessions.db')",
            )
        state = RunState()
        async for seq, event in self.parts.log.read(session_id):
            if upto is not None and seq > upto:
                break
            live = read(event, state.messages)
            state.apply(live.kind, live.data)
        return state

    async def _run(self, request: Request, listener: Listener | None) -> LLMResult:
        known = request.session_id is not None and self.parts.log is not None
        state = await self.state(request.session_id or "") if known else RunState()
        if state.request is not None and (state.outcome is None or state.waits):
            raise ConfigError(
                f"the session {request.session_id!r} has a run that has not ended",
                where="Request.session_id",
                fix=f"end it first: harness.resume({request.session_id!r})",
            )
        return await Run(await self._parts_now(), self.manner, state, listener).start(request)

    async def _parts_now(self) -> Parts:
        live = self.parts.live_tools
        toolbox = self.parts.toolbox if live is None else await live.now()
        return self.parts if toolbox is self.parts.toolbox else replace(self.parts, toolbox=toolbox)


class Run:
    """One run: takes the step that its state calls for, until there is a result.

    Args:
        parts: what the harness is made of.
        manner: how it asks.
        state: the session so far.
        listener: takes the events as they come; None asks for whole answers.
    """

    def __init__(self, parts: Parts, manner: Manner, state: RunState, listener: Listener | None) -> None:
        self.parts, self.manner, self.state = parts, manner, state
        kind = Journal if parts.config.max_run_seconds is None else SteadyJournal
        self.journal = kind(
            state, log=parts.log, tracer=parts.tracer, listener=listener, direct=manner.direct
        )
        self.memory = Memory(parts.store, parts.memory, self.journal)
        self.started_s = parts.clock.now()
        self.climbing: Climbing | None = None

    async def start(self, request: Request) -> LLMResult:
        """Begin with a request."""
        session_id = request.session_id or self.parts.ids.new()
        with self.journal.span("orchestrate", session_id=session_id), owned_by(request.user):
            await self.journal.record(EventKind.ORCHESTRATE_START, session_id=session_id, request=request)
            self.equip()
            return await self.finish()

    async def resume(self, settle: Mapping[int, str | None]) -> LLMResult:
        """Go on where the log ends."""
        again = [position for position, found in settle.items() if found is None]
        assert self.state.request is not None
        user = self.state.request.user
        with self.journal.span("orchestrate", session_id=self.state.session_id), owned_by(user):
            await self.journal.record(EventKind.RESUMED, again=again)
            self.equip()
            await self.memory.catch_up(self.state)
            for position, found in settle.items():
                if found is not None and position in self.state.in_doubt:
                    await self.acting.answer(position, self.state.proposed[position], found, ok=True)
            return await self.finish()

    def equip(self) -> None:
        """Make what asks and what acts, as the state has them now."""
        parts, state = self.parts, self.state
        bound = parts.constrain is not None or parts.toolbox.counts
        toolbox = parts.toolbox.session(parts.constrain, state.charges) if bound else parts.toolbox
        self.acting = Acting(parts, self.journal, toolbox)
        self.calling = Calling(
            parts,
            self.manner,
            self.journal,
            toolbox,
            streaming=self.journal.listened,
            early=self.acting.early,
        )
        if parts.routes is not None:
            from .climbing import Climbing

            self.climbing = Climbing(parts, parts.routes, self.journal)
            self.aim()

    def aim(self) -> None:
        """Ask the tier that the state is at."""
        if self.climbing is not None and self.state.plan:
            self.climbing.enter()
            self.calling.aim(self.climbing.endpoints, self.climbing.call)

    async def finish(self) -> LLMResult:
        """Take step after step, until the end or the deadline."""
        limit_s = self.parts.config.max_run_seconds
        try:
            if limit_s is None:
                while (step := self.state.next_step) is not Step.STOP:
                    await _STEPS[step](self)
            else:
                await until(self.parts.clock, self.started_s + limit_s, self.advance)
                if self.state.outcome is None:
                    late = endings.out_of_time(self.state, limit_s)
                    await self.fail(FailureReason.MAX_RUN_SECONDS, late)
        finally:
            if self.acting.early is not None:
                await self.acting.early.drop()
            if self.climbing is not None:
                self.climbing.close()
        assert self.state.outcome is not None
        return self.state.outcome

    async def advance(self) -> bool:
        """Take the next step; return whether there was one."""
        step = self.state.next_step
        if step is not Step.STOP:
            await _STEPS[step](self)
        return step is not Step.STOP

    # --- the steps, in the order of the flow ---

    async def prepare(self) -> None:
        """Normalize the request, and give it its context."""
        assert self.state.request is not None
        request, parts = self.state.request, self.parts
        notes: dict[str, Any] = {}
        task = None
        refused = refusal(request)
        if parts.guardrails is not None and refused is None:
            request = replace(request, text=parts.guardrails.input(request.text))
            refused = refusal(request)
        if parts.normalize is not None and refused is None:
            admission = parts.normalize.admit(request)
            request, refused = admission.request, admission.refusal
            hits = [hit.facts() for hit in admission.hits]
            await self.journal.tell(EventKind.NORMALIZE, changes=list(admission.changes), hits=hits)
            notes |= {"changes": list(admission.changes)} if admission.changes else {}
            notes |= {"injections": hits} if hits else {}
            if admission.document.kind is not None:
                notes["document"] = asdict(admission.document)
                task = admission.document.route
        if refused is not None:
            await self.fail(FailureReason.INVALID_REQUEST, refused, **notes)
            return
        if self.climbing is not None:
            spent = await self.climbing.begin(request, task)
            if spent is not None:
                await self.fail(FailureReason.BUDGET_SPENT, spent, **notes)
                return
            self.aim()
        earlier = await self.memory.recall(self.state)
        messages = parts.prompt(request, system=parts.system, schema=parts.schema, history=earlier)
        if parts.context is not None:
            try:
                prompt = Prompt(messages, parts.toolbox.specs)
                done = await parts.context.assemble(prompt, documents=request.documents)
            except InvalidRequest as error:
                await self.fail(FailureReason.INVALID_REQUEST, error, layer="context", **notes)
                return
            messages = done.prompt.messages
            notes["context"] = [asdict(report) for report in done.steps]
        elif request.documents:  # nobody chooses, so all of it is sent
            whole = context_message([Snippet(text, source=name) for name, text in request.documents.items()])
            messages = (*messages[:-1], whole, messages[-1])
        await self.journal.note(EventKind.CONTEXT, messages=messages, notes=notes)
        if self.memory.keeps:
            await self.memory.save(messages[-1])
        if self.journal.observed:
            tools = [spec.name for spec in self.acting.offered]
            await self.journal.tell(EventKind.CONSTRAIN, tools=tools)
            await self.journal.tell(EventKind.PROMPT, count=len(messages))

    async def ask(self) -> None:
        """Make one model call."""
        limit = self.parts.config.max_iterations
        if self.state.calls >= limit:
            await self.stop(FailureReason.MAX_ITERATIONS, "max_iterations", limit)
            return
        if self.parts.config.stop_when_stuck and going_round(self.state.turns):
            await self.give_up(FailureReason.NO_PROGRESS, endings.stuck(self.state))
            return
        try:
            failure = await self.calling.ask()
        except InvalidRequest as error:  # what the run has gathered does not fit the window any more
            await self.fail(FailureReason.INVALID_REQUEST, error, layer="context")
            return
        except BoundReached as bound:
            await self.fail(bound.reason, bound.error)
            return
        if failure is not None:
            await self.give_up(reason(failure), failure)
            return
        if self.memory.keeps and self.state.proposed:
            await self.memory.save(self.state.last.message)

    async def use_tools(self) -> None:
        """Run the calls of the last answer, or refuse them."""
        limit = self.parts.config.max_tool_depth
        if self.state.depth >= limit:
            await self.stop(FailureReason.MAX_TOOL_DEPTH, "max_tool_depth", limit)
            return
        halt = await self.acting.round()
        if halt is not None:
            await self.fail(halt.reason, endings.halted(self.state, halt))
            return
        if self.memory.keeps:
            await self.memory.save(*self.state.answers)

    async def check(self) -> None:
        """Accept the answer, or ask for a better one."""
        state, parts = self.state, self.parts
        text = state.last.text
        if parts.guardrails is not None:
            guarded = parts.guardrails.output(text, is_json=parts.schema is not None)
            if guarded.problem is not None:
                kind = (
                    FailureReason.OUTPUT_BLOCKED
                    if guarded.problem == "blocked_word"
                    else FailureReason.OUTPUT_TOO_LARGE
                )
                await self.fail(kind, endings.unfit(state, guarded.problem), partial=guarded.text)
                return
            text = guarded.text
        checked = await self.validated(text)
        if self.journal.observed:
            rules = [edit.rule for edit in checked.edits]
            await self.journal.tell(EventKind.PARSED, call=state.calls, mended=rules)
        if checked.valid:
            await self.judge(text, checked)
            return
        if not state.rejected:  # else an earlier process said so, and got no further
            facts = {"call": state.calls, "problems": checked.problems}
            await self.journal.record(EventKind.VALIDATION_FAILED, **facts)
        if checked.final:
            await self.fail(FailureReason.FAIL_FAST, endings.invalid(state, checked))
            return
        if parts.repair is None or state.repairs >= parts.config.max_retries:
            await self.give_up(FailureReason.VALIDATION, endings.exhausted(state, checked))
            return
        asked = parts.repair(checked.problems)
        places = places_of((fault.span for fault in checked.violations), state.last.text)
        await self.journal.record(EventKind.REPAIR, retry=state.retries + 1, prompt=asked, places=places)
        await parts.clock.sleep(parts.config.retry_delay_seconds)

    async def validated(self, text: str) -> Check:
        """Return what the validate layer says; without one every text is accepted as it is."""
        parts = self.parts
        if parts.validate is None:
            return Check(text)
        checked = parts.validate(text, parts.schema, parts.validators)
        return await checked if isawaitable(checked) else checked

    async def judge(self, text: str, checked: Check) -> None:
        """Take a valid answer, or ask a better model where it is not good enough."""
        score, facts = await self.scored(checked.value)
        if self.journal.observed:
            await self.journal.tell(EventKind.VALIDATED, call=self.state.calls)
            await self.journal.tell(EventKind.JUDGED, call=self.state.calls, score=score)
        if self.climbing is not None and await self.climbing.climbs(score, **facts):
            self.aim()
            return
        if self.climbing is not None:
            facts = {**self.climbing.ending(score), **facts}
        if "score_error" in facts:  # nobody knows how good it is
            facts["needs_review"] = True
        await self.succeed(text, checked, score, facts)

    async def scored(self, value: Any) -> tuple[float | None, dict[str, Any]]:
        """Return how good a valid answer is, and facts about it; a score that fails is none."""
        if self.parts.score is None:
            return None, {}
        assert self.state.request is not None
        try:
            quality = self.parts.score(self.state.request, value)
            if isawaitable(quality):
                quality = await quality
            score, facts = quality if isinstance(quality, tuple) else (quality, {})
            if score is not None and not 0 <= score <= 1:
                return None, {**facts, "score_error": f"a score is from 0 to 1, and this is {score!r}"}
            return None if score is None else float(score), dict(facts)
        except Exception as error:  # noqa: BLE001 - users write it, and the answer is valid without it
            return None, {"score_error": said(error)}

    async def give_up(self, reason: FailureReason, error: HarnessError) -> None:
        """Ask a better model where there is one, or end with what there is."""
        if self.climbing is not None and await self.climbing.climbs(None, error):
            self.aim()
            return
        await self.fail(reason, error)

    # --- the ends ---

    async def succeed(self, text: str, checked: Check, score: float | None, facts: Mapping[str, Any]) -> None:
        """End with an accepted answer."""
        if not facts.get("needs_review"):
            await self.calling.keep()
        if self.memory.keeps:
            await self.memory.save(self.state.last.message)
        if self.parts.memory is not None:
            await self.memory.remember(self.state)
        await self.end(text, success=True, score=score, value=checked.value, edits=checked.edits, **facts)

    async def stop(self, reason: FailureReason, limit: str, bound: int) -> None:
        """End at a limit of the settings."""
        await self.fail(reason, endings.at_limit(self.state, limit, bound))

    async def fail(self, reason: FailureReason, error: HarnessError, **facts: Any) -> None:
        """End without an accepted answer."""
        facts = {"failure_reason": reason.value, "layer": reason.layer, "error": error, **facts}
        if self.climbing is not None:
            facts |= self.climbing.ending(None, error)
        is_json = self.parts.schema is not None
        partial = self.calling.partial or self.state.last.text
        content = facts["partial"] if "partial" in facts else self.shown(partial, is_json=is_json)
        if self.parts.degrade is not None:
            wait_s = error.retry_after_s if isinstance(error, ProviderError) else None
            facts["user_message"] = self.parts.degrade.messages.failed(reason, retry_after_s=wait_s)
        if reason.is_limit and (found := self.state.found):
            facts["tool_results"] = [{**each, "text": self.shown(each["text"])} for each in found]
        if isinstance(error, ProviderError):
            content = str(error)
        await self.end(content or str(error), success=False, **facts)

    def shown(self, text: str, *, is_json: bool = False) -> str:
        """Return what may be shown of a text."""
        guardrails = self.parts.guardrails
        return text if guardrails is None else guardrails.output(text, is_json=is_json).text

    async def end(self, content: str, *, success: bool, score: float | None = None, **facts: Any) -> None:
        """Write down the result."""
        state, calling = self.state, self.calling
        accepted = (
            [{"call": state.calls, "model": state.last.model, "outcome": "accepted"}] if success else []
        )
        told = {
            "tried": list(state.tried),
            "cached": state.cached,
            "degraded": calling.degraded,
            **self.memory.facts,
        }
        asked = state.request.metadata if state.request is not None else {}
        facts |= {"request": dict(asked)} if asked else {}
        if success and calling.degraded:
            facts["notice"] = calling.notice(state.last.model)
        result = LLMResult(
            content=content,
            model=state.last.model,
            tokens_in=state.tokens_in,
            tokens_out=state.tokens_out,
            duration_ms=(self.parts.clock.now() - self.started_s) * 1e3,
            ttft_ms=state.last.timing.ttft_ms or 0.0,
            success=success,
            retries=state.retries,
            score=score,
            metadata={
                "session_id": state.session_id,
                "attempts": state.attempts + accepted,
                **told,
                **state.notes,
                **facts,
            },
        )
        if self.parts.tracer is not None:
            self.parts.tracer.event(LLM_CALL, llm_call(result, task=str(asked.get("task", ""))))
        await self.journal.record(EventKind.ORCHESTRATE_COMPLETE, result=result)


_STEPS = {
    Step.PREPARE: Run.prepare,
    Step.ASK: Run.ask,
    Step.USE_TOOLS: Run.use_tools,
    Step.CHECK: Run.check,
}


def _check_settle(state: RunState, settle: Mapping[int, str | None]) -> None:
    """Refuse what settles no call; a call that was settled before is none of these.

    Raises:
        ConfigError: see above.
    """
    known = {*state.in_doubt, *state.results}
    for position, found in settle.items():
        if (state.in_doubt and position not in known) or not isinstance(found, str | None):
            raise ConfigError(
                f"settle={{{position!r}: {found!r}}} cannot work; in doubt are {state.in_doubt}",
                where=f"Harness.resume({state.session_id!r}, settle=...)",
                fix="give by position what the call returned, as text, or None to make it again",
            )
