//! Damaged JSON to the value it meant, with a receipt for every change.
//!
//! The text is read once by [`strict`]; only what that refuses is repaired. Every look ahead is
//! answered from an index ([`marks`]) or paid from a budget that grows with the text, so the time
//! is linear in the text whatever it holds.

mod containers;
mod documents;
mod edits;
mod guesses;
mod marks;
mod numbers;
mod parser;
pub mod strict;
mod strings;
mod tuples;
mod value;

pub use edits::{Edit, Rule};
pub use value::{Value, is_integer};

pub(crate) use numbers::is_json as is_number;
pub(crate) use strict::joined;

use parser::Parser;
use strict::Refusal;

/// A value, and what was changed to get it; no edit where the text was JSON.
#[derive(Debug)]
pub struct Repaired<'a> {
    pub value: Value<'a>,
    pub edits: Vec<Edit>,
}

/// Why a text cannot be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrepairable {
    /// It holds nothing that looks like JSON.
    NoValue,
    /// It nests deeper than [`crate::MAX_DEPTH`], at this byte.
    TooDeep(usize),
    /// It is JSON as it is, but for half surrogate pairs that only Python can hold.
    LoneSurrogate,
}

/// Read a text as JSON, repairing what is damaged.
pub fn repair(text: &str) -> Result<Repaired<'_>, Unrepairable> {
    match strict::read(text) {
        Ok(value) => Ok(doubly_encoded(value, text.len())),
        Err(Refusal::LoneSurrogate(_)) => Err(Unrepairable::LoneSurrogate),
        Err(Refusal::TooDeep(at)) => Err(Unrepairable::TooDeep(at)),
        Err(Refusal::Syntax(_)) => mend(text),
    }
}

/// A text that is one JSON string which holds a container: that container.
fn doubly_encoded(value: Value<'_>, length: usize) -> Repaired<'_> {
    if let Value::String(inner) = &value
        && inner.trim_start().starts_with(['{', '['])
        && let Ok(inner) = strict::read(inner)
        && !inner.is_empty()
    {
        let edits = vec![Edit { start: 0, end: length, rule: Rule::DoubleEncoding }];
        return Repaired { value: inner.into_owned(), edits };
    }
    Repaired { value, edits: Vec::new() }
}

/// Every container of a text, repaired, each on its own.
pub fn documents(text: &str) -> Vec<Value<'static>> {
    let mut parser = Parser::new(text);
    let found = parser.documents();
    if parser.too_deep.is_some() {
        return Vec::new();
    }
    found.into_iter().map(|document| document.value.into_owned()).collect()
}

fn mend(text: &str) -> Result<Repaired<'_>, Unrepairable> {
    if let Some(repaired) = escaped_document(text) {
        return Ok(repaired);
    }
    let mut parser = Parser::new(text);
    let found = parser.documents();
    if let Some(at) = parser.too_deep {
        return Err(Unrepairable::TooDeep(at));
    }
    let value = match parser.joined(found) {
        Some(value) => value,
        None => parser.bare_values().ok_or(Unrepairable::NoValue)?,
    };
    let mut edits = parser.edits;
    if edits.is_empty() {
        edits.push(Edit { start: 0, end: text.len(), rule: Rule::Rewritten });
    }
    edits.sort_by_key(|edit| edit.start);
    Ok(Repaired { value, edits })
}

/// `{\"a\": 1}`: a document whose quotes are all escaped, as inside of a string.
fn escaped_document(text: &str) -> Option<Repaired<'static>> {
    let start = text.find(['{', '['])?;
    let body = text.get(start + 1..)?.trim_start().trim_start_matches("\\n").trim_start();
    if !body.starts_with("\\\"") {
        return None;
    }
    let plain = unescaped(text.get(start..)?);
    let repaired = match strict::read(&plain) {
        Ok(value) => Repaired { value, edits: Vec::new() },
        Err(_) => mend(&plain).ok()?,
    };
    let edits = vec![Edit { start, end: text.len(), rule: Rule::EscapedDocument }];
    Some(Repaired { value: repaired.value.into_owned(), edits })
}

/// One level of escapes taken away.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('"' | '\\' | '/'))) => {
                out.push(next);
                chars.next();
            }
            ('\\', Some('n')) => {
                out.push('\n');
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}
