//! Engine of Python calls: `[f(x=1), g()]`, `f(x=1)`, one a line, or in a fenced block.

use super::calls::Arguments;
use super::head::Fits;
use super::python::{self, PythonCall, is_name, is_name_char};
use super::run::{Context, Flow};
use super::scan::{Balance, Scan, Starts, Syntax, starts};
use super::typing::Tool;
use crate::repair::{Rule, Value};
use crate::scan::past_space;
use std::borrow::Cow;

/// A name is no longer than this.
const NAME: usize = 128;

#[derive(Debug)]
pub(super) struct PythonCalls {
    at: usize,
    done: usize,
    close: &'static [&'static str],
    /// No marker vouches for the calls: they stand on lines of their own, and their tools are known.
    is_bare: bool,
    /// The names must be those of known tools.
    only_known: bool,
    in_list: bool,
    value: Option<(usize, Balance)>,
    found: usize,
    first_call: usize,
    /// A bare call whose line is not over yet.
    ends_line: Option<PythonCall>,
    span: (usize, usize),
}

impl PythonCalls {
    pub(super) fn new(
        at: usize,
        close: &'static [&'static str],
        is_bare: bool,
        is_code: bool,
        calls: usize,
    ) -> Self {
        Self {
            at,
            done: at,
            close,
            is_bare,
            only_known: is_bare || is_code,
            in_list: false,
            value: None,
            found: 0,
            first_call: calls,
            ends_line: None,
            span: (at, at),
        }
    }

    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        loop {
            if self.ends_line.is_some() {
                match self.line_end(context) {
                    Some(flow) => return flow,
                    None => continue,
                }
            }
            if let Some((start, mut balance)) = self.value.take() {
                match balance.advance(context.text.as_bytes(), context.is_last) {
                    Scan::More => {
                        self.value = Some((start, balance));
                        return Flow::More;
                    }
                    Scan::TooDeep(at) if self.found == 0 => return Flow::Text(at),
                    Scan::Bad | Scan::TooDeep(_) => return self.stop(context, false),
                    Scan::End(end) => {
                        if let Some(flow) = self.ended(context, start, end) {
                            return flow;
                        }
                    }
                }
                continue;
            }
            if let Some(flow) = self.between(context) {
                return flow;
            }
        }
    }

    fn ended(&mut self, context: &mut Context<'_>, start: usize, end: usize) -> Option<Flow> {
        let call = python::call(context.slice(start, end));
        let Some(call) = call.filter(|call| !self.only_known || context.knows(&call.name)) else {
            return Some(self.stop(context, false));
        };
        self.at = end;
        self.span = (start, end);
        if self.is_bare && !self.in_list {
            self.ends_line = Some(call);
            return None;
        }
        if !self.take(context, call) {
            return Some(self.stop(context, false));
        }
        None
    }

    fn take(&mut self, context: &mut Context<'_>, call: PythonCall) -> bool {
        let arguments = named(&call, context.tool(&call.name));
        let taken = context.take_named(&call.name, None, arguments, self.span);
        if taken {
            self.found += 1;
            self.done = self.span.1;
        }
        taken
    }

    /// A bare call counts only where its line ends after it.
    fn line_end(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let rest = context.text.get(self.at..).unwrap_or_default();
        let next = rest.trim_start_matches([' ', '\t', ';']);
        match next.chars().next() {
            None if !context.is_last => return Some(Flow::More),
            None | Some('\n' | '\r') => {}
            Some(_) => return Some(self.stop(context, false)),
        }
        let call = self.ends_line.take()?;
        if self.take(context, call) { Some(Flow::Done(self.done)) } else { Some(Flow::Fail) }
    }

    fn between(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let at = past_space(context.text.as_bytes(), self.at);
        match starts(context.text, at, self.close, context.is_last) {
            Starts::With(close) => {
                self.done = at + close.len();
                return Some(self.stop(context, true));
            }
            Starts::Maybe => return Some(Flow::More),
            Starts::No => {}
        }
        let rest = context.text.get(at..).unwrap_or_default();
        match rest.chars().next() {
            None if !context.is_last => return Some(Flow::More),
            Some('[') if !self.in_list && self.found == 0 => {
                self.in_list = true;
                self.at = at + 1;
            }
            Some(']') if self.in_list && self.found > 0 => {
                self.in_list = false;
                self.at = at + 1;
                self.done = self.at;
                if self.is_bare {
                    return Some(Flow::Done(self.done));
                }
            }
            Some(',' | ';') if self.found > 0 => self.at = at + 1,
            Some(c) if c.is_alphabetic() || c == '_' => {
                let length = rest.find(|c| !is_name_char(c)).unwrap_or(rest.len());
                if length == rest.len() && length < NAME && !context.is_last {
                    return Some(Flow::More);
                }
                if length > NAME || !rest.get(length..).is_some_and(|rest| rest.starts_with('(')) {
                    return Some(self.stop(context, false));
                }
                self.value = Some((at, Balance::new(at + length, Syntax::Python)));
            }
            _ => return Some(self.stop(context, false)),
        }
        None
    }

    fn stop(&self, context: &mut Context<'_>, is_closed: bool) -> Flow {
        if self.found == 0 {
            return Flow::Fail;
        }
        if !is_closed && (!self.close.is_empty() || self.in_list) {
            if context.is_strict {
                context.calls.truncate(self.first_call);
                return Flow::Fail;
            }
            context.edit(self.done, self.done, Rule::MissingEndTag);
        }
        Flow::Done(self.done)
    }
}

/// The arguments by name; those without one take the names of the tool's schema, in order.
fn named(call: &PythonCall, tool: Option<&Tool>) -> Arguments {
    let mut members = Vec::new();
    let mut unnamed = Vec::new();
    // name({...}): the arguments as one object.
    if let ([Value::Object(only)], true) = (call.positional.as_slice(), call.named.is_empty()) {
        return Arguments::Named(Value::Object(only.clone()));
    }
    for (position, value) in call.positional.iter().enumerate() {
        match tool.and_then(|tool| tool.argument(position)) {
            Some(name) => members.push((Cow::Owned(name.to_owned()), value.clone())),
            None => unnamed.push(value.clone()),
        }
    }
    members.extend(call.named.iter().cloned());
    if !unnamed.is_empty() {
        members.push((Cow::Borrowed("_positional"), Value::Array(unnamed)));
    }
    Arguments::Named(Value::Object(members))
}

/// Whether a bare call, or a list of them, starts here.
pub(super) fn fits(rest: &str, is_last: bool) -> Fits {
    let first = rest.strip_prefix('[').unwrap_or(rest).chars().next();
    if first.is_some_and(|c| !(c.is_alphabetic() || c == '_' || c.is_whitespace())) {
        return Fits::No;
    }
    crate::work::tick(2 * NAME);
    let window: String = rest.chars().take(2 * NAME).collect();
    let body = match window.strip_prefix('[') {
        Some(body) => body.trim_start(),
        None => window.as_str(),
    };
    let length = body.find(|c| !is_name_char(c)).unwrap_or(body.len());
    let name = body.get(..length).unwrap_or_default();
    if body.is_empty() || (length == body.len() && is_name(name)) {
        return if is_last || length > NAME { Fits::No } else { Fits::Maybe };
    }
    if !is_name(name) || !body.get(length..).is_some_and(|rest| rest.starts_with('(')) {
        return Fits::No;
    }
    let inside = body.get(length + 1..).unwrap_or_default().trim_start();
    let Some(first) = inside.chars().next() else {
        return if is_last { Fits::No } else { Fits::Maybe };
    };
    if matches!(first, ')' | '"' | '\'' | '[' | '{' | '-') || first.is_ascii_digit() {
        return Fits::Yes;
    }
    let word = inside.find(|c| !is_name_char(c)).unwrap_or(inside.len());
    let after = inside.get(word..).unwrap_or_default().trim_start();
    match after.chars().next() {
        None if !is_last && word <= NAME => Fits::Maybe,
        Some('=') if is_name(inside.get(..word).unwrap_or_default()) => Fits::Yes,
        Some(',' | ')') if matches!(inside.get(..word), Some("True" | "False" | "None")) => Fits::Yes,
        _ => Fits::No,
    }
}
