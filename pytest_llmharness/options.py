"""Every knob of the plugin, once: flag, ini key, help, header line and docs row come from here.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

ENGINES = ("auto", "embedded", "ollama", "llamacpp", "vllm", "sglang", "lmstudio", "openai")
RECORD_MODES = ("none", "once", "new_episodes", "all", "rewrite", "changed", "verify", "script")
NETWORK_GUARDS = ("scoped", "strict", "off")


@dataclass(frozen=True, slots=True)
class Option:
    """One knob.

    Args:
        name: the ini key; the flag is the same with dashes.
        default: the value where neither flag nor ini key is given.
        help: one line for `--help`, the ini help and the docs.
        kind: "flag" takes no value, "value" one, "list" may be repeated.
        choices: the valid values, where they are few.
        ini_only: whether there is no flag.
    """

    name: str
    default: Any
    help: str
    kind: Literal["flag", "value", "list"] = "value"
    choices: tuple[str, ...] = ()
    ini_only: bool = False

    @property
    def flag(self) -> str:
        """The command-line spelling."""
        return "--" + self.name.replace("_", "-")


OPTIONS = (
    Option("llm_live", False, "let tests marked llm_live reach a model", kind="flag"),
    Option(
        "llm_engine",
        "auto",
        "which live engine; embedded is a real llama.cpp server with a toy model, auto is what answers "
        "on loopback, else embedded",
        choices=ENGINES,
    ),
    Option("llm_base_url", "", "where the live engine is, if not at its usual place"),
    Option("llm_engine_model", (), "which model to ask; repeat it to run side by side", kind="list"),
    Option(
        "llm_record_mode",
        "none",
        "what cassettes record; any mode but none and script lets llm_cassette tests reach a model",
        choices=RECORD_MODES,
    ),
    Option(
        "llm_replay_speed", "0", "how fast cassettes answer: 0 at once, 1.0 as recorded, 2.0 twice as fast"
    ),
    Option(
        "llm_max_age",
        "",
        "from what age on a cassette counts as expired, such as 90d (s, m, h, d, w or y)",
    ),
    Option(
        "llm_on_expiry",
        "warn",
        "what an expired cassette does: a line at the end (warn), or its test fails (fail)",
        choices=("warn", "fail"),
        ini_only=True,
    ),
    Option(
        "llm_match_ignore",
        (),
        "JSON paths in request bodies that say nothing, such as $.metadata.run_id",
        kind="list",
        ini_only=True,
    ),
    Option(
        "llm_match_patterns",
        (),
        "regular expressions; what they find in a request is equal to whatever else they find",
        kind="list",
        ini_only=True,
    ),
    Option(
        "llm_match_builtin",
        ("uuid", "time", "cwd", "call_id"),
        "which volatile parts of model calls count as equal: uuid, time, cwd, call_id, or none",
        kind="list",
        ini_only=True,
    ),
    Option(
        "llm_drift_json",
        "",
        "where to write why requests missed, one JSON line a cause; by default drift.jsonl in pytest's cache",
    ),
    Option(
        "llm_network",
        "scoped",
        "whom the network guard watches: tests with an llm_* marker or fixture (scoped), every test "
        "(strict), nobody (off)",
        choices=NETWORK_GUARDS,
        ini_only=True,
    ),
)

MARKERS = (
    "llm_live(engine=None, models=None): the test wants a live model; it runs with --llm-live, replays "
    "where it has a cassette, and is skipped otherwise",
    "llm_cassette(name=None, record_mode=None, scope='function', match=None, max_age=None, speed=None, "
    "clock=None, rechunk=None, keep_failed=False): record the test's model calls, or replay them",
    "llm_allow_network(host, ...): hosts ('name', 'name:port') the test may connect to",
)


def markdown_table() -> str:
    """Return the reference table of the docs."""
    rows = ["| option | ini key | default | meaning |", "|---|---|---|---|"]
    for option in OPTIONS:
        flag = "(ini only)" if option.ini_only else f"`{option.flag}`"
        shown = " ".join(option.default) if isinstance(option.default, tuple) else option.default
        default = {False: "off", "": "-"}.get(shown, f"`{shown}`")
        values = (
            " One of " + ", ".join(f"`{choice}`" for choice in option.choices) + "." if option.choices else ""
        )
        rows.append(f"| {flag} | `{option.name}` | {default} | {_sentence(option.help)}{values} |")
    return "\n".join(rows) + "\n"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
