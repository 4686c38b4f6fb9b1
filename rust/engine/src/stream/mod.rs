//! A verdict on a text that is still arriving.
//!
//! One resumable machine with an explicit stack reads each byte once. It follows types, names,
//! required fields, enum, const, bounds, lengths and items byte by byte. Values of which more is
//! asked are read as JSON and looked at by [`crate::run`] when they end, the outermost one only.

mod lexer;
mod number;
mod plan;

pub use plan::Plan;

use crate::collect::{Detail, Finding};
use crate::program::{
    ARRAY, Also, FALSE, INTEGER, Kinds, NO_BIT, NULL, NUMBER, Node, NodeId, OBJECT, Program, STRING, TRUE,
    push_part,
};
use crate::run::{Run, kind_at};
use crate::scan::MAX_DEPTH;
use lexer::{Literal, Scalar};

/// What can be said of a text so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is not whole yet, and may become valid.
    Viable,
    /// It is valid as it stands.
    Complete,
    /// Whatever follows, it is not valid.
    Doomed,
}

/// Where the machine is between two bytes.
enum Want {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    InName(Literal),
    InValue(Scalar),
    Nothing,
}

/// An array or object that is open.
struct Frame {
    is_object: bool,
    /// The node that is followed; None inside values that are looked at when they end.
    node: Option<NodeId>,
    start: usize,
    count: usize,
    seen: u64,
    name: Box<str>,
    /// The node of the member whose name was read last.
    next: Option<NodeId>,
}

/// What dooms a text.
pub enum Doom {
    NoJson,
    /// The whole text was looked at.
    Rejected,
    Finding(Finding),
}

/// One text, as far as it has arrived.
pub struct Stream {
    text: Vec<u8>,
    frames: Vec<Frame>,
    want: Want,
    /// The node and start of the value that waits for its end, and how many frames are around it.
    waiting: Option<(NodeId, usize, usize)>,
    start: usize,
    doom: Option<Doom>,
}

/// What is needed to read on.
#[derive(Clone, Copy)]
pub struct Guide<'p> {
    pub program: &'p Program,
    pub plan: &'p Plan,
    /// How many calls may nest in a look at a whole value.
    pub room: usize,
}

impl Default for Stream {
    fn default() -> Self {
        Self { text: Vec::new(), frames: Vec::new(), want: Want::Value, waiting: None, start: 0, doom: None }
    }
}

type Step = Result<(), Doom>;

impl Stream {
    /// Take the next bytes.
    pub fn feed(&mut self, guide: Guide<'_>, chunk: &[u8]) -> Progress {
        for &byte in chunk {
            if self.doom.is_some() {
                break;
            }
            self.text.push(byte);
            if let Err(doom) = self.step(guide, byte) {
                self.doom = Some(doom);
            }
        }
        self.progress(guide)
    }

    pub fn progress(&self, guide: Guide<'_>) -> Progress {
        let ended = match &self.want {
            Want::Nothing => true,
            // A number at the root ends where the text ends.
            Want::InValue(Scalar::Number(number)) if self.frames.is_empty() => {
                number.is_whole() && self.root_number_holds(guide)
            }
            _ => false,
        };
        match (&self.doom, ended) {
            (Some(_), _) => Progress::Doomed,
            (None, true) => Progress::Complete,
            (None, false) => Progress::Viable,
        }
    }

    fn root_number_holds(&self, guide: Guide<'_>) -> bool {
        let mut run = Run::new(guide.program, &self.text, guide.room);
        run.branch(guide.program.root, NUMBER, self.start) == Some(self.text.len())
    }

    pub fn doom(&self) -> Option<&Doom> {
        self.doom.as_ref()
    }

    /// Whether the text is a number that may go on.
    pub fn is_number(&self) -> bool {
        self.frames.is_empty() && matches!(self.want, Want::InValue(Scalar::Number(_)))
    }

    /// Whether the value of a finding was read to its end.
    pub fn is_whole(&self, finding: &Finding) -> bool {
        self.text.get(finding.start..finding.end).is_some_and(crate::text::is_json)
    }

    /// The value that dooms the text as JSON, as far as it arrived, and for each part of the
    /// pointer to it whether it is a name.
    pub fn scene(&self) -> (String, Vec<bool>) {
        let Some(Doom::Finding(finding)) = &self.doom else { return ("null".to_owned(), Vec::new()) };
        let parts = finding.pointer.matches('/').count();
        let names = self.frames.iter().take(parts).map(|frame| frame.is_object).collect();
        let raw = self.text.get(finding.start..finding.end).unwrap_or_default();
        let there = if crate::text::is_json(raw) {
            String::from_utf8_lossy(raw).into_owned()
        } else {
            self.unfinished(raw)
        };
        (there, names)
    }

    fn unfinished(&self, raw: &[u8]) -> String {
        match (&self.want, raw.first()) {
            (_, Some(b'{')) => "{}".to_owned(),
            (_, Some(b'[')) => "[]".to_owned(),
            (Want::InValue(Scalar::Text(literal, _)), _) => {
                let text = String::from_utf8_lossy(&literal.decoded);
                serde_json::Value::from(text.trim_end_matches('\u{FFFD}')).to_string()
            }
            _ => {
                let digits = |end: &usize| raw.get(..*end).is_some_and(crate::text::is_json);
                let end = (0..raw.len()).rev().find(digits).unwrap_or(0);
                let digits = raw.get(..end).filter(|digits| !digits.is_empty()).unwrap_or(b"null");
                String::from_utf8_lossy(digits).into_owned()
            }
        }
    }

    /// The text is whole, and rejected.
    pub fn give_up(&mut self) -> Progress {
        self.doom = Some(Doom::Rejected);
        Progress::Doomed
    }

    /// The text up to the byte that doomed it.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    fn step(&mut self, guide: Guide<'_>, byte: u8) -> Step {
        match &mut self.want {
            Want::InName(literal) => {
                if literal.step(byte)? {
                    return self.name_ended(guide);
                }
                let count = literal.decoded.len();
                self.name_goes_on(guide, count)
            }
            Want::InValue(_) => self.scalar(guide, byte),
            _ if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') => Ok(()),
            Want::Value => self.value(guide, byte),
            Want::ValueOrEnd if byte == b']' => self.closed(guide, byte),
            Want::ValueOrEnd => self.value(guide, byte),
            Want::NameOrEnd if byte == b'}' => self.closed(guide, byte),
            Want::Name | Want::NameOrEnd if byte == b'"' => {
                self.want = Want::InName(Literal::default());
                self.name_goes_on(guide, 0)
            }
            Want::Colon if byte == b':' => {
                self.want = Want::Value;
                Ok(())
            }
            Want::CommaOrEnd if byte == b',' => self.comma(guide),
            Want::CommaOrEnd if matches!(byte, b']' | b'}') => self.closed(guide, byte),
            _ => Err(Doom::NoJson),
        }
    }

    /// The node of the value that comes next; None where nothing is followed.
    fn next_node(&self, guide: Guide<'_>) -> Option<NodeId> {
        let Some(frame) = self.frames.last() else { return Some(guide.program.root) };
        if frame.is_object {
            return frame.next;
        }
        let rule = guide.program.node(frame.node?)?.array.as_ref()?;
        Some(rule.prefix.get(frame.count).copied().unwrap_or(rule.rest))
    }

    fn value(&mut self, guide: Guide<'_>, byte: u8) -> Step {
        self.start = self.text.len() - 1;
        let kind = kind_at(&[byte], 0).ok_or(Doom::NoJson)?;
        let mut node = self.next_node(guide);
        if let Some(frame) = self.frames.last()
            && let Some(around) = frame.node.and_then(|id| guide.program.node(id))
            && let Some(rule) = &around.array
            && rule.most.is_some_and(|most| frame.count as u64 >= most)
        {
            return Err(self.doomed_around(around, "maxItems"));
        }
        while let Some(id) = node {
            let (Some(here), Some(plan)) = (guide.program.node(id), guide.plan.node(id)) else { break };
            if here.kinds & kind == 0 || plan.possible & kind == 0 {
                return Err(self.doomed(here, self.start, keyword_of_kind(here, kind), Detail::Nothing));
            }
            match led_on(here, kind, guide) {
                Led::To(next) => node = Some(next),
                Led::Nowhere if plan.followed & kind != 0 => break,
                Led::Nowhere | Led::Many => {
                    self.waiting = Some((id, self.start, self.frames.len()));
                    node = None;
                }
            }
        }
        self.begin(guide, byte, kind, node)
    }

    fn begin(&mut self, guide: Guide<'_>, byte: u8, kind: Kinds, node: Option<NodeId>) -> Step {
        if kind & (ARRAY | OBJECT) != 0 {
            if self.frames.len() == MAX_DEPTH {
                return Err(Doom::NoJson);
            }
            let is_object = kind == OBJECT;
            let start = self.start;
            let frame = Frame { is_object, node, start, count: 0, seen: 0, name: "".into(), next: None };
            self.frames.push(frame);
            self.want = if is_object { Want::NameOrEnd } else { Want::ValueOrEnd };
            return Ok(());
        }
        self.want = Want::InValue(match kind {
            STRING => Scalar::Text(Literal::default(), node),
            NUMBER => Scalar::Number(lexer::NumberState::new(byte, node)),
            TRUE => Scalar::Word(b"rue"),
            FALSE => Scalar::Word(b"alse"),
            NULL => Scalar::Word(b"ull"),
            _ => return Err(Doom::NoJson),
        });
        match (kind, node) {
            (NUMBER, Some(id)) => self.number_goes_on(guide, id),
            _ => Ok(()),
        }
    }

    fn scalar(&mut self, guide: Guide<'_>, byte: u8) -> Step {
        let Want::InValue(scalar) = &mut self.want else { return Ok(()) };
        match scalar {
            Scalar::Word(rest) => match rest.split_first() {
                Some((&letter, [])) if letter == byte => self.ended(guide, self.text.len()),
                Some((&letter, after)) if letter == byte => {
                    *rest = after;
                    Ok(())
                }
                _ => Err(Doom::NoJson),
            },
            Scalar::Text(literal, node) => {
                let node = *node;
                let ended = literal.step(byte)?;
                self.text_goes_on(guide, node, ended)?;
                if ended { self.ended(guide, self.text.len()) } else { Ok(()) }
            }
            Scalar::Number(number) => {
                let node = number.node;
                if number.step(byte)? {
                    return node.map_or(Ok(()), |id| self.number_goes_on(guide, id));
                }
                let end = self.text.len() - 1;
                self.number_ended(guide, node, end)?;
                self.ended(guide, end)?;
                // The byte that ended the number is no part of it.
                self.step(guide, byte)
            }
        }
    }

    fn number_goes_on(&self, guide: Guide<'_>, id: NodeId) -> Step {
        let (Some(node), Some(plan)) = (guide.program.node(id), guide.plan.node(id)) else { return Ok(()) };
        let asks = node.number.is_some() || plan.numbers.is_some() || node.types & NUMBER == INTEGER;
        let text = self.text.get(self.start..).unwrap_or_default();
        if asks && !number::viable(node, plan.numbers.as_deref(), text) {
            return Err(self.doomed_number(node, text));
        }
        Ok(())
    }

    fn number_ended(&self, guide: Guide<'_>, id: Option<NodeId>, end: usize) -> Step {
        let digits = self.text.get(self.start..end).unwrap_or_default();
        let finite =
            std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<f64>().is_ok_and(f64::is_finite));
        if !finite {
            return Err(Doom::NoJson);
        }
        let Some(node) = id.and_then(|id| guide.program.node(id)) else { return Ok(()) };
        if crate::run::number_holds(node, digits) { Ok(()) } else { Err(self.doomed_number(node, digits)) }
    }

    fn doomed_number(&self, node: &Node, digits: &[u8]) -> Doom {
        let keyword = crate::collect::keyword_of_number(node, digits);
        let detail = match keyword {
            "exclusiveMinimum" if node.is_draft_4 => Detail::At("minimum"),
            "exclusiveMaximum" if node.is_draft_4 => Detail::At("maximum"),
            _ => Detail::Nothing,
        };
        self.doomed(node, self.start, keyword, detail)
    }

    fn text_goes_on(&self, guide: Guide<'_>, id: Option<NodeId>, ended: bool) -> Step {
        let Want::InValue(Scalar::Text(literal, _)) = &self.want else { return Ok(()) };
        let Some(id) = id else { return Ok(()) };
        let (Some(node), Some(plan)) = (guide.program.node(id), guide.plan.node(id)) else { return Ok(()) };
        if let Some(strings) = &plan.strings {
            let fits = if ended { literal.is_one_of(strings) } else { literal.may_become_one_of(strings) };
            if !fits {
                let keyword = node.choices.first().map_or("enum", |choice| choice.keyword);
                return Err(self.doomed(node, self.start, keyword, Detail::Nothing));
            }
            return Ok(());
        }
        let Some(rule) = &node.string else { return Ok(()) };
        if rule.most.is_some_and(|most| literal.characters > most) {
            return Err(self.doomed(node, self.start, "maxLength", Detail::Nothing));
        }
        if ended
            && let Some(words) = literal.words()
            && let Some((keyword, _)) =
                crate::collect::broken_of_string(rule, words).into_iter().find(|(_, holds)| !holds)
        {
            return Err(self.doomed(node, self.start, keyword, Detail::Nothing));
        }
        Ok(())
    }

    fn comma(&mut self, guide: Guide<'_>) -> Step {
        let Some(frame) = self.frames.last() else { return Err(Doom::NoJson) };
        self.want = if frame.is_object { Want::Name } else { Want::Value };
        let Some(node) = frame.node.and_then(|id| guide.program.node(id)) else { return Ok(()) };
        let plan = guide.plan.node(node.id);
        if frame.is_object {
            let nothing_left =
                plan.and_then(|plan| plan.names.as_ref()).is_some_and(|names| names.is_empty());
            return if nothing_left { Err(self.doomed_name(node)) } else { Ok(()) };
        }
        if let Some(rule) = &node.array {
            if rule.most.is_some_and(|most| frame.count as u64 >= most) {
                return Err(self.doomed_around(node, "maxItems"));
            }
            let next = rule.prefix.get(frame.count).copied().unwrap_or(rule.rest);
            if guide.plan.node(next).is_some_and(|plan| plan.possible == 0)
                && let Some(next) = guide.program.node(next)
            {
                let limit = Detail::Limit(rule.prefix.len());
                return Err(if rule.forbids_rest {
                    self.doomed(node, frame.start, "additionalItems", limit)
                } else {
                    self.doomed(next, frame.start, "false", Detail::Nothing)
                });
            }
        }
        Ok(())
    }

    fn name_goes_on(&self, guide: Guide<'_>, _count: usize) -> Step {
        let Want::InName(literal) = &self.want else { return Ok(()) };
        let Some(node) = self.frames.last().and_then(|frame| frame.node) else { return Ok(()) };
        let names = guide.plan.node(node).and_then(|plan| plan.names.as_ref());
        match (names, guide.program.node(node)) {
            (Some(names), Some(node)) if !literal.may_become_one_of(names) => Err(self.doomed_name(node)),
            _ => Ok(()),
        }
    }

    fn name_ended(&mut self, guide: Guide<'_>) -> Step {
        let Want::InName(literal) = std::mem::replace(&mut self.want, Want::Colon) else { return Ok(()) };
        let Some(words) = literal.words() else { return Err(Doom::NoJson) };
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        frame.name = words.into();
        frame.next = None;
        let Some(node) = frame.node.and_then(|id| guide.program.node(id)) else { return Ok(()) };
        let Some(rule) = &node.object else { return Ok(()) };
        let number = rule.names.find(words.as_bytes());
        let member = number.and_then(|number| rule.members.get(number));
        if let Some(member) = member.filter(|member| member.bit != NO_BIT) {
            frame.seen |= 1 << member.bit;
        }
        frame.next = Some(member.map_or(rule.rest, |member| member.node));
        let next = frame.next.and_then(|next| guide.plan.node(next));
        if next.is_some_and(|plan| plan.possible == 0) { Err(self.doomed_name(node)) } else { Ok(()) }
    }

    fn closed(&mut self, guide: Guide<'_>, byte: u8) -> Step {
        let Some(frame) = self.frames.last() else { return Err(Doom::NoJson) };
        if frame.is_object != (byte == b'}') {
            return Err(Doom::NoJson);
        }
        if let Some(node) = frame.node.and_then(|id| guide.program.node(id)) {
            if let Some(rule) = node.array.as_ref().filter(|_| !frame.is_object)
                && (frame.count as u64) < rule.least
            {
                return Err(self.doomed_around(node, "minItems"));
            }
            if let Some(rule) = node.object.as_ref().filter(|_| frame.is_object)
                && !rule.required.all_in(frame.seen, &[])
            {
                let missing = rule.members.iter().position(|member| {
                    member.bit != NO_BIT && rule.required.has(member.bit) && frame.seen >> member.bit & 1 == 0
                });
                let name = missing.and_then(|number| rule.names.get(number)).unwrap_or_default();
                return Err(self.doomed(node, frame.start, "required", Detail::Missing(name.into())));
            }
        }
        self.start = frame.start;
        self.frames.pop();
        self.ended(guide, self.text.len())
    }

    /// A value ended before `end`.
    fn ended(&mut self, guide: Guide<'_>, end: usize) -> Step {
        if let Some((id, start, around)) = self.waiting
            && around == self.frames.len()
        {
            self.waiting = None;
            self.look(guide, id, start, end)?;
        }
        self.want = match self.frames.last_mut() {
            None => Want::Nothing,
            Some(frame) => {
                frame.count += 1;
                Want::CommaOrEnd
            }
        };
        Ok(())
    }

    /// Look at a whole value that was only read as JSON so far.
    fn look(&self, guide: Guide<'_>, id: NodeId, start: usize, end: usize) -> Step {
        let text = self.text.get(..end).unwrap_or_default();
        let Some(kind) = kind_at(text, start) else { return Err(Doom::NoJson) };
        let mut run = Run::new(guide.program, text, guide.room);
        run.inside(self.frames.len());
        let holds = run.branch(id, kind, start).is_some();
        if holds || run.cramped {
            return Ok(());
        }
        let found = crate::schema::collected(guide.program, text, id, start, &self.pointer());
        match found.into_iter().next() {
            Some(finding) => Err(Doom::Finding(finding)),
            None => Err(Doom::NoJson),
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for frame in &self.frames {
            if frame.is_object {
                push_part(&mut pointer, &frame.name);
            } else {
                push_part(&mut pointer, &frame.count.to_string());
            }
        }
        pointer
    }

    /// The value at `start`, which the pointer leads to, breaks a keyword of the node.
    fn doomed(&self, node: &Node, start: usize, keyword: &'static str, detail: Detail) -> Doom {
        let mut pointer = self.pointer();
        // What is said of an open container is said of it, not of the value in it.
        if self.frames.last().is_some_and(|frame| frame.start == start) {
            pointer.truncate(pointer.rfind('/').unwrap_or(0));
        }
        let (end, pointer) = (self.text.len(), pointer.into());
        Doom::Finding(Finding { start, end, node: node.id, keyword, detail, pointer })
    }

    fn doomed_around(&self, node: &Node, keyword: &'static str) -> Doom {
        self.doomed(node, self.frames.last().map_or(0, |frame| frame.start), keyword, Detail::Nothing)
    }

    fn doomed_name(&self, node: &Node) -> Doom {
        let name = match &self.want {
            Want::InName(literal) => literal.words(),
            _ => self.frames.last().map(|frame| &*frame.name),
        };
        let unexpected = name.map(|name| [Box::from(name)].into());
        let start = self.frames.last().map_or(0, |frame| frame.start);
        self.doomed(node, start, "additionalProperties", Detail::Unexpected(unexpected))
    }
}

enum Led {
    To(NodeId),
    /// To itself.
    Nowhere,
    Many,
}

/// Which node alone decides on values of the kind.
fn led_on(node: &Node, kind: Kinds, guide: Guide<'_>) -> Led {
    let possible = |id: &&NodeId| {
        let (node, plan) = (guide.program.node(**id), guide.plan.node(**id));
        node.is_none_or(|node| node.kinds & kind != 0) && plan.is_none_or(|plan| plan.possible & kind != 0)
    };
    match &*node.also {
        [] => Led::Nowhere,
        _ if node.asks & kind != 0 => Led::Many,
        [Also::Same(id)] => Led::To(*id),
        [Also::All(nodes)] => match **nodes {
            [id] => Led::To(id),
            _ => Led::Many,
        },
        [Also::Any(nodes)] => match nodes.iter().filter(possible).collect::<Vec<_>>()[..] {
            [id] => Led::To(*id),
            _ => Led::Many,
        },
        [Also::One(nodes)] => {
            match nodes
                .iter()
                .filter(|id| guide.program.node(**id).is_none_or(|node| node.kinds & kind != 0))
                .collect::<Vec<_>>()[..]
            {
                [id] => Led::To(*id),
                _ => Led::Many,
            }
        }
        _ => Led::Many,
    }
}

fn keyword_of_kind(node: &Node, kind: Kinds) -> &'static str {
    if node.types == 0 {
        "false"
    } else if node.types & kind == 0 {
        "type"
    } else if let Some(choice) = node.choices.first() {
        choice.keyword
    } else {
        match node.also.first() {
            Some(Also::Any(_)) => "anyOf",
            Some(Also::One(_)) => "oneOf",
            _ => "type",
        }
    }
}
