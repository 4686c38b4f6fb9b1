"""The `llmharness` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..errors import HarnessError
from .arguments import parser

FOUND = 1
"""Exit code: the command ran and found what it looks for."""
FAILED = 2
"""Exit code: it could not run; standard error says what, where and how to mend it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 fine, 1 something was found, 2 it could not run."""
    given = parser().parse_args(arguments)
    from .screen import Screen

    screen = Screen(sys.stdout, color=given.color)
    try:
        found = given.run(given, screen)
        sys.stdout.flush()
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201  # this is a command
        return FAILED
    except BrokenPipeError:
        # The reader (`head`) has enough; at exit Python would try to flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return FOUND if found else 0
