//! Nothing that a model can write makes the repairer, the parser or the coercion panic.

use llmharness_engine::coerce::coerce;
use llmharness_engine::parsing::{GRAMMARS, Machine, Parser};
use llmharness_engine::repair::{Unrepairable, Value, repair, strict};
use llmharness_engine::work;

/// A small generator of numbers, so that a failure can be run again from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides.max(1) as u64).unwrap_or_default()
    }
}

const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ":",
    ",",
    "\"",
    "'",
    "“",
    "”",
    "„",
    "`",
    "```",
    "```json\n",
    "\\",
    "\\u12",
    "\\\"",
    "//",
    "/*",
    "*/",
    "#",
    "\n",
    " ",
    "key",
    "true",
    "None",
    "undefined",
    "1",
    "-",
    "1e",
    "0.",
    "...",
    "é",
    "\u{2028}",
    "name",
    "arguments",
    "=",
    "<",
];

fn text(dice: &mut Dice, extra: &[&str]) -> String {
    let length = dice.roll(24) + 1;
    (0..length)
        .map(|_| {
            let pick = dice.roll(PIECES.len() + extra.len());
            PIECES.get(pick).or_else(|| extra.get(pick - PIECES.len())).copied().unwrap_or_default()
        })
        .collect()
}

#[test]
fn repair_answers_any_text_and_its_answer_is_json() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..20_000 {
        let text = text(&mut dice, &[]);
        if let Ok(repaired) = repair(&text) {
            let out = repaired.value.to_json();
            assert_eq!(strict::read(&out).as_ref(), Ok(&repaired.value), "{text:?}");
            let is_json = strict::read(&text).is_ok();
            assert!(is_json || !repaired.edits.is_empty(), "a silent change of {text:?}");
            for edit in &repaired.edits {
                assert!(edit.start <= edit.end && edit.end <= text.len(), "{edit:?} of {text:?}");
            }
        }
    }
}

#[test]
fn any_chunking_of_any_text_gives_what_the_whole_gives() {
    let markers: Vec<&str> = GRAMMARS.iter().flat_map(|grammar| grammar.markers()).collect();
    let calls = [
        "{\"name\": \"f\", \"arguments\": {\"a\": 1}}",
        "f(x=1)",
        "[f(x='a'), g()]",
        "</tool_call>",
        "</function>",
        "<parameter=k>v</parameter>",
        "<arg_key>k</arg_key><arg_value>v</arg_value>",
        "<function=f>",
        "f>",
        "{\"a\": 1}",
        "to=functions.f<|message|>",
        "<think>",
        "</think>",
        "call:f{a:<|\"|>b<|\"|>}",
        "Action: f\nAction Input: x\n",
        "<invoke name=\"f\">",
        "</invoke>",
        "<parameter name=\"k\">v</parameter>",
        "[ARGS]",
        "functions.f:0",
    ];
    let extra: Vec<&str> = markers.into_iter().chain(calls).collect();
    let Ok(parser) = Parser::new(None, Vec::new(), false) else { unreachable!("no names are given") };
    let mut dice = Dice(0xD1B5_4A32_D192_ED03);
    for _ in 0..3_000 {
        let text = text(&mut dice, &extra);
        let mut whole = Machine::default();
        whole.feed(&parser, &text);
        whole.close(&parser);
        let mut parts = Machine::default();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let width = 1 + dice.roll(5);
            let cut = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
            let (chunk, after) = rest.split_at(cut);
            parts.feed(&parser, chunk);
            rest = after;
        }
        parts.close(&parser);
        assert_eq!(format!("{:?}", parts.output()), format!("{:?}", whole.output()), "{text:?}");
    }
}

#[test]
fn coercion_answers_any_text() {
    let schema = "{\"type\": \"object\", \"properties\": {\"a\": {\"anyOf\": [{\"type\": \"integer\"}, {\"$ref\": \"#\"}]},
        \"key\": {\"enum\": [\"X\", \"Y\"]}}, \"required\": [\"a\"]}";
    let schema = strict::read(schema).map(Value::into_owned).unwrap_or(Value::Null);
    let mut dice = Dice(0xA24B_AED4_963E_E407);
    let fitted =
        (0..5_000).filter(|_| coerce(&text(&mut dice, &["X", "\"a\": 1", "$5"]), &schema).is_some()).count();
    assert!(fitted > 0);
}

#[test]
fn depth_ends_in_a_refusal_and_not_in_the_stack() {
    for open in ["[", "{\"a\":", "{a: ", "(", "[{", "{[", "['", "<tool_call>["] {
        let deep = open.repeat(20_000);
        if let Err(refusal) = repair(&deep) {
            assert!(
                matches!(refusal, Unrepairable::TooDeep(_) | Unrepairable::NoValue),
                "{open}: {refusal:?}"
            );
        }
        let parser = Parser::new(None, Vec::new(), false);
        let mut machine = Machine::default();
        if let Ok(parser) = parser {
            machine.feed(&parser, &deep);
            machine.close(&parser);
        }
    }
}

const HOSTILE: [&str; 46] = [
    "{",
    "[",
    "{a: ",
    "[\"",
    "a",
    "{\"a\": \"\\\"",
    "```",
    "'",
    "{key value ",
    "{\"a\": \"x, \"y\" ",
    "[\"a\" b \"c\" ",
    "(",
    "{5}",
    "{\"a\": \"x, {b: ",
    "['a",
    "{\"a\": /*",
    "{\"a\":1}{\"a\":2} ",
    "[1] a ",
    "{\"a\": \"\\",
    "{\"a\":\"“”„",
    "[{\"a\":1 \"a\":2 ",
    "# ",
    "<",
    "<tool_call>",
    "<tool_call>{\"",
    "<tool_call>[{",
    "<function=f><parameter=a>",
    "<think>",
    "</think>",
    "f(x='",
    "\nf(",
    "[f(",
    "Action: f\nAction Input: {",
    "[TOOL_CALLS]f{",
    "<|channel|>commentary to=f<|message|>{",
    "```json\n{\"a\": ",
    "[{\"name\": \"f\", \"arguments\": {}}, ",
    "<|tool_call>call:f{a:<|\"|>",
    "<tool_call>f<arg_key>",
    "<invoke name=\"f\">",
    "<|python_tag|>{",
    "`",
    "call:f{",
    "\n  ",
    "<#",
    "a #",
];

type Reader<'r> = (&'r str, &'r dyn Fn(&str));

/// A reader that reads again what it has read takes thousands of steps a byte on these texts.
const STEPS_A_BYTE: usize = 700;

#[test]
fn the_work_is_linear_in_the_text() {
    let parser = Parser::new(None, Vec::new(), false).ok();
    let parse = |text: &str| {
        let mut machine = Machine::default();
        if let Some(parser) = &parser {
            machine.feed(parser, text);
            machine.close(parser);
        }
    };
    let stream = |text: &str| {
        let mut machine = Machine::default();
        if let Some(parser) = &parser {
            text.chars().for_each(|c| drop(machine.feed(parser, c.encode_utf8(&mut [0; 4]))));
            machine.close(parser);
        }
    };
    let mend = |text: &str| drop(repair(text));
    let readers: [Reader<'_>; 3] = [("repair", &mend), ("parse", &parse), ("stream", &stream)];
    for seed in HOSTILE {
        for (name, read) in readers {
            let text = seed.repeat(20_000 / seed.len());
            work::taken();
            read(&text);
            let steps = work::taken() / text.len();
            assert!(steps <= STEPS_A_BYTE, "{name} of {seed:?}: {steps} steps a byte");
        }
    }
}
