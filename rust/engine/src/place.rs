//! Where in the text the violations of the `jsonschema` crate are, and the order that follows.

use crate::blame::Violation;
use crate::program::push_part;
use crate::scan::{byte, decoded, past_space, skip, string_end};
use std::collections::HashMap;

type Spans = HashMap<String, Option<(usize, usize)>>;

/// Give violations their spans, sort them as a reader of the text meets them, drop repeated ones.
pub fn in_order(violations: &mut Vec<Violation>, text: &[u8]) {
    let mut spans = Spans::new();
    wanted(violations, &mut spans);
    walk(text, past_space(text, 0), &mut String::new(), &mut spans);
    sort(violations, &spans);
}

fn wanted(violations: &[Violation], spans: &mut Spans) {
    for violation in violations {
        spans.insert(violation.pointer.clone(), None);
        violation.branches.iter().for_each(|branch| wanted(branch, spans));
    }
}

fn sort(violations: &mut Vec<Violation>, spans: &Spans) {
    for violation in violations.iter_mut() {
        violation.span = spans.get(&violation.pointer).copied().flatten();
        violation.branches.iter_mut().for_each(|branch| sort(branch, spans));
    }
    violations.sort_by_cached_key(|violation| {
        let start = violation.span.map_or(usize::MAX, |span| span.0);
        (start, violation.keyword.clone(), violation.expected.to_string(), violation.schema_pointer.clone())
    });
    violations.dedup();
}

/// Note the spans that are wanted in the value at `at`; of repeated names the last counts.
fn walk(text: &[u8], at: usize, pointer: &mut String, spans: &mut Spans) -> Option<usize> {
    let closing = match byte(text, at) {
        b'{' => b'}',
        b'[' => b']',
        _ => 0,
    };
    let end = if closing == 0 {
        skip(text, at, 0, &mut false)?
    } else {
        let mut next = past_space(text, at + 1);
        let mut number = 0;
        while byte(text, next) != closing {
            let length = pointer.len();
            if closing == b'}' {
                let quote = string_end(text, next + 1)?;
                push_part(pointer, &decoded(text.get(next + 1..quote.at)?, quote.escaped)?);
                next = past_space(text, past_space(text, quote.at + 1) + 1);
            } else {
                push_part(pointer, &number.to_string());
                number += 1;
            }
            next = past_space(text, walk(text, next, pointer, spans)?);
            pointer.truncate(length);
            if byte(text, next) == b',' {
                next = past_space(text, next + 1);
            }
        }
        next + 1
    };
    if let Some(span) = spans.get_mut(pointer) {
        *span = Some((at, end));
    }
    Some(end)
}
