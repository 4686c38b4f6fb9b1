"""The network guard: what is armed, what is let through, what cannot be hidden."""

from __future__ import annotations

import socket
import threading

import pytest


@pytest.fixture
def listener():
    """A real server on loopback that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server.getsockname()[1]


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the plugins that the pytest inside would load for nothing."""
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest -p no:anyio -p no:respx -p no:cacheprovider")


def _run(pytester: pytest.Pytester, body: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(test_guarded="import asyncio, socket\nimport pytest\n" + body)
    return pytester.runpytest_inprocess(*arguments)


def test_a_test_of_ours_cannot_connect(pytester: pytest.Pytester, listener: int) -> None:
    """Loopback too: a forgotten live server must not answer a test."""
    result = _run(
        pytester, f"def test_a(llm_script):\n    socket.create_connection(('127.0.0.1', {listener}))"
    )
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert f"the test tried to connect to 127.0.0.1:{listener}, and nothing allows it" in text
    assert f"@pytest.mark.llm_allow_network('127.0.0.1:{listener}')" in text


def test_swallowing_does_not_help(pytester: pytest.Pytester, listener: int) -> None:
    """`except BaseException` in the code under test still ends in a failure."""
    body = f"""
def test_a(llm_script):
    try:
        socket.create_connection(('127.0.0.1', {listener}))
    except BaseException:
        pass
"""
    _run(pytester, body).assert_outcomes(failed=1)


def test_xfail_does_not_hide_it(pytester: pytest.Pytester, listener: int) -> None:
    """The session exits non-zero and says which test it was."""
    body = f"""
@pytest.mark.xfail
def test_a(llm_script):
    socket.create_connection(('127.0.0.1', {listener}))
"""
    result = _run(pytester, body)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "test_a had a cassette miss or a refused connection, and xfail hid it" in result.stdout.str()


def test_asyncio_is_guarded_too(pytester: pytest.Pytester, listener: int) -> None:
    """An event loop connects by the same sockets."""
    body = f"def test_a(llm_script):\n    asyncio.run(asyncio.open_connection('127.0.0.1', {listener}))"
    _run(pytester, body, "-W", "error").assert_outcomes(failed=1)


def test_a_refused_socket_is_closed(pytester: pytest.Pytester, listener: int) -> None:
    """Nobody else would: the libraries close it after an OSError only."""
    body = f"""
def test_a(llm_script):
    client = socket.socket()
    try:
        client.connect(('127.0.0.1', {listener}))
    finally:
        print("handle", client.fileno())
"""
    _run(pytester, body, "-W", "error").stdout.fnmatch_lines("handle -1")


def test_names_are_not_looked_up(pytester: pytest.Pytester) -> None:
    """A look-up would tell the name server whom the test talks to."""
    result = _run(pytester, "def test_a(llm_script):\n    socket.getaddrinfo('api.example.invalid', 443)")
    result.assert_outcomes(failed=1)
    assert "api.example.invalid:443" in result.stdout.str()


@pytest.mark.parametrize("allowed", ["'127.0.0.1'", "'127.0.0.1:{port}'", "'localhost', '127.0.0.1:{port}'"])
def test_the_marker_lets_a_host_through(pytester: pytest.Pytester, listener: int, allowed: str) -> None:
    """By name, or by name and port."""
    body = f"""
@pytest.mark.llm_allow_network({allowed.format(port=listener)})
def test_a(llm_script):
    socket.create_connection(('127.0.0.1', {listener})).close()
"""
    _run(pytester, body).assert_outcomes(passed=1)


def test_a_stranger_is_left_alone_unless_strict(pytester: pytest.Pytester, listener: int) -> None:
    """`llm_network` says whom the guard watches."""
    body = f"def test_a():\n    socket.create_connection(('127.0.0.1', {listener})).close()"
    _run(pytester, body).assert_outcomes(passed=1)
    _run(pytester, body, "-o", "llm_network=strict").assert_outcomes(failed=1)


def test_what_one_test_was_refused_is_not_held_against_the_next(
    pytester: pytest.Pytester, listener: int
) -> None:
    """Neither against a stranger nor against a test that may connect."""
    body = f"""
def test_a(llm_script):
    socket.create_connection(('127.0.0.1', {listener}))

def test_stranger():
    socket.create_connection(('127.0.0.1', {listener})).close()

@pytest.mark.llm_live
def test_live():
    socket.create_connection(('127.0.0.1', {listener})).close()
"""
    result = _run(pytester, body, "--llm-live")
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines("FAILED test_guarded.py::test_a - NetworkBlocked: the test tried to *")


def test_off_means_off(pytester: pytest.Pytester, listener: int) -> None:
    """The guard can be switched off."""
    body = f"def test_a(llm_script):\n    socket.create_connection(('127.0.0.1', {listener})).close()"
    _run(pytester, body, "-o", "llm_network=off").assert_outcomes(passed=1)


def test_unix_sockets_are_free(pytester: pytest.Pytester) -> None:
    """They never leave the machine."""
    body = """
def test_a(llm_script, tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
"""
    _run(pytester, body).assert_outcomes(passed=1)


def test_the_sockets_are_as_before_afterwards(pytester: pytest.Pytester) -> None:
    """Nothing stays patched once the session is over."""
    before = (socket.socket.connect, socket.getaddrinfo)
    pytester.makepyfile("def test_a(llm_script): pass")
    thread = threading.Thread(target=lambda: pytester.runpytest_inprocess("-q"))
    thread.run()
    assert (socket.socket.connect, socket.getaddrinfo) == before
