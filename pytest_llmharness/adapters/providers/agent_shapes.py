"""How agents of other frameworks are asked: each is told from what it can do, none is imported."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from reprlib import repr as _shown
from typing import Any, NamedTuple, TypeAlias

from ...domain.message import Message
from ...domain.usage import Usage
from ...errors import ConfigError
from ..workers import in_thread
from .agent_words import NoReply, answer, content_of, counted, transcript, turn, words_of

Reply: TypeAlias = tuple[str, Usage]
Ask: TypeAlias = Callable[[Sequence[Message]], Coroutine[Any, Any, Reply]]

_GRACE_S = 1.0
_WRAP = "wrap it in a function: AgentProvider(lambda text: ...)"


class Shape(NamedTuple):
    """How an agent is asked, and whether it can answer only one conversation at a time."""

    ask: Ask
    takes_turns: bool = False


def shape_of(agent: Any) -> Shape:
    """Return how an agent is asked.

    Raises:
        ConfigError: nothing says how, or its input cannot hold a conversation.
    """
    if inspect.isclass(agent):
        raise _unknown(agent)
    if callable(getattr(agent, "ainvoke", None)) or callable(getattr(agent, "invoke", None)):
        return Shape(partial(_ask_runnable, agent, _takes_state(agent)))
    if callable(getattr(agent, "kickoff", None)):
        _check_crew(agent)
        return Shape(partial(_ask_crew, agent), takes_turns=True)
    if "task" in _parameters(getattr(agent, "run", None)):
        return Shape(partial(_ask_team, agent), takes_turns=True)
    if callable(agent):
        return Shape(partial(_ask_function, agent))
    raise _unknown(agent)


def _unknown(agent: Any) -> ConfigError:
    return ConfigError(
        f"{_shown(agent)} is no agent that is known here",
        where="AgentProvider(agent)",
        fix="give a function of a text, or an object with ainvoke, kickoff or run(task=...)",
    )


# --- a function: text to text ---


async def _ask_function(agent: Callable[..., Any], messages: Sequence[Message]) -> Reply:
    return answer(await _called(agent, transcript(messages))), Usage()


async def _called(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call what may be sync, async or neither quite; what blocks does so in a thread."""
    if inspect.iscoroutinefunction(function):
        return await function(*args, **kwargs)
    value = await in_thread(partial(function, *args), kwargs)
    return await value if inspect.isawaitable(value) else value


# --- LangChain: a Runnable; LangGraph: a compiled graph ---


async def _ask_runnable(agent: Any, takes_state: bool, messages: Sequence[Message]) -> Reply:
    turns = [turn(message) for message in messages]
    invoke = agent.ainvoke if callable(getattr(agent, "ainvoke", None)) else agent.invoke
    reply = await _called(invoke, {"messages": turns} if takes_state else turns)
    if not isinstance(reply, Mapping):
        return content_of(reply), _runnable_usage([reply])
    said = reply.get("messages")
    if not said:
        raise NoReply(f"its state has no messages, only {sorted(map(str, reply))}")
    return content_of(said[-1]), _runnable_usage(said)


def _takes_state(agent: Any) -> bool:
    """Whether it takes a state with messages (a graph), and not the messages themselves (a model).

    Raises:
        ConfigError: it takes a state without messages.
    """
    try:
        takes = agent.get_input_jsonschema().get("properties")
    except Exception:  # noqa: BLE001 - a schema that cannot be made says nothing
        return True
    if takes and "messages" not in takes:
        raise ConfigError(
            f"the agent takes {', '.join(takes)}, and no messages",
            where="AgentProvider(agent)",
            fix=_WRAP,
        )
    return bool(takes)


def _runnable_usage(messages: Sequence[Any]) -> Usage:
    return counted(getattr(message, "usage_metadata", None) for message in messages)


# --- CrewAI: a crew, a flow, or an agent alone ---


async def _ask_crew(agent: Any, messages: Sequence[Message]) -> Reply:
    spent = _crew_usage(agent)
    # Its async faces run sync code in asyncio's own pool, for which the end of a loop waits.
    if "messages" in _parameters(agent.kickoff):
        turns = [{"role": message.role, "content": words_of(message)} for message in messages]
        reply = await _called(agent.kickoff, turns)
        return answer(getattr(reply, "raw", reply)), counted([getattr(reply, "usage_metrics", None)])
    reply = await _called(agent.kickoff, inputs={"input": transcript(messages)})
    now = counted([getattr(reply, "token_usage", None)])
    # A crew counts from the day it was made.
    usage = Usage(max(now.tokens_in - spent.tokens_in, 0), max(now.tokens_out - spent.tokens_out, 0))
    return answer(getattr(reply, "raw", reply)), usage


def _crew_usage(agent: Any) -> Usage:
    count = getattr(agent, "calculate_usage_metrics", None)
    return counted([count()]) if callable(count) else Usage()


def _check_crew(agent: Any) -> None:
    # What a task says is filled in by the first run; the words with their gaps stay beside it.
    tasks = getattr(agent, "tasks", None) or ()
    told = [str(getattr(task, "_original_description", None) or task.description) for task in tasks]
    if told and not any("{input}" in words for words in told):
        raise ConfigError(
            "no task of the crew says {input}, so that no question would reach it",
            where="AgentProvider(agent)",
            fix="Task(description='... {input}', ...)",
        )


# --- AutoGen: a team, or an agent alone ---


async def _ask_team(agent: Any, messages: Sequence[Message]) -> Reply:
    """Run it from the beginning: the conversation comes whole with every call."""
    token = _cancellation_token(agent)
    if callable(getattr(agent, "on_reset", None)):
        await agent.on_reset(token)
    elif callable(getattr(agent, "reset", None)):
        await agent.reset()
    known = {} if token is None else {"cancellation_token": token}
    reply = await _abandonable(_called(agent.run, task=transcript(messages), **known), token)
    said = getattr(reply, "messages", None)
    if not said:
        raise NoReply(f"its result has no messages: {_shown(reply)}")
    usage = counted(getattr(message, "models_usage", None) for message in said)
    return content_of(said[-1]), usage


def _cancellation_token(agent: Any) -> Any:
    if "cancellation_token" not in _parameters(agent.run):
        return None
    with suppress(ImportError):
        return import_module("autogen_core").CancellationToken()
    return None


async def _abandonable(running: Awaitable[Any], token: Any) -> Any:
    """Await something; when cancelled, cancel it, and leave it to itself if it does not end then.

    A team waits for its members when its task is cancelled, and may do so for ever.
    """
    task = asyncio.ensure_future(running)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        if token is not None:
            token.cancel()
        task.cancel()
        await asyncio.wait({task}, timeout=_GRACE_S)
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        raise
    return task.result()


# --- what it takes ---


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
