//! The machine that reads damaged JSON: a cursor, the containers it is in, and the edits so far.

use super::edits::{Edit, Rule};
use super::marks::{Mark, Marks, is_space};
use super::value::Value;
use crate::scan::MAX_DEPTH;

/// What the value being read is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Key,
    Member,
    Item,
}

/// Look-ahead that has no other bound may read the text this many times in all.
const FUEL_PER_BYTE: usize = 32;

/// Strict readings of a part that fail may read the text this many times in all.
const TRIES_PER_BYTE: usize = 8;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) edits: Vec<Edit>,
    pub(super) too_deep: Option<usize>,
    /// The end of the container that was closed last.
    pub(super) closed_at: usize,
    /// An object starts here though no brace does.
    pub(super) brace_at: Option<usize>,
    /// The next value is read as if it were a key: it follows a set that was read as an array.
    pub(super) after_set: bool,
    pub(super) depth: usize,
    marks: Marks<'a>,
    places: Vec<Place>,
    counts: [usize; 3],
    fuel: usize,
    tries: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            edits: Vec::new(),
            too_deep: None,
            closed_at: 0,
            brace_at: None,
            after_set: false,
            depth: 0,
            marks: Marks::new(text),
            places: Vec::new(),
            counts: [0; 3],
            fuel: FUEL_PER_BYTE * (text.len() + 64),
            tries: TRIES_PER_BYTE * (text.len() + 64),
        }
    }

    // The text.

    pub(super) fn char_at(&self, at: usize) -> Option<char> {
        crate::work::tick(1);
        match self.text.as_bytes().get(at) {
            Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
            Some(_) => self.text.get(at..)?.chars().next(),
            None => None,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.char_at(self.at)
    }

    pub(super) fn char_before(&self, at: usize) -> Option<char> {
        self.text.get(..at)?.chars().next_back()
    }

    pub(super) fn starts_with(&self, at: usize, what: &str) -> bool {
        self.text.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(what.as_bytes()))
    }

    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The position after the character at a position.
    pub(super) fn after(&self, at: usize) -> usize {
        at + self.char_at(at).map_or(1, char::len_utf8)
    }

    pub(super) fn advance(&mut self) {
        self.at = self.after(self.at);
    }

    pub(super) fn is_over(&self) -> bool {
        self.at >= self.text.len()
    }

    // Looking ahead.

    pub(super) fn next(&mut self, mark: Mark, from: usize) -> usize {
        self.marks.next(mark, from)
    }

    pub(super) fn next_of(&mut self, marks: &[Mark], from: usize) -> usize {
        marks.iter().map(|mark| self.marks.next(*mark, from)).min().unwrap_or(self.text.len())
    }

    /// The first position from here that holds no white space.
    pub(super) fn past_space(&mut self, from: usize) -> usize {
        match self.text.as_bytes().get(from) {
            Some(byte) if byte.is_ascii_graphic() => from,
            None => self.text.len(),
            _ => self.marks.next(Mark::NonSpace, from),
        }
    }

    /// Pay for a look at some bytes; false where the budget is spent, and the answer must be "no".
    pub(super) fn pay(&mut self, bytes: usize) -> bool {
        crate::work::tick(bytes);
        self.fuel = self.fuel.saturating_sub(bytes);
        self.fuel > 0
    }

    // Where we are.

    pub(super) fn place(&self) -> Option<Place> {
        self.places.last().copied()
    }

    pub(super) fn inside(&self, place: Place) -> bool {
        self.counts.get(place as usize).is_some_and(|count| *count > 0)
    }

    pub(super) fn enter(&mut self, place: Place) {
        self.places.push(place);
        if let Some(count) = self.counts.get_mut(place as usize) {
            *count += 1;
        }
    }

    pub(super) fn leave(&mut self) {
        if let Some(place) = self.places.pop()
            && let Some(count) = self.counts.get_mut(place as usize)
        {
            *count -= 1;
        }
    }

    // What is changed.

    pub(super) fn edit(&mut self, start: usize, end: usize, rule: Rule) {
        let end = end.min(self.text.len());
        self.edits.push(Edit { start: start.min(end), end, rule });
    }

    /// An edit that grows the one before where both say the same and touch.
    pub(super) fn edit_on(&mut self, start: usize, end: usize, rule: Rule) {
        if let Some(last) = self.edits.last_mut()
            && last.rule == rule
            && last.end == start
        {
            last.end = end.min(self.text.len());
            return;
        }
        self.edit(start, end, rule);
    }

    // What lies between values.

    pub(super) fn skip_space(&mut self) {
        while let Some(c) = self.peek()
            && is_space(c)
        {
            let at = self.at;
            self.at += c.len_utf8();
            if !matches!(c, ' ' | '\n' | '\t' | '\r') {
                self.edit_on(at, self.at, Rule::OddSpace);
            }
        }
    }

    pub(super) fn skip_space_and_comments(&mut self) {
        loop {
            self.skip_space();
            match self.peek() {
                Some('#') => self.skip_comment(),
                Some('/') if matches!(self.char_at(self.at + 1), Some('/' | '*')) => self.skip_comment(),
                _ => return,
            }
        }
    }

    /// Skip one comment, or a lone slash.
    pub(super) fn skip_comment(&mut self) {
        let start = self.at;
        if self.starts_with(start, "/*") {
            let body = self.slice(start + 2, self.text.len());
            self.at = body.find("*/").map_or(self.text.len(), |length| start + 2 + length + 2);
        } else if self.peek() == Some('#') || self.starts_with(start, "//") {
            self.skip_line_comment();
        } else {
            self.at += 1;
            return self.edit_on(start, self.at, Rule::StrayText);
        }
        self.edit(start, self.at, Rule::Comment);
    }

    /// A `#` comment also ends where the container around it does: models put it on one line.
    fn skip_line_comment(&mut self) {
        let hash = self.peek() == Some('#');
        let (item, member, key) =
            (self.inside(Place::Item), self.inside(Place::Member), self.inside(Place::Key));
        let ends = |byte: &u8| match byte {
            b'\n' | b'\r' => true,
            b']' => hash && item,
            b'}' => hash && member,
            b':' => hash && key,
            _ => false,
        };
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    // Values.

    /// Read the next value; None where there is none.
    pub(super) fn value(&mut self) -> Option<Value<'a>> {
        if self.after_set {
            self.after_set = false;
            self.enter(Place::Key);
            let value = self.value();
            self.leave();
            return value;
        }
        if self.depth >= MAX_DEPTH {
            self.too_deep.get_or_insert(self.at);
            self.at = self.text.len();
            return None;
        }
        self.depth += 1;
        let value = self.next_value();
        self.depth -= 1;
        value
    }

    fn next_value(&mut self) -> Option<Value<'a>> {
        if self.brace_at == Some(self.at) {
            self.brace_at = None;
            return Some(self.object(false));
        }
        let outside = self.place().is_none();
        let mut stray = self.at;
        loop {
            let start = self.at;
            let c = self.peek()?;
            if outside {
                if let Some(value) = self.outer_value(c, &mut stray) {
                    return Some(value);
                }
            } else if matches!(c, '{' | '[' | '(') {
                if c != '('
                    && let Some((value, end)) = self.strict_value()
                    && self.may_end(end)
                {
                    return Some(self.took(value, end));
                }
                self.at += 1;
                return Some(match c {
                    '{' => self.object(true),
                    '[' => Value::Array(self.array(']')),
                    _ => self.parenthesized(start),
                });
            } else if opens_string(c) || c.is_alphabetic() || self.opens_bare_name(c) {
                return self.string();
            } else if c.is_numeric() || matches!(c, '-' | '.') || self.opens_signed(c) {
                return self.number();
            } else if matches!(c, '#' | '/') {
                self.skip_comment();
                return None;
            } else {
                self.advance();
                if !is_space(c) {
                    self.edit_on(start, self.at, Rule::StrayText);
                }
            }
            if self.is_over() {
                return None;
            }
        }
    }

    /// A value that stands in prose; None where this character starts none, and it is passed.
    fn outer_value(&mut self, c: char, stray: &mut usize) -> Option<Value<'a>> {
        let start = self.at;
        match c {
            '{' | '[' => {
                self.passed(*stray, start);
                if let Some(value) = self.valid_container() {
                    return Some(value);
                }
                self.at += 1;
                return Some(if c == '{' { self.object(true) } else { Value::Array(self.array(']')) });
            }
            '(' if self.may_open_tuple() => {
                self.passed(*stray, start);
                self.at += 1;
                return Some(self.parenthesized(start));
            }
            '#' | '/' if self.opens_comment(c) => {
                self.passed(*stray, start);
                self.skip_comment();
                *stray = self.at;
            }
            _ if c.is_ascii_alphanumeric() => {
                let rest = self.text.as_bytes().get(start..).unwrap_or_default();
                self.at += rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            }
            _ => self.advance(),
        }
        if self.is_over() {
            self.passed(*stray, self.text.len());
        }
        None
    }

    fn opens_comment(&self, c: char) -> bool {
        if c == '#' {
            // A bounded look back: a line may hold any number of hashes.
            let before = self.slice(0, self.at).chars().rev().take(64);
            return before.take_while(|c| *c != '\n').all(is_space);
        }
        matches!(self.char_at(self.at + 1), Some('/' | '*')) && self.char_before(self.at) != Some(':')
    }

    /// Say what was passed on the way to a value: prose, fences, commas.
    fn passed(&mut self, start: usize, end: usize) {
        let passed = self.slice(start, end);
        let trimmed = passed.trim_matches(|c| is_space(c) || c == ',');
        if trimmed.is_empty() {
            if let Some(comma) = passed.find(',') {
                self.edit(start + comma, end, Rule::ExtraComma);
            }
            return;
        }
        let from = start + (trimmed.as_ptr() as usize).saturating_sub(passed.as_ptr() as usize);
        let to = from + trimmed.len();
        let fence = trimmed.contains("```") || trimmed.contains("~~~");
        let bare = trimmed.trim_matches(|c: char| matches!(c, '`' | '~') || c.is_ascii_alphanumeric());
        if fence {
            self.edit(from, to, Rule::CodeFence);
        }
        if !fence || bare.chars().any(|c| !is_space(c)) {
            let brackets = trimmed.chars().all(|c| matches!(c, '}' | ']' | ')' | ';') || is_space(c));
            self.edit(from, to, if brackets { Rule::ExtraBracket } else { Rule::TextAround });
        }
    }

    /// The container from here, where it is valid JSON and what follows is not its continuation.
    fn valid_container(&mut self) -> Option<Value<'a>> {
        let (value, end) = self.strict_value()?;
        let next = self.past_space(end);
        let goes_on = matches!(self.char_at(next), Some(',' | '}' | ']'));
        (!goes_on).then(|| self.took(value, end))
    }

    /// The container from here and its end, where it is valid JSON.
    ///
    /// Most of a damaged text is not damaged. Failures are paid for, as each level may fail anew.
    fn strict_value(&mut self) -> Option<(Value<'a>, usize)> {
        if self.tries == 0 {
            return None;
        }
        // The level itself is counted where it is entered.
        let found = super::strict::read_at(self.text, self.at, self.depth.saturating_sub(1));
        if let Err(refusal) = found {
            self.tries = self.tries.saturating_sub(refusal.at().saturating_sub(self.at) + 1);
        }
        found.ok()
    }

    fn took(&mut self, value: Value<'a>, end: usize) -> Value<'a> {
        self.at = end;
        self.closed_at = end;
        value
    }

    /// `_id`, `$ref`: names that a bare word may start with, beside letters.
    pub(super) fn opens_bare_name(&self, c: char) -> bool {
        matches!(c, '_' | '$') && self.char_at(self.at + 1).is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn opens_signed(&self, c: char) -> bool {
        c == '+' && self.char_at(self.at + 1).is_some_and(|c| c.is_ascii_digit() || c == '.')
    }
}

/// The quotes that damaged JSON uses.
pub(super) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”')
}

/// The quotes that open a string, with those that only ever come as a whole pair.
pub(super) fn opens_string(c: char) -> bool {
    is_quote(c) || matches!(c, '‘' | '’' | '`' | '´')
}
