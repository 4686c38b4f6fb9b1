//! The values of a text: one, several, or bare ones without any container.

use super::edits::{Edit, Rule};
use super::marks::is_space;
use super::parser::{Parser, Place, is_quote};
use super::value::Value;

/// A value and where it stands.
pub(super) struct Document<'a> {
    pub(super) value: Value<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> Parser<'a> {
    /// Read every container of the text.
    pub(super) fn documents(&mut self) -> Vec<Document<'a>> {
        let mut found = Vec::new();
        if let Some(value) = self.object_without_brace() {
            found.push(value);
        }
        while !self.is_over() {
            self.after_set = false;
            self.brace_at = None;
            let from = self.at;
            if let Some(value) = self.value() {
                let start = self.first_bracket(from);
                let end = self.closed_at.clamp(start, self.text.len());
                found.push(Document { value, start, end });
            }
            if self.at == from {
                self.advance();
            }
        }
        found
    }

    fn first_bracket(&self, from: usize) -> usize {
        let rest = self.slice(from, self.text.len());
        from + rest.find(['{', '[', '(']).unwrap_or(0)
    }

    /// `"a": 1, "b": 2}`: an object that lost its first brace.
    fn object_without_brace(&mut self) -> Option<Document<'a>> {
        let start = self.past_space(0);
        let quote = self.char_at(start).filter(|c| is_quote(*c))?;
        let rest = self.slice(start + quote.len_utf8(), self.text.len());
        let key = rest.find(quote)?;
        let after = rest.get(key + quote.len_utf8()..)?.trim_start_matches(is_space);
        if !after.starts_with(':') || !after.contains(['}', ',']) {
            return None;
        }
        self.at = start;
        let value = self.object(false);
        Some(Document { value, start, end: self.closed_at })
    }

    /// Settle what several documents mean together.
    pub(super) fn joined(&mut self, found: Vec<Document<'a>>) -> Option<Value<'a>> {
        let found = self.without_remarks(found);
        let all_empty = found.iter().all(|document| document.value.is_empty());
        let mut kept: Vec<Document<'a>> = Vec::new();
        for document in found {
            let listed = kept.last().is_some_and(|last| self.is_list(last.end, document.start));
            let Some(last) = kept.last_mut() else {
                kept.push(document);
                continue;
            };
            if document.value.is_empty() && !(all_empty && listed) {
                self.edits.push(edit(&document, Rule::EmptyDocument));
            } else if last.value.is_empty() && !all_empty {
                self.edits.push(edit(last, Rule::EmptyDocument));
                *last = document;
            } else if !listed && last.value.same_shape(&document.value) {
                self.edits.push(edit(last, Rule::SupersededDocument));
                *last = document;
            } else {
                kept.push(document);
            }
        }
        let (first, last) = (kept.first()?.start, kept.last()?.end);
        if kept.len() == 1 {
            return kept.pop().map(|document| document.value);
        }
        self.edit(first, last, Rule::ConcatenatedDocuments);
        Some(Value::Array(kept.into_iter().map(|document| document.value).collect()))
    }

    /// Drop the `[1]`, `[link]`, `{name}` of prose where a real document is there too.
    fn without_remarks(&mut self, found: Vec<Document<'a>>) -> Vec<Document<'a>> {
        let text = self.text;
        let is_real = |document: &Document<'a>| {
            let source = text.get(document.start..document.end).unwrap_or_default();
            document.value.is_empty() || source.contains(['"', ':', '\'', '“', '`', '‘'])
        };
        if found.len() < 2 || !found.iter().any(is_real) {
            return found;
        }
        let mut kept = Vec::new();
        let mut end = 0;
        for document in found {
            let in_prose = self.slice(end, document.start).contains(char::is_alphabetic);
            end = document.end;
            if is_real(&document) || !in_prose {
                kept.push(document);
            } else {
                self.edit(document.start, document.end, Rule::TextAround);
            }
        }
        kept
    }

    /// Whether what lies between two documents makes them a list: a comma, or a new line alone.
    fn is_list(&self, end: usize, start: usize) -> bool {
        let mut between = String::new();
        let mut rest = self.slice(end, start);
        while let Some(at) = rest.find(['/', '#']) {
            between.push_str(rest.get(..at).unwrap_or_default());
            rest = rest.get(at..).unwrap_or_default();
            let length = if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else {
                rest.find('\n').unwrap_or(rest.len())
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        between.push_str(rest);
        between.contains([',', '\n']) && between.chars().all(|c| c == ',' || is_space(c))
    }

    /// The bare values of a text that holds no container: `1, 2, 3`, `"a"`, `True`.
    pub(super) fn bare_values(&mut self) -> Option<Value<'a>> {
        self.at = 0;
        self.edits.clear();
        let mut values = Vec::new();
        let mut separated = true;
        self.enter(Place::Item);
        loop {
            let before = self.at;
            self.skip_space_and_comments();
            let line = self.slice(before, self.at).contains('\n');
            match self.peek() {
                None => {
                    if separated && let Some(comma) = self.slice(0, before).rfind(',') {
                        self.edit(comma, comma + 1, Rule::ExtraComma);
                    }
                    break;
                }
                Some(',') => {
                    if separated {
                        self.edit(self.at, self.at + 1, Rule::ExtraComma);
                    }
                    self.at += 1;
                    separated = true;
                    continue;
                }
                Some(c)
                    if (separated || line) && starts_bare_value(c, self.slice(self.at, self.text.len())) =>
                {
                    values.push(self.value()?);
                    separated = false;
                }
                Some(_) => return None,
            }
        }
        self.leave();
        if values.len() > 1 {
            self.edit(0, self.text.len(), Rule::ConcatenatedDocuments);
            return Some(Value::Array(values));
        }
        values.pop()
    }
}

fn edit(document: &Document<'_>, rule: Rule) -> Edit {
    Edit { start: document.start, end: document.end, rule }
}

fn starts_bare_value(c: char, rest: &str) -> bool {
    const LITERALS: [&str; 5] = ["true", "false", "null", "none", "undefined"];
    let word = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let digits = rest.trim_start_matches(['-', '+', '.']);
    is_quote(c)
        || (matches!(c, '-' | '+' | '.' | '0'..='9') && digits.starts_with(|c: char| c.is_ascii_digit()))
        || LITERALS.iter().any(|literal| word.eq_ignore_ascii_case(literal))
}
