//! What every engine needs, and what it says: go on, done, or no call after all.

use super::calls::{Arguments, Call, Proof, calls_of};
use super::typing::Tool;
use crate::repair::{Edit, Rule, Value, repair, strict};

/// The text so far, and what was found in it.
pub(super) struct Context<'c> {
    pub(super) text: &'c str,
    /// No more text will come.
    pub(super) is_last: bool,
    pub(super) is_strict: bool,
    pub(super) tools: &'c [Tool],
    pub(super) calls: &'c mut Vec<Call>,
    pub(super) documents: &'c mut Vec<Value<'static>>,
    pub(super) edits: &'c mut Vec<Edit>,
}

/// Where an engine stands after it has read what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It needs more text.
    More,
    /// It is done; what follows starts here.
    Done(usize),
    /// The bytes up to here are text, no call.
    Text(usize),
    /// This was no call: the marker is text.
    Fail,
}

impl Context<'_> {
    pub(super) fn slice(&self, start: usize, end: usize) -> &str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// Whether a name may be called: any, unless tools are given and the parser is strict.
    pub(super) fn may_call(&self, name: &str) -> bool {
        !self.is_strict || self.tools.is_empty() || self.tool(name).is_some()
    }

    /// Whether a name that no marker vouches for may be called.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.tools.is_empty() || self.tool(name).is_some()
    }

    /// Read a payload: JSON, or what a repair makes of it, unless the parser is strict.
    pub(super) fn payload(&mut self, start: usize, end: usize) -> Option<Value<'static>> {
        let text = self.text.get(start..end)?;
        if let Ok(value) = strict::read(text) {
            return Some(value.into_owned());
        }
        if self.is_strict {
            return None;
        }
        let repaired = repair(text).ok()?;
        // A value that only the repair knows is nothing to call a tool with.
        let invents = |edit: &Edit| matches!(edit.rule, Rule::MissingValue | Rule::TruncatedNumber);
        if repaired.edits.iter().any(invents) {
            return None;
        }
        let edits = repaired.edits.iter();
        self.edits.extend(edits.map(|edit| Edit {
            start: edit.start + start,
            end: edit.end + start,
            rule: edit.rule,
        }));
        Some(repaired.value.into_owned())
    }

    /// Take the calls of a payload; how many there were comes back.
    pub(super) fn take_payload(&mut self, start: usize, end: usize, proof: Proof) -> usize {
        let before = self.edits.len();
        let Some(value) = self.payload(start, end) else { return 0 };
        let damaged = self.edits.len() > before;
        let proof = if damaged && proof == Proof::Marked { Proof::Shape } else { proof };
        let calls = calls_of(&value, proof, (start, end));
        let quoted = |name: &str| {
            let raw = self.slice(start, end);
            ['"', '\''].iter().any(|quote| raw.contains(&format!("{quote}{name}{quote}")))
        };
        // A name that only a repair made is a guess, and a guess is never called.
        let calls: Vec<Call> = calls
            .into_iter()
            .filter(|call| self.may_call(&call.name) && (!damaged || quoted(&call.name)))
            .collect();
        if calls.is_empty() {
            self.edits.truncate(before);
        }
        let count = calls.len();
        self.calls.extend(calls);
        count
    }

    /// Take one call whose arguments stand in a span of the text.
    pub(super) fn take_named(
        &mut self,
        name: &str,
        id: Option<String>,
        arguments: Arguments,
        span: (usize, usize),
    ) -> bool {
        if name.is_empty() || !self.may_call(name) {
            return false;
        }
        self.calls.push(Call { name: name.to_owned(), arguments, id, span });
        true
    }

    pub(super) fn edit(&mut self, start: usize, end: usize, rule: Rule) {
        self.edits.push(Edit { start, end, rule });
    }
}
