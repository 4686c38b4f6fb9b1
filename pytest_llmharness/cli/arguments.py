"""The command line: every subcommand with its arguments; what runs it is imported when it runs."""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

_CODES = "exit codes: 0 fine, 1 something was found (check, diff, scrub --dry-run, prune), 2 it could not run"
_PATHS = "files or folders; without any, every cassettes/ folder below this one"


def parser() -> argparse.ArgumentParser:
    """Return the parser; `run` of what it parses does the work."""
    top = argparse.ArgumentParser(
        prog="llmharness", description="Test the harness, not the prompt.", epilog=_CODES
    )
    top.add_argument("--version", action="version", version=f"llmharness {_version()}")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    cassette = commands.add_parser(
        "cassette", help="list, read, compare, check and mend cassettes", epilog=_CODES
    )
    _cassette_commands(cassette.add_subparsers(required=True, metavar="COMMAND"))
    init = _command(
        commands,
        "init",
        "beginning",
        "write a first test, ini keys and the .gitattributes line for cassettes",
    )
    init.add_argument("path", nargs="?", default=".", metavar="PATH", help="the project's folder")
    init.add_argument("--dry-run", action="store_true", help="only say what it would do")
    doctor = _command(commands, "doctor", "doctor", "say what is installed, and what is missing for what")
    doctor.add_argument(
        "--no-engines", action="store_true", help="do not ask which engines answer on loopback"
    )
    return top


def _cassette_commands(commands: Any) -> None:
    _paths(_command(commands, "ls", "listing", "list cassettes: takes, models, age, size"))
    show = _command(commands, "show", "showing", "show cassettes as the conversations they are")
    show.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    show.add_argument("--take", type=int, metavar="N", help="only this take, counted from 1")
    show.add_argument("--full", action="store_true", help="do not shorten long texts")
    diff = _command(commands, "diff", "comparing", "compare two cassettes, take by take and word by word")
    diff.add_argument("old", metavar="OLD")
    diff.add_argument("new", metavar="NEW")
    check = _paths(
        _command(
            commands,
            "check",
            "checking",
            "find cassettes that are broken, hold secrets, are old, or of no test",
        )
    )
    _age(check)
    scrub = _paths(
        _command(commands, "scrub", "mending", "take secrets out of cassettes that hold any"), needed=True
    )
    scrub.add_argument("--dry-run", action="store_true", help="only say which cassettes hold secrets")
    prune = _paths(
        _command(
            commands, "prune", "pruning", "delete the cassettes of tests that are gone, and those too old"
        )
    )
    _age(prune)
    prune.add_argument("--yes", action="store_true", help="delete them; without it they are only listed")
    promote = _command(
        commands, "promote", "promoting", "put what a failed or killed test recorded into its cassette"
    )
    promote.add_argument("paths", nargs="+", metavar="PATH", help="journals: files *.failed or *.journal")
    convert = _paths(
        _command(commands, "convert", "converting", "write cassettes in another form"), needed=True
    )
    convert.add_argument(
        "--to", required=True, choices=("native", "vcr", "vcr-json", "parsed-body"), help="the form to write"
    )
    convert.add_argument(
        "-o", "--output", metavar="PATH", help="the file to write, or a folder; else beside the old one"
    )
    convert.add_argument("--force", action="store_true", help="write over a file that is there")


def _command(commands: Any, name: str, module: str, words: str) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(
        name, help=words, description=f"{words[0].upper()}{words[1:]}."
    )
    found.add_argument("--json", action="store_true", help="write JSON instead of text")
    found.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="when to use colors"
    )

    def run(*given: Any) -> bool:
        return bool(import_module(f".{module}", __package__).run(*given))

    found.set_defaults(run=run)
    return found


def _paths(command: argparse.ArgumentParser, *, needed: bool = False) -> argparse.ArgumentParser:
    words = "files or folders" if needed else _PATHS
    command.add_argument("paths", nargs="+" if needed else "*", metavar="PATH", help=words)
    return command


def _age(command: argparse.ArgumentParser) -> None:
    command.add_argument("--max-age", metavar="AGE", help="what is older is expired, e.g. 30d, 12h, 1y")


def _version() -> str:
    version: str = import_module(str(__package__).partition(".")[0]).__version__
    return version
