//! Objects, arrays and tuples whose commas, colons and brackets may be missing or too many.

use super::edits::Rule;
use super::marks::{Char, Mark, is_space};
use super::parser::{Parser, Place, is_quote};
use super::value::Value;
use crate::scan::MAX_DEPTH;
use std::borrow::Cow;
use std::collections::HashSet;

type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

impl<'a> Parser<'a> {
    /// Read an object whose opening brace is behind us, or missing.
    pub(super) fn object(&mut self, has_brace: bool) -> Value<'a> {
        let start = self.at;
        let first_edit = self.edits.len();
        if !has_brace {
            self.edit(start, start, Rule::MissingBracket);
        }
        let members = self.members();
        let closed = self.char_before(self.at) == Some('}');
        self.closed_at = self.at.min(self.text.len());
        if members.is_empty()
            && let Some(other) = self.not_an_object(start, closed, first_edit)
        {
            return other;
        }
        self.after_object(members)
    }

    fn members(&mut self) -> Members<'a> {
        let mut members = Members::new();
        let mut seen = Keys::default();
        let is_member_value = self.place() == Some(Place::Member);
        let repeats_split = self.inside(Place::Item) && !is_member_value;
        let mut comma = true;
        loop {
            self.skip_space_and_comments();
            let at = self.at;
            match self.peek() {
                None => {
                    self.edit(at, at, Rule::MissingBracket);
                    break;
                }
                Some('}') => {
                    if comma && !members.is_empty() {
                        self.extra_comma_before(at);
                    }
                    break;
                }
                Some(',') => {
                    self.at += 1;
                    if comma {
                        self.edit(at, self.at, Rule::ExtraComma);
                    }
                    comma = true;
                    continue;
                }
                Some(':') => {
                    self.at += 1;
                    self.edit(at, self.at, Rule::ExtraColon);
                }
                _ => {}
            }
            let first_edit = self.edits.len();
            let (key, key_at) = self.key(&mut members);
            if repeats_split && !key.is_empty() && seen.holds(&members, &key) && self.splits_object(key_at) {
                self.edits.truncate(first_edit);
                self.edit(key_at, key_at, Rule::SplitObject);
                self.at = key_at;
                self.brace_at = Some(key_at);
                return members;
            }
            if !comma && !key.is_empty() {
                self.edit(key_at, key_at, Rule::MissingComma);
            }
            if !self.colon(&mut members, &key, key_at, comma) {
                continue;
            }
            let value = self.member_value();
            if repeats_split {
                seen.add(&members, &key);
            }
            members.push((key, value));
            comma = self.separator();
            if self.peek() == Some(']') && self.inside(Place::Item) {
                self.edit(self.at, self.at, Rule::MissingBracket);
                return members;
            }
        }
        self.at += 1;
        members
    }

    fn extra_comma_before(&mut self, at: usize) {
        let comma = self.slice(0, at).rfind(',').unwrap_or(at);
        self.edit(comma, comma + 1, Rule::ExtraComma);
    }

    /// What stands between two members, one character of it: a comma, or a stray quote.
    fn separator(&mut self) -> bool {
        let at = self.at;
        match self.peek() {
            Some(',') => {
                self.at += 1;
                return true;
            }
            Some('"' | '\'') => {
                self.at += 1;
                self.edit(at, self.at, Rule::DoubledQuote);
            }
            Some(c) if is_space(c) => {
                self.skip_space_and_comments();
                if self.peek() == Some(',') {
                    self.at += 1;
                    return true;
                }
            }
            _ => {}
        }
        false
    }

    /// Read a key; the position it starts at comes along.
    fn key(&mut self, members: &mut Members<'a>) -> (Cow<'a, str>, usize) {
        let mut key = Cow::Borrowed("");
        let mut start = self.at;
        self.enter(Place::Key);
        while self.peek().is_some() {
            start = self.at;
            if self.peek() == Some('[') && key.is_empty() && self.merge_rows(members) {
                continue;
            }
            key = self.string().map_or(Cow::Borrowed(""), Value::into_text);
            if !key.is_empty() {
                break;
            }
            self.skip_space_and_comments();
            if matches!(self.peek(), Some(':' | '}')) {
                break;
            }
            if self.at == start {
                self.advance();
                self.edit_on(start, self.at, Rule::StrayText);
            }
        }
        self.leave();
        (key, start)
    }

    /// Pass the colon after a key; false where the key has no value, and what it meant is settled.
    fn colon(&mut self, members: &mut Members<'a>, key: &str, key_at: usize, comma: bool) -> bool {
        self.skip_space_and_comments();
        let at = self.at;
        match self.peek() {
            None => {
                // The beginning of a longer key may spell one that is there already.
                if !key.is_empty() && comma && !members.iter().any(|(name, _)| name == key) {
                    self.edit(at, at, Rule::MissingValue);
                    members.push((Cow::Owned(key.to_owned()), Value::Null));
                } else if !key.is_empty() {
                    self.edit(key_at, at, Rule::StrayText);
                }
                return false;
            }
            Some('}') => {
                if !members.is_empty() && !key.is_empty() && self.char_at(key_at).is_some_and(is_quote) {
                    self.edit(at, at, Rule::MissingValue);
                    members.push((Cow::Owned(key.to_owned()), Value::Null));
                } else if !key.is_empty() && !members.is_empty() {
                    self.edit(key_at, at, Rule::StrayText);
                }
                return false;
            }
            Some(':') => self.at += 1,
            Some(',' | ';' | '=') => {
                self.at += 1;
                self.edit(at, self.at, Rule::CommaInsteadOfColon);
            }
            _ => self.edit(at, at, Rule::MissingColon),
        }
        true
    }

    fn member_value(&mut self) -> Value<'a> {
        self.enter(Place::Member);
        self.skip_space_and_comments();
        let at = self.at;
        let value = if matches!(self.peek(), Some(',' | '}')) { None } else { self.value() };
        self.leave();
        value.unwrap_or_else(|| {
            self.edit(at, at, Rule::MissingValue);
            Value::Null
        })
    }

    /// Whether a repeated key starts the next object of an array: no plain `, "key":` leads to it.
    fn splits_object(&mut self, key_at: usize) -> bool {
        let before = self.slice(0, key_at).trim_end_matches(is_space);
        let next = self.past_space(self.at);
        !(self.char_at(key_at).is_some_and(is_quote)
            && before.ends_with(',')
            && self.char_at(next) == Some(':'))
    }

    /// `"rows": [[..], [..]], [..]`: rows that stand after the array they belong to.
    fn merge_rows(&mut self, members: &mut Members<'a>) -> bool {
        if !matches!(members.last(), Some((_, Value::Array(_)))) {
            return false;
        }
        let start = self.at;
        self.at += 1;
        let mut rows = self.array(']');
        let Some((_, Value::Array(target))) = members.last_mut() else { return false };
        let lengths: Vec<usize> = target.iter().filter_map(|row| row.items().map(<[_]>::len)).collect();
        let width = lengths.first().copied().filter(|width| *width > 0 && lengths.iter().all(|l| l == width));
        match width {
            Some(width) => append_rows(target, rows, width),
            None => match rows.as_mut_slice() {
                [Value::Array(only)] => target.append(only),
                _ => target.append(&mut rows),
            },
        }
        self.edit(start, self.at, Rule::RowsMerged);
        self.skip_space_and_comments();
        if self.peek() == Some(',') {
            self.at += 1;
        }
        self.skip_space_and_comments();
        true
    }

    /// What `{...}` without members is, where it is no empty object: a set.
    fn not_an_object(&mut self, start: usize, closed: bool, first_edit: usize) -> Option<Value<'a>> {
        let end = if closed { self.at - 1 } else { self.at.min(self.text.len()) };
        let body = self.slice(start, end);
        if !self.pay(2 * body.len()) || !holds_set(body) {
            return None;
        }
        let (at, edits) = (self.at, self.edits.split_off(first_edit));
        self.edit(start.saturating_sub(1), start, Rule::SetAsArray);
        self.at = start;
        self.enter(Place::Key);
        let items = self.array(']');
        self.leave();
        if items.is_empty() {
            self.edits.truncate(first_edit);
            self.edits.extend(edits);
            self.at = at;
            return None;
        }
        self.after_set = self.place().is_some();
        Some(Value::Array(items))
    }

    /// What may stand after an object that only a repair explains.
    fn after_object(&mut self, mut members: Members<'a>) -> Value<'a> {
        let at = self.at;
        if let Some(place) = self.place() {
            if self.peek() == Some('}') && place == Place::Item {
                self.at += 1;
                self.edit(at, self.at, Rule::ExtraBracket);
            }
            return Value::Object(members);
        }
        self.skip_space();
        if self.peek() == Some(',') {
            self.at += 1;
            self.skip_space();
            if self.is_over() {
                self.edit(at, self.at, Rule::ExtraComma);
            }
            if self.peek().is_some_and(is_quote) {
                self.edit(at, self.at, Rule::MemberOutside);
                if self.depth < MAX_DEPTH {
                    self.depth += 1;
                    let more = self.object(true);
                    self.depth -= 1;
                    if let Value::Object(mut more) = more {
                        members.append(&mut more);
                    }
                }
            }
        }
        Value::Object(members)
    }

    /// Read an array whose opening bracket is behind us.
    pub(super) fn array(&mut self, closing: char) -> Vec<Value<'a>> {
        let is_member_value = self.place() == Some(Place::Member);
        let mut items = Vec::new();
        let mut comma = true;
        let mut before_member = false;
        self.enter(Place::Item);
        loop {
            self.skip_space_and_comments();
            let at = self.at;
            let Some(c) = self.peek() else {
                self.edit(at, at, Rule::MissingBracket);
                break;
            };
            if c == closing || c == '}' {
                if comma && !items.is_empty() {
                    self.extra_comma_before(at);
                }
                if c != closing {
                    self.edit(at, at + 1, Rule::MismatchedBracket);
                }
                break;
            }
            if c == ',' {
                self.at += 1;
                if comma {
                    self.edit(at, self.at, Rule::ExtraComma);
                }
                comma = true;
                continue;
            }
            let value = if is_quote(c) && self.is_key_here(c) {
                if is_member_value && !items.is_empty() && !items.iter().any(Value::is_container) {
                    self.edit(at, at, Rule::MissingBracket);
                    before_member = true;
                    break;
                }
                self.nested_object()
            } else {
                self.value()
            };
            let had_comma = std::mem::replace(&mut comma, false);
            self.take_item(value, at, closing, had_comma, &mut items);
        }
        self.leave();
        if !before_member {
            self.at += 1;
        }
        self.closed_at = self.at.min(self.text.len());
        items
    }

    fn nested_object(&mut self) -> Option<Value<'a>> {
        if self.depth >= MAX_DEPTH {
            return self.value();
        }
        self.depth += 1;
        let value = self.object(false);
        self.depth -= 1;
        Some(value)
    }

    fn take_item(
        &mut self,
        value: Option<Value<'a>>,
        at: usize,
        closing: char,
        had_comma: bool,
        items: &mut Vec<Value<'a>>,
    ) {
        let next = self.peek();
        let ended = next == Some(closing) || next == Some(',');
        match value {
            Some(Value::String(dots)) if dots == "..." && self.char_before(self.at) == Some('.') => {
                self.edit(at, self.at, Rule::Ellipsis);
            }
            Some(Value::String(text)) if text.is_empty() && !ended => {
                self.edit(at, self.after(self.at), Rule::StrayText);
                self.advance();
            }
            Some(value) => {
                if !had_comma {
                    self.edit(at, at, Rule::MissingComma);
                }
                items.push(value);
            }
            None if self.at == at => {
                self.advance();
                self.edit_on(at, self.at, Rule::StrayText);
            }
            None => {}
        }
    }

    /// Whether the string that a quote opens here is followed by a colon.
    fn is_key_here(&mut self, quote: char) -> bool {
        let Some(quote) = Char::of(quote) else { return false };
        let end = self.next(Mark::Bare(quote), self.at + 1);
        let next = self.past_space(self.after(end));
        self.char_at(next) == Some(':')
    }

    /// Read what stands in parentheses: a Python tuple, or one value.
    pub(super) fn parenthesized(&mut self, start: usize) -> Value<'a> {
        let is_tuple = self.is_tuple(start);
        self.edit(start, start + 1, Rule::Parentheses);
        let mut items = self.array(')');
        match items.pop() {
            Some(only) if !is_tuple && items.is_empty() => only,
            Some(last) => {
                items.push(last);
                Value::Array(items)
            }
            None => Value::Array(items),
        }
    }
}

fn append_rows<'a>(target: &mut Vec<Value<'a>>, mut rows: Vec<Value<'a>>, width: usize) {
    let whole = target.iter().rposition(|row| row.items().is_some()).map_or(0, |at| at + 1);
    let mut tail: Vec<Value<'a>> = target.split_off(whole);
    if !tail.is_empty() && tail.len().is_multiple_of(width) {
        while !tail.is_empty() {
            let rest = tail.split_off(width.min(tail.len()));
            target.push(Value::Array(tail));
            tail = rest;
        }
    } else {
        target.append(&mut tail);
    }
    if rows.iter().all(|row| row.items().is_some()) {
        target.append(&mut rows);
    } else {
        target.push(Value::Array(rows));
    }
}

/// Whether the body of `{...}` holds something, and no colon outside of strings and comments.
fn holds_set(body: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    let mut holds = false;
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        if std::mem::take(&mut escaped) {
            continue;
        }
        match (c, quote) {
            ('\\', _) => escaped = true,
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('#', None) => while chars.next_if(|c| *c != '\n').is_some() {},
            ('/', None) if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            ('/', None) if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                chars.next();
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            (':', None) => return false,
            ('.' | ',', None) => {}
            (c, None) => {
                if is_quote(c) {
                    quote = Some(c);
                }
                holds |= c.is_alphanumeric() || matches!(c, '{' | '[');
            }
        }
        if quote.is_some() {
            holds |= c.is_alphanumeric();
        }
    }
    holds
}

/// The keys of one object: a short list is searched, a long one hashed.
#[derive(Default)]
struct Keys<'a> {
    hashed: HashSet<Cow<'a, str>>,
}

const SEARCHED: usize = 12;

impl<'a> Keys<'a> {
    fn holds(&self, members: &Members<'a>, key: &str) -> bool {
        if self.hashed.is_empty() {
            members.iter().any(|(name, _)| name == key)
        } else {
            self.hashed.contains(key)
        }
    }

    fn add(&mut self, members: &Members<'a>, key: &str) {
        if members.len() == SEARCHED {
            self.hashed = members.iter().map(|(name, _)| name.clone()).collect();
        }
        if members.len() >= SEARCHED {
            self.hashed.insert(Cow::Owned(key.to_owned()));
        }
    }
}
