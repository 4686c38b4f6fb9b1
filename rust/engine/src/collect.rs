//! What is wrong with a value: the second look, taken only at what was rejected.
//!
//! It goes down the same program over the same bytes as [`crate::run`], and where that stops this
//! notes and goes on. A finding is a few numbers; its words are made when somebody asks.

use crate::program::{
    ARRAY, Also, ArrayRule, Bits, INTEGER, Kinds, NO_BIT, NUMBER, Node, NodeId, NumberRule, OBJECT,
    ObjectRule, Program, STRING, StringRule, push_part,
};
use crate::run::{Run, different, is_seen, kind_at, past_colon, repeated, within};
use crate::scan::{Limit, Number, byte, decoded, number_end, number_in, past_space, skip, string_end};
use std::cmp::Ordering;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Where the value starts and ends in the text.
    pub start: usize,
    pub end: usize,
    /// The schema that holds the keyword.
    pub node: NodeId,
    pub keyword: &'static str,
    pub detail: Detail,
    /// RFC 6901 pointer into the value.
    pub pointer: Box<str>,
}

/// What the keyword's value does not say.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// It says everything.
    Nothing,
    /// The name that is missing.
    Missing(Box<str>),
    /// The names that nobody knows; None where no name is known.
    Unexpected(Option<Box<[Box<str>]>>),
    /// The first thing that is wrong with a name.
    Name(Box<str>, Box<Finding>),
    /// A limit on the number of items.
    Limit(usize),
    /// A limit that another keyword holds (draft 4).
    At(&'static str),
}

/// Where findings are gathered.
pub struct Collector<'t> {
    program: &'t Program,
    text: &'t [u8],
    run: Run<'t>,
    depth: usize,
    pointer: String,
    pub findings: Vec<Finding>,
    room: usize,
    frames: usize,
}

impl<'t> Collector<'t> {
    pub fn new(program: &'t Program, text: &'t [u8], room: usize) -> Self {
        Self {
            program,
            text,
            run: Run::new(program, text, room / 2),
            depth: 0,
            pointer: String::new(),
            findings: Vec::new(),
            room: room / 2,
            frames: 0,
        }
    }

    /// Whether the stack was too small: then findings are missing.
    pub fn cramped(&self) -> bool {
        self.run.cramped || self.frames > self.room
    }

    /// Gather what is wrong with the value at `at`, which is where `pointer` leads.
    pub fn collect(mut self, id: NodeId, at: usize, pointer: &str) -> Self {
        pointer.clone_into(&mut self.pointer);
        self.depth = pointer.matches('/').count();
        self.value(id, at);
        self.findings.sort_by(|left, right| {
            let key = |finding: &Finding| (finding.start, finding.keyword);
            key(left).cmp(&key(right)).then_with(|| left.detail.order(&right.detail))
        });
        self.findings.dedup();
        self
    }

    fn note(&mut self, node: &Node, at: usize, keyword: &'static str, detail: Detail) {
        let pointer = self.pointer.as_str().into();
        self.findings.push(Finding { start: at, end: 0, node: node.id, keyword, detail, pointer });
    }

    fn note_unless(&mut self, holds: bool, node: &Node, at: usize, keyword: &'static str) {
        if !holds {
            self.note(node, at, keyword, Detail::Nothing);
        }
    }

    /// The position behind the value; None only where the stack is too small or the text no JSON.
    fn value(&mut self, id: NodeId, at: usize) -> Option<usize> {
        self.frames += 1;
        if self.frames > self.room {
            return None;
        }
        let (program, text) = (self.program, self.text);
        let node = program.node(id)?;
        let kind = kind_at(text, at)?;
        let before = self.findings.len();
        if node.types == 0 {
            self.note(node, at, "false", Detail::Nothing);
        } else {
            self.kind(node, kind, at)?;
        }
        let mut end = match kind {
            STRING => self.string(node, at)?,
            NUMBER => self.number(node, at)?,
            ARRAY => self.array(node, at)?,
            OBJECT => self.object(node, at)?,
            _ => skip(text, at, 0, &mut false)?,
        };
        for also in &node.also {
            end = self.also(node, also, kind, at)?.unwrap_or(end);
        }
        for finding in self.findings.iter_mut().skip(before).filter(|finding| finding.start == at) {
            finding.end = end;
        }
        self.frames -= 1;
        Some(end)
    }

    /// `type`, `enum` and `const`.
    fn kind(&mut self, node: &Node, kind: Kinds, at: usize) -> Option<()> {
        let literal = |kind: Kinds| kind == NUMBER && node.types & NUMBER == INTEGER;
        if literal(kind) {
            let digits = self.text.get(at..number_end(self.text, at)?)?;
            let pointed = digits.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
            let whole = number_in(digits).is_whole() && !(node.is_draft_4 && pointed);
            self.note_unless(whole, node, at, "type");
        } else {
            self.note_unless(node.types & kind != 0, node, at, "type");
        }
        for choice in &node.choices {
            let holds = choice.holds(self.text, at, kind)?;
            self.note_unless(holds, node, at, choice.keyword);
        }
        Some(())
    }

    fn string(&mut self, node: &Node, at: usize) -> Option<usize> {
        let end = string_end(self.text, at + 1)?;
        if let Some(rule) = &node.string {
            let words = decoded(self.text.get(at + 1..end.at)?, end.escaped)?;
            for (keyword, holds) in broken_of_string(rule, &words) {
                self.note_unless(holds, node, at, keyword);
            }
        }
        Some(end.at + 1)
    }

    fn number(&mut self, node: &Node, at: usize) -> Option<usize> {
        let end = number_end(self.text, at)?;
        if let Some(rule) = &node.number {
            let digits = self.text.get(at..end)?;
            let number = number_in(digits);
            for (keyword, limit, holds) in bounds_of(rule, number) {
                if !holds {
                    // In draft 4 the limit is the neighbour's.
                    let detail = if node.is_draft_4 { Detail::At(limit) } else { Detail::Nothing };
                    self.note(node, at, keyword, detail);
                }
            }
            let divides = rule.multiple.as_ref().is_none_or(|multiple| multiple.holds(number, digits));
            self.note_unless(divides, node, at, "multipleOf");
        }
        Some(end)
    }

    fn array(&mut self, node: &Node, at: usize) -> Option<usize> {
        let Some(rule) = &node.array else { return skip(self.text, at, 0, &mut false) };
        let text = self.text;
        let mut places = Vec::new();
        let mut contained = 0;
        let mut next = past_space(text, at + 1);
        while byte(text, next) != b']' {
            let id = rule.prefix.get(places.len()).copied().unwrap_or(rule.rest);
            let is_forbidden = rule.forbids_rest && places.len() >= rule.prefix.len();
            let end = if is_forbidden {
                skip(text, next, 0, &mut false)?
            } else {
                self.below(Part::Item(places.len()), |this| this.value(id, next))?
            };
            if let Some(contains) = &rule.contains {
                contained += u64::from(self.accepts(contains.node, kind_at(text, next)?, next));
            }
            places.push(next);
            next = past_space(text, end);
            if byte(text, next) == b',' {
                next = past_space(text, next + 1);
            }
        }
        self.counts_of_array(node, rule, at, &places, contained)?;
        Some(next + 1)
    }

    fn counts_of_array(
        &mut self,
        node: &Node,
        rule: &ArrayRule,
        at: usize,
        places: &[usize],
        contained: u64,
    ) -> Option<()> {
        let count = places.len() as u64;
        self.note_unless(count >= rule.least, node, at, "minItems");
        self.note_unless(rule.most.is_none_or(|most| count <= most), node, at, "maxItems");
        if rule.forbids_rest && places.len() > rule.prefix.len() {
            self.note(node, at, "additionalItems", Detail::Limit(rule.prefix.len()));
        }
        if let Some(contains) = &rule.contains {
            self.note_unless(within(contained, contains.least, contains.most), node, at, "contains");
        }
        self.note_unless(!rule.unique || repeated(self.text, places).is_none(), node, at, "uniqueItems");
        Some(())
    }

    fn object(&mut self, node: &Node, at: usize) -> Option<usize> {
        let Some(rule) = &node.object else { return skip(self.text, at, 0, &mut false) };
        let text = self.text;
        let (mut first, mut others) = (0, vec![0; rule.bits.div_ceil(64).saturating_sub(1)]);
        let is_counted = rule.least > 0 || rule.most.is_some();
        let mut keys = Vec::new();
        let mut unexpected = Vec::new();
        let mut next = past_space(text, at + 1);
        while byte(text, next) != b'}' {
            let key = next;
            let quote = string_end(text, key + 1)?;
            let name = decoded(text.get(key + 1..quote.at)?, quote.escaped)?;
            if is_counted {
                keys.push(key + 1);
            }
            next = past_colon(text, quote.at + 1)?;
            let number = rule.names.find(name.as_bytes());
            if let Some(bit) = number.and_then(|number| rule.members.get(number)).map(|member| member.bit) {
                note_bit(bit, &mut first, &mut others);
            }
            let mut end = None;
            let mut is_covered = false;
            for id in rule.nodes_of(number, &name) {
                end = Some(self.below(Part::Name(&name), |this| this.value(id, next))?);
                is_covered = true;
            }
            if !is_covered && rule.forbids_rest {
                unexpected.push(Box::from(&*name));
            } else if !is_covered {
                end = Some(self.below(Part::Name(&name), |this| this.value(rule.rest, next))?);
            }
            if let Some(naming) = rule.naming {
                self.naming(node, naming, at, key, &name);
            }
            next = past_space(text, end.or_else(|| skip(text, next, 0, &mut false))?);
            if byte(text, next) == b',' {
                next = past_space(text, next + 1);
            }
        }
        if !unexpected.is_empty() {
            let unexpected = if rule.knows_names { Some(unexpected.into()) } else { None };
            self.note(node, at, "additionalProperties", Detail::Unexpected(unexpected));
        }
        self.names_of_object(node, rule, at, first, &others)?;
        let count = if is_counted { different(text, &keys) as u64 } else { rule.least };
        self.note_unless(count >= rule.least, node, at, "minProperties");
        self.note_unless(rule.most.is_none_or(|most| count <= most), node, at, "maxProperties");
        Some(next + 1)
    }

    /// What is missing, and what depends on what is there.
    fn names_of_object(
        &mut self,
        node: &Node,
        rule: &ObjectRule,
        at: usize,
        first: u64,
        others: &[u64],
    ) -> Option<()> {
        let missing = |names: &Bits| {
            let absent = rule.members.iter().enumerate().filter(|(_, member)| {
                member.bit != NO_BIT && names.has(member.bit) && !is_seen(member.bit, first, others)
            });
            absent.filter_map(|(number, _)| rule.names.get(number).map(Box::from)).collect::<Vec<Box<str>>>()
        };
        for name in missing(&rule.required) {
            self.note(node, at, "required", Detail::Missing(name));
        }
        for dependent in &rule.dependents {
            if is_seen(dependent.bit, first, others) {
                for name in missing(&dependent.names) {
                    self.note(node, at, dependent.keyword, Detail::Missing(name));
                }
            }
        }
        for (bit, id) in &rule.dependent_schemas {
            if is_seen(*bit, first, others) {
                self.value(*id, at)?;
            }
        }
        Some(())
    }

    /// Note what is wrong with a name, whose opening quote is at `key`.
    fn naming(&mut self, node: &Node, naming: NodeId, at: usize, key: usize, name: &str) {
        if self.accepts(naming, STRING, key) {
            return;
        }
        let inner = Collector::new(self.program, self.text, 2 * self.room.saturating_sub(self.frames))
            .collect(naming, key, "");
        if inner.cramped() {
            self.frames = self.room + 1;
        }
        for finding in inner.findings {
            self.note(node, at, "propertyNames", Detail::Name(name.into(), Box::new(finding)));
        }
    }

    fn also(&mut self, node: &Node, also: &'t Also, kind: Kinds, at: usize) -> Option<Option<usize>> {
        match also {
            Also::Same(id) => return self.value(*id, at).map(Some),
            Also::All(ids) => {
                for &id in ids {
                    self.value(id, at)?;
                }
            }
            Also::Any(ids) => {
                let holds = ids.iter().any(|&id| self.accepts(id, kind, at));
                self.note_unless(holds, node, at, "anyOf");
            }
            Also::One(ids) => {
                let count = ids.iter().filter(|&&id| self.accepts(id, kind, at)).count();
                self.note_unless(count == 1, node, at, "oneOf");
            }
            Also::Not(id) => {
                let holds = !self.accepts(*id, kind, at);
                self.note_unless(holds, node, at, "not");
            }
            Also::If { condition, then, otherwise } => {
                let next = if self.accepts(*condition, kind, at) { then } else { otherwise };
                return self.value(*next, at).map(Some);
            }
        }
        Some(None)
    }

    fn accepts(&mut self, id: NodeId, kind: Kinds, at: usize) -> bool {
        self.run.inside(self.depth);
        self.run.branch(id, kind, at).is_some()
    }

    fn below<T>(&mut self, part: Part<'_>, look: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        match part {
            Part::Name(name) => push_part(&mut self.pointer, name),
            Part::Item(number) => push_number(&mut self.pointer, number),
        }
        self.depth += 1;
        let found = look(self);
        self.depth -= 1;
        self.pointer.truncate(length);
        found
    }
}

/// The way from a container to a value in it.
enum Part<'n> {
    Name(&'n str),
    Item(usize),
}

/// Lengthen a pointer by the number of an item.
fn push_number(pointer: &mut String, number: usize) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut length = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    pointer.push('/');
    pointer.extend(digits.iter().skip(20 - length).map(|&digit| char::from(digit)));
}

impl Detail {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Missing(left), Self::Missing(right)) => left.cmp(right),
            (Self::Name(left, inner), Self::Name(right, other)) => {
                left.cmp(right).then_with(|| inner.keyword.cmp(other.keyword))
            }
            _ => Ordering::Equal,
        }
    }
}

pub fn broken_of_string(rule: &StringRule, words: &str) -> [(&'static str, bool); 4] {
    let length =
        if rule.least > 0 || rule.most.is_some() { words.chars().count() as u64 } else { rule.least };
    [
        ("minLength", length >= rule.least),
        ("maxLength", rule.most.is_none_or(|most| length <= most)),
        ("pattern", rule.pattern.as_ref().is_none_or(|pattern| pattern.holds(words))),
        ("format", rule.format.as_ref().is_none_or(|format| format.holds(words))),
    ]
}

/// (keyword, where draft 4 keeps the limit, whether it holds).
fn bounds_of(rule: &NumberRule, number: Number<'_>) -> [(&'static str, &'static str, bool); 4] {
    let order = |limit: &Option<Limit>, bad: &[Ordering]| {
        limit.as_ref().is_none_or(|limit| !bad.contains(&number.compare(limit.number())))
    };
    [
        ("minimum", "minimum", order(&rule.minimum, &[Ordering::Less])),
        ("maximum", "maximum", order(&rule.maximum, &[Ordering::Greater])),
        ("exclusiveMinimum", "minimum", order(&rule.above, &[Ordering::Less, Ordering::Equal])),
        ("exclusiveMaximum", "maximum", order(&rule.below, &[Ordering::Greater, Ordering::Equal])),
    ]
}

fn note_bit(bit: u32, first: &mut u64, others: &mut [u64]) {
    if bit < 64 {
        *first |= 1 << bit;
    } else if let Some(word) = others.get_mut((bit / 64) as usize - 1) {
        *word |= 1 << (bit % 64);
    }
}

/// The keyword that a number breaks, or will break however it goes on.
pub fn keyword_of_number(node: &Node, digits: &[u8]) -> &'static str {
    let number = number_in(digits);
    let broken = node.number.as_ref().and_then(|rule| {
        let bound = bounds_of(rule, number).into_iter().find(|bound| !bound.2).map(|bound| bound.0);
        bound.or_else(|| {
            let divides = rule.multiple.as_ref().is_none_or(|multiple| multiple.holds(number, digits));
            if divides { None } else { Some("multipleOf") }
        })
    });
    let choice = || node.choices.first().map(|choice| choice.keyword);
    if node.types & NUMBER == INTEGER && !number.is_whole() {
        return "type";
    }
    broken.or_else(choice).unwrap_or("type")
}
