//! Schemas of common keywords, seen to be valid without their metaschema.
//!
//! Reading a schema against its metaschema takes as long as compiling it. What is here says yes
//! only where every metaschema would; all else is left to that.

use jsonschema::Draft;
use serde_json::{Map, Value};

/// Lists up to which each entry is compared with the others.
const FEW: usize = 32;
const TYPES: [&str; 7] = ["object", "string", "integer", "number", "array", "boolean", "null"];

/// Whether the document is surely a valid schema of the draft.
pub fn is_plainly_valid(draft: Draft, schema: &Value) -> bool {
    // The metaschema of draft 4 asks more of some keywords.
    let says = |keyword: &str, value: &Value| {
        keyword == "$schema" && value.as_str().is_some_and(|uri| Draft::from_schema_uri(uri) == draft)
    };
    draft >= Draft::Draft6
        && schema.as_object().is_some_and(|members| {
            members.iter().all(|(keyword, value)| says(keyword, value) || holds(draft, keyword, value))
        })
}

fn is_schema(draft: Draft, schema: &Value) -> bool {
    match schema {
        Value::Bool(_) => true,
        Value::Object(members) => members.iter().all(|(keyword, value)| holds(draft, keyword, value)),
        _ => false,
    }
}

fn holds(draft: Draft, keyword: &str, value: &Value) -> bool {
    match keyword {
        "type" => match value {
            Value::String(name) => TYPES.contains(&name.as_str()),
            Value::Array(names) => {
                !names.is_empty()
                    && are_different_strings(names)
                    && names.iter().all(|name| name.as_str().is_some_and(|name| TYPES.contains(&name)))
            }
            _ => false,
        },
        "properties" | "$defs" | "definitions" => {
            value.as_object().is_some_and(|members: &Map<String, Value>| {
                members.values().all(|member| is_schema(draft, member))
            })
        }
        "additionalProperties" | "not" | "contains" | "propertyNames" => is_schema(draft, value),
        "items" => !value.is_array() && is_schema(draft, value),
        "anyOf" | "oneOf" | "allOf" => value
            .as_array()
            .is_some_and(|branches| !branches.is_empty() && branches.iter().all(|one| is_schema(draft, one))),
        "required" => value.as_array().is_some_and(|names| are_different_strings(names)),
        "enum" => value.as_array().is_some_and(|values| !values.is_empty() && are_different_strings(values)),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            value.as_u64().is_some()
        }
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => value.is_number(),
        "title" | "description" | "format" | "$comment" => value.is_string(),
        "$ref" => value.as_str().is_some_and(is_pointer_here),
        "uniqueItems" => value.is_boolean(),
        "const" | "default" => true,
        _ => false,
    }
}

/// Whether a reference is a pointer into its document, of letters that no URI has to escape.
fn is_pointer_here(reference: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'.' | b'$');
    reference.strip_prefix("#/").is_some_and(|pointer| pointer.bytes().all(plain))
}

fn are_different_strings(values: &[Value]) -> bool {
    values.len() <= FEW
        && values.iter().enumerate().all(|(number, value)| {
            value.is_string() && !values.iter().take(number).any(|earlier| earlier == value)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::is_valid_by_metaschema;
    use serde_json::json;

    #[test]
    fn what_is_plainly_valid_is_valid_by_the_metaschema() {
        // Every keyword that is read here, with values of every kind.
        let keywords = [
            "type",
            "properties",
            "$defs",
            "definitions",
            "additionalProperties",
            "not",
            "contains",
            "propertyNames",
            "items",
            "anyOf",
            "oneOf",
            "allOf",
            "required",
            "enum",
            "minLength",
            "maxLength",
            "minItems",
            "maxItems",
            "minProperties",
            "maxProperties",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "title",
            "description",
            "format",
            "$comment",
            "uniqueItems",
            "const",
            "default",
            "$ref",
            "$schema",
        ];
        let values = [
            json!(null),
            json!(true),
            json!(0),
            json!(-1),
            json!(1.5),
            json!("string"),
            json!("x"),
            json!([]),
            json!([1]),
            json!(["a", "a"]),
            json!(["string", "null"]),
            json!(["string", "string"]),
            json!(["a", 1]),
            json!({}),
            json!([{}]),
            json!([{}, 1]),
            json!({"a": {}}),
            json!({"a": 1}),
            json!({"type": "none"}),
            json!({"a": {"minimum": "1"}}),
            json!([{"required": "a"}]),
            json!(1e300),
            json!("#/$defs/a"),
            json!("#/a b"),
            json!("http://json-schema.org/draft-07/schema#"),
        ];
        let drafts = [Draft::Draft4, Draft::Draft6, Draft::Draft7, Draft::Draft201909, Draft::Draft202012];
        let mut plain = 0;
        for draft in drafts {
            for keyword in keywords {
                for value in &values {
                    for schema in [json!({keyword: value}), json!({"properties": {"p": {keyword: value}}})] {
                        if is_plainly_valid(draft, &schema) {
                            assert!(is_valid_by_metaschema(draft, &schema), "{draft:?} {schema}");
                            plain += 1;
                        }
                    }
                }
            }
        }
        assert!(plain > 500, "{plain}");
    }
}
