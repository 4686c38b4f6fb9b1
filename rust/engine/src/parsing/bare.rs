//! Engine of plain JSON: a container in the text is a call by its shape, or a document.

use super::calls::{Proof, calls_of};
use super::run::{Context, Flow};
use super::scan::{Met, Starts, Strict, starts};
use crate::repair::{Rule, strict};
use crate::scan::past_space;

#[derive(Debug)]
pub(super) struct Bare {
    start: usize,
    scanner: Strict,
    fence: Option<&'static str>,
    mode: Mode,
    done: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Undecided,
    Calls,
    Document,
    /// Calls were read; a closing fence may follow.
    Closing,
}

impl Bare {
    pub(super) fn new(start: usize, fence: Option<&'static str>) -> Self {
        Self { start, scanner: Strict::new(start), fence, mode: Mode::Undecided, done: start }
    }

    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        loop {
            if self.mode == Mode::Closing {
                return self.close(context);
            }
            match self.scanner.advance(context.text.as_bytes()) {
                Met::More if !context.is_last => return Flow::More,
                Met::More | Met::Bad if self.mode == Mode::Calls => {
                    context.edit(self.done, self.done, Rule::MissingBracket);
                    self.mode = Mode::Closing;
                }
                Met::More | Met::Bad => return Flow::Fail,
                Met::Item(start, end) if self.mode != Mode::Document => self.item(context, start, end),
                Met::Item(..) => {}
                Met::End(end) => {
                    if let Some(flow) = self.end(context, end) {
                        return flow;
                    }
                }
            }
        }
    }

    fn item(&mut self, context: &mut Context<'_>, start: usize, end: usize) {
        let found = self.take(context, start, end);
        if found > 0 {
            self.mode = Mode::Calls;
            self.done = end;
        } else if self.mode == Mode::Calls {
            context.edit(start, end, Rule::StrayText);
            self.done = end;
        } else {
            self.mode = Mode::Document;
        }
    }

    fn take(&self, context: &mut Context<'_>, start: usize, end: usize) -> usize {
        let Ok(value) = strict::read(context.text.get(start..end).unwrap_or_default()) else { return 0 };
        let calls = calls_of(&value, Proof::Shape, (start, end));
        let known: Vec<_> = calls.into_iter().filter(|call| context.knows(&call.name)).collect();
        let count = known.len();
        context.calls.extend(known);
        count
    }

    fn end(&mut self, context: &mut Context<'_>, end: usize) -> Option<Flow> {
        self.done = end;
        if self.mode == Mode::Calls {
            self.mode = Mode::Closing;
            return None;
        }
        let is_object = context.text.as_bytes().get(self.start) == Some(&b'{');
        if is_object && self.take(context, self.start, end) > 0 {
            self.mode = Mode::Closing;
            return None;
        }
        let source = context.text.get(self.start..end).unwrap_or_default();
        let Ok(value) = strict::read(source) else { return Some(Flow::Fail) };
        if is_object
            || self.fence.is_some()
            || source.contains(['"', '{'])
            || starts_line(context.text, 0, self.start)
        {
            context.documents.push(value.into_owned());
        }
        Some(Flow::Text(end))
    }

    fn close(&self, context: &Context<'_>) -> Flow {
        let Some(fence) = self.fence else { return Flow::Done(self.done) };
        let at = past_space(context.text.as_bytes(), self.done);
        match starts(context.text, at, &[fence], context.is_last) {
            Starts::With(fence) => Flow::Done(at + fence.len()),
            Starts::Maybe => Flow::More,
            Starts::No => Flow::Done(self.done),
        }
    }
}

/// Whether nothing but white space stands before a position: on its line, or since `floor`.
pub(super) fn starts_line(text: &str, floor: usize, at: usize) -> bool {
    let before = text.as_bytes().get(floor..at).unwrap_or_default();
    let last = before.iter().rev().find(|byte| !matches!(byte, b' ' | b'\t'));
    last.is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}
