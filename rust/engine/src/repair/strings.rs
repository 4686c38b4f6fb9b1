//! Strings whose quotes may be missing, of the wrong kind, doubled or unescaped.
//!
//! Which quote ends a damaged string is a guess. The guesses made here and in `guesses.rs` follow
//! those of json_repair (MIT, Stefano Baccianella), the most widely used repairer, so that two
//! tools agree on a text that has no one right reading; they are made in constant time each.

use super::edits::Rule;
use super::marks::{Char, Mark, is_space};
use super::parser::{Parser, Place, is_quote, opens_string};
use super::strict;
use super::value::Value;
use std::borrow::Cow;

/// A string being read.
pub(super) struct Scan {
    pub(super) out: String,
    pub(super) open: char,
    pub(super) close: char,
    /// It has no opening quote.
    pub(super) bare: bool,
    pub(super) doubled: bool,
    /// A quote inside was taken as text, so the next one is its partner.
    pub(super) unmatched: bool,
    pub(super) before_container: bool,
    pub(super) containers: Vec<char>,
    pub(super) commas_are_text: bool,
    pub(super) braces: usize,
    /// Inside `[...`: whether white space was seen since the bracket.
    pub(super) class: Option<bool>,
    /// How many „ are open.
    pub(super) low_quotes: usize,
    has_control: bool,
}

/// How a string ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Quote,
    Guess,
    Text,
}

impl Scan {
    fn new(open: char, close: char, bare: bool) -> Self {
        Self {
            out: String::new(),
            open,
            close,
            bare,
            doubled: false,
            unmatched: false,
            before_container: false,
            containers: Vec::new(),
            commas_are_text: false,
            braces: 0,
            class: None,
            low_quotes: 0,
            has_control: false,
        }
    }

    pub(super) fn push(&mut self, c: char) {
        match c {
            '{' => self.braces += 1,
            '}' => self.braces = self.braces.saturating_sub(1),
            '[' => self.class = Some(false),
            ']' => self.class = None,
            c if is_space(c) => self.class = self.class.map(|_| true),
            _ => {}
        }
        self.out.push(c);
    }

    fn ends_with_backslash(&self) -> bool {
        self.out.ends_with('\\')
    }

    fn replace_backslash(&mut self, with: char) {
        self.out.pop();
        self.push(with);
    }
}

impl<'a> Parser<'a> {
    /// Read a string, or a bare word that stands for one; None where there is neither.
    pub(super) fn string(&mut self) -> Option<Value<'a>> {
        loop {
            let c = self.peek()?;
            if matches!(c, '#' | '/') {
                self.skip_comment();
                return None;
            }
            if is_quote(c) {
                return self.quoted(c);
            }
            if opens_string(c)
                && let Some(text) = self.exotic()
            {
                return Some(Value::String(Cow::Borrowed(text)));
            }
            if c.is_alphanumeric() || self.opens_bare_name(c) {
                return self.bare(c);
            }
            let at = self.at;
            self.advance();
            self.edit_on(at, self.at, Rule::StrayText);
        }
    }

    fn quoted(&mut self, open: char) -> Option<Value<'a>> {
        if let Some(text) = self.plain(open) {
            return Some(Value::String(text));
        }
        let close = if open == '“' { '”' } else { open };
        let start = self.at;
        self.at += open.len_utf8();
        if self.starts_with(self.at, "```json")
            && let Some(value) = self.fenced_value(open)
        {
            return Some(value);
        }
        let mut scan = Scan::new(open, close, false);
        if self.peek() == Some(open) && self.doubled_open(&mut scan) {
            self.edit(start, self.at, Rule::DoubledQuote);
            return Some(Value::text(""));
        }
        match open {
            '\'' => self.edit(start, start + 1, Rule::SingleQuotes),
            '"' => {}
            _ => self.edit(start, start + open.len_utf8(), Rule::SmartQuotes),
        }
        Some(self.scanned(scan))
    }

    fn bare(&mut self, c: char) -> Option<Value<'a>> {
        let start = self.at;
        if self.place() != Some(Place::Key) {
            if let Some(value) = self.literal(c) {
                return Some(value);
            }
            if let Some(value) = self.called() {
                return Some(value);
            }
        }
        let is_key = self.place() == Some(Place::Key);
        if is_key && let Some(word) = self.bare_key() {
            return Some(Value::text(word));
        }
        let rule = if is_key { Rule::UnquotedKey } else { Rule::UnquotedString };
        self.edit(start, start, rule);
        let index = self.edits.len() - 1;
        let value = self.scanned(Scan::new('"', '"', true));
        let end = self.at.min(self.text.len());
        if let Some(edit) = self.edits.get_mut(index) {
            edit.end = end;
        }
        Some(value)
    }

    /// A bare key that is one word, its colon right behind it.
    fn bare_key(&mut self) -> Option<&'a str> {
        let start = self.at;
        let rest = self.text.as_bytes().get(start..).unwrap_or_default();
        let length =
            rest.iter().position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')))?;
        if rest.get(length) != Some(&b':') {
            return None;
        }
        self.at = start + length;
        self.edit(start, self.at, Rule::UnquotedKey);
        Some(self.slice(start, self.at))
    }

    /// A string that needs no guess: it ends where its context says that it may.
    fn plain(&mut self, open: char) -> Option<Cow<'a, str>> {
        let start = self.at;
        if open == '"'
            && let Some((text, end)) = strict::read_string_at(self.text, start)
            && self.may_end(end)
        {
            self.at = end;
            return Some(text);
        }
        let close = if open == '“' { '”' } else { open };
        let body = start + open.len_utf8();
        let end = self.next(Mark::Any(Char::of(close)?), body);
        let text = self.slice(body, end);
        let after = end + close.len_utf8();
        if end >= self.text.len() || !self.pay(text.len()) || text.contains(['\\', '\n', '\r']) {
            return None;
        }
        if !self.may_end(after) {
            return None;
        }
        match open {
            '"' => {}
            '\'' => self.edit(start, after, Rule::SingleQuotes),
            _ => self.edit(start, after, Rule::SmartQuotes),
        }
        if text.bytes().any(|byte| byte < b' ') {
            self.edit(start, after, Rule::ControlCharacter);
        }
        self.at = after;
        Some(Cow::Borrowed(text))
    }

    /// Whether what follows a position may follow a string here.
    pub(super) fn may_end(&mut self, at: usize) -> bool {
        let next = self.past_space(at);
        let c = self.char_at(next);
        match self.place() {
            Some(Place::Key) => matches!(c, Some(':') | None),
            Some(Place::Member) => matches!(c, Some(',' | '}') | None),
            Some(Place::Item) => matches!(c, Some(',' | ']') | None),
            None => c.is_none(),
        }
    }

    /// `‘a’`, `` `a` ``, `` `a´ ``: quotes that are taken only where they come as a pair.
    fn exotic(&mut self) -> Option<&'a str> {
        const CLOSERS: [char; 5] = ['’', '‘', '´', '`', '\''];
        let start = self.at;
        let body = self.after(start);
        let rest = self.slice(body, self.text.len().min(body + 4096));
        let ends: Vec<usize> = rest.match_indices(CLOSERS).take(8).map(|(at, _)| body + at).collect();
        self.pay(ends.last().map_or(rest.len(), |end| end - body));
        let end = ends.into_iter().find(|end| {
            let after = self.after(*end);
            *end > body && self.may_end(after)
        })?;
        self.at = self.after(end);
        self.edit(start, self.at, Rule::SmartQuotes);
        Some(self.slice(body, end))
    }

    /// `true`, `None`, `undefined`: a word that stands for a value.
    fn literal(&mut self, first: char) -> Option<Value<'a>> {
        let words: [(&str, Value<'a>, Rule); 5] = [
            ("true", Value::Bool(true), Rule::PythonLiteral),
            ("false", Value::Bool(false), Rule::PythonLiteral),
            ("null", Value::Null, Rule::PythonLiteral),
            ("none", Value::Null, Rule::PythonLiteral),
            ("undefined", Value::Null, Rule::JsLiteral),
        ];
        if !matches!(first, 't' | 'T' | 'f' | 'F' | 'n' | 'N' | 'u') {
            return None;
        }
        for (word, value, rule) in words {
            let end = self.at + word.len();
            let Some(found) = self.text.get(self.at..end) else { continue };
            let fits = match self.char_at(end) {
                None | Some(',' | ')' | ']' | '}' | ';') => true,
                Some('/') => matches!(self.char_at(end + 1), Some('/' | '*')),
                Some(c) => is_space(c),
            };
            if !fits || !found.eq_ignore_ascii_case(word) {
                continue;
            }
            if found != word || matches!(word, "none" | "undefined") {
                self.edit(self.at, end, rule);
            }
            self.at = end;
            return Some(value);
        }
        None
    }

    /// `ObjectId("123")`: a call that wraps one value.
    fn called(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        let open = self.next(Mark::NonWord, start);
        if self.char_at(open) != Some('(') {
            return None;
        }
        let inner = self.past_space(open + 1);
        let starts_value = self.char_at(inner).is_some_and(|c| is_quote(c) || c.is_ascii_digit());
        if !starts_value || self.next(Mark::Any(Char::CloseBrace), open) <= inner {
            return None;
        }
        self.edit(start, open, Rule::FunctionCall);
        self.at = open + 1;
        Some(self.parenthesized(open))
    }

    /// A string value that is itself a fenced JSON block.
    fn fenced_value(&mut self, quote: char) -> Option<Value<'a>> {
        let start = self.at;
        let end = self.next(Mark::Bare(Char::Backtick), start + 7);
        if !self.starts_with(end, "```") {
            return None;
        }
        self.at = start + 7;
        self.edit(start, self.at, Rule::CodeFence);
        let value = self.value();
        self.skip_space();
        if self.starts_with(self.at, "```") {
            self.at += 3;
            self.skip_space();
            if self.peek() == Some(quote) {
                self.at += 1;
            }
        }
        value
    }

    /// Two quotes where one was expected; true where they are an empty string.
    fn doubled_open(&mut self, scan: &mut Scan) -> bool {
        let (open, close) = (scan.open, scan.close);
        let width = open.len_utf8();
        let next = self.char_at(self.at + width);
        let place = self.place();
        let closes = match place {
            Some(Place::Key) => next == Some(':'),
            Some(Place::Member) => matches!(next, Some(',' | '}')),
            Some(Place::Item) => matches!(next, Some(',' | ']')),
            None => false,
        };
        if closes {
            self.at += width;
            return true;
        }
        if next == Some(open) {
            return true;
        }
        let Some(mark) = Char::of(close) else { return false };
        let mark = Mark::Bare(mark);
        let inside = self.next(mark, self.at + width);
        if self.char_at(inside + close.len_utf8()) == Some(close) {
            scan.doubled = true;
            self.edit(self.at, self.at + width, Rule::DoubledQuote);
            self.at += width;
            return false;
        }
        if self.char_at(inside) == Some(close) {
            let outer = self.next(mark, inside + close.len_utf8());
            let after = self.past_space(outer + close.len_utf8());
            let blank = self.past_space(self.at + width) >= inside;
            if place == Some(Place::Member)
                && !blank
                && self.char_at(outer) == Some(close)
                && matches!(self.char_at(after), Some(',' | '}') | None)
            {
                self.edit(self.at, self.at + width, Rule::UnescapedQuote);
                scan.push(open);
                scan.unmatched = true;
                self.at += width;
                return false;
            }
        }
        let first = self.past_space(self.at + width);
        match self.char_at(first) {
            Some(c) if is_quote(c) || matches!(c, '{' | '[') => {
                self.at += width;
                true
            }
            Some(',' | ']' | '}') => false,
            _ => {
                self.edit(self.at, self.at + width, Rule::DoubledQuote);
                self.at += width;
                false
            }
        }
    }

    fn scanned(&mut self, mut scan: Scan) -> Value<'a> {
        let start = self.at;
        let end = self.scan(&mut scan);
        let is_key = self.place() == Some(Place::Key);
        if scan.bare && is_key && end == End::Guess && self.peek().is_some_and(is_space) {
            self.skip_space();
            if !matches!(self.peek(), Some(':' | ',')) && !self.value_without_colon() {
                return Value::text("");
            }
        }
        if end == End::Quote {
            self.at += scan.close.len_utf8();
            if scan.bare {
                self.edit(self.at - scan.close.len_utf8(), self.at, Rule::DoubledQuote);
            }
            let next_is_word = self.peek().is_some_and(|c| c.is_alphanumeric());
            if next_is_word && scan.out.trim_end_matches(is_space).ends_with(',') {
                trim_end(&mut scan.out);
                scan.out.pop();
            }
        } else {
            if end == End::Text {
                self.drop_cut_escape(&mut scan);
            }
            trim_end(&mut scan.out);
            if !scan.bare {
                self.edit(self.at, self.at, Rule::MissingQuote);
                if scan.out.ends_with(',') {
                    scan.out.pop();
                }
            }
        }
        if scan.bare || scan.out.ends_with('\n') {
            trim_end(&mut scan.out);
        }
        if scan.has_control {
            self.edit(start, self.at, Rule::ControlCharacter);
        }
        Value::String(Cow::Owned(scan.out))
    }

    /// After a bare key: whether its value follows, and only the colon is missing.
    fn value_without_colon(&mut self) -> bool {
        match self.peek() {
            Some(c) if is_quote(c) => {
                let Some(mark) = Char::of(c) else { return false };
                let end = self.next(Mark::Bare(mark), self.at + c.len_utf8());
                let next = self.past_space(self.after(end));
                end < self.text.len() && self.char_at(next) != Some(':')
            }
            Some(c) => c.is_ascii_digit() || matches!(c, '{' | '['),
            None => false,
        }
    }

    fn drop_cut_escape(&mut self, scan: &mut Scan) {
        let tail = scan.out.len() - scan.out.trim_end_matches(|c: char| c.is_ascii_hexdigit()).len();
        let cut = scan.out.len() - tail;
        let head = scan.out.get(..cut).unwrap_or_default();
        let keep = if head.ends_with("\\u") && tail < 4 {
            cut - 2
        } else if scan.ends_with_backslash() {
            scan.out.len() - 1
        } else {
            return;
        };
        scan.out.truncate(keep);
        self.edit(self.at, self.at, Rule::InvalidEscape);
    }

    fn scan(&mut self, scan: &mut Scan) -> End {
        while let Some(c) = self.peek() {
            if c == scan.close && scan.low_quotes == 0 {
                return End::Quote;
            }
            match self.before_char(scan, c) {
                Step::Took => continue,
                Step::Stop => return End::Guess,
                Step::Go => {}
            }
            self.append(scan, c);
            if scan.ends_with_backslash() && self.peek().is_some() && self.escape(scan) {
                continue;
            }
            match self.after_char(scan) {
                Step::Stop => return End::Guess,
                Step::Took | Step::Go => {}
            }
        }
        End::Text
    }

    /// Take a character as text.
    pub(super) fn append(&mut self, scan: &mut Scan, c: char) {
        scan.has_control |= c < ' ';
        scan.push(c);
        self.at += c.len_utf8();
    }

    /// Take a quote as text, though it is not escaped.
    pub(super) fn append_quote(&mut self, scan: &mut Scan, c: char) {
        self.edit(self.at, self.at + c.len_utf8(), Rule::UnescapedQuote);
        self.append(scan, c);
    }

    /// The character after a backslash; true where both are settled.
    fn escape(&mut self, scan: &mut Scan) -> bool {
        let Some(c) = self.peek() else { return false };
        let before = self.at - 1;
        if c == '\\' && self.backslashes(scan) {
            return true;
        }
        let plain = match c {
            'n' => Some('\n'),
            't' => Some('\t'),
            'r' => Some('\r'),
            'b' => Some('\u{8}'),
            'f' => Some('\u{c}'),
            '/' | '\\' => Some(c),
            c if c == scan.close => Some(c),
            _ => None,
        };
        if let Some(plain) = plain {
            if c == scan.close && c != '"' {
                self.edit(before, self.at + 1, Rule::InvalidEscape);
            }
            scan.replace_backslash(plain);
            self.at += c.len_utf8();
            while let Some(next) = self.peek()
                && scan.ends_with_backslash()
                && (next == scan.close || next == '\\')
            {
                self.edit(self.at - 1, self.after(self.at), Rule::InvalidEscape);
                scan.replace_backslash(next);
                self.advance();
            }
            return true;
        }
        if matches!(c, 'u' | 'x') {
            return self.code_point(scan, c);
        }
        let stray_quote = c == '„' || is_quote(c);
        self.edit(before, self.at + c.len_utf8(), Rule::InvalidEscape);
        if stray_quote {
            scan.replace_backslash(c);
            self.at += c.len_utf8();
        }
        stray_quote
    }

    /// A run of backslashes stands for half of them, where no quote makes that doubtful.
    fn backslashes(&mut self, scan: &mut Scan) -> bool {
        let rest = self.slice(self.at, self.text.len());
        let more = rest.len() - rest.trim_start_matches('\\').len();
        let end = self.at + more;
        let run = more + 1;
        let follows = self.char_at(end);
        let next = self.past_space(self.after(end));
        let after_quote = self.char_at(next);
        let ends = matches!(after_quote, Some(',' | ':' | '}' | ']') | None);
        if run.is_multiple_of(2) && (follows != Some(scan.close) || ends) {
            for _ in 1..run / 2 {
                scan.push('\\');
            }
            self.at = end;
            return true;
        }
        false
    }

    fn code_point(&mut self, scan: &mut Scan, kind: char) -> bool {
        let before = self.at - 1;
        let digits = self.at + 1;
        if kind == 'x' {
            let code = self.text.get(digits..digits + 2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
            let Some(c) = code.and_then(|d| u32::from_str_radix(d, 16).ok()).and_then(char::from_u32) else {
                self.edit(before, digits, Rule::InvalidEscape);
                return false;
            };
            self.edit(before, digits + 2, Rule::InvalidEscape);
            scan.replace_backslash(c);
            self.at = digits + 2;
            return true;
        }
        let Some(first) = strict::hex4(self.text, digits) else {
            self.edit(before, digits, Rule::InvalidEscape);
            return false;
        };
        self.at = digits + 4;
        let c = match char::from_u32(first) {
            Some(c) => c,
            None => self.surrogate(first, before),
        };
        scan.replace_backslash(c);
        true
    }

    fn surrogate(&mut self, high: u32, before: usize) -> char {
        let low = if self.starts_with(self.at, "\\u") { strict::hex4(self.text, self.at + 2) } else { None };
        if let Some(c) = low.and_then(|low| strict::joined(high, low)) {
            self.at += 6;
            return c;
        }
        self.edit(before, self.at, Rule::LoneSurrogate);
        '\u{fffd}'
    }
}

/// What became of a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is text that was taken already.
    Took,
    /// The string ends before it.
    Stop,
    /// Nothing yet.
    Go,
}

fn trim_end(text: &mut String) {
    text.truncate(text.trim_end_matches(is_space).len());
}
