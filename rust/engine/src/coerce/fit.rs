//! One value against one schema: the cheapest change that makes it fit.

use super::Receipt;
use super::words::{self, Choice};
use crate::repair::{self, Value, is_integer, strict};
use std::borrow::Cow;

/// A value that fits, and the price of it.
pub(super) struct Fit {
    pub(super) value: Value<'static>,
    pub(super) cost: u32,
    pub(super) receipts: Vec<Receipt>,
}

impl Fit {
    /// This fit, and what was changed after it.
    fn then(mut self, next: Fit) -> Fit {
        self.receipts.extend(next.receipts);
        Fit { value: next.value, cost: self.cost + next.cost, receipts: self.receipts }
    }
}

const KEYWORDS: [&str; 9] =
    ["$ref", "anyOf", "oneOf", "allOf", "enum", "const", "type", "properties", "items"];

/// Schemas refer to each other: a value is fitted this many times in all.
const STEPS: usize = 100_000;
const DEPTH: usize = 64;

pub(super) struct Fitter<'s> {
    root: &'s Value<'static>,
    steps: usize,
    depth: usize,
    /// The references that are being followed, and where.
    following: Vec<(String, String)>,
    /// Whether the value itself may be JSON in a string; the raw text is no such string.
    pub(super) decodes: bool,
}

pub(super) static NO_SCHEMA: Value<'static> = Value::Bool(true);

impl<'s> Fitter<'s> {
    pub(super) fn new(root: &'s Value<'static>) -> Self {
        Self { root, steps: STEPS, depth: 0, following: Vec::new(), decodes: true }
    }

    pub(super) fn fit(&mut self, value: &Value<'_>, schema: &Value<'static>, pointer: &str) -> Option<Fit> {
        if self.steps == 0 || self.depth >= DEPTH {
            return None;
        }
        self.steps -= 1;
        self.depth += 1;
        let found = self.by_keywords(value, schema, pointer);
        self.depth -= 1;
        found
    }

    /// Every keyword in turn takes what the one before it left.
    fn by_keywords(&mut self, value: &Value<'_>, schema: &Value<'static>, pointer: &str) -> Option<Fit> {
        match schema {
            Value::Bool(false) => return None,
            Value::Object(_) => {}
            _ => return Some(same(value)),
        }
        let is_typed = schema.get("type").is_some();
        let mut whole: Option<Fit> = None;
        for keyword in KEYWORDS {
            let Some(operand) = schema.get(keyword) else { continue };
            let current = whole.as_ref().map_or(value, |fit| &fit.value);
            let found = match (keyword, operand) {
                ("$ref", Value::String(reference)) => self.follow(current, reference, pointer),
                ("anyOf" | "oneOf", Value::Array(branches)) => self.cheapest(current, branches, pointer),
                ("allOf", Value::Array(parts)) => self.all(current, parts, pointer),
                ("enum", Value::Array(values)) => choose(current, &choices(values, schema), pointer),
                ("const", only) => choose(current, &choices(std::slice::from_ref(only), schema), pointer),
                ("type", Value::String(kind)) => self.by_type(current, kind, schema, pointer),
                ("type", Value::Array(kinds)) => {
                    let kinds = kinds.iter().filter_map(Value::as_str);
                    let found = kinds.filter_map(|kind| self.by_type(current, kind, schema, pointer));
                    found.min_by_key(|fit| fit.cost)
                }
                ("properties", _) if !is_typed => self.by_type(current, "object", schema, pointer),
                ("items", _) if !is_typed => self.by_type(current, "array", schema, pointer),
                _ => continue,
            }?;
            whole = Some(match whole {
                Some(before) => before.then(found),
                None => found,
            });
        }
        Some(whole.unwrap_or_else(|| same(value)))
    }

    /// A reference that leads back to itself at the same place fits nothing.
    fn follow(&mut self, value: &Value<'_>, reference: &str, pointer: &str) -> Option<Fit> {
        let step = (reference.to_owned(), pointer.to_owned());
        if self.following.contains(&step) {
            return None;
        }
        let target = self.target(reference)?;
        self.following.push(step);
        let found = self.fit(value, target, pointer);
        self.following.pop();
        found
    }

    fn target(&self, reference: &str) -> Option<&'s Value<'static>> {
        let mut found = self.root;
        for part in reference.strip_prefix('#')?.split('/').skip(1) {
            found = found.get(&part.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(found)
    }

    fn cheapest(&mut self, value: &Value<'_>, branches: &[Value<'static>], pointer: &str) -> Option<Fit> {
        let mut best: Option<Fit> = None;
        for branch in branches {
            if let Some(found) = self.fit(value, branch, pointer)
                && best.as_ref().is_none_or(|best| found.cost < best.cost)
            {
                best = Some(found);
            }
        }
        best
    }

    fn all(&mut self, value: &Value<'_>, parts: &[Value<'static>], pointer: &str) -> Option<Fit> {
        let mut whole = same(value);
        for part in parts {
            let found = self.fit(&whole.value, part, pointer)?;
            whole = whole.then(found);
        }
        Some(whole)
    }

    fn by_type(
        &mut self,
        value: &Value<'_>,
        kind: &str,
        schema: &Value<'static>,
        pointer: &str,
    ) -> Option<Fit> {
        match (kind, value) {
            ("null", Value::Null)
            | ("boolean", Value::Bool(_))
            | ("number", Value::Number(_))
            | ("string", Value::String(_)) => Some(same(value)),
            ("integer", Value::Number(text)) if is_integer(text) => Some(same(value)),
            ("object", Value::Object(members)) => self.object(members, schema, pointer),
            ("array", Value::Array(items)) => self.array(items, schema, pointer),
            ("null", Value::String(text)) => {
                words::is_null(text).then(|| change(value, Value::Null, "null", 3, pointer))
            }
            ("boolean", Value::String(text)) => {
                let (truth, cost) = words::truth(text)?;
                Some(change(value, Value::Bool(truth), "boolean", cost, pointer))
            }
            ("number", Value::String(text)) => {
                let number = words::number(text)?;
                Some(change(value, Value::Number(Cow::Owned(number)), "number", 2, pointer))
            }
            ("integer", Value::String(text)) => {
                let number = words::whole(&words::number(text)?)?;
                Some(change(value, Value::Number(Cow::Owned(number)), "integer", 2, pointer))
            }
            ("integer", Value::Number(text)) => {
                let number = words::whole(text)?;
                Some(change(value, Value::Number(Cow::Owned(number)), "integer", 1, pointer))
            }
            ("string", Value::Number(_) | Value::Bool(_)) => {
                Some(change(value, text_of(value), "string", 2, pointer))
            }
            ("string", Value::Object(_) | Value::Array(_)) => {
                Some(change(value, text_of(value), "string", 6, pointer))
            }
            ("array", _) => self.list_of_one(value, schema, pointer),
            ("object", _) => self.object_from(value, schema, pointer),
            _ => None,
        }
    }

    /// A string that holds the JSON of a container.
    pub(super) fn decoded(
        &mut self,
        value: &Value<'_>,
        schema: &Value<'static>,
        pointer: &str,
    ) -> Option<Fit> {
        let text = value.as_str()?.trim();
        if !text.starts_with(['{', '[']) || (pointer.is_empty() && !self.decodes) {
            return None;
        }
        let inner = match strict::read(text) {
            Ok(inner) => inner.into_owned(),
            Err(_) => repair::repair(text).ok()?.value.into_owned(),
        };
        let mut found = self.fit(&inner, schema, pointer)?;
        found.receipts.insert(0, receipt(pointer, "decoded", value, &inner));
        found.cost += 3;
        Some(found)
    }
}

pub(super) fn same(value: &Value<'_>) -> Fit {
    Fit { value: value.clone().into_owned(), cost: 0, receipts: Vec::new() }
}

fn change(before: &Value<'_>, after: Value<'static>, rule: &'static str, cost: u32, pointer: &str) -> Fit {
    let receipts = vec![receipt(pointer, rule, before, &after)];
    Fit { value: after, cost, receipts }
}

pub(super) fn receipt(pointer: &str, rule: &'static str, before: &Value<'_>, after: &Value<'_>) -> Receipt {
    Receipt { pointer: pointer.to_owned(), rule, before: clipped(before), after: clipped(after) }
}

fn clipped(value: &Value<'_>) -> String {
    const SHOWN: usize = 60;
    let mut text = value.to_json();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => {
            text.truncate(end);
            text.push_str("...");
            text
        }
        None => text,
    }
}

fn text_of(value: &Value<'_>) -> Value<'static> {
    Value::String(Cow::Owned(value.to_json()))
}

/// The values of `enum` or `const`, with the other names that `x-aliases` gives them.
fn choices(values: &[Value<'static>], schema: &Value<'static>) -> Vec<Choice> {
    let aliases = schema.get("x-aliases");
    let choices = values.iter().map(|value| {
        let name = value.as_str().unwrap_or_default();
        let others = aliases.and_then(|aliases| aliases.get(name)).and_then(Value::items).unwrap_or_default();
        Choice::new(value.clone(), others.iter().filter_map(Value::as_str))
    });
    choices.collect()
}

fn choose(value: &Value<'_>, choices: &[Choice], pointer: &str) -> Option<Fit> {
    let owned = value.clone().into_owned();
    if choices.iter().any(|choice| choice.value == owned) {
        return Some(same(value));
    }
    let text = match value {
        Value::String(text) => text.to_string(),
        Value::Number(text) => text.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    let (chosen, cost) = words::choose(&text, choices)?;
    Some(change(value, chosen, "enum", cost, pointer))
}
