//! JSON as a tree that can be changed, and its one spelling.

use crate::canonical::{write, write_string};
use crate::scan::{byte, decoded, number_end, past_space, string_end};
use crate::text::is_json;
use std::borrow::Cow;
use std::fmt::Write;

/// A JSON value; of repeated names every member is kept.
#[derive(Clone, Debug)]
pub enum Tree<'t> {
    Text(Cow<'t, str>),
    /// A number, `true`, `false` or `null`, as it is spelled.
    Scalar(&'t [u8]),
    Array(Vec<Self>),
    Object(Vec<(Cow<'t, str>, Self)>),
}

impl<'t> Tree<'t> {
    /// The value of a whole text; None where it is no JSON. Nesting is bounded.
    pub fn of(text: &'t [u8]) -> Option<Self> {
        if !is_json(text) {
            return None;
        }
        Some(value(text, past_space(text, 0))?.0)
    }

    /// The member of this name, where there is exactly one.
    pub fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        let mut found = members.iter().filter(|member| member.0 == name);
        let first = found.next();
        if found.next().is_some() { None } else { first.map(|member| &member.1) }
    }

    /// The same, to be changed.
    pub fn member_mut(&mut self, name: &str) -> Option<&mut Self> {
        self.member(name)?;
        let Self::Object(members) = self else { return None };
        members.iter_mut().find(|member| member.0 == name).map(|member| &mut member.1)
    }

    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub fn items(&self) -> &[Self] {
        if let Self::Array(items) = self { items } else { &[] }
    }

    /// Append a form that equal values, and only they, have in common.
    ///
    /// None only where a number is none, which [`Tree::of`] lets not happen.
    pub fn write_form(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Text(text) => write_string(text, out),
            Self::Scalar(raw) => {
                write(raw, 0, out)?;
            }
            Self::Array(items) => {
                out.push(b'[');
                for item in items {
                    item.write_form(out)?;
                }
                out.push(b']');
            }
            Self::Object(members) => {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_by(|left, right| left.0.cmp(&right.0));
                out.push(b'{');
                for (name, value) in sorted {
                    write_string(name, out);
                    value.write_form(out)?;
                }
                out.push(b'}');
            }
        }
        Some(())
    }

    pub fn form(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.write_form(&mut out)?;
        Some(out)
    }

    /// Append the value as JSON text.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Text(text) => quote(text, out),
            Self::Scalar(raw) => out.push_str(&String::from_utf8_lossy(raw)),
            Self::Array(items) => listed('[', items, ']', out, |item, out| item.write_json(out)),
            Self::Object(members) => listed('{', members, '}', out, |(name, value), out| {
                quote(name, out);
                out.push(':');
                value.write_json(out);
            }),
        }
    }
}

fn listed<T>(open: char, all: &[T], close: char, out: &mut String, write: impl Fn(&T, &mut String)) {
    out.push(open);
    for (number, each) in all.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        write(each, out);
    }
    out.push(close);
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            // Writing to a String cannot fail.
            '\0'..='\x1f' => drop(write!(out, "\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out.push('"');
}

/// The value at `at` of a text that is JSON, and the position behind it.
fn value(text: &[u8], at: usize) -> Option<(Tree<'_>, usize)> {
    match byte(text, at) {
        b'"' => string(text, at).map(|(text, end)| (Tree::Text(text), end)),
        b'{' => object(text, at + 1),
        b'[' => array(text, at + 1),
        b'-' | b'0'..=b'9' => {
            let end = number_end(text, at)?;
            Some((Tree::Scalar(text.get(at..end)?), end))
        }
        letter => {
            let end = at + if letter == b'f' { 5 } else { 4 };
            Some((Tree::Scalar(text.get(at..end)?), end))
        }
    }
}

fn string(text: &[u8], at: usize) -> Option<(Cow<'_, str>, usize)> {
    let end = string_end(text, at + 1)?;
    Some((decoded(text.get(at + 1..end.at)?, end.escaped)?, end.at + 1))
}

fn array(text: &[u8], at: usize) -> Option<(Tree<'_>, usize)> {
    let mut items = Vec::new();
    let mut at = past_space(text, at);
    while byte(text, at) != b']' {
        let (item, end) = value(text, at)?;
        items.push(item);
        at = past_comma(text, end);
    }
    Some((Tree::Array(items), at + 1))
}

fn object(text: &[u8], at: usize) -> Option<(Tree<'_>, usize)> {
    let mut members = Vec::new();
    let mut at = past_space(text, at);
    while byte(text, at) != b'}' {
        let (name, end) = string(text, at)?;
        let colon = past_space(text, end);
        let (value, end) = value(text, past_space(text, colon + 1))?;
        members.push((name, value));
        at = past_comma(text, end);
    }
    Some((Tree::Object(members), at + 1))
}

fn past_comma(text: &[u8], at: usize) -> usize {
    let at = past_space(text, at);
    if byte(text, at) == b',' { past_space(text, at + 1) } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Option<Vec<u8>> {
        Tree::of(text.as_bytes())?.form()
    }

    #[test]
    fn of_whole_texts_every_member_counts() {
        let forms: Vec<_> =
            [r#"{"a":1}"#, r#"{"a":1,"a":1}"#, r#"{"a":2,"a":1}"#, r#"{"a":1,"a":2}"#].map(form).to_vec();
        for (place, one) in forms.iter().enumerate() {
            assert!(one.is_some() && !forms.iter().take(place).any(|earlier| earlier == one));
        }
        assert_eq!(form(" [1.0] "), form("[1]"));
        assert_eq!(form(r#"{"b":[],"a":{}}"#), form(r#" { "a" : { } , "b" : [ ] } "#));
        for text in ["", "[1", "[1] 2", "NaN", "[1e999]", "\"\\ud800\""] {
            assert_eq!(form(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_as_what_was_read() {
        for text in [r#"{"a":[1.50,true,null,"ä\n\u0001\"\\"],"b":{}}"#, "[]", "-0.0", r#""x""#] {
            let mut written = String::new();
            if let Some(tree) = Tree::of(text.as_bytes()) {
                tree.write_json(&mut written);
            }
            assert_eq!(form(&written), form(text), "{written}");
            assert!(form(text).is_some());
        }
    }
}
