"""The clocks: virtual time jumps only when everyone waits, skipped time counts, real time is real."""

from __future__ import annotations

import asyncio
import math
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pytest_llmharness import Clock, VirtualClock
from pytest_llmharness.adapters.clocks import agenda, skipping
from pytest_llmharness.adapters.clocks.skipping import SkippingClock
from pytest_llmharness.adapters.clocks.system import SystemClock


def bounded(work: Coroutine[Any, Any, Any]) -> Any:
    """Run on a new loop, in real seconds that end, and let no error of a callback pass."""
    troubles: list[Any] = []

    async def limited() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        task = asyncio.ensure_future(work)
        await asyncio.wait([task], timeout=20)
        assert task.done(), "it does not end"
        return await task

    try:
        return asyncio.run(limited())
    finally:
        assert troubles == []


async def idle_moments() -> None:
    """Let everyone wait a few times: another clock's jumps say when that is so."""
    for _ in range(3):
        await VirtualClock().sleep(1)


def on_every_clock(test: Callable[..., Any]) -> Callable[..., Any]:
    return pytest.mark.parametrize("clock", [VirtualClock(), SkippingClock(), SystemClock()], ids=type)(test)


@on_every_clock
def test_no_pause_yields_once(clock: Clock) -> None:
    """Zero and less let others run, and take no time of their own."""
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    async def work() -> None:
        task = asyncio.create_task(other())
        await clock.sleep(0)
        order.append("first")
        await clock.sleep(-5)
        await task

    bounded(work())
    assert order == ["other", "first"]


@on_every_clock
def test_no_pause_waits_for_nobody(clock: Clock) -> None:
    """A busy loop does not hold up who only yields."""
    turns = 0

    async def busy() -> None:
        nonlocal turns
        for _ in range(100):
            turns += 1
            await asyncio.sleep(0)

    async def work() -> int:
        task = asyncio.create_task(busy())
        await clock.sleep(0)
        seen = turns
        await task
        return seen

    assert bounded(work()) <= 2


@on_every_clock
def test_a_timeout_cancels_its_body(clock: Clock) -> None:
    """And raises TimeoutError."""

    async def work() -> None:
        async with clock.timeout(0.001):
            await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        bounded(work())


@on_every_clock
@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timeout_that_is_over_before_it_begins_cancels_at_the_first_wait(
    clock: Clock, seconds: float
) -> None:
    """As asyncio's does, also where the body would have ended soon."""

    async def work() -> None:
        async with clock.timeout(seconds):
            for _ in range(5):
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        bounded(work())


@on_every_clock
def test_a_timeout_of_none_never_comes(clock: Clock) -> None:
    """And the value of the body is not touched."""

    async def work() -> str:
        async with clock.timeout(None):
            await clock.sleep(0.001)
            return "done"

    assert bounded(work()) == "done"


@on_every_clock
def test_time_does_not_go_back(clock: Clock) -> None:
    """After a pause it is later, by the pause at least."""

    async def work() -> None:
        before = clock.now()
        await clock.sleep(0.002)
        assert clock.now() >= before + 0.002

    bounded(work())


@on_every_clock
def test_a_pause_can_be_cancelled(clock: Clock) -> None:
    """Cancelling ends the wait at once and is not swallowed."""

    async def work() -> None:
        task = asyncio.create_task(clock.sleep(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bounded(work())


def test_sleepers_wake_in_the_order_of_their_deadlines() -> None:
    """Whatever the order in which they went to sleep; equal deadlines in the order of asking."""
    clock, woken = VirtualClock(), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    async def work() -> None:
        await asyncio.gather(
            sleeper("c", 3), sleeper("a", 1), sleeper("b", 2), sleeper("b2", 2), sleeper("0", 0)
        )

    bounded(work())
    assert woken == [("0", 0), ("a", 1), ("b", 2), ("b2", 2), ("c", 3)]


def test_pauses_overlap_and_add_up() -> None:
    """A gather takes as long as its longest, a chain as long as its sum; `start` is where it begins."""
    clock = VirtualClock(start=100)

    async def work() -> None:
        await asyncio.gather(*(clock.sleep(seconds) for seconds in range(50)))
        await clock.sleep(0.5)
        await clock.sleep(0.25)

    bounded(work())
    assert clock.now() == 149.75


def test_who_wakes_together_runs_together() -> None:
    """Sleepers with one deadline are all awake before any of them can wait again."""
    clock, awake, seen = VirtualClock(), 0, []

    async def sleeper() -> None:
        nonlocal awake
        await clock.sleep(1)
        awake += 1
        await asyncio.sleep(0)
        seen.append(awake)

    async def work() -> None:
        await asyncio.gather(*(sleeper() for _ in range(3)))

    bounded(work())
    assert seen == [3, 3, 3]


def test_time_does_not_jump_while_something_can_run() -> None:
    """Two hundred turns of the loop, and tasks started on the way: no time passes."""
    clock, moments = VirtualClock(), []

    async def busy() -> None:
        for _ in range(200):
            await asyncio.sleep(0)
        moments.append(clock.now())
        await asyncio.gather(*(asyncio.create_task(asyncio.sleep(0)) for _ in range(9)))
        moments.append(clock.now())

    async def work() -> None:
        await asyncio.gather(clock.sleep(1), busy())

    bounded(work())
    assert moments == [0.0, 0.0]
    assert clock.now() == 1.0


@pytest.mark.parametrize("writer_is_first", [True, False])
def test_bytes_on_their_way_through_a_pipe_are_work(writer_is_first: bool) -> None:
    """What one task has written another can read before time moves, whoever has the first turn."""
    clock = VirtualClock()

    async def write(pipe: socket.socket) -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        pipe.send(b"hello")

    async def work() -> float:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            both = [write(ours), clock.sleep(1)]
            tasks = [asyncio.create_task(one) for one in (both if writer_is_first else both[::-1])]
            assert await asyncio.get_running_loop().sock_recv(theirs, 9) == b"hello"
            moment = clock.now()
            await asyncio.wait(tasks)
            return moment

    assert bounded(work()) == 0.0


def test_a_thread_that_is_waited_for_is_work() -> None:
    """A function that runs in a thread takes no virtual time, and no virtual limit cuts it off."""
    clock, go = VirtualClock(), threading.Event()

    async def work() -> str:
        asyncio.get_running_loop().call_later(0.02, go.set)
        async with clock.timeout(1):
            return await asyncio.to_thread(lambda: "done" if go.wait(10) else "late")

    assert bounded(work()) == "done"
    assert clock.now() == 0.0


def test_a_thread_that_does_not_come_back_holds_time_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then its limit cuts it off; and it holds no second jump."""
    monkeypatch.setattr(agenda, "_THREAD_PATIENCE_S", 0.02)
    clock, go = VirtualClock(), threading.Event()

    async def work() -> float:
        stuck = asyncio.create_task(asyncio.to_thread(go.wait, 10))
        with pytest.raises(TimeoutError):
            async with clock.timeout(1):
                await asyncio.shield(stuck)
        before = asyncio.get_running_loop().time()
        for _ in range(50):
            await clock.sleep(1)
        spent = asyncio.get_running_loop().time() - before
        go.set()
        await stuck
        return spent

    assert bounded(work()) < 50 * 0.02
    assert clock.now() == 51.0


@pytest.mark.parametrize(
    ("outer", "inner", "ends"), [(5, 1, ["inner", 1.0]), (1, 5, ["outer", 1.0]), (9, 9, ["outer", 9.0])]
)
def test_the_nearer_of_two_nested_timeouts_comes(outer: float, inner: float, ends: list[Any]) -> None:
    """The other does not fire later, and of two equal ones it is the outer one's."""
    clock = VirtualClock()

    async def work() -> list[Any]:
        try:
            async with clock.timeout(outer):
                try:
                    async with clock.timeout(inner):
                        await clock.sleep(100)
                except TimeoutError:
                    found = ["inner", clock.now()]
        except TimeoutError:
            found = ["outer", clock.now()]
        await clock.sleep(20)
        return found

    assert bounded(work()) == ends


def test_a_timeout_that_was_left_costs_no_time() -> None:
    """Time jumps to no deadline that nobody waits for, and many of them do not pile up."""
    clock = VirtualClock()

    async def work() -> int:
        for _ in range(100):
            async with clock.timeout(1000):
                await asyncio.sleep(0)
        kept = len(next(iter(agenda.agenda()._alarms.values())))
        await clock.sleep(1)
        return kept

    assert bounded(work()) == 1
    assert clock.now() == 1.0


def test_a_cancelled_body_is_no_timeout() -> None:
    """Who cancels from outside gets CancelledError, and time jumps to no deadline of that body."""
    clock = VirtualClock()

    async def body() -> None:
        async with clock.timeout(5):
            await clock.sleep(100)

    async def work() -> None:
        task = asyncio.create_task(body())
        await clock.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await clock.sleep(1)
        pause = asyncio.create_task(clock.sleep(100))
        await asyncio.sleep(0)
        pause.cancel()
        await idle_moments()

    bounded(work())
    assert clock.now() == 2.0


def test_a_timeout_cuts_off_children_and_lets_them_clean_up() -> None:
    """The whole group is cancelled, and a cleanup may pause in virtual time."""
    clock, cleaned = VirtualClock(), []

    async def child(name: str) -> None:
        try:
            await clock.sleep(100)
        finally:
            await clock.sleep(1)
            cleaned.append((name, clock.now()))

    async def work() -> None:
        async with clock.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(child("a"))
            group.create_task(child("b"))

    with pytest.raises(TimeoutError):
        bounded(work())
    assert sorted(cleaned) == [("a", 11.0), ("b", 11.0)]


def test_nobody_reaches_infinity() -> None:
    """An endless pause lasts until it is cancelled, an endless timeout never comes; time stays finite."""
    clock = VirtualClock()

    async def work() -> None:
        endless = asyncio.create_task(clock.sleep(math.inf))
        async with clock.timeout(math.inf):
            await clock.sleep(3)
        await idle_moments()
        assert not endless.done()
        endless.cancel()

    bounded(work())
    assert clock.now() == 3.0


def test_clocks_on_one_loop_do_not_keep_each_other_awake() -> None:
    """Many harnesses share the portal's loop: each clock moves at its own pace, and all arrive."""
    clocks = [VirtualClock() for _ in range(8)]

    async def pace(clock: VirtualClock, seconds: float) -> None:
        for _ in range(5):
            async with clock.timeout(1e6):
                await clock.sleep(seconds)

    async def work() -> None:
        await asyncio.gather(*(pace(clock, 10.0**power) for power, clock in enumerate(clocks, -4)))

    bounded(work())
    assert [clock.now() for clock in clocks] == pytest.approx([5 * 10.0**power for power in range(-4, 4)])


def test_a_clock_that_never_rests_lets_others_move() -> None:
    """The jumps go round: a ticking clock does not starve one whose deadline is far."""
    ticking, far = VirtualClock(), VirtualClock()

    async def tick() -> None:
        while True:
            await ticking.sleep(1)

    async def work() -> None:
        ticker = asyncio.create_task(tick())
        await far.sleep(1e9)
        ticker.cancel()

    bounded(work())
    assert far.now() == 1e9
    assert ticking.now() < 10


def test_one_clock_goes_on_from_loop_to_loop() -> None:
    """Time continues on the next loop, and does not go back for one who slept on an earlier one."""
    clock = VirtualClock()
    bounded(clock.sleep(1))

    async def leave_a_sleeper() -> asyncio.Task[None]:
        task = asyncio.create_task(clock.sleep(1000))
        await clock.sleep(1)
        return task

    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(leave_a_sleeper())
    bounded(clock.sleep(1))
    assert clock.now() == 3.0
    bounded(clock.sleep(5000))
    loop.run_until_complete(task)
    loop.close()
    assert clock.now() == 5003.0


def test_one_clock_serves_two_loops_at_once() -> None:
    """Time is shared then, and nobody is left asleep."""
    clock = VirtualClock()
    threads = [threading.Thread(target=bounded, args=(clock.sleep(seconds),)) for seconds in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert 4.0 <= clock.now() <= 10.0


def test_nothing_is_left_pending_when_a_loop_closes() -> None:
    """The watch is no task: a loop may close over deadlines that nobody waited for, in silence."""
    code = """
import asyncio
from pytest_llmharness import VirtualClock
clock = VirtualClock()

async def work():
    async with clock.timeout(60):
        await clock.sleep(1)
    async with clock.timeout(60):
        assert asyncio.all_tasks() == {asyncio.current_task()}

loop = asyncio.new_event_loop()
loop.run_until_complete(work())
loop.close()
asyncio.run(work())
del loop
import gc; gc.collect()
"""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_closed_loops_are_forgotten() -> None:
    """A clock that outlives many loops keeps none of them."""
    clock = VirtualClock()
    for _ in range(5):
        loop = asyncio.new_event_loop()
        alarms = [loop.run_until_complete(set_an_alarm(clock))]
        loop.close()
        del loop, alarms
    assert len([loop for loop in agenda._agendas if loop.is_closed()]) <= 1


async def set_an_alarm(clock: VirtualClock) -> Any:
    return agenda.agenda().add(clock, 5.0, asyncio.get_running_loop().create_future().cancel)


def test_a_loop_that_hides_its_queue_is_watched_by_turns() -> None:
    """As under uvloop: many quiet turns stand for "everyone waits"."""

    class Opaque(asyncio.SelectorEventLoop):
        hidden = False

        def __getattribute__(self, name: str) -> Any:
            caller = sys._getframe(1).f_globals.get("__name__")
            if name == "_ready" and caller == agenda.__name__:
                Opaque.hidden = True
                raise AttributeError(name)
            return super().__getattribute__(name)

    clock = VirtualClock()

    async def work() -> None:
        async with clock.timeout(10):
            await asyncio.gather(clock.sleep(2), clock.sleep(1))

    with asyncio.Runner(loop_factory=Opaque) as runner:
        runner.run(work())
    assert clock.now() == 2.0
    assert Opaque.hidden


def test_skipped_pauses_are_counted_and_not_waited_for() -> None:
    """An hour costs no real second; a gather of pauses counts the longest."""
    clock = SkippingClock()
    real = SystemClock()

    async def work() -> tuple[float, float]:
        before, really = clock.now(), real.now()
        await clock.sleep(3600)
        await asyncio.gather(clock.sleep(60), clock.sleep(10), clock.sleep(60))
        return clock.now() - before, real.now() - really

    counted, waited = bounded(work())
    assert 3660 <= counted < 3670
    assert waited < 10


def test_a_skipped_pause_uses_up_the_timeouts_around_it() -> None:
    """A replayed run ends where a live one would: the limit counts pauses, those side by side once."""
    clock = SkippingClock()

    async def work() -> float:
        async with clock.timeout(10):
            await clock.sleep(4)
            await asyncio.gather(clock.sleep(5), clock.sleep(5))
        before = clock.now()
        with pytest.raises(TimeoutError):
            async with clock.timeout(10):
                await clock.sleep(4)
                await clock.sleep(7)
        return clock.now() - before

    assert 10 <= bounded(work()) < 11


@pytest.mark.parametrize(("outer", "inner"), [(5, 50), (50, 5)])
def test_a_skipped_pause_ends_in_the_nearer_timeout(outer: float, inner: float) -> None:
    """Nested, and from a child task: the nearer limit cancels, and what follows the pause never runs."""
    clock, reached = SkippingClock(), []

    async def pause() -> None:
        await clock.sleep(100)
        reached.append("after the pause")

    async def work() -> str:
        try:
            async with clock.timeout(outer):
                try:
                    async with clock.timeout(inner), asyncio.TaskGroup() as group:
                        group.create_task(pause())
                except TimeoutError:
                    return "inner"
        except TimeoutError:
            return "outer"
        return "none"

    assert bounded(work()) == ("outer" if outer < inner else "inner")
    assert reached == []


def test_a_skipped_pause_does_not_count_for_a_limit_that_was_left() -> None:
    """A task begun inside one may outlive it."""
    clock = SkippingClock()

    async def work() -> float:
        async with clock.timeout(5):
            pause = asyncio.create_task(clock.sleep(1000))
        before = clock.now()
        await pause
        return clock.now() - before

    assert bounded(work()) > 999


def test_a_skipped_pause_on_another_loop_leaves_the_limit_alone() -> None:
    """A thread inherits the limit with the context, and must not touch it."""
    clock = SkippingClock()

    async def work() -> None:
        async with clock.timeout(5):
            await asyncio.to_thread(asyncio.run, clock.sleep(1000))

    bounded(work())
    assert clock.now() - SystemClock().now() > 999


def test_a_cleanup_may_pause_after_its_limit() -> None:
    """The pause of one who is being cancelled counts in full."""
    clock = SkippingClock()

    async def work() -> float:
        before = clock.now()
        with pytest.raises(TimeoutError):
            async with clock.timeout(5):
                try:
                    await clock.sleep(60)
                finally:
                    await clock.sleep(10)
        return clock.now() - before

    assert 15 <= bounded(work()) < 16


def test_limits_that_were_left_do_not_pile_up() -> None:
    """However many a task goes through."""
    clock = SkippingClock()

    async def work() -> int:
        for _ in range(100):
            async with clock.timeout(5):
                await clock.sleep(1)
        return len(skipping._limits.get())

    assert bounded(work()) == 0
