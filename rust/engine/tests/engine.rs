//! What the engine promises through its seam.
#![allow(clippy::unwrap_used)]

use llmharness_engine::{CompileError, Draft, Schema, Violation};
use serde_json::{Value, json};

fn compiled(schema: &Value) -> Schema {
    Schema::compile(&schema.to_string(), None, true, &[]).unwrap()
}

fn refused(schema: &Value) -> CompileError {
    Schema::compile(&schema.to_string(), None, true, &[]).err().unwrap()
}

fn found(schema: &Value, text: &str) -> Vec<(String, String)> {
    let violations = compiled(schema).violations(text.as_bytes());
    violations.into_iter().map(|violation| (violation.pointer, violation.keyword)).collect()
}

fn pair(pointer: &str, keyword: &str) -> (String, String) {
    (pointer.to_owned(), keyword.to_owned())
}

#[test]
fn a_verdict_needs_no_reasons_and_a_rejection_has_some() {
    let schema = compiled(&json!({"type": "integer", "minimum": 3}));
    assert!(schema.accepts(b"3") && schema.check(b"3").is_empty());
    assert!(!schema.accepts(b"2.5"));
    assert_eq!(schema.check(b"2.5").len(), 2);
}

#[test]
fn text_that_is_no_json_is_one_violation() {
    for text in ["", "{", "NaN", "1e400", "\"\\ud800\"", "1 2"] {
        assert_eq!(found(&json!(true), text), [pair("", "json")], "{text}");
    }
}

#[test]
fn keywords_are_named_as_the_schema_spells_them() {
    let schema = json!({
        "properties": {"a": false, "additionalProperties": false},
        "dependentRequired": {"b": ["c"]},
        "propertyNames": {"maxLength": 20},
    });
    assert_eq!(found(&schema, r#"{"a": 1}"#), [pair("/a", "false")]);
    assert_eq!(found(&schema, r#"{"additionalProperties": 1}"#), [pair("/additionalProperties", "false")]);
    assert_eq!(found(&schema, r#"{"b": 1}"#), [pair("", "dependentRequired")]);
    assert_eq!(found(&schema, r#"{"aaaaaaaaaaaaaaaaaaaaaaaa": 1}"#), [pair("", "propertyNames")]);
    assert_eq!(
        found(&json!({"additionalProperties": false}), r#"{"a": 1}"#),
        [pair("", "additionalProperties")]
    );
}

#[test]
fn alternatives_say_what_each_of_them_asks_for() {
    let schema = compiled(&json!({"anyOf": [{"type": "number"}, {"type": "null"}]}));
    let violations = schema.violations(b"\"x\"");
    let asked = |branch: &Vec<Violation>| branch.iter().map(|each| each.expected.clone()).collect();
    let asked: Vec<Vec<Value>> = violations.first().unwrap().branches.iter().map(asked).collect();
    assert_eq!(asked, [[json!("number")], [json!("null")]]);
}

#[test]
fn references_stay_inside_the_documents_that_were_given() {
    let registry = [("http://a/b".to_owned(), json!({"type": "null"}).to_string())];
    let text = json!({"$ref": "http://a/b"}).to_string();
    assert!(Schema::compile(&text, None, true, &registry).unwrap().accepts(b"null"));
    assert_eq!(
        refused(&json!({"$ref": "http://a/b"})),
        CompileError::MissingReference("http://a/b".to_owned())
    );
    assert_eq!(refused(&json!({"$ref": "#/no"})), CompileError::MissingReference("#/no".to_owned()));
}

#[test]
fn a_document_without_a_dialect_takes_the_draft_of_the_schema() {
    let registry = [("http://a/b".to_owned(), json!({"items": [{"type": "null"}]}).to_string())];
    let text = json!({"$ref": "http://a/b"}).to_string();
    let schema = Schema::compile(&text, Some(Draft::Draft7), true, &registry).unwrap();
    assert!(!schema.accepts(b"[1]"));
}

#[test]
fn what_is_no_schema_is_refused() {
    assert!(matches!(refused(&json!({"type": "nope"})), CompileError::Invalid(_)));
    assert!(matches!(refused(&json!({"pattern": "("})), CompileError::Invalid(_)));
    assert!(matches!(refused(&json!(3)), CompileError::Invalid(_)));
    assert_eq!(
        refused(&json!({"$schema": "http://a/"})),
        CompileError::UnknownDialect("http://a/".to_owned())
    );
    assert_eq!(Schema::compile("{", None, true, &[]).err(), Some(CompileError::NoJson(String::new())));
}

fn chain(length: usize) -> Value {
    let link = |number| (format!("d{number}"), json!({"$ref": format!("#/$defs/d{}", number + 1)}));
    let mut definitions: serde_json::Map<String, Value> = (0..length).map(link).collect();
    definitions.insert(format!("d{length}"), json!({"type": "null"}));
    json!({"$defs": definitions, "$ref": "#/$defs/d0"})
}

#[test]
fn long_chains_of_references_cost_no_stack() {
    assert_eq!(found(&chain(3000), "1"), [pair("", "type")]);
    assert_eq!(refused(&chain(20_000)), CompileError::TooDeep);
}

#[test]
fn a_schema_that_looks_at_itself_ends() {
    assert!(compiled(&json!({"$ref": "#"})).accepts(b"1"));
    assert!(found(&json!({"allOf": [{"$ref": "#"}], "type": "null"}), "1").contains(&pair("", "type")));
}

#[test]
fn alternatives_that_repeat_at_every_level_cost_no_exponential_work() {
    let kind = |tag: &str| json!({"type": "object", "properties": {"k": {"const": tag}, "c": {"$ref": "#"}}, "required": ["k"]});
    let schema = compiled(&json!({"anyOf": [kind("a"), kind("b"), {"type": "null"}]}));
    let deep = |levels: usize, end: &str| {
        let open = r#"{"k": "a", "c": "#.repeat(levels);
        format!("{open}{end}{}", "}".repeat(levels))
    };
    assert!(schema.accepts(deep(100, "null").as_bytes()));
    assert_eq!(schema.check(deep(100, "1").as_bytes()).len(), 1);
    let nearer = schema.violations(deep(3, "1").as_bytes());
    assert_eq!(nearer.first().map(|violation| violation.keyword.as_str()), Some("anyOf"));
}

#[test]
fn recursion_through_every_level_of_a_deep_value_is_checked() {
    let schema = compiled(&json!({"items": {"$ref": "#"}, "type": "array"}));
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    assert!(schema.accepts(deep.as_bytes()));
    let broken = format!("{}1{}", "[".repeat(128), "]".repeat(128));
    assert_eq!(schema.check(broken.as_bytes()).len(), 1);
}
