//! Any text at all, made and shrunk by proptest: no panic, and one answer whoever is asked.
#![allow(clippy::unwrap_used, clippy::string_slice)]

use llmharness_engine::coerce::coerce;
use llmharness_engine::parsing::{Machine, Parser};
use llmharness_engine::repair::{Value, repair, strict};
use llmharness_engine::{Progress, Schema, Stream, canonical_form};
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
    fn coercion_and_canonical_forms_answer(text in text()) {
        let schema = strict::read(SCHEMA).map(Value::into_owned).unwrap();
        let _ = coerce(&text, &schema);
        prop_assert_eq!(canonical_form(text.as_bytes()).is_some(), strict::read(&text).is_ok());
    }
}
