"""The gate decides before anything is dispatched: rules, budgets, dry run, a person."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmharness import ToolCall, ToolSpec, VirtualClock
from pytest_llmharness.adapters.approvers.callback import CallbackApprover
from pytest_llmharness.adapters.approvers.stored import StoredApprover
from pytest_llmharness.errors import ConfigError
from pytest_llmharness.harness.constrain import Toolbox
from pytest_llmharness.harness.gate import Account, Allowance, Charge, Decision, Gate, Policy, charges
from pytest_llmharness.harness.refusal import Refusal


class Ledger:
    """Tools with side effects, and what they did."""

    def __init__(self) -> None:
        self.done: list[Mapping[str, Any]] = []

    def tool(self, name: str, *, read_only: bool = False) -> Any:
        ledger = self

        class Effect:
            spec = ToolSpec(name, schema={"type": "object"}, read_only=read_only)

            async def invoke(self, arguments: Mapping[str, Any]) -> str:
                ledger.done.append(arguments)
                return "done"

        return Effect()


def spec(name: str, *, read_only: bool = False) -> ToolSpec:
    return ToolSpec(name, read_only=read_only)


def decide(
    gate: Gate, call: ToolCall, *, account: Account | None = None, read_only: bool = False
) -> Decision:
    return asyncio.run(
        gate.decide(call, spec(call.name, read_only=read_only), session_id="s", account=account)
    )


async def run_through(gate: Gate, toolbox: Toolbox, call: ToolCall, session_id: str = "s") -> Decision:
    """Do what an orchestrator does with one call."""
    decision = await gate.decide(call, spec(call.name), session_id=session_id)
    if decision.verdict == "run":
        await toolbox.dispatch(decision.call)
    return decision


def yes(session_id: str, call: ToolCall, reason: str) -> bool:
    return True


PAY = ToolCall("pay_bill", {"amount": 5}, id="c1")
NEGATIVE = ToolCall("book", {"amount": -10_000}, id="c2")


@pytest.mark.parametrize(
    "call",
    [
        ToolCall("run_sql", {"query": "DELETE FROM users WHERE id > 0 OR 1=1"}),
        NEGATIVE,
        ToolCall("run_sql", {"query": "DROP TABLE users"}),
    ],
)
def test_semantic_faults_never_reach_the_tool(call: ToolCall) -> None:
    """B17, B18: schema-valid, and yet refused; not even an approver's yes lets it pass."""
    ledger = Ledger()
    toolbox = Toolbox([ledger.tool(call.name)])
    assert toolbox.judge(call) is None
    decision = asyncio.run(run_through(Gate(approver=CallbackApprover(yes)), toolbox, call))
    assert (decision.verdict, decision.refusal and decision.refusal.layer) == ("refused", "gate")
    assert ledger.done == []


def test_without_the_gate_the_negative_amount_executes() -> None:
    """B44: the layer off, and the named failure is there."""
    ledger = Ledger()
    toolbox = Toolbox([ledger.tool("book")])
    asyncio.run(run_through(Gate(Policy(rules=())), toolbox, NEGATIVE))
    assert ledger.done == [{"amount": -10_000}]


def test_reading_needs_no_gate() -> None:
    """A read-only tool is not judged, not charged and not asked about."""
    account = Account([Allowance("all", calls=0)])
    asked: list[ToolCall] = []
    gate = Gate(approver=CallbackApprover(lambda s, call, r: not asked.append(call)), dry_run=True)
    decision = decide(gate, ToolCall("read_delete_log"), account=account, read_only=True)
    assert (decision.verdict, decision.rule, asked, account.history) == ("run", "read_only", [], ())


def test_the_default_rules_cost_no_question_for_low_risk() -> None:
    """B21: low risk is the automated policy's."""
    assert decide(Gate(), ToolCall("file_write", {"path": "a"})).verdict == "run"


# --- people ---


def test_high_risk_runs_after_a_yes() -> None:
    """B21: the person sees the reason and the call, and the yes lets it run."""
    seen: list[str] = []
    gate = Gate(approver=CallbackApprover(lambda session_id, call, reason: not seen.append(reason)))
    decision = decide(gate, PAY)
    assert decision.verdict == "run"
    assert "high-risk-tool" in seen[0]
    assert 'would call pay_bill with {"amount": 5}' in seen[0]
    assert len(decision.ticket) == 41


@pytest.mark.parametrize("answer", [False, 0, 1, "yes"])
def test_what_is_not_a_yes_does_not_run(answer: Any) -> None:
    """B21: only True is a yes, whatever a careless approver returns."""

    class Careless:
        async def approve(self, session_id: str, call: ToolCall, reason: str) -> Any:
            return answer

    for approver in (Careless(), CallbackApprover(lambda s, c, r: answer)):
        decision = decide(Gate(approver=approver), PAY)
        assert (decision.verdict, "not approved" in decision.reason) == ("refused", True)


def test_nobody_to_ask_is_a_no() -> None:
    """The refusal says that an approval was needed."""
    decision = decide(Gate(), PAY)
    assert decision.verdict == "refused"
    assert "nobody can give one" in decision.reason


def test_an_approver_that_fails_is_a_no() -> None:
    """Its error is named by kind; what it says stays out of the model's sight."""

    def fails(session_id: str, call: ToolCall, reason: str) -> bool:
        raise ConnectionError("password=hunter2")

    decision = decide(Gate(approver=CallbackApprover(fails)), PAY)
    assert decision.verdict == "refused"
    assert "ConnectionError" in decision.reason
    assert "hunter2" not in decision.reason


def test_the_irreversible_goes_to_the_person_above() -> None:
    """B21: escalation asks another approver, and only where it is irreversible."""
    gate = Gate(approver=CallbackApprover(yes), escalation=CallbackApprover(lambda s, c, r: False))
    assert decide(gate, PAY).verdict == "run"
    assert decide(gate, ToolCall("file_delete", {"path": "a"})).verdict == "refused"


def test_what_was_approved_is_what_runs() -> None:
    """Arguments changed after the decision, or by the approver, are not what is dispatched."""

    def meddles(session_id: str, call: ToolCall, reason: str) -> bool:
        call.arguments["amount"] = 9_999
        return True

    call = ToolCall("pay_bill", {"amount": 5})
    decision = decide(Gate(approver=CallbackApprover(meddles)), call)
    call.arguments["amount"] = 1_000_000
    assert (decision.verdict, decision.call.arguments) == ("run", {"amount": 5})


def test_pending_survives_a_restart_and_runs_once(tmp_path: Path) -> None:
    """B21: asked, the process ends; another one finds the yes and runs it; a third one finds it used."""
    ledger = Ledger()
    toolbox = Toolbox([ledger.tool("pay_bill")])

    def life() -> Decision:
        return asyncio.run(run_through(Gate(approver=StoredApprover(tmp_path / "a.db")), toolbox, PAY))

    assert life().verdict == "pending"
    assert life().verdict == "pending"
    desk = StoredApprover(tmp_path / "a.db")
    (question,) = desk.pending()
    assert "would call pay_bill" in question.reason
    assert desk.answer(question.ticket, approved=True)
    assert [life().verdict for _ in range(3)] == ["run", "refused", "refused"]
    assert not desk.answer(question.ticket, approved=True)
    assert ledger.done == [{"amount": 5}]


def test_a_rejected_call_never_runs(tmp_path: Path) -> None:
    """B21: reject runs never."""
    ledger = Ledger()
    toolbox, desk = Toolbox([ledger.tool("pay_bill")]), StoredApprover(tmp_path / "a.db")
    asyncio.run(run_through(Gate(approver=desk), toolbox, PAY))
    desk.answer(desk.pending()[0].ticket, approved=False)
    assert asyncio.run(run_through(Gate(approver=desk), toolbox, PAY)).verdict == "refused"
    assert ledger.done == []


def test_two_approvers_race_and_one_run_follows(tmp_path: Path) -> None:
    """B21: both say yes, both resume: the effect is there once."""
    ledger = Ledger()
    toolbox = Toolbox([ledger.tool("pay_bill")])
    gates = [Gate(approver=StoredApprover(tmp_path / "a.db")) for _ in range(2)]

    async def clause() -> list[str]:
        await run_through(gates[0], toolbox, PAY)
        desks = [StoredApprover(tmp_path / "a.db") for _ in range(2)]
        ticket = desks[0].pending()[0].ticket
        assert [desk.answer(ticket, approved=True) for desk in desks] == [True, False]
        decisions = await asyncio.gather(*(run_through(gate, toolbox, PAY) for gate in gates))
        return sorted(decision.verdict for decision in decisions)

    assert asyncio.run(clause()) == ["refused", "run"]
    assert len(ledger.done) == 1


@pytest.mark.parametrize(
    ("session_id", "call"),
    [
        ("s", ToolCall("pay_bill", {"amount": 6}, id="c1")),
        ("t", PAY),
        ("s", ToolCall("pay_all", {"amount": 5}, id="c1")),
    ],
)
def test_another_action_is_another_question(tmp_path: Path, session_id: str, call: ToolCall) -> None:
    """B21: changed arguments, another session, another tool need an approval of their own."""
    ledger, desk = Ledger(), StoredApprover(tmp_path / "a.db")
    toolbox = Toolbox([ledger.tool("pay_bill"), ledger.tool("pay_all")])
    asyncio.run(run_through(Gate(approver=desk), toolbox, PAY))
    desk.answer(desk.pending()[0].ticket, approved=True)
    assert asyncio.run(run_through(Gate(approver=desk), toolbox, call, session_id)).verdict == "pending"
    assert ledger.done == []


def test_expiry_is_a_no(tmp_path: Path) -> None:
    """B21: nobody answers in time."""
    clock = VirtualClock()
    gate = Gate(approver=StoredApprover(tmp_path / "a.db", ttl_s=60, now=clock.now))

    async def clause() -> list[str]:
        first = await gate.decide(PAY, spec("pay_bill"), session_id="s")
        await clock.sleep(61)
        return [first.verdict, (await gate.decide(PAY, spec("pay_bill"), session_id="s")).verdict]

    assert asyncio.run(clause()) == ["pending", "refused"]


# --- dry runs ---


def test_a_dry_run_previews_and_does_nothing() -> None:
    """B20: what would happen is told, the ledger is as it was, nothing is spent and nobody is asked."""
    ledger, asked = Ledger(), []
    account = Account([Allowance("all", calls=5)])

    async def previewer(arguments: Mapping[str, Any]) -> str:
        return f"{arguments['amount']} would be paid"

    gate = Gate(
        dry_run=True,
        approver=CallbackApprover(lambda s, c, r: not asked.append(c)),
        previewers={"pay_bill": previewer},
    )
    decision = asyncio.run(gate.decide(PAY, spec("pay_bill"), session_id="s", account=account))
    assert decision.verdict == "preview"
    assert "5 would be paid" in decision.preview
    assert "would first need a yes" in decision.reason
    assert (ledger.done, asked, account.history) == ([], [], ())


def test_a_dry_run_counts_rows() -> None:
    """B20: the preview of a statement says how many rows it would touch, and they stay as they are."""
    made = sqlite3.connect(":memory:")
    made.execute("CREATE TABLE t (id INT)")
    made.executemany("INSERT INTO t VALUES (?)", [(number,) for number in range(10)])

    async def count(query: str) -> int:
        return int(made.execute(query).fetchone()[0])

    pytest.importorskip("sqlglot")
    gate = Gate(dry_run=True, count=count)
    decision = decide(gate, ToolCall("run_sql", {"sql": "DELETE FROM t WHERE id < 3"}))
    assert "DELETE touches 3 of 10 rows" in decision.preview
    assert made.execute("SELECT COUNT(*) FROM t").fetchone() == (10,)
    made.close()


def test_a_preview_that_fails_or_meddles_changes_nothing() -> None:
    """The call is shown all the same, and stays what it was."""

    async def meddles(arguments: Mapping[str, Any]) -> str:
        assert isinstance(arguments, dict)
        arguments["amount"] = 0
        raise RuntimeError("no")

    decision = decide(Gate(dry_run=True, previewers={"pay_bill": meddles}), PAY)
    assert "its preview failed: RuntimeError" in decision.preview
    assert decision.call.arguments == {"amount": 5}


# --- budgets ---


def test_one_call_too_many_is_refused() -> None:
    """B19: the N+1th call is refused, not delayed, and the refusal says which limit it was."""
    account = Account([Allowance("three mails", ("send_*",), calls=3)])
    verdicts = [decide(Gate(), ToolCall("send_mail"), account=account) for _ in range(4)]
    assert [decision.verdict for decision in verdicts] == ["run"] * 3 + ["refused"]
    assert (verdicts[3].rule, "three mails allows 3 calls" in verdicts[3].reason) == ("quota", True)
    assert decide(Gate(), ToolCall("write"), account=account).verdict == "run"


def test_over_budget_is_refused() -> None:
    """B19: the cost of a call counts before it is made."""
    account = Account([Allowance("the budget", cost=1.0)])
    gate = Gate(prices={"search_web": 0.4})
    verdicts = [decide(gate, ToolCall("search_web"), account=account).verdict for _ in range(3)]
    assert verdicts == ["run", "run", "refused"]
    assert decide(gate, ToolCall("free"), account=account).verdict == "run"


def test_a_window_slides() -> None:
    """B19: a rate in the gate refuses; after its window there is room again."""
    clock = VirtualClock()
    account = Account([Allowance("two a minute", calls=2, per_s=60)], clock=clock)

    async def clause() -> list[bool]:
        ran = []
        for pause in (0, 10, 10, 39, 1, 0, 10):
            await clock.sleep(pause)
            ran.append(isinstance(account.reserve("send"), Charge))
        return ran

    assert asyncio.run(clause()) == [True, True, False, False, True, False, True]
    assert len(account.history) == 2


def test_calls_side_by_side_cannot_overshoot() -> None:
    """Ten at once with room for three: three run."""
    account = Account([Allowance("three", calls=3)])
    gate = Gate()

    async def clause() -> list[Decision]:
        calls = (ToolCall("send", {"n": number}) for number in range(10))
        return list(
            await asyncio.gather(
                *(gate.decide(c, spec("send"), session_id="s", account=account) for c in calls)
            )
        )

    verdicts = [decision.verdict for decision in asyncio.run(clause())]
    assert verdicts == ["run"] * 3 + ["refused"] * 7


def test_what_does_not_run_is_not_charged() -> None:
    """A no, an open question, a dry run and a cancelled question give the charge back."""
    account = Account([Allowance("one", calls=1)])

    async def cancelled() -> None:
        async def never(session_id: str, call: ToolCall, reason: str) -> bool:
            await asyncio.Event().wait()
            return True

        gate = Gate(approver=CallbackApprover(never))
        task = asyncio.ensure_future(gate.decide(PAY, spec("pay_bill"), session_id="s", account=account))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(account.history) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    decide(Gate(), PAY, account=account)
    decide(Gate(approver=CallbackApprover(lambda s, c, r: False)), PAY, account=account)
    decide(Gate(dry_run=True), PAY, account=account)
    asyncio.run(cancelled())
    assert account.history == ()
    assert decide(Gate(approver=CallbackApprover(yes)), PAY, account=account).verdict == "run"


def test_an_account_goes_on_after_a_restart() -> None:
    """What was spent before counts: the history is all the state there is, as JSON values."""
    before = Account([Allowance("two", calls=2)])
    before.reserve("send", 0.5)
    rows = [{"at_s": one.at_s, "tool": one.tool, "cost": one.cost} for one in before.history]
    after = Account([Allowance("two", calls=2)], history=charges(rows))
    assert isinstance(after.reserve("send"), Charge)
    assert isinstance(after.reserve("send"), Refusal)


@pytest.mark.parametrize("setting", [{"calls": -1}, {"cost": float("nan")}, {"per_s": -1}, {"calls": True}])
def test_an_allowance_that_cannot_work_fails_at_the_door(setting: dict[str, Any]) -> None:
    """The error names the setting."""
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Allowance("x", **setting)


def test_a_window_without_a_clock_fails_at_the_door() -> None:
    """It would never end."""
    with pytest.raises(ConfigError, match="no clock"):
        Account([Allowance("x", calls=1, per_s=60)])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 4), st.lists(st.sampled_from(["reserve", "release"]), max_size=30))
def test_no_history_of_calls_overshoots(calls: int, steps: list[str]) -> None:
    """Whatever is reserved and released, never more than the allowance is out at once."""
    account, out = Account([Allowance("x", calls=calls)]), []
    for step in steps:
        if step == "release" and out:
            account.release(out.pop())
        elif step == "reserve" and isinstance(charge := account.reserve("t"), Charge):
            out.append(charge)
        assert len(account.history) == len(out) <= calls


def test_arguments_too_deep_to_copy_are_refused() -> None:
    """Depth ends in a refusal, not in an error."""
    deep: Any = 1
    for _ in range(3000):
        deep = [deep]
    decision = decide(Gate(), ToolCall("write", {"value": deep}))
    assert (decision.verdict, decision.rule) == ("refused", "depth")


def test_the_facts_of_a_decision_hold_no_arguments() -> None:
    """What goes into logs names the tool, the rule and the ticket, not what was in the call."""
    decision = decide(Gate(), ToolCall("pay_bill", {"amount": 5, "iban": "DE99"}))
    assert set(decision.facts) == {"tool", "id", "verdict", "rule", "reason", "ticket"}
    assert "DE99" not in str(decision.facts)
