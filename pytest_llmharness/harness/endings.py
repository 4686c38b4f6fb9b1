"""What a run that ended without an answer says about it: what, where, and how to mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import HarnessError, InvalidAnswer, MaxRetriesExceeded

if TYPE_CHECKING:
    from .acting import Halt
    from .state import RunState
    from .validate.checking import Check

_MOST_VIOLATIONS = 20


def at_limit(state: RunState, limit: str, bound: int) -> HarnessError:
    """Say which limit of the settings was reached."""
    return HarnessError(
        f"the run reached its limit {limit}={bound}; the last answer is kept",
        where=f"session {state.session_id}, model call {state.calls}",
        fix=f"raise HarnessConfig({limit}=...), or find out why the model does not come to an end",
    )


def out_of_time(state: RunState, limit_s: float) -> HarnessError:
    """Say that a run has come to its deadline, and which tool calls were under way."""
    cut = [state.proposed[position].name for position in state.in_doubt]
    left = f" in the middle of {', '.join(cut)}" if cut else ""
    return HarnessError(
        f"the run was ended{left} after max_run_seconds={limit_s:g}; what was found is kept",
        where=f"session {state.session_id}, model call {state.calls}",
        fix="raise HarnessConfig(max_run_seconds=...), or use a faster model or tool",
    )


def exhausted(state: RunState, checked: Check) -> MaxRetriesExceeded:
    """Name the end of the attempts; what was wrong with the last is chained as its cause."""
    attempts, why = state.repairs + 1, checked.problems[0]
    error = MaxRetriesExceeded(
        f"no valid answer in {attempts} attempts; the last was invalid because: {why}",
        where=f"session {state.session_id}",
        fix="read metadata['attempts']; raise HarnessConfig(max_retries=...) or mend the prompt",
    )
    error.__cause__ = invalid(state, checked)
    return error


def invalid(state: RunState, checked: Check) -> InvalidAnswer:
    """Name what was wrong with an answer, with its places."""
    return InvalidAnswer(
        "; ".join(checked.problems),
        where=f"session {state.session_id}, the answer to model call {state.calls}",
        fix="make the prompt or the schema clearer, or use a stronger model",
        violations=checked.violations[:_MOST_VIOLATIONS],
    )


def stuck(state: RunState) -> HarnessError:
    """Say that the model goes round in circles."""
    return HarnessError(
        "the model's last three answers are alike, and nothing else has moved",
        where=f"session {state.session_id}, model call {state.calls}",
        fix="make the prompt clearer (see metadata['attempts']), or set HarnessConfig(stop_when_stuck=False)",
    )


def halted(state: RunState, halt: Halt) -> HarnessError:
    """Say what a person has to decide."""
    return HarnessError(
        halt.what, where=f"session {state.session_id}, model call {state.calls}", fix=halt.fix
    )


def unfit(state: RunState, problem: str) -> HarnessError:
    """Say why an answer may not be shown as it is."""
    what = {
        "blocked_word": "the answer holds a blocked word",
        "output_too_large": "the answer is larger than max_output_size",
    }[problem]
    return HarnessError(
        f"{what}; what may be shown of it is in metadata['partial']",
        where=f"session {state.session_id}, model call {state.calls}",
        fix="change the prompt, or Guardrails(...)",
    )
