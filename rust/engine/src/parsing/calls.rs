//! Tool calls as JSON objects: which keys hold the name and the arguments.

use super::typing::Tool;
use crate::repair::{Value, strict};
use std::borrow::Cow;

/// A call that was found in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub name: String,
    pub arguments: Arguments,
    /// The call's id, where the format has one.
    pub id: Option<String>,
    /// The bytes of the text that the call stands in.
    pub span: (usize, usize),
}

/// The arguments of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Arguments {
    /// By name; always an object.
    Named(Value<'static>),
    /// Text that is no JSON object: such a call must not run.
    Raw(String),
}

const NAMES: [&str; 6] = ["name", "tool_name", "function", "tool", "action", "recipient_name"];
const ARGUMENTS: [&str; 8] =
    ["arguments", "parameters", "args", "input", "action_input", "tool_input", "params", "kwargs"];
const IDS: [&str; 4] = ["id", "tool_call_id", "call_id", "toolUseId"];
const WRAPPERS: [&str; 10] = [
    "tool_calls",
    "function_call",
    "function",
    "functionCall",
    "toolUse",
    "tool_use",
    "params",
    "message",
    "choices",
    "tool_call",
];
const DEPTH: usize = 6;

/// What makes an object a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// A marker says so: the name is enough.
    Marked,
    /// Nothing but its shape: it must have a name and arguments.
    Shape,
    /// A marker says so, and the one key is the name: `{N: A}`.
    SingleKey,
}

/// The calls that a value holds; none where it is no call.
pub(super) fn calls_of(value: &Value<'_>, proof: Proof, span: (usize, usize)) -> Vec<Call> {
    let mut found = Vec::new();
    if proof == Proof::SingleKey
        && let Some([(name, arguments)]) = value.members()
        && matches!(arguments, Value::Object(_))
    {
        let arguments = Arguments::Named(arguments.clone().into_owned());
        found.push(Call { name: name.to_string(), arguments, id: None, span });
        return found;
    }
    collect(value, proof, span, 0, &mut found);
    found
}

fn collect(value: &Value<'_>, proof: Proof, span: (usize, usize), depth: usize, found: &mut Vec<Call>) {
    if depth > DEPTH {
        return;
    }
    if let Some(call) = call_of(value, proof, span) {
        found.push(call);
        return;
    }
    let Some(members) = value.members() else { return };
    for (key, inner) in members {
        if !WRAPPERS.contains(&key.as_ref()) && !is_block_list(key, inner) {
            continue;
        }
        let before = found.len();
        match inner {
            Value::Array(items) => items.iter().for_each(|item| collect(item, proof, span, depth + 1, found)),
            inner => collect(inner, proof, span, depth + 1, found),
        }
        if let (Some(id), [call]) = (id_of(value), found.get_mut(before..).unwrap_or_default()) {
            call.id.get_or_insert(id);
        }
    }
}

/// `"content": [{"type": "tool_use", ...}]`: lists of blocks, some of which are calls.
fn is_block_list(key: &str, value: &Value<'_>) -> bool {
    matches!(key, "content" | "output" | "parts" | "candidates")
        && value.items().is_some_and(|items| items.iter().all(|item| matches!(item, Value::Object(_))))
}

fn call_of(value: &Value<'_>, proof: Proof, span: (usize, usize)) -> Option<Call> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "text" | "message" | "tool_result" | "function_call_output") {
        return None;
    }
    let name = NAMES.iter().find_map(|key| value.get(key)?.as_str())?;
    let arguments = ARGUMENTS.iter().find_map(|key| value.get(key).map(|found| (*key, found)));
    if name.is_empty() || name.eq_ignore_ascii_case("final answer") {
        return None;
    }
    let arguments = match arguments {
        Some((key, found)) => arguments_of(key, found, proof)?,
        None if proof == Proof::Shape && kind != "function_call" && kind != "tool_use" => return None,
        None => Arguments::Named(Value::Object(Vec::new())),
    };
    Some(Call { name: name.to_owned(), arguments, id: id_of(value), span })
}

fn id_of(value: &Value<'_>) -> Option<String> {
    IDS.iter().find_map(|key| value.get(key)?.as_str()).map(str::to_owned)
}

fn arguments_of(key: &str, value: &Value<'_>, proof: Proof) -> Option<Arguments> {
    Some(match value {
        Value::Object(_) => Arguments::Named(value.clone().into_owned()),
        Value::Null => Arguments::Named(Value::Object(Vec::new())),
        Value::String(text) => of_text(text, key == "action_input"),
        _ if proof == Proof::Shape => return None,
        other => Arguments::Raw(other.to_json()),
    })
}

/// Arguments that came as text: JSON in a string, or the one input of an agent's tool.
pub(super) fn of_text(text: &str, is_input: bool) -> Arguments {
    if text.trim().is_empty() {
        return Arguments::Named(Value::Object(Vec::new()));
    }
    match strict::read(text) {
        Ok(value @ Value::Object(_)) => Arguments::Named(value.into_owned()),
        _ if is_input => {
            let input = Value::String(Cow::Owned(text.trim().to_owned()));
            Arguments::Named(Value::Object(vec![(Cow::Borrowed("input"), input)]))
        }
        _ => Arguments::Raw(text.to_owned()),
    }
}

/// Give the one unnamed input of an agent's call the name that its tool has for it.
pub(super) fn name_input(call: &mut Call, tool: Option<&Tool>) {
    let Some(name) = tool.and_then(|tool| tool.argument(0)) else { return };
    if let Arguments::Named(Value::Object(members)) = &mut call.arguments
        && let [(key, _)] = members.as_mut_slice()
        && key == "input"
    {
        *key = Cow::Owned(name.to_owned());
    }
}
