//! The machine that reads model output: text, thinking, calls, from any chunks.
//!
//! No decision is made before the bytes that decide it are there, so a text gives the same result
//! however it is cut; what was read is not read again, so the work is linear in the text.

use super::agent::is_start;
use super::bare::starts_line;
use super::calls::{Arguments, Call, Proof, calls_of};
use super::opening::{Engine, Forms, Opening, Spot};
use super::run::{Context, Flow};
use super::scan::Search;
use super::table::GRAMMARS;
use super::typing::Tool;
use crate::repair::{Edit, Rule, Value, repair};

/// What a parser reads, and how it reads it.
#[derive(Debug)]
pub struct Parser {
    forms: Forms,
    tools: Vec<Tool>,
    is_strict: bool,
}

impl Parser {
    /// A parser of the named grammars (`None`: of all); Err holds a name that is none of them.
    pub fn new(grammars: Option<&[String]>, tools: Vec<Tool>, is_strict: bool) -> Result<Self, String> {
        let known = |name: &&String| !GRAMMARS.iter().any(|grammar| grammar.name == name.as_str());
        if let Some(unknown) = grammars.and_then(|names| names.iter().find(known)) {
            return Err(unknown.clone());
        }
        Ok(Self { forms: Forms::new(grammars, is_strict), tools, is_strict })
    }
}

/// What happened while text was fed.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Text(String),
    Thinking(String),
    Call(Call),
    Document(Value<'static>),
    /// All text so far was thinking: its end came without a start.
    TextWasThinking,
}

/// Which formats fit the calls in a span of the text; more than one where it is ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub span: (usize, usize),
    pub grammars: Vec<&'static str>,
}

/// What a text holds.
#[derive(Debug, Default)]
pub struct Output {
    pub text: String,
    pub thinking: Vec<String>,
    pub calls: Vec<Call>,
    pub documents: Vec<Value<'static>>,
    pub edits: Vec<Edit>,
    pub readings: Vec<Reading>,
}

#[derive(Debug)]
enum State {
    Text,
    Thinking(Search, usize, &'static [&'static str]),
    Calls { engine: Engine, marker: usize, skip: usize, names: Vec<&'static str> },
}

/// One text being read.
#[derive(Debug)]
pub struct Machine {
    source: String,
    at: usize,
    /// Nothing is looked for before this byte: it was looked at and is text.
    skip: usize,
    state: State,
    output: Output,
    /// White space after a marker: text if text follows, dropped if another marker does.
    held: String,
    after_marker: bool,
    /// The end of the last marker or call; 0 where there was none.
    marker_end: usize,
    /// Inside of a fenced block of code.
    in_code: bool,
    events: Vec<Event>,
    reported: (usize, usize),
    failures: usize,
}

/// At the end of the text this many calls that were cut off are read again as text.
const FAILURES: usize = 64;

impl Default for Machine {
    fn default() -> Self {
        Self {
            source: String::new(),
            at: 0,
            skip: 0,
            state: State::Text,
            output: Output::default(),
            held: String::new(),
            after_marker: false,
            marker_end: 0,
            in_code: false,
            events: Vec::new(),
            reported: (0, 0),
            failures: 0,
        }
    }
}

impl Machine {
    /// Take the next piece of text; what it decided comes back.
    pub fn feed(&mut self, parser: &Parser, chunk: &str) -> Vec<Event> {
        self.source.push_str(chunk);
        self.run(parser, false);
        std::mem::take(&mut self.events)
    }

    /// Say that the text is over; the last events come back.
    pub fn close(&mut self, parser: &Parser) -> Vec<Event> {
        self.run(parser, true);
        if let State::Thinking(_, start, _) = self.state {
            self.think(start, self.source.len());
        }
        self.state = State::Text;
        if !parser.is_strict && parser.forms.reads_json() {
            self.damaged(parser);
        }
        self.output.edits.sort_by_key(|edit| edit.start);
        std::mem::take(&mut self.events)
    }

    /// What was found; complete once the machine is closed.
    pub fn output(&self) -> &Output {
        &self.output
    }

    fn run(&mut self, parser: &Parser, is_last: bool) {
        loop {
            let goes_on = match std::mem::replace(&mut self.state, State::Text) {
                State::Text => self.text(parser, is_last),
                State::Thinking(search, start, close) => self.thinking(search, start, close, is_last),
                State::Calls { engine, marker, skip, names } => {
                    self.calls(parser, engine, (marker, skip), names, is_last)
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Read text up to the next thing that is none; false where more text is needed.
    fn text(&mut self, parser: &Parser, is_last: bool) -> bool {
        let start = self.at;
        let mut at = start;
        while let Some(byte) = self.source.as_bytes().get(at).copied() {
            crate::work::tick(1);
            if at >= self.skip
                && parser.forms.may_open(byte)
                && self.failures < FAILURES
                && self.at_word(at, byte)
            {
                let spot = Spot {
                    at,
                    floor: self.marker_end,
                    in_code: self.in_code,
                    is_last,
                    calls: self.output.calls.len(),
                    is_open: self.marker_end > 0,
                };
                let opening = self.opening(parser, spot, byte);
                if !matches!(opening, Opening::None | Opening::Wait) {
                    self.show(start, at);
                    self.at = at;
                }
                match opening {
                    Opening::None => {}
                    Opening::Wait if is_last => {}
                    Opening::Wait => {
                        self.show(start, at);
                        self.at = at;
                        return false;
                    }
                    Opening::Noise(end) => {
                        self.pass_marker(end);
                        return true;
                    }
                    Opening::Thinking(end, close) => {
                        self.pass_marker(end);
                        self.output.thinking.push(String::new());
                        self.state = State::Thinking(Search::new(end), end, close);
                        return true;
                    }
                    Opening::ThinkingEnd(end) => {
                        self.was_thinking();
                        self.pass_marker(end);
                        return true;
                    }
                    Opening::Calls(engine, skip, names) => {
                        self.state = State::Calls { engine, marker: at, skip, names };
                        return true;
                    }
                }
            }
            at += 1;
        }
        self.show(start, at);
        self.at = at;
        false
    }

    /// What starts here; a fence that starts no call opens or closes a block of code.
    fn opening(&mut self, parser: &Parser, spot: Spot, byte: u8) -> Opening {
        let opening = parser.forms.open(&self.source, spot, &parser.tools);
        if byte != b'`' || !matches!(opening, Opening::None) || !starts_line(&self.source, 0, spot.at) {
            return opening;
        }
        let rest = self.source.get(spot.at..).unwrap_or_default();
        if rest.len() < 3 && "```".starts_with(rest) && !spot.is_last {
            return Opening::Wait;
        }
        if rest.starts_with("```") {
            self.in_code = !self.in_code;
            self.skip = spot.at + 3;
        }
        opening
    }

    /// Words are looked at only where a line starts, or where a marker may.
    fn at_word(&self, at: usize, byte: u8) -> bool {
        if !(byte.is_ascii_alphabetic() || byte == b'_') || at == 0 {
            return true;
        }
        let before = self.source.as_bytes().get(at - 1).copied().unwrap_or_default();
        matches!(before, b'\n' | b'\r' | b' ' | b'\t' | b'>' | b']')
    }

    fn thinking(
        &mut self,
        mut search: Search,
        start: usize,
        close: &'static [&'static str],
        is_last: bool,
    ) -> bool {
        match search.advance(&self.source, close, is_last) {
            Some((end, token)) => {
                self.think(start, end);
                self.pass_marker(if is_start(token) { end } else { end + token.len() });
                true
            }
            None => {
                let safe = search.position().min(self.source.len());
                self.think(start, safe);
                self.at = safe;
                self.state = State::Thinking(search, safe, close);
                false
            }
        }
    }

    fn think(&mut self, start: usize, end: usize) {
        let piece = self.source.get(start..end).unwrap_or_default();
        if piece.is_empty() {
            return;
        }
        if let Some(thought) = self.output.thinking.last_mut() {
            thought.push_str(piece);
        }
        if let Some(Event::Thinking(last)) = self.events.last_mut() {
            last.push_str(piece);
        } else {
            self.events.push(Event::Thinking(piece.to_owned()));
        }
    }

    fn was_thinking(&mut self) {
        if !self.output.thinking.is_empty() {
            return;
        }
        let mut thought = std::mem::take(&mut self.output.text);
        thought.push_str(&std::mem::take(&mut self.held));
        self.output.thinking.push(thought);
        self.events.push(Event::TextWasThinking);
    }

    fn calls(
        &mut self,
        parser: &Parser,
        mut engine: Engine,
        (marker, skip): (usize, usize),
        names: Vec<&'static str>,
        is_last: bool,
    ) -> bool {
        let found = self.output.calls.len();
        let edits = self.output.edits.len();
        let mut context = Context {
            text: &self.source,
            is_last,
            is_strict: parser.is_strict,
            tools: &parser.tools,
            calls: &mut self.output.calls,
            documents: &mut self.output.documents,
            edits: &mut self.output.edits,
        };
        let flow = engine.step(&mut context);
        if self.output.calls.len() > found {
            self.note_reading(marker, &names);
        }
        if !parser.is_strict || flow != Flow::More {
            self.report();
        }
        match flow {
            Flow::More => {
                self.state = State::Calls { engine, marker, skip, names };
                return false;
            }
            Flow::Done(end) => {
                self.close_reading(marker, end);
                self.pass_marker(end);
            }
            Flow::Text(end) => {
                self.show(marker, end);
                self.at = end;
            }
            Flow::Fail => {
                self.output.edits.truncate(edits);
                self.output.readings.retain(|reading| reading.span.0 != marker);
                if is_last {
                    self.failures += 1;
                    self.output.edits.push(Edit { start: marker, end: skip, rule: Rule::IncompleteCall });
                }
                self.at = marker;
                self.skip = skip;
            }
        }
        true
    }

    fn note_reading(&mut self, marker: usize, names: &[&'static str]) {
        if self.output.readings.last().is_none_or(|reading| reading.span.0 != marker) {
            self.output.readings.push(Reading { span: (marker, marker), grammars: names.to_vec() });
        }
    }

    fn close_reading(&mut self, marker: usize, end: usize) {
        if let Some(reading) = self.output.readings.last_mut()
            && reading.span.0 == marker
        {
            reading.span.1 = end;
        }
    }

    /// Make events of the calls and documents that are new.
    fn report(&mut self) {
        let (calls, documents) = self.reported;
        let calls = self.output.calls.get(calls..).unwrap_or_default().iter().cloned().map(Event::Call);
        self.events.extend(calls);
        let documents = self.output.documents.get(documents..).unwrap_or_default();
        self.events.extend(documents.iter().cloned().map(Event::Document));
        self.reported = (self.output.calls.len(), self.output.documents.len());
    }

    /// Drop a marker or a call, and the white space before it that follows another one.
    fn pass_marker(&mut self, end: usize) {
        self.held.clear();
        self.after_marker = true;
        self.marker_end = end;
        self.at = end;
        self.skip = self.skip.max(end);
    }

    /// Take a piece of the source as text.
    fn show(&mut self, start: usize, end: usize) {
        let piece = self.source.get(start..end).unwrap_or_default();
        if piece.is_empty() {
            return;
        }
        let mut shown = String::new();
        if self.after_marker {
            let text = piece.trim_start();
            self.held.push_str(piece.get(..piece.len() - text.len()).unwrap_or_default());
            if text.is_empty() {
                return;
            }
            self.after_marker = false;
            let held = std::mem::take(&mut self.held);
            if !self.output.text.is_empty() {
                shown.push_str(&held);
            }
            shown.push_str(text);
        } else {
            shown.push_str(piece);
        }
        self.output.text.push_str(&shown);
        if let Some(Event::Text(last)) = self.events.last_mut() {
            last.push_str(&shown);
        } else {
            self.events.push(Event::Text(shown));
        }
    }

    /// A text without calls and documents may hold a damaged one.
    fn damaged(&mut self, parser: &Parser) {
        let output = &self.output;
        if !output.calls.is_empty() || !output.documents.is_empty() || !output.text.contains(['{', '[']) {
            return;
        }
        let Ok(repaired) = repair(&output.text) else { return };
        if !repaired.value.is_container() || repaired.edits.is_empty() {
            return;
        }
        let span = (0, self.source.len());
        let calls = match &repaired.value {
            Value::Array(items) => items.iter().flat_map(|item| calls_of(item, Proof::Shape, span)).collect(),
            value => calls_of(value, Proof::Shape, span),
        };
        let quoted = |call: &Call| {
            let named = matches!(call.arguments, Arguments::Named(_));
            let known = parser.tools.is_empty() || parser.tools.iter().any(|tool| tool.name == call.name);
            named
                && known
                && ['"', '\''].iter().any(|q| output.text.contains(&format!("{q}{}{q}", call.name)))
        };
        let is_complete =
            !repaired.edits.iter().any(|edit| matches!(edit.rule, Rule::MissingBracket | Rule::MissingQuote));
        let calls: Vec<Call> = calls.into_iter().filter(|call| is_complete && quoted(call)).collect();
        let mut edits = repaired.edits;
        // The text is the source without what was thinking: where it is its end, places are exact.
        let before = self.source.strip_suffix(output.text.as_str()).map(str::len);
        for edit in &mut edits {
            (edit.start, edit.end) = before.map_or(span, |before| (edit.start + before, edit.end + before));
        }
        if calls.is_empty() {
            let value = repaired.value.into_owned();
            self.output.documents.push(value);
        } else {
            self.output.readings.push(Reading { span, grammars: vec!["json"] });
            self.output.calls.extend(calls);
        }
        self.output.edits.extend(edits);
        self.report();
    }
}
