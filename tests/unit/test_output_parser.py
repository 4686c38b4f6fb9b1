"""Model output of many families: text, thinking, calls, documents, whole and in pieces."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_llmharness import OutputParser, ParsedOutput, ToolCall, ToolSpec
from pytest_llmharness.errors import ConfigError, CoreMissing
from pytest_llmharness.parsing import grammars

ROOT = Path(__file__).parents[2]
CORPUS = Path(os.environ.get("LLMHARNESS_CORPUS", ROOT.parent / "shared" / "corpus")) / "tool_calls"

BAR, SPACE = "\uff5c", "\u2581"  # DeepSeek's bars and spaces
ONE = [("f", {"x": "a", "n": 3})]
ARGS = '{"x": "a", "n": 3}'
CALL = '{"name": "f", "arguments": ' + ARGS + "}"
PARAMETERS = '<parameter name="x">a</parameter>\n<parameter name="n">3</parameter>\n'

# (grammar that must be named, text of one call to f)
WIRES: list[tuple[str, str]] = [
    ("hermes", f"<tool_call>\n{CALL}\n</tool_call>"),
    ("granite", f"<|tool_call|>[{CALL}]"),
    ("jamba", f"<tool_calls>[{CALL}]</tool_calls>"),
    ("nemotron", f"<TOOLCALL>[{CALL}]</TOOLCALL>"),
    ("phi4", f"functools[{CALL}]"),
    ("mistral", f"[TOOL_CALLS] [{CALL}]"),
    ("llama3", '<|python_tag|>{"name": "f", "parameters": ' + ARGS + "}"),
    ("internlm", f"<|action_start|><|plugin|>\n{CALL}<|action_end|>"),
    ("cohere", '<|START_ACTION|>[{"tool_name": "f", "parameters": ' + ARGS + "}]<|END_ACTION|>"),
    ("apertus", '<|tools_prefix|>[{"f": ' + ARGS + "}]<|tools_suffix|>"),
    ("gigachat", f"function call<|role_sep|>\n{CALL}"),
    (
        "inkling",
        '<|message_model|>f<|content_invoke_tool_json|>{"name": "f", "args": ' + ARGS + "}<|end_message|>",
    ),
    ("mistral11", f"[TOOL_CALLS]f[ARGS]{ARGS}"),
    ("mistral11", f"[TOOL_CALLS]f{ARGS}"),
    (
        "deepseek",
        f"<{BAR}tool{SPACE}calls{SPACE}begin{BAR}><{BAR}tool{SPACE}call{SPACE}begin{BAR}>function<{BAR}tool{SPACE}sep{BAR}>f\n"
        f"```json\n{ARGS}\n```<{BAR}tool{SPACE}call{SPACE}end{BAR}><{BAR}tool{SPACE}calls{SPACE}end{BAR}>",
    ),
    (
        "deepseek",
        f"<{BAR}tool{SPACE}call{SPACE}begin{BAR}>f<{BAR}tool{SPACE}sep{BAR}>{ARGS}<{BAR}tool{SPACE}call{SPACE}end{BAR}>",
    ),
    (
        "kimi_k2",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>"
        f"{ARGS}<|tool_call_end|><|tool_calls_section_end|>",
    ),
    ("llama_function", f"<function=f>{ARGS}</function>"),
    ("functionary", f"<|from|>assistant\n<|recipient|>f\n<|content|>{ARGS}"),
    ("calling_tool", f"[Calling tool: f({ARGS})]"),
    (
        "qwen3_coder",
        "<tool_call>\n<function=f>\n<parameter=x>\na\n</parameter>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
    ),
    (
        "seed_oss",
        "<seed:tool_call><function=f><parameter=x>a</parameter><parameter=n>3</parameter></function></seed:tool_call>",
    ),
    (
        "glm4",
        "<tool_call>f\n<arg_key>x</arg_key>\n<arg_value>a</arg_value>\n<arg_key>n</arg_key>\n<arg_value>3</arg_value>\n</tool_call>",
    ),
    (
        "longcat",
        "<longcat_tool_call>f\n<longcat_arg_key>x</longcat_arg_key><longcat_arg_value>a</longcat_arg_value>"
        "<longcat_arg_key>n</longcat_arg_key><longcat_arg_value>3</longcat_arg_value></longcat_tool_call>",
    ),
    (
        "solar_open",
        "<|tool_call:start|>f <|tool_arg:start|>x<|tool_arg:value|>a<|tool_arg:end|>"
        "<|tool_arg:start|>n<|tool_arg:value|>3<|tool_arg:end|><|tool_call:end|>",
    ),
    (
        "kimi_k3",
        '<|open|>tools<|sep|><|open|>call tool="f" index="0"<|sep|>'
        '<|open|>argument key="x" type="string"<|sep|>a<|close|>argument<|sep|>'
        '<|open|>argument key="n" type="number"<|sep|>3<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>',
    ),
    ("anthropic_xml", f'<function_calls>\n<invoke name="f">\n{PARAMETERS}</invoke>\n</function_calls>'),
    ("minimax_m2", f'<minimax:tool_call>\n<invoke name="f">\n{PARAMETERS}</invoke>\n</minimax:tool_call>'),
    (
        "deepseek_dsml",
        f'<{BAR}DSML{BAR}function_calls><{BAR}DSML{BAR}invoke name="f">'
        f'<{BAR}DSML{BAR}parameter name="x" string="true">a</{BAR}DSML{BAR}parameter>'
        f'<{BAR}DSML{BAR}parameter name="n" string="false">3</{BAR}DSML{BAR}parameter>'
        f"</{BAR}DSML{BAR}invoke></{BAR}DSML{BAR}function_calls>",
    ),
    (
        "step3",
        f'<{BAR}tool_calls_begin{BAR}><{BAR}tool_call_begin{BAR}>function<{BAR}tool_sep{BAR}><steptml:invoke name="f">'
        '<steptml:parameter name="x">a</steptml:parameter><steptml:parameter name="n">3</steptml:parameter>'
        f"</steptml:invoke><{BAR}tool_call_end{BAR}><{BAR}tool_calls_end{BAR}>",
    ),
    ("llama4", '<|python_start|>[f(x="a", n=3)]<|python_end|>'),
    ("olmo3", '<function_calls>\nf(x="a", n=3)\n</function_calls>'),
    ("lfm2", '<|tool_call_start|>[f(x="a", n=3)]<|tool_call_end|>'),
    ("gemma", '<|tool_call>call:f{x:<|"|>a<|"|>,n:3}<tool_call|>'),
    ("gemma", "<start_function_call>call:f{x:<escape>a<escape>,n:3}<end_function_call>"),
    (
        "harmony",
        f"<|channel|>commentary to=functions.f <|constrain|>json<|message|>{ARGS}<|call|>",
    ),
    ("harmony", f"<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{ARGS}<|call|>"),
    ("react", f"Action: f\nAction Input: {ARGS}"),
    ("json", f"[{CALL}]"),
    ("json", f"```json\n{CALL}\n```"),
    ("pythonic", '[f(x="a", n=3)]'),
    ("pythonic", "f(x='a', n=3)"),
]


def _calls(output: ParsedOutput) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in output.tool_calls]


def _one(grammar: str) -> list[tuple[str, dict[str, Any]]]:
    """The call to f; two formats have text where no schema says otherwise."""
    return [("f", {"x": "a", "n": "3"})] if grammar in {"anthropic_xml", "minimax_m2"} else ONE


@pytest.mark.parametrize(("grammar", "text"), WIRES, ids=[f"{k}-{wire[0]}" for k, wire in enumerate(WIRES)])
def test_a_wire_format_is_read(grammar: str, text: str) -> None:
    """Each format: found without being named, named among the readings, no marker left in the text."""
    output = OutputParser().parse(f"Let me see.\n{text}")
    assert _calls(output) == _one(grammar)
    assert output.text.strip() == "Let me see."
    assert any(grammar in reading.grammars for reading in output.readings)


@pytest.mark.parametrize(("grammar", "text"), WIRES, ids=[f"{k}-{wire[0]}" for k, wire in enumerate(WIRES)])
def test_a_wire_format_is_strictly_itself(grammar: str, text: str) -> None:
    """Each documented format passes its strict reading, and takes no edit."""
    output = OutputParser([grammar], strict=True).parse(text)
    assert _calls(output) == _one(grammar)
    assert output.edits == ()


@pytest.mark.parametrize(("grammar", "text"), WIRES, ids=[f"{k}-{wire[0]}" for k, wire in enumerate(WIRES)])
def test_any_cut_gives_what_the_whole_gives(grammar: str, text: str) -> None:
    """Every split point of every format, in two pieces and byte by byte."""
    parser = OutputParser([grammar])
    text = f"<think>\u00e9?</think>{text}\nDone."
    whole = parser.parse(text)
    assert _calls(whole) == _one(grammar)
    for cut in range(len(text) + 1):
        stream = parser.stream()
        for piece in (text[:cut], text[cut:]):
            stream.feed(piece)
        assert stream.close() == whole
    stream = parser.stream()
    events = [event for c in text for event in stream.feed(c)]
    assert stream.close() == whole
    events += stream.last_events
    assert "".join(event.text for event in events if event.kind == "text") == whole.text
    assert [event.call for event in events if event.kind == "tool_call"] == list(whole.tool_calls)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        (f"<tool_call>{CALL}</tool_call>", "}"),
        (f"<tool_calls>[{CALL}]</tool_calls>", "}"),
        (f"[TOOL_CALLS]f{ARGS}", "}"),
        ('<|python_start|>[f(x="a", n=3)]<|python_end|>', ")"),
        ("<function=f><parameter=x>a</parameter></function>", "</function>"),
    ],
)
def test_a_call_is_an_event_at_its_last_byte(text: str, last: str) -> None:
    """A call surfaces once, before the closing marker where the arguments end by themselves."""
    stream = OutputParser().stream()
    seen = [k for k, c in enumerate(text) for event in stream.feed(c) if event.kind == "tool_call"]
    assert seen == [text.rindex(last) + len(last) - 1]
    assert len(stream.close().tool_calls) == 1


@pytest.mark.parametrize("text", [wire[1] for wire in WIRES if "}" in wire[1]])
def test_a_call_that_is_cut_off_is_never_called(text: str) -> None:
    """Whatever is missing of the arguments, nothing is called, and what came stays in the text."""
    for cut in range(text.rindex("}")):
        output = OutputParser().parse(text[:cut])
        assert output.tool_calls == (), text[:cut]


def test_the_three_formats_of_the_harness_article() -> None:
    """A list of objects, name({...}), OpenAI's tool_calls with arguments in a string."""
    parser = OutputParser()
    nested = {"q": "it's {nested} ]", "deep": {"a": [1, {"b": "}"}]}}
    text = json.dumps(nested)
    assert _calls(
        parser.parse(f'[{{"name": "f", "arguments": {text}}}, {{"name": "g", "arguments": {{}}}}]')
    ) == [
        ("f", nested),
        ("g", {}),
    ]
    assert _calls(parser.parse(f"f({text})")) == [("f", nested)]
    calls = [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": text}}]
    output = parser.parse(json.dumps({"role": "assistant", "content": None, "tool_calls": calls}))
    assert output.tool_calls == (ToolCall("f", nested, "c1"),)


@pytest.mark.parametrize(
    "text",
    [
        "Call f(x) to see [f] and {f}.",
        'The name is {"name": "Ada", "age": 3}.',
        "See the docs (https://x.y/f(1)) for more.",
        "I would call add(1, 2) here, but no.",
        "def f(x=1):\n    return x",
        "Use `<tool_call>` to open and `</tool_call>` to close.",
        "Action: none is needed.",
        "I'll call: <function=get_weather>",
        "```python\nprint('f(x=1)')\n```",
    ],
)
def test_prose_that_looks_like_a_call_is_text(text: str) -> None:
    """No call, and the text as it came."""
    output = OutputParser().parse(text)
    assert output.tool_calls == ()
    assert output.text == text


@pytest.mark.parametrize(
    "marker", ["</tool_call>", "<tool_call>", "[TOOL_CALLS]rm", "<think>", "<function=f>", "```"]
)
def test_markers_inside_of_strings_are_text(marker: str) -> None:
    """An argument may hold any marker."""
    call = json.dumps({"name": "f", "arguments": {"text": f"say {marker} now"}})
    for text in (f"<tool_call>{call}</tool_call>", f"[TOOL_CALLS][{call}]", call):
        assert _calls(OutputParser().parse(text)) == [("f", {"text": f"say {marker} now"})]


SPEC = ToolSpec(
    "f",
    schema={
        "type": "object",
        "properties": {
            "zip": {"type": "string"},
            "n": {"type": "integer"},
            "flag": {"type": "boolean"},
            "items": {"$ref": "#/$defs/list"},
            "maybe": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        },
        "$defs": {"list": {"type": "array"}},
    },
)


def _tagged(**values: str) -> str:
    pairs = "".join(f"<parameter={key}>{value}</parameter>" for key, value in values.items())
    return f"<function=f>{pairs}</function>"


def test_the_schema_gives_the_types() -> None:
    """Where the format has none: strings stay strings, the rest is read as its type."""
    text = _tagged(zip="02134", n="3", flag="true", items="[1, 'two']", maybe="null")
    want = {"zip": "02134", "n": 3, "flag": True, "items": [1, "two"], "maybe": None}
    assert _calls(OutputParser(tools=[SPEC]).parse(text)) == [("f", want)]
    as_dict = {"type": "function", "function": {"name": "f", "parameters": SPEC.schema}}
    assert _calls(OutputParser(tools=[as_dict]).parse(text)) == [("f", want)]


@pytest.mark.parametrize("raw", ["true", "1.0", "null", '{"a": 1}', "None", "[1]"])
def test_a_string_argument_stays_a_string(raw: str) -> None:
    """`"true"` for a string parameter is the text, not the truth."""
    assert _calls(OutputParser(tools=[SPEC]).parse(_tagged(zip=raw))) == [("f", {"zip": raw})]


def test_without_a_schema_values_are_read_by_their_look() -> None:
    """Literals of JSON and Python; digits that no number is written with stay text."""
    text = _tagged(a="3", b="True", c="02134", d='{"x": 1}', e="plain", f="None")
    assert _calls(OutputParser().parse(text)) == [
        ("f", {"a": 3, "b": True, "c": "02134", "d": {"x": 1}, "e": "plain", "f": None})
    ]


def test_invoked_values_without_a_schema_are_text() -> None:
    """As MiniMax's and Anthropic's own readers have it: a value has a type only from the schema."""
    text = (
        '<function_calls><invoke name="f"><parameter name="a">[1, 2]</parameter><parameter name="b">02134</parameter>'
        '<parameter name="c">&lt;b&gt;</parameter><parameter name="d">null</parameter></invoke></function_calls>'
    )
    assert _calls(OutputParser().parse(text)) == [
        ("f", {"a": "[1, 2]", "b": "02134", "c": "&lt;b&gt;", "d": None})
    ]
    typed = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "array"}}}}
    assert _calls(OutputParser(tools=[typed]).parse(text))[0][1]["a"] == [1, 2]


def test_positional_arguments_take_their_names_from_the_schema() -> None:
    """f('02134', 3) with a known tool."""
    output = OutputParser(tools=[SPEC]).parse("f('02134', 3)")
    assert _calls(output) == [("f", {"zip": "02134", "n": 3})]


def test_a_bare_shape_calls_only_known_tools() -> None:
    """Without a marker, a name that no tool has is no call."""
    text = '{"name": "unknown", "arguments": {}}'
    output = OutputParser(tools=[SPEC]).parse(text)
    assert output.tool_calls == ()
    assert output.documents == ({"name": "unknown", "arguments": {}},)
    assert _calls(OutputParser(tools=[SPEC]).parse(f"<tool_call>{text}</tool_call>")) == [("unknown", {})]


def test_code_actions_call_known_tools() -> None:
    """A python block is code, unless it calls a tool that is known."""
    text = '```python\nf(zip="02134")\n```'
    assert _calls(OutputParser(tools=[SPEC]).parse(text)) == [("f", {"zip": "02134"})]
    assert OutputParser().parse(text).tool_calls == ()


@pytest.mark.parametrize(
    ("text", "thinking", "rest"),
    [
        ("<think>a</think>b", "a", "b"),
        ("<think>\na\n</think>\n\nb", "a", "b"),
        ("a</think>b", "a", "b"),
        ("<think>never closed", "never closed", ""),
        ("[THINK]a[/THINK]b", "a", "b"),
        ("<think>a</think><think>b</think>c", "a\n\nb", "c"),
        (
            "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>",
            "a",
            "b",
        ),
        (
            '<think><tool_call>{"name": "f", "arguments": {}}</tool_call></think>b',
            '<tool_call>{"name": "f", "arguments": {}}</tool_call>',
            "b",
        ),
    ],
)
def test_thinking_is_separated(text: str, thinking: str, rest: str) -> None:
    """Whatever the wrapper, and nothing inside of it is called."""
    output = OutputParser().parse(text)
    assert (output.thinking, output.text, output.tool_calls) == (thinking, rest, ())


def test_documents_stay_in_the_text() -> None:
    """JSON that is no call: bare, fenced, several."""
    text = 'First {"a": 1}, then:\n```json\n[{"b": 2}]\n```\n'
    output = OutputParser().parse(text)
    assert output.documents == ({"a": 1}, [{"b": 2}])
    assert output.text == text


def test_a_damaged_document_is_repaired() -> None:
    """Where nothing else is found, and with the edits that it took."""
    output = OutputParser().parse("Here: {'a': True,}")
    assert output.documents == ({"a": True},)
    assert {edit.rule for edit in output.edits} >= {"single_quotes", "python_literal", "extra_comma"}


def test_damaged_arguments_are_repaired_and_said() -> None:
    """Lenient: a trailing comma is mended, with an edit at its place in the whole text."""
    text = 'Hi <tool_call>{"name": "f", "arguments": {"x": 1,}}</tool_call>'
    output = OutputParser().parse(text)
    assert _calls(output) == [("f", {"x": 1})]
    [edit] = output.edits
    assert (text[slice(*edit.span)], edit.rule) == (",", "extra_comma")


@pytest.mark.parametrize(
    "body",
    [
        '{"name": invalid}',
        '{"name": "f", invalid}',
        '{"name": "f", "arguments": {"x": }}',
        '{"name": "f", "arguments": {"x": -}}',
    ],
)
def test_nothing_is_called_on_a_guess(body: str) -> None:
    """A name, arguments or a value that only a repair would make: no call, and the next one is found."""
    output = OutputParser().parse(f"<tool_call>{body}</tool_call>\n<tool_call>{CALL}</tool_call>")
    assert _calls(output) == ONE
    assert body in output.text


def test_arguments_that_are_no_object_stay_raw() -> None:
    """Such a call must not run; its text is kept."""
    calls = {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": '{"x": '}}]}
    assert OutputParser().parse(json.dumps(calls)).tool_calls == (
        ToolCall("f", {}, "1", raw_arguments='{"x": '),
    )


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>{CALL}",
        '<tool_call>{"name": "f", "arguments": {"x": 1,}}</tool_call>',
        '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
        CALL,
    ],
)
def test_strict_takes_only_the_documented_format(text: str) -> None:
    """A missing end tag, damaged JSON, an unknown tool, no marker: text when strict."""
    output = OutputParser(tools=[SPEC], strict=True).parse(text)
    assert output.tool_calls == ()
    assert output.text == text
    whole = f"<tool_call>{CALL}</tool_call>"
    assert _calls(OutputParser(tools=[SPEC], strict=True).parse(whole)) == ONE


def test_ambiguity_is_reported() -> None:
    """A wire format that several families write is read, and all of them are named."""
    output = OutputParser().parse(f"<tool_call>{CALL}</tool_call>")
    assert output.is_ambiguous
    assert {"hermes", "granite"} <= set(output.readings[0].grammars)
    assert not OutputParser(["hermes"]).parse(f"<tool_call>{CALL}</tool_call>").is_ambiguous


def test_grammars_can_be_chosen() -> None:
    """Only the named formats are read."""
    text = f"<tool_call>{CALL}</tool_call>"
    assert OutputParser(["mistral"]).parse(text).text == text


def test_every_grammar_is_tried_here_and_on_the_page() -> None:
    """No row of the table without a case and without a line of documentation."""
    names = {row.name for row in grammars()}
    assert names - {wire[0] for wire in WIRES} == {"code_action"}
    page = (ROOT / "docs" / "parsing.md").read_text()
    assert [name for name in names if f"| `{name}` |" not in page] == []
    assert all(row.models and row.source and row.family for row in grammars())


def test_an_unknown_grammar_is_refused_at_the_door() -> None:
    """With the names that there are."""
    with pytest.raises(ConfigError, match="'hermess' is no grammar") as caught:
        OutputParser(["hermess"])
    assert "hermes, granite" in caught.value.fix


def test_a_tool_without_a_name_is_refused_at_the_door() -> None:
    """With the two forms that are taken."""
    with pytest.raises(ConfigError, match="it has no name"):
        OutputParser(tools=[{"parameters": {}}])


def test_a_closed_stream_takes_no_more_text() -> None:
    """Feeding it is an error; closing it again is not."""
    stream = OutputParser().stream()
    assert stream.close() == stream.close() == ParsedOutput()
    with pytest.raises(ConfigError, match="closed stream"):
        stream.feed("more")


def test_a_parser_survives_pickle() -> None:
    """Executors carry parsers between processes."""
    parser = pickle.loads(pickle.dumps(OutputParser(["qwen3_coder"], tools=[SPEC])))
    assert _calls(parser.parse(_tagged(zip="02134"))) == [("f", {"zip": "02134"})]


def test_half_a_surrogate_pair_is_no_crash() -> None:
    """A str that no UTF-8 can hold is read with a replacement."""
    assert OutputParser().parse("a\ud800b").text == "a?b"


@pytest.mark.parametrize("use", ["repair_json('{}')", "OutputParser()", "coerce_json('{}', {})"])
def test_without_the_core_the_error_says_how_to_get_it(use: str) -> None:
    """One named error, with a command to paste."""
    code = (
        "import sys; sys.modules['pytest_llmharness._native._core'] = None\n"
        "from pytest_llmharness import OutputParser, coerce_json, repair_json\n"
        "from pytest_llmharness.errors import CoreMissing\n"
        f"try:\n    {use}\nexcept CoreMissing as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "needs the compiled core, and this installation has none" in done.stdout
    assert "pip install" in done.stdout
    assert issubclass(CoreMissing, ConfigError)


ROWS = [
    row
    for path in sorted(CORPUS.glob("*.jsonl"))
    for row in map(json.loads, path.read_text().splitlines())
    if "payload" not in (row.get("note") or "")
]


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the public corpus is not at {CORPUS}")
def test_public_cases_are_met() -> None:
    """The parser tests of other projects; one decodes XML entities, which the format itself has not."""
    met = [row for row in ROWS if _meets(row)]
    assert len(ROWS) > 400
    assert len(met) >= len(ROWS) - 1


@pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the public corpus is not at {CORPUS}")
def test_public_cases_are_the_same_at_every_cut() -> None:
    """Every split point of every case under 2 KB."""
    parser = OutputParser()
    for text in {row["input"] for row in ROWS if len(row["input"]) < 2048}:
        whole = parser.parse(text)
        for cut in range(1, len(text)):
            stream = parser.stream()
            stream.feed(text[:cut])
            stream.feed(text[cut:])
            assert stream.close() == whole, (text, cut)


def _meets(row: dict[str, Any]) -> bool:
    tools = [tool["function"] for tool in row.get("tools") or []]
    got, want = _calls(OutputParser(tools=tools).parse(row["input"])), row["expected"]
    if isinstance(want, list):
        return got == [(call["name"], call.get("arguments", {})) for call in want]
    names = [name for name, _ in got]
    if len(got) != want.get("n_calls", len(got)):
        return False
    if any(
        name is not None and name != found
        for name, found in zip(want.get("names") or [], names, strict=False)
    ):
        return False
    return all(_at(got[check["call"]][1], check["path"]) == check["equals"] for check in want["args_checks"])


def _at(value: Any, path: list[Any]) -> Any:
    for key in path:
        value = value[key]
    return value
