"""The portal: sync code runs the async core from anywhere, and nothing kills its thread."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from pytest_llmharness.adapters.executors.call import Call
from pytest_llmharness.adapters.executors.loop_thread import Portal
from pytest_llmharness.adapters.executors.portal import close_portal, portal
from pytest_llmharness.errors import CassetteMiss, HarnessError, NetworkBlocked

PLACE: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")


async def double(number: int) -> int:
    """Take a turn of the loop and answer."""
    await asyncio.sleep(0)
    return number * 2


async def forever() -> None:
    """Never end."""
    await asyncio.get_running_loop().create_future()


@pytest.fixture
def loop_thread() -> Iterator[Portal]:
    """A portal of the test's own."""
    own = Portal(patience_s=10)
    yield own
    own.close()
    assert not own._thread.is_alive()


def in_thread(work: Callable[[], Any]) -> Any:
    """Do the work in another thread and return its outcome, errors included."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert outcome, "the thread did not end"
    return outcome[0]


# Development mode also tells of steps that took long, as any step may on a busy machine.
PATIENT = """
import logging
logging.getLogger("asyncio").addFilter(lambda told: not told.getMessage().startswith("Executing"))
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a strict interpreter: warnings are errors, development mode is on."""
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", PATIENT + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_many_threads_at_once_share_one_loop() -> None:
    """Each caller gets its own answer, all 16 in flight together, on one thread."""
    together = asyncio.Barrier(16)

    async def meet(number: int) -> tuple[int, str]:
        await together.wait()
        return number, threading.current_thread().name

    answers: list[tuple[int, str]] = []
    threads = [
        threading.Thread(target=lambda number=number: answers.append(portal().run(meet(number))))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [(number, "llmharness-portal") for number in range(16)]


def test_works_inside_a_running_loop() -> None:
    """A sync call from a coroutine on another loop does not need that loop."""

    async def outside() -> int:
        return portal().run(double(21))

    assert asyncio.run(outside()) == 42


def test_works_nested_through_loops_and_threads() -> None:
    """A loop, the portal, a thread it started, another loop, and the portal again."""

    async def innermost() -> int:
        return portal().run(double(4))

    async def middle() -> int:
        return 1 + await asyncio.to_thread(lambda: asyncio.run(innermost()))

    async def outside() -> int:
        return portal().run(middle())

    assert asyncio.run(outside()) == 9


def test_the_portals_own_thread_is_refused_by_name() -> None:
    """It would wait for itself; the error says which method to await."""

    async def wrong() -> int:
        return portal().run(double(1))

    async def wrong_steps() -> list[int]:
        return list(portal().iterate(count(2)))

    async def wrong_close() -> None:
        close_portal()

    for coroutine in (wrong(), wrong_steps(), wrong_close()):
        with pytest.raises(HarnessError, match="wait for itself") as caught:
            portal().run(coroutine)
        assert "arun" in caught.value.fix
        assert caught.value.where == "llmharness-portal"
    assert portal().run(double(1)) == 2


def test_a_coroutine_sees_the_callers_context_and_keeps_its_own() -> None:
    """Context variables go in, each thread's own; what the coroutine sets does not come back."""

    async def look() -> str:
        seen = PLACE.get()
        PLACE.set("changed")
        return seen

    PLACE.set("here")
    assert portal().run(look()) == "here"
    assert PLACE.get() == "here"
    assert in_thread(lambda: portal().run(look())) == "nowhere"


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="the system has no signals for threads")
def test_an_interrupt_of_the_caller_cancels_the_coroutine_and_lets_it_clean_up() -> None:
    """Ctrl-C: the cleanup has ended, awaits included, before the caller goes on."""
    steps: list[str] = []
    main = threading.get_ident()

    async def interrupted() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await forever()
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise
        finally:
            for _ in range(20):
                await asyncio.to_thread(int)
            steps.append("clean")

    with pytest.raises(KeyboardInterrupt):
        portal().run(interrupted())
    assert steps == ["cancelled", "clean"]
    assert portal().run(double(2)) == 4


def test_an_interrupt_does_not_wait_for_ever() -> None:
    """A coroutine that refuses to be cancelled holds the caller for `patience_s` only."""
    own = Portal(patience_s=0.01)
    release = asyncio.Event()
    main = threading.get_ident()

    async def stubborn() -> None:
        signal.pthread_kill(main, signal.SIGINT)
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(KeyboardInterrupt):
        own.run(stubborn())
    own._loop.call_soon_threadsafe(release.set)
    assert own.run(double(2)) == 4
    own.close()


def test_a_call_cancelled_before_it_began_never_begins() -> None:
    """Its coroutine is closed, so that nobody complains that it was not awaited."""
    begun: list[bool] = []

    async def begin() -> None:
        begun.append(True)

    async def cancel_first() -> None:
        call = Call(begin())
        call.cancel()
        await call.run()
        with pytest.raises(asyncio.CancelledError):
            call.result()

    asyncio.run(cancel_first())
    assert begun == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, CassetteMiss, NetworkBlocked, ValueError])
@pytest.mark.parametrize("where", ["body", "child task", "step"])
def test_what_a_coroutine_raises_reaches_the_caller_and_the_loop_lives(
    kind: type[BaseException], where: str, loop_thread: Portal
) -> None:
    """Also from a child task, where asyncio throws KeyboardInterrupt and SystemExit out of the loop."""
    error = (
        kind("gone", where="here", fix="do that") if kind in (CassetteMiss, NetworkBlocked) else kind("gone")
    )

    async def fail() -> None:
        await asyncio.sleep(0)
        raise error

    async def fail_in_child() -> None:
        await asyncio.gather(fail(), double(1))

    async def fail_in_step() -> AsyncIterator[int]:
        yield 1
        await fail()

    with pytest.raises(kind) as caught:
        if where == "step":
            list(loop_thread.iterate(fail_in_step()))
        else:
            loop_thread.run(fail() if where == "body" else fail_in_child())
    assert caught.value is error
    assert loop_thread._thread.is_alive()
    assert loop_thread.run(double(3)) == 6


def test_others_go_on_while_a_child_task_raises_system_exit(loop_thread: Portal) -> None:
    """What ran beside it is neither lost nor late."""
    begun = threading.Event()

    async def exit_in_child() -> None:
        async def leave() -> None:
            raise SystemExit(3)

        await asyncio.get_running_loop().create_task(leave())

    async def beside(go: asyncio.Event) -> str:
        begun.set()
        await go.wait()
        return "done"

    go = asyncio.Event()
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(loop_thread.run(beside(go))))
    thread.start()
    assert begun.wait(20)
    with pytest.raises(SystemExit):
        loop_thread.run(exit_in_child())
    loop_thread._loop.call_soon_threadsafe(go.set)
    thread.join(20)
    assert outcome == ["done"]


def test_a_coroutine_cannot_stop_the_loop(loop_thread: Portal) -> None:
    """`loop.stop()` from inside ends nothing."""

    async def stop() -> str:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0)
        return "still here"

    assert loop_thread.run(stop()) == "still here"


def test_a_coroutine_that_cancels_itself_raises_cancelled_error() -> None:
    """As under asyncio.run; it is not taken for a closed portal."""

    async def cancel_self() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        portal().run(cancel_self())


def test_an_error_is_freed_without_the_garbage_collector() -> None:
    """An error that was handled keeps nothing alive, such as a connection in its traceback."""

    class Connection:
        pass

    async def fail() -> None:
        connection = Connection()
        connections.append(weakref.ref(connection))
        raise ValueError("gone")

    connections: list[weakref.ref[Connection]] = []
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ValueError, match="gone"):
            portal().run(fail())
        portal().run(double(1))  # the loop has let go of its last handle
        assert connections[0]() is None
    finally:
        gc.enable()


async def count(until: int, closed: list[str] | None = None) -> AsyncIterator[int]:
    """Count, and note when the generator is closed and on which thread."""
    try:
        for number in range(until):
            await asyncio.sleep(0)
            yield number
    finally:
        await asyncio.sleep(0)
        if closed is not None:
            closed.append(threading.current_thread().name)


def test_iterate_yields_what_the_generator_yields_and_no_more_than_asked() -> None:
    """In order, to the end, and nothing runs ahead of its reader."""
    made: list[int] = []

    async def noted() -> AsyncIterator[int]:
        async for number in count(5):
            made.append(number)
            yield number

    steps = portal().iterate(noted())
    assert [next(steps), next(steps), list(made)] == [0, 1, [0, 1]]
    assert list(steps) == [2, 3, 4]


def test_leaving_early_closes_the_generator_on_the_loop() -> None:
    """When `close` returns, the generator's own cleanup has ended, on the portal's thread."""
    closed: list[str] = []
    steps = portal().iterate(count(9, closed))
    assert next(steps) == 0
    steps.close()
    assert closed == ["llmharness-portal"]


def test_a_generator_never_started_needs_no_closing() -> None:
    """Nothing is begun, nothing is left pending."""
    closed: list[str] = []
    portal().iterate(count(3, closed)).close()
    assert closed == []


def test_a_stream_dropped_on_the_loop_thread_is_closed_without_waiting(loop_thread: Portal) -> None:
    """The garbage collector may run there: it must neither deadlock nor raise."""
    closed: list[str] = []
    steps = [loop_thread.iterate(count(9, closed))]
    assert next(steps[0]) == 0

    async def drop() -> None:
        steps.clear()
        await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})

    loop_thread.run(drop())
    assert closed == ["llmharness-portal"]


def test_each_step_may_come_from_a_different_thread_and_all_run_in_one_task() -> None:
    """What a step enters, a later one can leave: a timeout, a task group, a context variable."""

    async def scoped() -> AsyncIterator[tuple[str, asyncio.Task[Any] | None]]:
        token = PLACE.set("inside")
        async with asyncio.timeout(60), asyncio.TaskGroup():
            for _ in range(3):
                yield PLACE.get(), asyncio.current_task()
        PLACE.reset(token)

    steps = portal().iterate(scoped())
    seen = [in_thread(lambda: next(steps)) for _ in range(3)]
    assert in_thread(lambda: next(steps, "end")) == "end"
    assert [place for place, _ in seen] == ["inside"] * 3
    assert len({id(task) for _, task in seen}) == 1


def test_an_error_in_the_generators_cleanup_reaches_whoever_leaves() -> None:
    """As with a generator that is not asynchronous."""

    async def broken() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            raise OSError("cannot close")

    steps = portal().iterate(broken())
    next(steps)
    with pytest.raises(OSError, match="cannot close"):
        steps.close()


def test_an_interrupt_in_a_step_closes_the_generator() -> None:
    """The step is cancelled, the generator cleans up in its own task, the caller goes on."""
    main = threading.get_ident()
    left: list[str] = []

    async def hanging() -> AsyncIterator[int]:
        yield 1
        signal.pthread_kill(main, signal.SIGINT)
        try:
            await forever()
        finally:
            await asyncio.sleep(0)
            left.append("clean")

    steps = portal().iterate(hanging())
    next(steps)
    with pytest.raises(KeyboardInterrupt):
        next(steps)
    assert left == ["clean"]
    assert portal().run(double(1)) == 2


def test_a_step_that_refuses_to_end_holds_nobody_for_ever() -> None:
    """Neither the interrupted reader, nor who closes the portal; what was queued behind it is closed."""
    own = Portal(patience_s=0.01)
    main = threading.get_ident()

    async def stubborn() -> AsyncIterator[int]:
        signal.pthread_kill(main, signal.SIGINT)
        while True:
            try:
                await forever()
            except asyncio.CancelledError:
                continue
        yield 1

    with pytest.raises(KeyboardInterrupt):
        next(own.iterate(stubborn()))
    own.close()
    own._thread.join(20)
    assert own._loop.is_closed()
    del own
    gc.collect()


def test_an_iterator_without_aclose_is_iterated_too() -> None:
    """Any async iterator will do."""

    class Plain:
        left = 2

        def __aiter__(self) -> Plain:
            return self

        async def __anext__(self) -> int:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return self.left

    assert list(portal().iterate(Plain())) == [1, 0]


def test_a_closed_portal_starts_again() -> None:
    """Closing is not for ever, and closing twice is no error."""
    first = portal()
    close_portal()
    close_portal()
    assert not first.alive
    second = portal()
    assert second is not first
    assert second.run(double(5)) == 10
    with pytest.raises(HarnessError, match="was stopped"):
        first.run(double(5))


def test_closing_cancels_cleans_up_and_tells_who_waits() -> None:
    """A caller in another thread gets a named error, after its coroutine has cleaned up."""
    own = Portal()
    begun, clean = threading.Event(), []

    async def wait() -> None:
        try:
            begun.set()
            await forever()
        finally:
            await asyncio.sleep(0)
            clean.append(True)

    outcome: list[Any] = []

    def call() -> None:
        try:
            own.run(wait())
        except HarnessError as error:
            outcome.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(20)
    own.close()
    thread.join(20)
    assert clean == [True]
    assert "was stopped" in outcome[0].what


def test_closing_ends_open_streams() -> None:
    """The generator is closed on its loop, and its reader gets a named error."""
    own = Portal()
    closed: list[str] = []
    steps = own.iterate(count(9, closed))
    next(steps)
    own.close()
    assert closed == ["llmharness-portal"]
    with pytest.raises(HarnessError, match="was stopped"):
        next(steps)


def test_closing_in_the_middle_of_a_step_is_quick() -> None:
    """The step is cancelled, its reader is told, and the lane takes no more steps."""
    own = Portal(patience_s=60)
    begun = threading.Event()

    async def hanging() -> AsyncIterator[int]:
        begun.set()
        await forever()
        yield 1

    outcome: list[Any] = []
    reader = threading.Thread(target=lambda: outcome.append(in_thread(lambda: next(own.iterate(hanging())))))
    reader.start()
    assert begun.wait(20)
    before = time.monotonic()
    own.close()
    assert time.monotonic() - before < 20
    reader.join(20)
    assert "was stopped" in outcome[0].what


def test_closing_does_not_wait_for_ever() -> None:
    """A task that refuses to be cancelled, or that blocks the thread, holds `close` for a bounded time."""
    own = Portal(patience_s=0.01)
    begun, release = threading.Event(), threading.Event()

    async def block() -> None:
        begun.set()
        release.wait(20)

    thread = threading.Thread(target=lambda: in_thread(lambda: own.run(block())))
    thread.start()
    assert begun.wait(20)
    own.close()
    assert not own.alive
    release.set()
    thread.join(20)
    own._thread.join(20)
    assert own._loop.is_closed()


FORK = """
import asyncio, gc, os, sys, threading, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
from pytest_llmharness.adapters.executors import portal as home
portal = home.portal
background = []

async def double(number):
    await asyncio.sleep(0.001)
    return number * 2

async def forever():
    await asyncio.get_running_loop().create_future()

async def count():
    for number in range(3):
        yield number

async def start():
    background.append(asyncio.get_running_loop().create_task(forever()))

assert portal().run(double(1)) == 2
portal().run(start())
steps = portal().iterate(count())
assert next(steps) == 0
parent = portal()
home._lock.acquire()  # as another thread may, in the moment of the fork
pid = os.fork()
if not pid:
    assert not parent.alive
    assert portal() is not parent
    assert portal().run(double(2)) == 4
    try:
        next(steps)
    except Exception as error:
        assert "was stopped" in str(error), error
    else:
        raise AssertionError("a stream went on in another process")
    background.clear()
    del parent, steps
    gc.collect()
    sys.exit(7)
home._lock.release()
_, status = os.waitpid(pid, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
assert portal() is parent
assert portal().run(double(3)) == 6
assert list(steps) == [1, 2]
print("parent went on")
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the system has no fork")
def test_a_forked_child_gets_its_own_portal_and_the_parent_keeps_its_own() -> None:
    """The child works and exits by itself, in silence; the parent's loop does not notice."""
    done = python(FORK)
    assert (done.returncode, done.stdout, done.stderr) == (0, "parent went on\n", "")


EXIT = """
import asyncio, threading
from pytest_llmharness.adapters.executors.portal import portal

begun = threading.Event()

async def forever(name):
    try:
        begun.set()
        await asyncio.get_running_loop().create_future()
    finally:
        await asyncio.sleep(0)
        print(name, "is clean", flush=True)

async def leave_a_task():
    portal.task = asyncio.get_running_loop().create_task(forever("the task"))
    await asyncio.sleep(0)

async def count():
    try:
        yield 1
        yield 2
    finally:
        print("the stream is clean", flush=True)

portal().run(leave_a_task())
steps = portal().iterate(count())
next(steps)
begun.clear()
threading.Thread(target=lambda: portal().run(forever("the call")), daemon=True).start()
begun.wait()
"""


def test_the_process_ends_in_silence_with_coroutines_pending() -> None:
    """A task, a call of a daemon thread and a stream: all clean up, none hangs or complains."""
    done = python(EXIT)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        "the call is clean",
        "the stream is clean",
        "the task is clean",
    ]


def test_the_process_ends_when_a_coroutine_refuses_to() -> None:
    """Nobody waits longer than the patience."""
    code = """
import asyncio
from pytest_llmharness.adapters.executors import portal as home
home._portal = home.Portal(patience_s=0.05)

async def stubborn():
    while True:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            continue

async def start():
    home.kept = asyncio.get_running_loop().create_task(stubborn())
    await asyncio.sleep(0)

home.portal().run(start())
home.close_portal()
print("ended", home._portal._thread.is_alive())
"""
    done = python(code)
    assert (done.returncode, done.stdout) == (0, "ended False\n")


@pytest.mark.parametrize("used_before", [True, False])
def test_a_last_call_while_the_interpreter_ends(used_before: bool) -> None:
    """`atexit.register(harness.close)` works, though newer Pythons start no thread by then."""
    code = f"""
import atexit

async def double(number):
    return number * 2

def last():
    from pytest_llmharness.adapters.executors.portal import portal
    print(portal().run(double(2)))

atexit.register(last)
if {used_before}:
    last()
"""
    done = python(code)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("4\n4\n" if used_before else "4\n")
