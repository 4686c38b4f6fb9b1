//! Any bytes end in a verdict: no panic, and one answer from all who are asked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use llmharness_engine::{MAX_DEPTH, Progress, Schema, Stream};
use serde_json::{Value, json};

/// A small generator (splitmix64), so that a failure comes back with the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as usize % sides
    }
}

const SEEDS: [&str; 12] = [
    r#"{"name": "rain", "count": 3, "tags": ["a", "b"], "deep": {"x": [1.5e0, null, true]}}"#,
    r#"[1, 1.0, 10e-1, -0, 18446744073709551617, 1e308, 0.1, "1"]"#,
    r#"{"é": "\ud83d\ude00\n", "\u0061": "😀", "a": "\\\"/"}"#,
    r#"[[[[[[[[{"a": {"a": {"a": []}}}]]]]]]]]"#,
    "  null  ",
    "\"\"",
    "-12.5E+3",
    r#"{"a": 1, "a": 2, "b": {}, "": [], "~": "/", "x1": {"kind": "b", "c": {"kind": "a"}}}"#,
    r#"["2024-01-31", "12:00:00Z", "::1", "a@b.c", "(a+)+$"]"#,
    "false",
    "[]",
    r#"[123456789012345678901234567890, 1e-400, 123456789.123456789]"#,
];
const SCRAPS: [&[u8]; 30] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\udc00",
    b"0",
    b"9",
    b".",
    b"e",
    b"-",
    b"+",
    b"1e999999999",
    b"99999999999999999999999",
    b"NaN",
    b"true",
    b" \n",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"/*",
    b"e-400",
];

fn schemas() -> Vec<Schema> {
    let kinds = json!({"oneOf": [
        {"properties": {"kind": {"const": "a"}, "c": {"$ref": "#"}}, "required": ["kind"], "additionalProperties": false},
        {"properties": {"kind": {"const": "b"}, "c": {"$ref": "#"}}, "required": ["kind"]},
        {"type": ["array", "null"], "items": {"$ref": "#"}},
    ]});
    let all: [Value; 12] = [
        json!(true),
        json!({"type": "object", "properties": {"name": {"enum": ["rain", "sun"]}, "count": {"maximum": 14}}, "required": ["a", "count"], "additionalProperties": false}),
        json!({"uniqueItems": true, "minItems": 1, "maxItems": 7, "contains": {"const": 1}, "maxContains": 2}),
        json!({"items": {"multipleOf": 0.1, "minimum": -3, "exclusiveMaximum": 1e300}, "minLength": 2, "maxLength": 5}),
        json!({"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}, "propertyNames": {"maxLength": 3}}),
        kinds,
        json!({"patternProperties": {"^a": {"type": "integer"}, "a$": {"minimum": 2}}, "minProperties": 2, "dependentRequired": {"a": ["b"]}}),
        json!({"items": {"format": "date"}, "pattern": "^(?=a)\\w+$"}),
        json!({"if": {"type": "array"}, "then": {"prefixItems": [{"type": "integer"}], "items": {"not": {"type": "string"}}}, "else": {"maxProperties": 3}}),
        json!({"unevaluatedProperties": false, "properties": {"a": {}, "name": {}}, "unevaluatedItems": {"type": "number"}}),
        json!({"enum": [null, {"a": [1, 2.0]}, [], "", -12500, false]}),
        json!({"const": {"é": "😀\n"}}),
    ];
    all.iter().map(|schema| Schema::compile(&schema.to_string(), None, true, &[]).unwrap()).collect()
}

fn mangled(dice: &mut Dice) -> Vec<u8> {
    let mut text = SEEDS[dice.roll(SEEDS.len())].as_bytes().to_vec();
    for _ in 0..dice.roll(5) {
        let start = dice.roll(text.len() + 1);
        let end = (start + dice.roll(4)).min(text.len());
        let scrap: Vec<u8> = match dice.roll(4) {
            0 => Vec::new(),
            1 => vec![dice.roll(256) as u8],
            2 => text[start..(start + dice.roll(30)).min(text.len())].to_vec(),
            _ => SCRAPS[dice.roll(SCRAPS.len())].to_vec(),
        };
        text.splice(start..end, scrap);
    }
    text
}

fn streamed(schema: &Schema, text: &[u8], dice: &mut Dice) -> Progress {
    let mut stream = Stream::default();
    let mut progress = schema.feed(&mut stream, b"");
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at((1 + dice.roll(9)).min(rest.len()));
        progress = schema.feed(&mut stream, chunk);
        rest = after;
    }
    assert_eq!(progress == Progress::Doomed, !schema.stream_violations(&stream).is_empty());
    progress
}

#[test]
fn any_bytes_end_in_one_verdict() {
    let schemas = schemas();
    let mut dice = Dice(7);
    let mut valid = 0;
    for round in 0..30_000 {
        let text = mangled(&mut dice);
        let schema = &schemas[dice.roll(schemas.len())];
        let accepted = schema.accepts(&text);
        let words = || String::from_utf8_lossy(&text).into_owned();
        assert_eq!(schema.violations(&text).is_empty(), accepted, "{round}: {}", words());
        if let Ok(text) = std::str::from_utf8(&text) {
            assert_eq!(schema.accepts_str(text), accepted, "{round}: {text}");
        }
        let progress = streamed(schema, &text, &mut dice);
        assert_eq!(progress == Progress::Complete, accepted, "{round}: {}", words());
        valid += usize::from(accepted);
    }
    assert!(valid > 2_000, "{valid}");
}

#[test]
fn depth_is_bounded_whoever_looks() {
    for schema in schemas() {
        for open in ["[", "{\"a\":"] {
            let text = open.repeat(1_000_000);
            assert!(!schema.accepts(text.as_bytes()));
            assert!(!schema.violations(text.as_bytes()).is_empty());
            let mut stream = Stream::default();
            assert_eq!(schema.feed(&mut stream, text.as_bytes()), Progress::Doomed);
            assert!(stream.text().len() <= open.len() * (MAX_DEPTH + 1));
        }
    }
}

#[test]
fn exponents_of_any_size_are_numbers_or_none() {
    let schema = Schema::compile(r#"{"multipleOf": 0.5, "minimum": 0}"#, None, true, &[]).unwrap();
    let digits = "9".repeat(100_000);
    for (text, expected) in [
        ("1e999999999".to_owned(), false),
        (format!("1e{digits}"), false),
        ("0e999999999".to_owned(), true),
        (format!("0e{digits}"), true),
        (format!("-0.0e-{digits}"), true),
        ("1e-999999999".to_owned(), false),
        ("5e-1".to_owned(), true),
        // As a double it is 10.
        (format!("{digits}e-99999"), true),
        (format!("0.{}5", "0".repeat(100_000)), false),
        (format!("1{}e-100000", "0".repeat(100_000)), true),
    ] {
        let start = text.get(..20).unwrap_or(&text);
        assert_eq!(schema.accepts(text.as_bytes()), expected, "{start}");
        assert_eq!(schema.violations(text.as_bytes()).is_empty(), expected, "{start}");
    }
}

/// A schema that leads to the next one twice, forty times: 2^40 ways to the end.
fn doubling(link: impl Fn(&str) -> Value) -> Value {
    let next = |number| format!("#/$defs/d{}", number + 1);
    let mut all: serde_json::Map<String, Value> =
        (0..40).map(|number| (format!("d{number}"), link(&next(number)))).collect();
    all.insert("d40".to_owned(), json!({"type": "null"}));
    json!({"$defs": all, "$ref": "#/$defs/d0"})
}

#[test]
fn many_ways_to_the_same_place_are_walked_once() {
    let links: [fn(&str) -> Value; 5] = [
        |next| json!({"allOf": [{"$ref": next}, {"$ref": next}]}),
        |next| json!({"anyOf": [{"$ref": next}, {"$ref": next}]}),
        |next| json!({"oneOf": [{"not": {"$ref": next}}, {"$ref": next}]}),
        |next| json!({"if": {"$ref": next}, "then": {"$ref": next}, "else": {"$ref": next}}),
        |next| json!({"dependentSchemas": {"a": {"$ref": next}, "b": {"$ref": next}}}),
    ];
    for (number, link) in links.into_iter().enumerate() {
        let schema = Schema::compile(&doubling(link).to_string(), None, true, &[]).unwrap();
        let text = br#"{"a": 1, "b": 1}"#;
        // Forty times the opposite of the opposite: one of the two always holds.
        assert_eq!(schema.accepts(text), number == 2);
        assert_eq!(schema.violations(text).is_empty(), number == 2);
    }
    let crate_only =
        doubling(|next| json!({"allOf": [{"$ref": next}, {"$ref": next}], "unevaluatedItems": false}));
    assert!(Schema::compile(&crate_only.to_string(), None, true, &[]).is_err());
}

#[test]
fn parts_that_are_looked_at_twice_cost_no_exponential_work() {
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(100), close.repeat(100));
    for (schema, text) in [
        (json!({"items": {"$ref": "#"}, "contains": {"$ref": "#"}, "minContains": 0}), nested("[", "]")),
        (json!({"patternProperties": {"a": {"$ref": "#"}, "^a": {"$ref": "#"}}}), nested("{\"a\":", "}")),
        (
            json!({"properties": {"a": {"$ref": "#"}}, "patternProperties": {"a": {"$ref": "#"}}}),
            nested("{\"a\":", "}"),
        ),
        (json!({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}), nested("[", "]")),
    ] {
        let rejecting = json!({"allOf": [schema, {"type": ["array", "object"]}]});
        assert!(Schema::compile(&schema.to_string(), None, true, &[]).unwrap().accepts(text.as_bytes()));
        let rejecting = Schema::compile(&rejecting.to_string(), None, true, &[]).unwrap();
        assert_eq!(rejecting.violations(text.as_bytes()).len(), 1);
    }
}
