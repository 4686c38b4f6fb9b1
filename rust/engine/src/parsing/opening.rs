//! Which engine reads what starts here: every form whose marker stands here is asked.

use super::agent::{self, Action, MESSAGE_ENDS, RawCall};
use super::bare::{Bare, starts_line};
use super::head::{Fits, HEADER, Header, Named, recipient};
use super::objects::Objects;
use super::pairs::Pairs;
use super::pycalls::{self, PythonCalls};
use super::run::{Context, Flow};
use super::scan::Search;
use super::table::{Form, GRAMMARS, Shape, THINKING};
use super::typing::Tool;
use crate::scan::past_space;

/// An engine at work.
#[derive(Debug)]
pub(super) enum Engine {
    Objects(Objects),
    Named(Named),
    Pairs(Pairs),
    Python(PythonCalls),
    Bare(Bare),
    Action(Action),
    Raw(RawCall),
}

impl Engine {
    pub(super) fn step(&mut self, context: &mut Context<'_>) -> Flow {
        match self {
            Engine::Objects(engine) => engine.step(context),
            Engine::Named(engine) => engine.step(context),
            Engine::Pairs(engine) => engine.step(context),
            Engine::Python(engine) => engine.step(context),
            Engine::Bare(engine) => engine.step(context),
            Engine::Action(engine) => engine.step(context),
            Engine::Raw(engine) => engine.step(context),
        }
    }
}

/// What starts at a position.
#[derive(Debug)]
pub(super) enum Opening {
    /// Nothing: text.
    None,
    /// More text is needed to know.
    Wait,
    /// A marker that is dropped; what follows starts here.
    Noise(usize),
    /// Thinking, from here to one of the closing markers.
    Thinking(usize, &'static [&'static str]),
    /// The end of thinking whose start was not seen.
    ThinkingEnd(usize),
    /// Perhaps calls: the engine, where the text goes on if there are none, and the formats that fit.
    Calls(Engine, usize, Vec<&'static str>),
}

/// Where the text is read: what a form may need to know beside the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) at: usize,
    /// The end of the last marker: a line starts there too.
    pub(super) floor: usize,
    /// Inside of a fenced block of code, where nothing bare is a call.
    pub(super) in_code: bool,
    pub(super) is_last: bool,
    /// How many calls were found before.
    pub(super) calls: usize,
    /// A closing marker closes something: a marker or a call came before.
    pub(super) is_open: bool,
}

/// The forms of the grammars that a parser reads.
#[derive(Debug)]
pub(super) struct Forms {
    /// By the first byte of their marker.
    marked: Vec<Vec<(&'static str, &'static Form)>>,
    /// The grammars that read JSON, and Python calls, where no marker stands.
    json: Vec<&'static str>,
    python: Vec<&'static str>,
}

impl Forms {
    /// The forms of the named grammars; of all where no names are given.
    ///
    /// A strict reading of all grammars takes nothing for a call that has no marker.
    pub(super) fn new(names: Option<&[String]>, is_strict: bool) -> Self {
        let mut forms = Self { marked: vec![Vec::new(); 256], json: Vec::new(), python: Vec::new() };
        let chosen = GRAMMARS
            .iter()
            .filter(|grammar| names.is_none_or(|names| names.iter().any(|n| n == grammar.name)));
        let chosen = chosen.flat_map(|grammar| grammar.forms.iter().map(|form| (grammar.name, form)));
        for (name, form) in THINKING.iter().map(|form| ("thinking", form)).chain(chosen) {
            match form.shape {
                Shape::BareJson | Shape::BarePython if is_strict && names.is_none() => {}
                Shape::BareJson => forms.json.push(name),
                Shape::BarePython => forms.python.push(name),
                _ => {
                    let first = form.marker.bytes().next().unwrap_or_default();
                    forms.marked.get_mut(usize::from(first)).into_iter().for_each(|f| f.push((name, form)));
                }
            }
        }
        forms
    }

    /// Whether JSON without a marker is read.
    pub(super) fn reads_json(&self) -> bool {
        !self.json.is_empty()
    }

    /// The forms whose marker starts with this byte.
    fn marked(&self, byte: u8) -> &[(&'static str, &'static Form)] {
        self.marked.get(usize::from(byte)).map_or(&[], Vec::as_slice)
    }

    /// Whether something may start with this byte.
    pub(super) fn may_open(&self, byte: u8) -> bool {
        !self.marked(byte).is_empty()
            || byte == b'`'
            || (matches!(byte, b'{' | b'[') && (self.reads_json() || !self.python.is_empty()))
            || (!self.python.is_empty() && (byte.is_ascii_alphabetic() || byte == b'_'))
    }

    pub(super) fn open(&self, text: &str, spot: Spot, tools: &[Tool]) -> Opening {
        let Spot { at, is_last, calls, .. } = spot;
        let rest = text.get(at..).unwrap_or_default();
        let marked = self.marked(rest.bytes().next().unwrap_or_default());
        let here: Vec<_> = marked.iter().filter(|(_, form)| rest.starts_with(form.marker)).collect();
        if !is_last
            && marked.iter().any(|(_, form)| rest.len() < form.marker.len() && form.marker.starts_with(rest))
        {
            return Opening::Wait;
        }
        let mut length = here.iter().map(|(_, form)| form.marker.len()).max().unwrap_or(0);
        while length > 0 {
            let forms: Vec<_> = here.iter().filter(|(_, form)| form.marker.len() == length).collect();
            let mut fitting = Vec::new();
            for (name, form) in &forms {
                match fits(form, text, spot, tools) {
                    Fits::Maybe => return Opening::Wait,
                    Fits::Yes => fitting.push((*name, form)),
                    Fits::No => {}
                }
            }
            if let Some((_, form)) = fitting.first() {
                let mut names: Vec<_> = fitting.iter().map(|(name, _)| *name).collect();
                names.dedup();
                return opening(form, text, at, names, calls);
            }
            length =
                here.iter().map(|(_, form)| form.marker.len()).filter(|len| *len < length).max().unwrap_or(0);
        }
        self.bare(text, spot)
    }

    /// What starts here without a marker.
    fn bare(&self, text: &str, spot: Spot) -> Opening {
        let Spot { at, is_last, calls, .. } = spot;
        let rest = text.get(at..).unwrap_or_default();
        let is_list = rest.starts_with('[');
        let is_line = !rest.starts_with('{') && starts_line(text, spot.floor, at);
        if !self.python.is_empty() && !spot.in_code && (is_list || is_line) {
            match pycalls::fits(rest, is_last) {
                Fits::Maybe => return Opening::Wait,
                Fits::Yes => {
                    let engine = PythonCalls::new(at, &[], true, false, calls);
                    let skip = rest.find('(').map_or(at + 1, |paren| at + paren);
                    let names = self.python.clone();
                    return Opening::Calls(Engine::Python(engine), skip, names);
                }
                Fits::No => {}
            }
        }
        if self.reads_json() && rest.starts_with(['{', '[']) {
            let engine = Engine::Bare(Bare::new(at, None));
            return Opening::Calls(engine, at + 1, self.json.clone());
        }
        Opening::None
    }
}

fn head_of(rest: &str) -> &str {
    let end = rest.char_indices().nth(HEADER).map_or(rest.len(), |(end, _)| end);
    rest.get(..end).unwrap_or(rest)
}

fn fits(form: &Form, text: &str, spot: Spot, tools: &[Tool]) -> Fits {
    let Spot { at, is_last, .. } = spot;
    let start = at + form.marker.len();
    let rest = text.get(start..).unwrap_or_default();
    let head = head_of(rest);
    crate::work::tick(head.len());
    let trimmed = head.trim_start();
    let over = is_last || head.len() < rest.len();
    match form.shape {
        Shape::Noise { .. } if form.marker.starts_with("</") && !spot.is_open => Fits::No,
        Shape::Noise { before: [] } | Shape::Thinking { .. } | Shape::ThinkingEnd => Fits::Yes,
        Shape::Noise { before } => {
            if before.iter().any(|tag| trimmed.starts_with(tag)) {
                Fits::Yes
            } else if !over && before.iter().any(|tag| tag.starts_with(trimmed)) {
                Fits::Maybe
            } else {
                Fits::No
            }
        }
        Shape::Objects { .. } => match trimmed.chars().next() {
            Some('{' | '[') => Fits::Yes,
            None if !over => Fits::Maybe,
            _ => Fits::No,
        },
        Shape::Named { header, close } => header.fits(rest, is_last, close),
        Shape::Pairs(tokens) => tokens.fits(rest, is_last),
        Shape::Python { is_code: true, .. } if tools.is_empty() => Fits::No,
        Shape::Python { .. } => {
            let space = rest.len() - rest.trim_start().len();
            if space > HEADER || (space == rest.len() && is_last) {
                return Fits::No;
            }
            pycalls::fits(rest.trim_start(), is_last)
        }
        Shape::Channel => match head.contains("<|message|>") {
            true => Fits::Yes,
            false if over => Fits::No,
            false => Fits::Maybe,
        },
        Shape::Fence { .. } => {
            let lang = head.trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+'));
            match lang.trim_start().chars().next() {
                Some('{' | '[') => Fits::Yes,
                None if !over => Fits::Maybe,
                _ => Fits::No,
            }
        }
        Shape::Action if starts_line(text, spot.floor, at) => agent::fits(rest, is_last),
        Shape::Action | Shape::BareJson | Shape::BarePython => Fits::No,
    }
}

fn opening(form: &Form, text: &str, at: usize, names: Vec<&'static str>, calls: usize) -> Opening {
    let start = at + form.marker.len();
    let engine = match form.shape {
        Shape::Noise { .. } => return Opening::Noise(start),
        Shape::Thinking { close } => return Opening::Thinking(start, close),
        Shape::ThinkingEnd => return Opening::ThinkingEnd(start),
        Shape::Channel => return channel(text, at, start, names),
        Shape::Objects { close, single_key } => {
            Engine::Objects(Objects::new(start, close, single_key, calls))
        }
        Shape::Named { header, close } => Engine::Named(Named::new(at, start, header, close)),
        Shape::Pairs(tokens) => Engine::Pairs(Pairs::new(at, start, tokens)),
        Shape::Python { close, is_code } => {
            Engine::Python(PythonCalls::new(start, close, false, is_code, calls))
        }
        Shape::Fence { close } => {
            let rest = text.get(start..).unwrap_or_default();
            let brace = rest.find(['{', '[']).unwrap_or(0);
            Engine::Bare(Bare::new(start + brace, Some(close)))
        }
        Shape::Action => Engine::Action(Action::new(at, start)),
        Shape::BareJson | Shape::BarePython => return Opening::None,
    };
    Opening::Calls(engine, start, names)
}

/// A message of a channel: thinking, a call, or text.
fn channel(text: &str, at: usize, start: usize, names: Vec<&'static str>) -> Opening {
    const MESSAGE: &str = "<|message|>";
    let rest = text.get(start..).unwrap_or_default();
    let Some((header, _)) = rest.split_once(MESSAGE) else { return Opening::None };
    let body = start + header.len() + MESSAGE.len();
    let Some(name) = recipient(header) else {
        if header.contains("analysis") {
            return Opening::Thinking(body, &MESSAGE_ENDS);
        }
        return Opening::Noise(body);
    };
    let first = text.as_bytes().get(past_space(text.as_bytes(), body));
    match first {
        Some(b'{') => {
            let engine =
                Named::new(at, start, Header::Harmony, &["<|call|>", "<|end|>", "<|return|>", "<|eom|>"]);
            Opening::Calls(Engine::Named(engine), body, names)
        }
        Some(_) => {
            let engine =
                RawCall { name: name.to_owned(), marker: at, start: body, search: Search::new(body) };
            Opening::Calls(Engine::Raw(engine), body, names)
        }
        None => Opening::Wait,
    }
}
