"""A failure that explains itself is shown at the user's line, without the way through the libraries.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator
from types import TracebackType

from ..errors import Explained

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_LIBRARIES = tuple(sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "purelib", "platlib"))


def shorten(error: BaseException) -> None:
    """End the traceback of an explained error at the last frame of the user's own code.

    What caused it keeps its words and loses its frames. An error without a frame of the user's, or
    one that explains nothing, stays as it is.
    """
    last = _last_own_frame(error.__traceback__) if isinstance(error, Explained) else None
    if last is None:
        return
    last.tb_next = None
    for each in _behind(error):
        each.__traceback__ = None


def led_to(first: BaseException, last: BaseException) -> bool:
    """Whether the last error is the first, or came of it, alone or in a group."""
    return first is last or any(each is first for each in _behind(last))


def _behind(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], {id(error)}
    while waiting:
        each = waiting.pop()
        for other in (each.__cause__, each.__context__, *getattr(each, "exceptions", ())):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)
                yield other


def _last_own_frame(trace: TracebackType | None) -> TracebackType | None:
    last = None
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith((_OURS, *_LIBRARIES)):
            last = trace
        trace = trace.tb_next
    return last
