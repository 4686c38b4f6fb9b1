//! Any text at all, made and shrunk by proptest: no panic, and one answer whoever is asked.
#![allow(clippy::unwrap_used, clippy::string_slice)]

use llmharness_engine::coerce::coerce;
use llmharness_engine::parsing::{Machine, Parser};
use llmharness_engine::repair::{Value, repair, strict};
use llmharness_engine::request::{Request, Volatile};
use llmharness_engine::{Progress, Schema, Stream};
use proptest::prelude::*;

const SCHEMA: &str = r##"{"type": ["object", "array", "string", "number"], "maxItems": 3,
    "properties": {"a": {"type": "integer", "maximum": 9}, "b": {"$ref": "#"}}, "additionalProperties": {"minLength": 1},
    "items": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}"##;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"[\[\]{}:,"'\\ ab0-9.eE+-]{0,60}"#,
        r#"(\{"[ab]": ([0-9]{1,3}|"x"|null|\[1, 2\])[,}]? ?){0,4}"#,
        r#"(<tool_call>|</tool_call>|```json\n|```|\{"name": "f", "arguments": \{"a": 1\}\}|f\(x=1\)|[a<{"' ]){0,9}"#,
    ]
}

/// Bodies of requests, in and out of shape.
fn body() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1.0".to_owned()),
        Just(r#""2026-01-02T03:04:05Z a/b 0188c1d2-0000-7000-8000-00000000000a""#.to_owned()),
        Just(r#""text""#.to_owned()),
        Just(r#""tool_result""#.to_owned()),
    ];
    let name = "messages|input|contents|content|system|type|text|role|id|tool_call_id|function|stream|n";
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::vec((name, inner), 0..5).prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn path() -> impl Strategy<Value = &'static str> {
    let paths =
        ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/api/chat", "/x:generateContent", "/"];
    prop::sample::select(paths.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_repair_gives_is_json(text in text()) {
        if let Ok(repaired) = repair(&text) {
            let out = repaired.value.to_json();
            let read = strict::read(&out);
            prop_assert_eq!(read.as_ref(), Ok(&repaired.value));
        }
    }

    #[test]
    fn a_verdict_is_the_same_for_bytes_streams_and_violations(text in text(), cut in 0..80_usize) {
        let schema = Schema::compile(SCHEMA, None, true, &[]).unwrap();
        let accepted = schema.accepts(text.as_bytes());
        prop_assert_eq!(schema.violations(text.as_bytes()).is_empty(), accepted);
        let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
        let mut stream = Stream::default();
        schema.feed(&mut stream, head);
        prop_assert_eq!(schema.feed(&mut stream, tail) == Progress::Complete, accepted);
    }

    #[test]
    fn the_parser_reads_pieces_as_it_reads_the_whole(text in text(), cut in 0..80_usize) {
        let parser = Parser::new(None, Vec::new(), false).unwrap();
        let mut whole = Machine::default();
        whole.feed(&parser, &text);
        whole.close(&parser);
        let middle = (0..=cut.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap();
        let mut parts = Machine::default();
        parts.feed(&parser, &text[..middle]);
        parts.feed(&parser, &text[middle..]);
        parts.close(&parser);
        prop_assert_eq!(format!("{:?}", parts.output()), format!("{:?}", whole.output()));
    }

    #[test]
    fn coercion_answers(text in text()) {
        let schema = strict::read(SCHEMA).map(Value::into_owned).unwrap();
        let _ = coerce(&text, &schema);
    }

    #[test]
    fn the_form_of_a_request_is_its_own_form(text in prop_oneof![text(), body()], path in path()) {
        let folders = vec!["a".to_owned()];
        let volatile = Volatile { uuids: true, times: true, call_ids: true, folders };
        let request = Request::of(path, text.as_bytes(), None);
        prop_assert_eq!(request.is_some(), strict::read(&text).is_ok());
        if let Some(request) = request {
            let form = request.text();
            let again = Request::of(path, form.as_bytes(), None).unwrap();
            prop_assert_eq!(again.key(b""), request.key(b""));
            prop_assert_eq!(again.prefixes(), request.prefixes());
            let loose = Request::of(path, text.as_bytes(), Some(&volatile)).unwrap().text();
            prop_assert!(strict::read(&loose).is_ok());
        }
    }
}
