"""Print the table: `python -m bench`, or some of it: `python -m bench schema replay`."""

from __future__ import annotations

import importlib
import sys

from .row import HEAD

TOPICS = (
    *("schema", "violations", "stream", "compile", "repair", "parsing"),
    *("replay", "cassettes", "streams", "loop", "peers", "parts", "plugin_load"),
)


def main(chosen: list[str]) -> int:
    """Measure what was chosen; a wrong output ends in an AssertionError, a slow one is shown."""
    unknown = sorted(set(chosen) - set(TOPICS))
    if unknown:
        print(f"no benchmark has the name {unknown[0]!r}; there are: {', '.join(TOPICS)}")
        return 2
    print(HEAD)
    missed = 0
    for topic in chosen or TOPICS:
        for row in importlib.import_module(f"{__package__}.{topic}").rows():
            print(row.line(), flush=True)
            missed += not row.met
    print(
        f"\n{missed} below target: see docs/spec.md for what is still open" if missed else "\nall targets met"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
