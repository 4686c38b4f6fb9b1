//! Where a damaged string ends: what a comma, a bracket or a quote inside it means.

use super::marks::{Char, Mark, is_space};
use super::parser::{Parser, Place, is_quote};
use super::strings::{Scan, Step};

/// A guess that hops from quote to quote looks at this many of them.
const HOPS: usize = 64;

const QUOTES: [Mark; 4] = [
    Mark::Bare(Char::Double),
    Mark::Bare(Char::Single),
    Mark::Bare(Char::LeftSmart),
    Mark::Bare(Char::RightSmart),
];

/// What a comma inside the string of a member is.
enum Comma {
    /// The start of the next member.
    Member,
    /// Text, and a container follows that is text too.
    Container,
    Text,
    /// Text, as will be every other comma.
    OnlyText,
}

fn bare(c: char) -> Option<Mark> {
    Char::of(c).map(Mark::Bare)
}

impl Parser<'_> {
    /// What a character that is no closing quote means, before it is taken as text.
    pub(super) fn before_char(&mut self, scan: &mut Scan, c: char) -> Step {
        let place = self.place();
        let after_backslash = scan.out.ends_with('\\');
        if scan.bare {
            match place {
                Some(Place::Key) if matches!(c, ':' | '}') || is_space(c) => return Step::Stop,
                Some(Place::Item) if matches!(c, ']' | ',') => return Step::Stop,
                // The items of a set, which closes with a brace.
                Some(Place::Item) if c == '}' && self.inside(Place::Key) => return Step::Stop,
                Some(Place::Member | Place::Item) if self.comment_after_space(c) => return Step::Stop,
                _ => {}
            }
        }
        if c == '„' && !after_backslash {
            scan.low_quotes += 1;
            self.append(scan, c);
            return Step::Took;
        }
        if scan.low_quotes > 0 && c == '”' {
            scan.low_quotes -= 1;
            self.append(scan, c);
            return Step::Took;
        }
        let is_member = place == Some(Place::Member);
        if matches!(c, '{' | '[' | '(')
            && !after_backslash
            && (scan.before_container || (is_member && c == '{' && self.holds_bare_key(self.at + 1)))
            && let Some(end) = self.past_container(self.at)
        {
            self.take_container(scan, end);
            return Step::Took;
        }
        if is_member && c == ',' && !scan.before_container && scan.containers.is_empty() {
            return self.comma(scan);
        }
        if keeps_in_container(scan, c) {
            self.append(scan, c);
            return Step::Took;
        }
        self.bracket(scan, c)
    }

    fn comment_after_space(&self, c: char) -> bool {
        c == '/'
            && matches!(self.char_at(self.at + 1), Some('/' | '*'))
            && self.char_before(self.at).is_some_and(is_space)
    }

    fn take_container(&mut self, scan: &mut Scan, end: usize) {
        scan.before_container = false;
        scan.containers.clear();
        let start = self.at;
        for c in self.slice(start, end).chars() {
            if c == '"' {
                self.edit(start, end, super::edits::Rule::UnescapedQuote);
                break;
            }
        }
        for c in self.slice(start, end).chars() {
            self.append(scan, c);
        }
    }

    fn comma(&mut self, scan: &mut Scan) -> Step {
        let meaning = if scan.commas_are_text { Comma::Text } else { self.meaning_of_comma() };
        match meaning {
            Comma::Member => return Step::Stop,
            Comma::OnlyText => scan.commas_are_text = true,
            Comma::Container => scan.before_container = true,
            Comma::Text => {}
        }
        self.append(scan, ',');
        Step::Took
    }

    fn meaning_of_comma(&mut self) -> Comma {
        let next = self.past_space(self.at + 1);
        let Some(c) = self.char_at(next) else { return Comma::Member };
        if c == '}' {
            return Comma::Member;
        }
        if is_quote(c) {
            return self.member_if_colon_after(c, next);
        }
        if c == '`' {
            let end = self.next(Mark::NonWord, next + 1);
            let colon = self.past_space(end);
            return if self.char_at(colon) == Some(':') { Comma::Member } else { Comma::Text };
        }
        if c.is_alphanumeric() || c == '_' {
            let end = self.next(Mark::NonWord, next);
            let colon = self.past_space(end);
            if self.char_at(colon) == Some(':') && self.starts_value(colon + 1) {
                return Comma::Member;
            }
        }
        if matches!(c, '{' | '[') {
            return Comma::Container;
        }
        let containers = [Mark::Bare(Char::OpenBrace), Mark::Bare(Char::OpenBracket)];
        let special = self.next_of(&QUOTES, next).min(self.next_of(&containers, next));
        match self.char_at(special) {
            None => Comma::OnlyText,
            Some('{' | '[') => Comma::Text,
            Some(quote) => self.member_if_colon_after(quote, special),
        }
    }

    /// Whether the string that a quote opens is a key.
    fn member_if_colon_after(&mut self, quote: char, at: usize) -> Comma {
        let Some(mark) = bare(quote) else { return Comma::Text };
        let end = self.next(mark, at + quote.len_utf8());
        let colon = self.past_space(self.after(end));
        if self.char_at(colon) == Some(':') { Comma::Member } else { Comma::Text }
    }

    /// Whether what follows a bare key and its colon can only be a value.
    fn starts_value(&mut self, at: usize) -> bool {
        let at = self.past_space(at);
        let Some(c) = self.char_at(at) else { return false };
        if is_quote(c) || matches!(c, '{' | '[' | '-') || c.is_ascii_digit() {
            return true;
        }
        for literal in ["true", "false", "null"] {
            let end = at + literal.len();
            if self.starts_with(at, literal)
                && self.char_at(end).is_none_or(|c| is_space(c) || matches!(c, ',' | '}' | ']'))
            {
                return true;
            }
        }
        let brace = self.next(Mark::Bare(Char::CloseBrace), at);
        brace < self.text.len() && brace < self.next_of(&QUOTES, at)
    }

    /// A closing bracket inside a string: the end of a string that lost its quote, or text.
    fn bracket(&mut self, scan: &mut Scan, c: char) -> Step {
        let is_member = self.place() == Some(Place::Member);
        let after_quote = scan.out.ends_with(scan.close);
        if is_member && c == '}' && !after_quote {
            if scan.braces > 0 {
                self.append(scan, c);
                return Step::Took;
            }
            if self.lost_quote_before_brace(scan) {
                return Step::Stop;
            }
        }
        if c == ']' && self.inside(Place::Item) && !after_quote {
            let Some(close) = bare(scan.close) else { return Step::Go };
            if self.next(close, self.at) >= self.text.len() {
                return Step::Stop;
            }
        }
        if is_member && c == '}' {
            let next = self.past_space(self.at + 1);
            if self.starts_with(next, "```") {
                if self.fence_is_text(scan, next) {
                    self.append(scan, c);
                    return Step::Took;
                }
                return Step::Stop;
            }
            if next >= self.text.len() {
                return Step::Stop;
            }
        }
        Step::Go
    }

    fn lost_quote_before_brace(&mut self, scan: &Scan) -> bool {
        let (Some(close), Some(open)) = (bare(scan.close), bare(scan.open)) else { return false };
        let here = self.at;
        let quote = self.next(close, here + 1);
        if quote >= self.text.len() {
            if self.next(Mark::Bare(Char::Colon), here + 1) < self.text.len() {
                return true;
            }
            let first = self.past_space(here + 1);
            let brace = self.next(Mark::Bare(Char::CloseBrace), first);
            if scan.bare && brace >= self.text.len() {
                return true;
            }
            return self.char_at(here + 1) != Some('\\') && brace <= self.after(first);
        }
        if self.char_at(here + 1) == Some('\\') {
            return false;
        }
        let after = self.past_space(self.after(quote));
        if matches!(self.char_at(after), None | Some(',' | '}')) {
            return false;
        }
        let key = self.next(open, after);
        if key >= self.text.len() {
            return false;
        }
        let colon = self.past_space(self.after(key));
        self.char_at(colon).is_none_or(|c| c == ':')
    }

    /// Whether `}` before a code fence is text: a quote that ends the string comes later.
    fn fence_is_text(&mut self, scan: &mut Scan, fence: usize) -> bool {
        let mut from = fence + 3;
        let mut keeps = false;
        let content = self.past_comments(from);
        if matches!(self.char_at(content), Some('{' | '[' | '('))
            && let Some(end) = self.past_container(content)
        {
            if self.member_follows_container(end) {
                return false;
            }
            keeps = true;
            from = end;
        }
        let Some(close) = bare(scan.close) else { return false };
        let mut quote = self.next(close, from);
        for _ in 0..HOPS {
            if quote >= self.text.len() {
                return false;
            }
            let after = self.past_space(self.after(quote));
            if matches!(self.char_at(after), Some(',' | '}' | ']') | None) {
                scan.before_container |= keeps;
                return true;
            }
            quote = self.next(close, self.after(quote));
        }
        false
    }

    fn member_follows_container(&mut self, end: usize) -> bool {
        let after = self.past_space(end);
        match self.char_at(after) {
            Some('}') | None => true,
            Some(',') => {
                let next = self.past_comments(after + 1);
                matches!(self.char_at(next), Some('}') | None) || self.is_member_start(next)
            }
            _ => false,
        }
    }

    fn is_member_start(&mut self, at: usize) -> bool {
        match self.char_at(at) {
            Some(c) if is_quote(c) => {
                let close = if c == '“' { '”' } else { c };
                let Some(mark) = bare(close) else { return false };
                let end = self.next(mark, at + c.len_utf8());
                let colon = self.past_space(self.after(end));
                end < self.text.len() && self.char_at(colon) == Some(':')
            }
            Some(_) => self.holds_bare_key(at),
            None => false,
        }
    }

    /// Whether a bare word and a colon follow.
    pub(super) fn holds_bare_key(&mut self, at: usize) -> bool {
        let at = self.past_space(at);
        if !self.char_at(at).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return false;
        }
        let end = self.next(Mark::NonWord, at);
        let colon = self.past_space(end);
        self.char_at(colon) == Some(':')
    }

    fn past_comments(&mut self, at: usize) -> usize {
        let mut at = self.past_space(at);
        loop {
            let rest = self.slice(at, self.text.len());
            let length = if rest.starts_with('#') || rest.starts_with("//") {
                rest.find(['\n', '\r']).unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest.find("*/").map_or(rest.len(), |end| end + 2)
            } else {
                return at;
            };
            if !self.pay(length) {
                return at;
            }
            at = self.past_space(at + length);
        }
    }

    /// The end of the balanced container that starts here; None where it is not closed.
    fn past_container(&mut self, start: usize) -> Option<usize> {
        let mut stack = vec![closer(self.char_at(start)?)?];
        let mut at = start + 1;
        while let Some(c) = self.char_at(at) {
            if !self.pay(1) {
                return None;
            }
            if is_quote(c) {
                let close = if c == '“' { '”' } else { c };
                at = self.next(bare(close)?, at + c.len_utf8());
                self.char_at(at)?;
            } else if let Some(closing) = closer(c)
                && self.is_nested(at, c)
            {
                stack.push(closing);
            } else if stack.last() == Some(&c) {
                stack.pop();
                if stack.is_empty() {
                    return Some(at + 1);
                }
            }
            at = self.after(at);
        }
        None
    }

    /// Whether an opening bracket opens a value, and is no text.
    fn is_nested(&mut self, at: usize, open: char) -> bool {
        let before = self.slice(at.saturating_sub(256), at);
        let before = if before.is_empty() { self.slice(0, at) } else { before };
        self.pay(before.len() - before.trim_end_matches(is_space).len());
        let last = before.trim_end_matches(is_space).chars().next_back();
        match last {
            None | Some('{' | '[' | '(') => return true,
            Some(',' | ':') => {}
            Some(_) => return false,
        }
        let next = self.past_space(at + 1);
        let c = self.char_at(next);
        if open == '{' {
            let keyed = matches!(c, Some('}')) || c.is_some_and(is_quote);
            return keyed || (last == Some(':') && self.holds_bare_key(next));
        }
        c.is_some_and(|c| {
            is_quote(c)
                || c.is_ascii_digit()
                || matches!(c, ']' | ')' | '-' | '{' | '[' | '(' | 't' | 'f' | 'n')
        })
    }

    /// What the character that comes next means, after one was taken.
    pub(super) fn after_char(&mut self, scan: &mut Scan) -> Step {
        let Some(c) = self.peek() else { return Step::Go };
        let place = self.place();
        if c == ':' && !scan.bare && place == Some(Place::Key) && self.colon_ends_key(scan) {
            return Step::Stop;
        }
        if scan.low_quotes > 0 && c == '"' {
            scan.low_quotes -= 1;
            self.append_quote(scan, c);
            return Step::Took;
        }
        if c != scan.close || scan.out.ends_with('\\') || scan.out.is_empty() {
            return Step::Go;
        }
        if place == Some(Place::Member)
            && scan.class == Some(false)
            && self.next(Mark::Bare(Char::CloseBracket), self.at + 1) < self.text.len()
        {
            self.append_quote(scan, c);
            return Step::Took;
        }
        self.closing_quote(scan, c)
    }

    fn colon_ends_key(&mut self, scan: &Scan) -> bool {
        let (Some(open), Some(close)) = (bare(scan.open), bare(scan.close)) else { return false };
        let first = self.next(open, self.at + 1);
        if first >= self.text.len() {
            return true;
        }
        let second = self.next(close, self.after(first));
        if second >= self.text.len() {
            return false;
        }
        let after = self.past_space(self.after(second));
        matches!(self.char_at(after), Some(',' | '}'))
    }

    /// A quote that would end the string: whether it does.
    fn closing_quote(&mut self, scan: &mut Scan, c: char) -> Step {
        let width = c.len_utf8();
        let Some(close) = Char::of(c) else { return Step::Go };
        if scan.doubled && self.char_at(self.at + width) == Some(c) {
            self.edit(self.at, self.at + width, super::edits::Rule::DoubledQuote);
            self.at += width;
            return Step::Go;
        }
        let place = self.place();
        if scan.bare && place == Some(Place::Member) {
            let next = self.next(Mark::Any(close), self.at + width);
            let colon = self.past_space(self.after(next));
            return if self.char_at(colon) == Some(':') { Step::Stop } else { Step::Go };
        }
        if scan.unmatched {
            scan.unmatched = false;
            self.append_quote(scan, c);
            return Step::Took;
        }
        let stop = self.next_decider(scan, close, self.at + width);
        let decides = self.char_at(stop);
        let is_text = if decides == Some(',') && place == Some(Place::Member) {
            let quote = self.next(Mark::Bare(close), stop + 1);
            let after = self.past_space(self.after(quote));
            matches!(self.char_at(after), Some('}' | ','))
        } else if decides == Some(c) && self.char_before(stop) != Some('\\') {
            match self.before_another_quote(scan, close, stop) {
                Some(is_text) => is_text,
                None => return Step::Go,
            }
        } else {
            false
        };
        if is_text {
            self.append_quote(scan, c);
            return Step::Took;
        }
        Step::Go
    }

    /// The first character after a quote that says what the quote was.
    fn next_decider(&mut self, scan: &Scan, close: Char, from: usize) -> usize {
        let mut stop = self.next(Mark::Any(close), from);
        if scan.open != scan.close
            && let Some(open) = Char::of(scan.open)
        {
            stop = stop.min(self.next(Mark::Any(open), from));
        }
        if self.inside(Place::Key) {
            stop = stop.min(self.next(Mark::Any(Char::Colon), from));
        }
        if self.inside(Place::Key) || self.inside(Place::Member) {
            stop = stop.min(self.next(Mark::Any(Char::CloseBrace), from));
        }
        if self.inside(Place::Item) {
            stop = stop.min(self.next(Mark::Any(Char::CloseBracket), from));
            stop = stop.min(self.next(Mark::Any(Char::Comma), from));
        }
        if self.place() == Some(Place::Member) {
            let comma = self.next(Mark::Any(Char::Comma), from);
            if comma < stop && comma < self.next(Mark::Letter, from) {
                return comma;
            }
        }
        stop
    }

    /// A quote that is followed by another one: whether it is text. None: it ends the string.
    fn before_another_quote(&mut self, scan: &mut Scan, close: Char, second: usize) -> Option<bool> {
        let mark = Mark::Bare(close);
        let place = self.place();
        let blank = self.past_space(self.after(self.at)) >= second;
        let member_follows = place == Some(Place::Member) && {
            let comma = self.past_space(self.after(second));
            self.char_at(comma) == Some(',') && {
                let next = self.past_comments(comma + 1);
                self.is_member_start(next)
            }
        };
        if blank && !member_follows {
            return None;
        }
        match place {
            Some(Place::Member) if member_follows => Some(true),
            Some(Place::Member) => {
                let third = self.next(mark, self.after(second));
                let after = self.after(third);
                let ends = [Char::Comma, Char::CloseBracket, Char::CloseBrace, close].map(Mark::Any);
                let end = self.next_of(&ends, after);
                let is_text = self.next(Mark::Any(Char::Colon), after) >= end.min(self.text.len());
                scan.unmatched ^= is_text;
                Some(is_text)
            }
            Some(Place::Item) => {
                let is_text = self.has_even_quotes(close, second);
                scan.unmatched ^= is_text;
                Some(is_text)
            }
            Some(Place::Key) => Some(true),
            None => Some(false),
        }
    }

    /// Whether the quotes up to the end of the array pair up.
    fn has_even_quotes(&mut self, close: Char, second: usize) -> bool {
        let marks = [Mark::Bare(close), Mark::Bare(Char::CloseBracket)];
        let quote = self.char_at(second);
        let mut at = second;
        for _ in 0..HOPS {
            at = self.next_of(&marks, self.after(at));
            if self.char_at(at) != quote {
                return false;
            }
            at = self.next_of(&marks, self.after(at));
            if self.char_at(at) != quote {
                return true;
            }
        }
        true
    }
}

fn closer(open: char) -> Option<char> {
    match open {
        '{' => Some('}'),
        '[' => Some(']'),
        '(' => Some(')'),
        _ => None,
    }
}

/// Keep track of containers that are text; true for a bracket that closes one of them.
fn keeps_in_container(scan: &mut Scan, c: char) -> bool {
    if matches!(c, '{' | '[') {
        if scan.before_container {
            scan.containers.push(c);
            scan.before_container = false;
            return false;
        }
        if !scan.containers.is_empty() {
            scan.containers.push(c);
        }
    }
    if scan.containers.last().is_some_and(|open| closer(*open) == Some(c)) {
        scan.containers.pop();
        return true;
    }
    false
}
