//! Types for arguments that come as bare text: from the tool's schema, else from the look of it.

use super::python;
use crate::repair::{Value, strict};
use std::borrow::Cow;

/// What a schema allows for one argument, as far as text needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Allowed {
    string: bool,
    number: bool,
    integer: bool,
    boolean: bool,
    null: bool,
    array: bool,
    object: bool,
}

/// A tool that may be called: its name and the JSON Schema of its arguments.
#[derive(Debug)]
pub struct Tool {
    pub name: String,
    pub schema: Value<'static>,
}

impl Tool {
    /// The name of the argument at a position, in the order of the schema.
    pub(super) fn argument(&self, position: usize) -> Option<&str> {
        let members = self.schema.get("properties")?.members()?;
        members.get(position).map(|(name, _)| name.as_ref())
    }

    fn allowed(&self, argument: &str) -> Option<Allowed> {
        let mut allowed = Allowed::default();
        let schema = self.schema.get("properties")?.get(argument)?;
        collect(schema, &self.schema, &mut allowed, 0);
        (allowed != Allowed::default()).then_some(allowed)
    }
}

fn collect(schema: &Value<'static>, root: &Value<'static>, allowed: &mut Allowed, depth: usize) {
    if depth > 16 {
        return;
    }
    match schema.get("type") {
        Some(Value::String(kind)) => allow(kind, allowed),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).for_each(|kind| allow(kind, allowed))
        }
        _ => {}
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        let branches = schema.get(word).and_then(Value::items).unwrap_or_default();
        branches.iter().for_each(|branch| collect(branch, root, allowed, depth + 1));
    }
    if schema.get("type").is_none() {
        let values = schema.get("enum").and_then(Value::items).unwrap_or_default();
        values.iter().chain(schema.get("const")).for_each(|value| allow_like(value, allowed));
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| at(root, reference))
    {
        collect(target, root, allowed, depth + 1);
    }
}

fn allow(kind: &str, allowed: &mut Allowed) {
    match kind {
        "string" | "str" => allowed.string = true,
        "number" | "float" | "double" => allowed.number = true,
        "integer" | "int" => allowed.integer = true,
        "boolean" | "bool" => allowed.boolean = true,
        "null" | "none" => allowed.null = true,
        "array" | "list" | "tuple" => allowed.array = true,
        "object" | "dict" => allowed.object = true,
        _ => {}
    }
}

fn allow_like(value: &Value<'_>, allowed: &mut Allowed) {
    match value {
        Value::Null => allowed.null = true,
        Value::Bool(_) => allowed.boolean = true,
        Value::Number(_) => allowed.number = true,
        Value::String(_) => allowed.string = true,
        Value::Array(_) => allowed.array = true,
        Value::Object(_) => allowed.object = true,
    }
}

/// What a local reference points to.
fn at<'v>(root: &'v Value<'static>, reference: &str) -> Option<&'v Value<'static>> {
    let mut found = root;
    for part in reference.strip_prefix("#/")?.split('/') {
        found = found.get(&part.replace("~1", "/").replace("~0", "~"))?;
    }
    Some(found)
}

/// The value that a bare text stands for.
///
/// Where no schema types it, its look does, or it `is_text` whatever it looks like.
pub(super) fn typed(raw: &str, argument: &str, tool: Option<&Tool>, is_text: bool) -> Value<'static> {
    let allowed = tool.and_then(|tool| tool.allowed(argument));
    let value = match allowed {
        Some(allowed) => by_schema(raw, allowed),
        None if is_text => raw.trim().eq_ignore_ascii_case("null").then_some(Value::Null),
        None => by_look(raw),
    };
    value.unwrap_or_else(|| Value::String(Cow::Owned(text_of(raw, allowed.is_some()))))
}

fn text_of(raw: &str, is_typed: bool) -> String {
    if !is_typed && raw.trim().is_empty() { String::new() } else { raw.to_owned() }
}

fn by_schema(raw: &str, allowed: Allowed) -> Option<Value<'static>> {
    let text = raw.trim();
    let value = by_look(text);
    let fits = match &value {
        Some(Value::Null) => allowed.null,
        _ if allowed.string => false,
        Some(Value::Bool(_)) => allowed.boolean,
        Some(Value::Number(number)) => allowed.number || (allowed.integer && is_whole(number)),
        Some(Value::Array(_)) => allowed.array,
        Some(Value::Object(_)) => allowed.object,
        _ => false,
    };
    if fits {
        return value;
    }
    if allowed.string {
        return None;
    }
    if allowed.integer || allowed.number {
        let digits = text.trim_start_matches('0');
        let digits = if digits.is_empty() && !text.is_empty() { "0" } else { digits };
        if let Ok(Value::Number(number)) = strict::read(digits) {
            return Some(Value::Number(number).into_owned());
        }
    }
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" if allowed.boolean => Some(Value::Bool(true)),
        "false" | "no" | "0" if allowed.boolean => Some(Value::Bool(false)),
        _ => None,
    }
}

fn is_whole(number: &str) -> bool {
    crate::repair::is_integer(number) || number.parse::<f64>().is_ok_and(|number| number.fract() == 0.0)
}

/// A literal of JSON or Python; None for what is plain text.
fn by_look(raw: &str) -> Option<Value<'static>> {
    let text = raw.trim();
    match text {
        "true" | "True" => return Some(Value::Bool(true)),
        "false" | "False" => return Some(Value::Bool(false)),
        "null" | "None" => return Some(Value::Null),
        _ => {}
    }
    let first = text.chars().next()?;
    if first.is_ascii_digit() || first == '-' {
        return strict::read(text)
            .ok()
            .filter(|value| matches!(value, Value::Number(_)))
            .map(Value::into_owned);
    }
    if matches!(first, '{' | '[') {
        return strict::read(text).ok().map(Value::into_owned).or_else(|| python::literal(text));
    }
    None
}
