//! Engines of agent text: ReAct's `Action:` lines, and calls whose input is plain text.

use super::calls::{Arguments, Call, name_input, of_text};
use super::head::{Fits, HEADER};
use super::run::{Context, Flow};
use super::scan::{Balance, Scan, Search, Syntax};
use crate::scan::past_space;

const INPUT: &str = "Action Input:";

/// Whether the text after `Action:` is the name of a tool and a line of input.
pub(super) fn fits(rest: &str, is_last: bool) -> Fits {
    let window: String = rest.chars().take(HEADER).collect();
    let Some((name, after)) = window.split_once('\n') else {
        return if is_last || window.len() < rest.len() { Fits::No } else { Fits::Maybe };
    };
    let name = name.trim();
    if name.is_empty() || name.contains(['{', '}', '.', '?', '!']) || name.split(' ').count() > 4 {
        return Fits::No;
    }
    let after = after.trim_start();
    if after.starts_with(INPUT) {
        Fits::Yes
    } else if INPUT.starts_with(after) && !is_last {
        Fits::Maybe
    } else {
        Fits::No
    }
}

/// The input of an `Action:`, from the line after it.
#[derive(Debug)]
pub(super) struct Action {
    marker: usize,
    start: usize,
    value: Option<(usize, Balance)>,
    search: Search,
}

impl Action {
    pub(super) fn new(marker: usize, start: usize) -> Self {
        Self { marker, start, value: None, search: Search::new(start) }
    }

    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        let rest = context.text.get(self.start..).unwrap_or_default();
        let Some((name, _)) = rest.split_once('\n') else { return Flow::Fail };
        let name = name.trim().to_owned();
        let Some(input) = rest.find(INPUT) else { return Flow::Fail };
        let input = self.start + input + INPUT.len();
        if self.value.is_none() {
            let after = context.text.get(input..).unwrap_or_default().trim_start_matches([' ', '\t', '\n']);
            match after.chars().next() {
                None if !context.is_last => return Flow::More,
                Some('{') => {
                    let at = past_space(context.text.as_bytes(), input);
                    self.value = Some((at, Balance::new(at, Syntax::Json)));
                }
                _ => return self.line(context, &name, past_space(context.text.as_bytes(), input)),
            }
        }
        let Some((start, balance)) = self.value.as_mut() else { return Flow::Fail };
        let start = *start;
        match balance.advance(context.text.as_bytes(), context.is_last) {
            Scan::More => Flow::More,
            Scan::TooDeep(at) => Flow::Text(at),
            Scan::Bad => Flow::Fail,
            Scan::End(end) => {
                let arguments = match context.payload(start, end) {
                    Some(value @ crate::repair::Value::Object(_)) => Arguments::Named(value),
                    _ => Arguments::Raw(context.slice(start, end).to_owned()),
                };
                self.take(context, &name, arguments, end)
            }
        }
    }

    /// An input that is no object: the rest of its line.
    fn line(&mut self, context: &mut Context<'_>, name: &str, input: usize) -> Flow {
        self.search = Search::new(input);
        let end = match self.search.advance(context.text, &["\n"], context.is_last) {
            Some((end, _)) => end,
            None if context.is_last => context.text.len(),
            None => return Flow::More,
        };
        if input == end {
            return Flow::Fail;
        }
        let arguments = of_text(context.slice(input, end), true);
        self.take(context, name, arguments, end)
    }

    fn take(&self, context: &mut Context<'_>, name: &str, arguments: Arguments, end: usize) -> Flow {
        let mut call = Call { name: name.to_owned(), arguments, id: None, span: (self.marker, end) };
        name_input(&mut call, context.tool(name));
        if !context.knows(name) {
            return Flow::Fail;
        }
        context.calls.push(call);
        Flow::Done(end)
    }
}

/// A call whose input is text that is no JSON, up to a closing token.
#[derive(Debug)]
pub(super) struct RawCall {
    pub(super) name: String,
    pub(super) marker: usize,
    pub(super) start: usize,
    pub(super) search: Search,
}

/// What ends a message of a channel.
pub(super) const MESSAGE_ENDS: [&str; 6] =
    ["<|call|>", "<|end|>", "<|return|>", "<|eom|>", "<|start|>", "<|channel|>"];

impl RawCall {
    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        let Some((end, token)) = self.search.advance(context.text, &MESSAGE_ENDS, context.is_last) else {
            return if context.is_last { Flow::Fail } else { Flow::More };
        };
        let arguments = Arguments::Raw(context.slice(self.start, end).to_owned());
        if !context.take_named(&self.name, None, arguments, (self.marker, end)) {
            return Flow::Fail;
        }
        Flow::Done(if is_start(token) { end } else { end + token.len() })
    }
}

/// Whether a token that ends a message also starts the next one.
pub(super) fn is_start(token: &str) -> bool {
    matches!(token, "<|start|>" | "<|channel|>")
}
