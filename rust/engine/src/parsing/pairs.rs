//! Engine of tagged pairs: a name, then keys and values between tags; the values carry no types.

use super::calls::Arguments;
use super::head::{Fits, HEADER};
use super::python::is_name_char;
use super::run::{Context, Flow};
use super::scan::Search;
use super::typing::typed;
use crate::repair::{Value, strict};
use crate::scan::past_space;
use std::borrow::Cow;

/// The tags of one format.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    /// What ends the header; the header holds the name.
    head_end: &'static [&'static str],
    /// The attribute of the header that is the name; "" where the header is the name itself.
    name: &'static str,
    key_open: &'static str,
    key_close: &'static str,
    /// The attribute that is the key, as for the name.
    key: &'static str,
    value_open: &'static str,
    value_close: &'static str,
    end: &'static str,
    /// Without a schema a value is text, as the format's own reader has it; else its look decides.
    is_text: bool,
}

impl Tokens {
    pub(super) const FUNCTION: Tokens = Tokens {
        head_end: &[">"],
        name: "",
        key_open: "<parameter=",
        key_close: ">",
        key: "",
        value_open: "",
        value_close: "</parameter>",
        end: "</function>",
        is_text: false,
    };
    pub(super) const GLM: Tokens = Tokens {
        head_end: &["<"],
        name: "",
        key_open: "<arg_key>",
        key_close: "</arg_key>",
        key: "",
        value_open: "<arg_value>",
        value_close: "</arg_value>",
        end: "</tool_call>",
        is_text: false,
    };
    pub(super) const LONGCAT: Tokens = Tokens {
        key_open: "<longcat_arg_key>",
        key_close: "</longcat_arg_key>",
        value_open: "<longcat_arg_value>",
        value_close: "</longcat_arg_value>",
        end: "</longcat_tool_call>",
        ..Tokens::GLM
    };
    pub(super) const SOLAR: Tokens = Tokens {
        head_end: &["<"],
        name: "",
        key_open: "<|tool_arg:start|>",
        key_close: "<|tool_arg:value|>",
        key: "",
        value_open: "",
        value_close: "<|tool_arg:end|>",
        end: "<|tool_call:end|>",
        is_text: false,
    };
    pub(super) const XTML: Tokens = Tokens {
        head_end: &["<|sep|>"],
        name: "tool",
        key_open: "<|open|>argument ",
        key_close: "<|sep|>",
        key: "key",
        value_open: "",
        value_close: "<|close|>argument<|sep|>",
        end: "<|close|>call<|sep|>",
        is_text: false,
    };
    pub(super) const INVOKE: Tokens = Tokens {
        head_end: &[">"],
        name: "",
        key_open: "<parameter name=",
        key_close: ">",
        key: "",
        value_open: "",
        value_close: "</parameter>",
        end: "</invoke>",
        is_text: true,
    };
    pub(super) const DSML: Tokens = Tokens {
        key_open: "<｜DSML｜parameter name=",
        value_close: "</｜DSML｜parameter>",
        end: "</｜DSML｜invoke>",
        is_text: false,
        ..Tokens::INVOKE
    };
    pub(super) const STEP: Tokens = Tokens {
        key_open: "<steptml:parameter name=",
        value_close: "</steptml:parameter>",
        end: "</steptml:invoke>",
        is_text: false,
        ..Tokens::INVOKE
    };

    /// Whether the text after the marker is a header of this format.
    pub(super) fn fits(&self, rest: &str, is_last: bool) -> Fits {
        let window: String = rest.chars().take(HEADER).collect();
        let end = self.head_end.iter().filter_map(|end| window.find(end)).min();
        let Some(end) = end else {
            let over = window.len() < rest.len() || is_last || !self.may_be_name(&window);
            return if over { Fits::No } else { Fits::Maybe };
        };
        let header = window.get(..end).unwrap_or_default();
        if !self.may_be_name(header) || self.name_of(header).is_none() {
            return Fits::No;
        }
        if self.head_end != ["<"] {
            return self.body_fits(rest.get(end..).unwrap_or_default(), is_last);
        }
        let next = rest.get(end..).unwrap_or_default();
        let tags = [self.key_open, self.end];
        if tags.iter().any(|tag| next.starts_with(tag)) {
            Fits::Yes
        } else if !is_last && tags.iter().any(|tag| tag.starts_with(next)) {
            Fits::Maybe
        } else {
            Fits::No
        }
    }

    /// `<function=N>{...}` is another grammar: after the header a tag must follow.
    fn body_fits(&self, rest: &str, is_last: bool) -> Fits {
        let close = self.head_end.first().copied().unwrap_or_default();
        let body = rest.get(close.len()..).unwrap_or_default().trim_start();
        match body.chars().next() {
            Some('{') if self.key_open == Tokens::FUNCTION.key_open => Fits::No,
            Some(_) => Fits::Yes,
            None if is_last => Fits::No,
            None => Fits::Maybe,
        }
    }

    fn may_be_name(&self, window: &str) -> bool {
        !self.name.is_empty()
            || window
                .trim()
                .chars()
                .all(|c| is_name_char(c) || matches!(c, '"' | '\'' | ':' | '/' | ' ' | '='))
    }

    fn name_of(&self, header: &str) -> Option<String> {
        let name = attribute(header, self.name)?;
        let is_name = !name.is_empty() && name.chars().all(|c| is_name_char(c) || matches!(c, ':' | '/'));
        is_name.then(|| name.to_owned())
    }
}

/// `tool="N"`: the value of an attribute; without a name, the header itself or its first string.
fn attribute<'h>(header: &'h str, name: &str) -> Option<&'h str> {
    let header = header.trim();
    if name.is_empty() {
        if let Some(quote) = header.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            return header.get(1..)?.split(quote).next();
        }
        return Some(header);
    }
    let value = header.split_once(&format!("{name}=\""))?.1;
    value.split('"').next()
}

#[derive(Debug)]
pub(super) struct Pairs {
    tokens: &'static Tokens,
    marker: usize,
    start: usize,
    part: Part,
    search: Search,
    name: String,
    members: Vec<(Cow<'static, str>, Value<'static>)>,
    /// The header of the parameter that is being read.
    key: String,
    done: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Outside,
    Key,
    BeforeValue,
    Value(usize),
}

impl Pairs {
    pub(super) fn new(marker: usize, start: usize, tokens: &'static Tokens) -> Self {
        Self {
            tokens,
            marker,
            start,
            part: Part::Head,
            search: Search::new(start),
            name: String::new(),
            members: Vec::new(),
            key: String::new(),
            done: start,
        }
    }

    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        loop {
            let flow = match self.part {
                Part::Head => self.head(context),
                Part::Outside => self.outside(context),
                Part::Key => self.key(context),
                Part::BeforeValue => self.before_value(context),
                Part::Value(start) => self.value(context, start),
            };
            if let Some(flow) = flow {
                return flow;
            }
        }
    }

    /// Find the next of some tokens; where there is none, say what follows from that.
    fn find(
        &mut self,
        context: &mut Context<'_>,
        tokens: &[&'static str],
    ) -> Result<(usize, &'static str), Flow> {
        match self.search.advance(context.text, tokens, context.is_last) {
            Some(found) => Ok(found),
            None if !context.is_last => Err(Flow::More),
            // More pairs may have been on their way: a call that was cut off is none.
            None => Err(Flow::Fail),
        }
    }

    fn go(&mut self, part: Part, at: usize) {
        self.part = part;
        self.search = Search::new(at);
    }

    fn head(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let (at, token) = match self.find(context, self.tokens.head_end) {
            Ok(found) => found,
            Err(flow) => return Some(flow),
        };
        let Some(name) = self.tokens.name_of(context.slice(self.start, at)) else { return Some(Flow::Fail) };
        self.name = name;
        let after = if token == "<" { at } else { at + token.len() };
        self.go(Part::Outside, after);
        None
    }

    fn outside(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let (at, token) = match self.find(context, &[self.tokens.key_open, self.tokens.end]) {
            Ok(found) => found,
            Err(flow) => return Some(flow),
        };
        let after = at + token.len();
        if token == self.tokens.end {
            return Some(self.take(context, after));
        }
        self.done = after;
        self.go(Part::Key, after);
        None
    }

    fn key(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let (at, token) = match self.find(context, &[self.tokens.key_close]) {
            Ok(found) => found,
            Err(flow) => return Some(flow),
        };
        self.key = context.slice(self.done, at).to_owned();
        let after = at + token.len();
        self.done = after;
        if self.tokens.value_open.is_empty() {
            self.go(Part::Value(after), after);
        } else {
            self.go(Part::BeforeValue, after);
        }
        None
    }

    fn before_value(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let at = past_space(context.text.as_bytes(), self.done);
        let open = self.tokens.value_open;
        let rest = context.text.get(at..).unwrap_or_default();
        if rest.starts_with(open) {
            self.go(Part::Value(at + open.len()), at + open.len());
            return None;
        }
        Some(if open.starts_with(rest) && !context.is_last { Flow::More } else { Flow::Fail })
    }

    fn value(&mut self, context: &mut Context<'_>, start: usize) -> Option<Flow> {
        let (at, token) = match self.find(context, &[self.tokens.value_close]) {
            Ok(found) => found,
            Err(flow) => return Some(flow),
        };
        let Some(key) = attribute(&self.key, self.tokens.key) else { return Some(Flow::Fail) };
        let key = key.to_owned();
        let raw = context.slice(start, at);
        let value = self.read(context, &key, raw);
        self.members.push((Cow::Owned(key), value));
        self.done = at + token.len();
        self.go(Part::Outside, self.done);
        None
    }

    /// A value: as its attribute says, else as the tool's schema says, else by its look.
    fn read(&self, context: &Context<'_>, key: &str, raw: &str) -> Value<'static> {
        let text = raw.strip_prefix("\r\n").or_else(|| raw.strip_prefix('\n')).unwrap_or(raw);
        let text = text.strip_suffix('\n').unwrap_or(text);
        let is_text = self.key.contains("string=\"true\"") || self.key.contains("type=\"string\"");
        if is_text {
            return Value::String(Cow::Owned(raw.to_owned()));
        }
        let is_json = self.key.contains("string=\"false\"") || self.key.contains("type=\"");
        if is_json && let Ok(value) = strict::read(text) {
            return value.into_owned();
        }
        typed(text, key, context.tool(&self.name), self.tokens.is_text)
    }

    fn take(&mut self, context: &mut Context<'_>, end: usize) -> Flow {
        let members = std::mem::take(&mut self.members);
        let arguments = Arguments::Named(Value::Object(members));
        if context.take_named(&self.name, None, arguments, (self.marker, end)) {
            Flow::Done(end)
        } else {
            Flow::Fail
        }
    }
}
