//! Engine of named JSON: a header that holds the name, then the arguments as one object.

use super::calls::Arguments;
use super::gemma;
use super::python::is_name_char;
use super::run::{Context, Flow};
use super::scan::{Balance, Scan, Starts, Syntax, starts};
use crate::repair::{Rule, Value};
use crate::scan::past_space;

/// How the header of a format holds the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    Mistral,
    DeepSeek,
    Kimi,
    FunctionTag,
    Recipient,
    Calling,
    Inkling,
    Gemma,
    Harmony,
}

/// A header is no longer than this.
pub(super) const HEADER: usize = 512;

/// Whether the text after a marker is a header of some format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fits {
    Yes,
    No,
    /// More text is needed to know.
    Maybe,
}

impl Header {
    /// Whether what follows the marker is this header, and an object after it.
    pub(super) fn fits(self, rest: &str, is_last: bool, close: &[&str]) -> Fits {
        let window: String = rest.chars().take(HEADER).collect();
        let brace = window.find('{');
        let stop = close.iter().filter_map(|close| window.find(close)).min();
        let end = match (brace, stop) {
            (Some(brace), Some(stop)) => brace.min(stop),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => {
                let header_is_over = window.len() < rest.len() || is_last;
                return if header_is_over || !self.may_grow(&window) { Fits::No } else { Fits::Maybe };
            }
        };
        let header = window.get(..end).unwrap_or_default();
        if brace != Some(end) && !matches!(self, Header::DeepSeek | Header::Kimi) {
            return Fits::No;
        }
        if self.may_grow(header) && self.name(header).is_some() { Fits::Yes } else { Fits::No }
    }

    /// Whether a header that has not met its object yet can still become one.
    fn may_grow(self, window: &str) -> bool {
        let text = window.trim_start();
        match self {
            Header::Mistral => !text.starts_with(['[', '{']),
            Header::FunctionTag => {
                text.find('>').is_none_or(|end| text.get(end + 1..).is_none_or(|rest| rest.trim().is_empty()))
            }
            Header::Gemma => "call:".starts_with(text) || text.starts_with("call:"),
            Header::Calling => !text.contains('\n'),
            _ => true,
        }
    }

    /// The name, and the id where the header has one.
    pub(super) fn name(self, header: &str) -> Option<(String, Option<String>)> {
        let mut id = None;
        let name = match self {
            Header::Mistral => {
                let header = header.split("[ARGS]").next()?;
                let mut parts = header.split("[CALL_ID]");
                let name = parts.next()?.trim();
                id = parts.next().map(|id| id.trim().to_owned());
                name
            }
            Header::DeepSeek => deepseek_name(header)?,
            Header::Kimi => {
                let whole = header.split_once("<|tool_call_argument_begin|>")?.0.trim();
                id = Some(whole.to_owned());
                let name = whole.strip_prefix("functions.").unwrap_or(whole);
                match name.rsplit_once(':') {
                    Some((name, index)) if index.bytes().all(|byte| byte.is_ascii_digit()) => name,
                    _ => name,
                }
            }
            Header::FunctionTag => {
                let (name, rest) = header.split_once('>')?;
                if !rest.trim().is_empty() {
                    return None;
                }
                name.trim().trim_matches('"')
            }
            Header::Recipient => header.split_once("<|content|>")?.0.trim(),
            Header::Calling => header.trim().strip_suffix('(')?.trim(),
            Header::Inkling => header.split_once("<|content_invoke_tool_json|>")?.0.trim(),
            Header::Gemma => header.trim().strip_prefix("call:")?.trim(),
            Header::Harmony => recipient(header)?,
        };
        let is_name = !name.is_empty() && name.chars().all(|c| is_name_char(c) || matches!(c, ':' | '/'));
        is_name.then(|| (name.to_owned(), id))
    }
}

fn deepseek_name(header: &str) -> Option<&str> {
    let (kind, rest) = header.split_once("<｜tool▁sep｜>").or_else(|| header.split_once("<|tool_sep|>"))?;
    if kind.trim() != "function" {
        return rest.trim().is_empty().then(|| kind.trim());
    }
    Some(rest.lines().next()?.trim())
}

/// The recipient that a channel header names, without its namespace.
pub(super) fn recipient(header: &str) -> Option<&str> {
    let to = header.split_once("to=")?.1;
    let end = to.find(|c: char| c.is_whitespace() || c == '<').unwrap_or(to.len());
    let name = to.get(..end)?;
    let name = name.strip_prefix("functions.").unwrap_or(name);
    (!name.is_empty() && name != "user" && name != "all" && name != "assistant").then_some(name)
}

#[derive(Debug)]
pub(super) struct Named {
    header: Header,
    close: &'static [&'static str],
    marker: usize,
    start: usize,
    value: Option<(usize, Balance)>,
    /// The end of the arguments, once they are read.
    end: Option<usize>,
}

impl Named {
    pub(super) fn new(marker: usize, start: usize, header: Header, close: &'static [&'static str]) -> Self {
        Self { header, close, marker, start, value: None, end: None }
    }

    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        if self.end.is_none() {
            if self.value.is_none()
                && let Some(flow) = self.head(context)
            {
                return flow;
            }
            if let Some(flow) = self.arguments(context) {
                return flow;
            }
        }
        self.tail(context)
    }

    fn head(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let rest = context.text.get(self.start..).unwrap_or_default();
        let brace = rest.find('{');
        let stop = self.close.iter().filter_map(|close| rest.find(close)).min();
        if let Some(stop) = stop
            && brace.is_none_or(|brace| stop < brace)
        {
            let end = self.start + stop;
            let (name, id) = self.header.name(rest.get(..stop)?)?;
            let none = Arguments::Named(Value::Object(Vec::new()));
            if !context.take_named(&name, id, none, (self.marker, end)) {
                return Some(Flow::Fail);
            }
            self.end = Some(end);
            return Some(self.tail(context));
        }
        let Some(brace) = brace else {
            return Some(if context.is_last { Flow::Fail } else { Flow::More });
        };
        let syntax = if self.header == Header::Gemma { Syntax::Gemma } else { Syntax::Json };
        let at = self.start + brace;
        self.value = Some((at, Balance::new(at, syntax)));
        None
    }

    fn arguments(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let (start, balance) = self.value.as_mut()?;
        let start = *start;
        let end = match balance.advance(context.text.as_bytes(), context.is_last) {
            Scan::More => return Some(Flow::More),
            Scan::TooDeep(at) => return Some(Flow::Text(at)),
            Scan::Bad => return Some(Flow::Fail),
            Scan::End(end) => end,
        };
        let header = context.slice(self.start, start).to_owned();
        let Some((name, id)) = self.header.name(&header) else { return Some(Flow::Fail) };
        let value = if self.header == Header::Gemma {
            gemma::read(context.slice(start, end))
        } else {
            context.payload(start, end)
        };
        let arguments = match value {
            Some(Value::Object(members)) => Arguments::Named(self.inner(Value::Object(members))),
            _ => Arguments::Raw(context.slice(start, end).to_owned()),
        };
        if !context.take_named(&name, id, arguments, (self.marker, end)) {
            return Some(Flow::Fail);
        }
        self.end = Some(end);
        None
    }

    fn inner(&self, value: Value<'static>) -> Value<'static> {
        if self.header == Header::Inkling
            && let Some(arguments @ Value::Object(_)) = value.get("args")
        {
            return arguments.clone();
        }
        value
    }

    /// Pass the fence and the closing marker, which are not needed to know the call.
    fn tail(&mut self, context: &mut Context<'_>) -> Flow {
        let Some(end) = self.end else { return Flow::Fail };
        let mut at = past_space(context.text.as_bytes(), end);
        match starts(context.text, at, &["```"], context.is_last) {
            Starts::With(fence) if self.header == Header::DeepSeek => {
                at = past_space(context.text.as_bytes(), at + fence.len())
            }
            Starts::Maybe if self.header == Header::DeepSeek => return Flow::More,
            _ => {}
        }
        if self.header == Header::Gemma
            && let Starts::With(_) = starts(context.text, at, &["call:"], true)
        {
            *self = Named::new(at, at, self.header, self.close);
            return self.step(context);
        }
        match starts(context.text, at, self.close, context.is_last) {
            Starts::With(close) => Flow::Done(at + close.len()),
            Starts::Maybe => Flow::More,
            Starts::No if self.close.is_empty() => Flow::Done(end),
            Starts::No => {
                if context.is_strict {
                    context.calls.pop();
                    return Flow::Fail;
                }
                context.edit(end, end, Rule::MissingEndTag);
                Flow::Done(end)
            }
        }
    }
}
