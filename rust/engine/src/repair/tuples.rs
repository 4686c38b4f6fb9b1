//! Parentheses: Python tuples, grouped values, and the remarks of prose that are neither.

use super::marks::is_space;
use super::parser::{Parser, is_quote};

/// What a look into parentheses found.
struct Look {
    has_comma: bool,
    has_content: bool,
    /// The position after the closing parenthesis.
    end: Option<usize>,
}

impl Parser<'_> {
    /// Whether the parentheses that open here are a tuple: a comma inside, or nothing at all.
    pub(super) fn is_tuple(&mut self, start: usize) -> bool {
        let look = self.look_inside(start);
        look.has_comma || !look.has_content
    }

    /// Whether `(` in prose stands alone on its line and holds what looks like a value.
    pub(super) fn may_open_tuple(&mut self) -> bool {
        let line = self.slice(self.at.saturating_sub(256), self.at);
        if !line.rsplit(['\n', '\r']).next().is_none_or(|line| line.chars().all(is_space)) {
            return false;
        }
        let inner = self.past_space(self.at + 1);
        let rest = self.slice(inner, self.text.len());
        let starts = rest.starts_with(|c: char| {
            is_quote(c) || c.is_ascii_digit() || matches!(c, ')' | '{' | '[' | '(' | '-' | '.')
        });
        let literal = ["true", "null", "none", "false"]
            .iter()
            .any(|word| rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
        if !starts && !literal {
            return false;
        }
        match self.look_inside(self.at).end {
            None => true,
            Some(end) => {
                let line = self.slice(end, self.text.len()).split(['\n', '\r']).next();
                line.is_none_or(|line| line.chars().all(is_space))
            }
        }
    }

    fn look_inside(&mut self, start: usize) -> Look {
        let mut look = Look { has_comma: false, has_content: false, end: None };
        let mut depths = [0_usize; 3];
        let mut quote = None;
        let mut escaped = false;
        for (offset, c) in self.slice(start + 1, self.text.len()).char_indices() {
            if !self.pay(1) {
                break;
            }
            if std::mem::take(&mut escaped) {
                continue;
            }
            if c == '\\' {
                escaped = true;
                continue;
            }
            if let Some(open) = quote {
                if c == open {
                    quote = None;
                }
                continue;
            }
            let outermost = depths == [0, 0, 0];
            look.has_content |= outermost && !is_space(c) && !matches!(c, ',' | ')');
            match c {
                ')' if outermost => {
                    look.end = Some(start + 1 + offset + 1);
                    break;
                }
                ',' if outermost => look.has_comma = true,
                c if is_quote(c) => quote = Some(c),
                c => change_depth(&mut depths, c),
            }
        }
        look
    }
}

fn change_depth(depths: &mut [usize; 3], c: char) {
    let [round, square, curly] = depths;
    match c {
        '(' => *round += 1,
        ')' => *round = round.saturating_sub(1),
        '[' => *square += 1,
        ']' => *square = square.saturating_sub(1),
        '{' => *curly += 1,
        '}' => *curly = curly.saturating_sub(1),
        _ => {}
    }
}
