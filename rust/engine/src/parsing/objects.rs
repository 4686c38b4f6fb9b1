//! Engine of wrapped JSON: objects with name and arguments, alone, in sequence, in an array.

use super::calls::Proof;
use super::run::{Context, Flow};
use super::scan::{Balance, Scan, Starts, Syntax, starts};
use crate::repair::Rule;
use crate::scan::past_space;

#[derive(Debug)]
pub(super) struct Objects {
    at: usize,
    /// The end of what surely belongs to the calls.
    done: usize,
    close: &'static [&'static str],
    proof: Proof,
    in_list: bool,
    value: Option<(usize, Balance)>,
    found: usize,
    first_call: usize,
}

impl Objects {
    pub(super) fn new(at: usize, close: &'static [&'static str], single_key: bool, calls: usize) -> Self {
        let proof = if single_key { Proof::SingleKey } else { Proof::Marked };
        Self { at, done: at, close, proof, in_list: false, value: None, found: 0, first_call: calls }
    }

    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        loop {
            if let Some((start, mut balance)) = self.value.take() {
                match balance.advance(context.text.as_bytes(), context.is_last) {
                    Scan::More => {
                        self.value = Some((start, balance));
                        return Flow::More;
                    }
                    Scan::TooDeep(at) if self.found == 0 => return Flow::Text(at),
                    Scan::Bad | Scan::TooDeep(_) => return self.stop(context, false),
                    Scan::End(end) => {
                        let found = context.take_payload(start, end, self.proof);
                        if found == 0 && self.found == 0 {
                            return Flow::Fail;
                        }
                        if found == 0 {
                            context.edit(start, end, Rule::StrayText);
                        }
                        self.found += found;
                        self.at = end;
                        self.done = end;
                    }
                }
            }
            if let Some(flow) = self.between(context) {
                return flow;
            }
        }
    }

    /// Pass what stands between two values; None where the next one starts.
    fn between(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let at = past_space(context.text.as_bytes(), self.at);
        match starts(context.text, at, self.close, context.is_last) {
            Starts::With(close) if !self.in_list || self.found > 0 => {
                self.done = at + close.len();
                return Some(self.stop(context, true));
            }
            Starts::Maybe => return Some(Flow::More),
            _ => {}
        }
        match context.text.as_bytes().get(at) {
            None if !context.is_last => return Some(Flow::More),
            Some(b'{') => self.value = Some((at, Balance::new(at, Syntax::Json))),
            Some(b'[') if !self.in_list && self.found == 0 => {
                self.in_list = true;
                self.at = at + 1;
            }
            Some(b']') if self.in_list => {
                self.in_list = false;
                self.at = at + 1;
                self.done = self.at;
            }
            Some(b',' | b';') if self.found > 0 => self.at = at + 1,
            _ => return Some(self.stop(context, false)),
        }
        None
    }

    fn stop(&self, context: &mut Context<'_>, is_closed: bool) -> Flow {
        if self.found == 0 {
            return Flow::Fail;
        }
        if !is_closed && !self.close.is_empty() {
            if context.is_strict {
                context.calls.truncate(self.first_call);
                return Flow::Fail;
            }
            context.edit(self.done, self.done, Rule::MissingEndTag);
        }
        Flow::Done(self.done)
    }
}
