//! A schema as instructions: one node a schema, one rule a kind of value.

mod choice;
mod compile;
mod ecma;
mod multiple;
mod name;
mod wording;

pub use choice::Choice;
pub use compile::{compile, push_part};
pub use multiple::Multiple;
pub use name::Names;
pub use wording::Wording;

use crate::scan::{Limit, Number};

/// A node by its place in the program.
pub type NodeId = u32;

/// The node of `true`, and of every schema that asks nothing.
pub const ANY: NodeId = 0;
/// The node of `false`.
pub const NEVER: NodeId = 1;

/// A set of kinds of values, one bit each.
pub type Kinds = u8;

pub const NULL: Kinds = 1;
pub const FALSE: Kinds = 2;
pub const TRUE: Kinds = 4;
pub const INTEGER: Kinds = 8;
pub const FRACTION: Kinds = 16;
pub const STRING: Kinds = 32;
pub const ARRAY: Kinds = 64;
pub const OBJECT: Kinds = 128;
pub const NUMBER: Kinds = INTEGER | FRACTION;
pub const ALL: Kinds = 255;

/// A compiled schema.
pub struct Program {
    pub nodes: Vec<Node>,
    pub root: NodeId,
    /// How many nodes may look at one value, each because of the one before.
    pub chain: usize,
}

impl Program {
    /// What accepts everything.
    pub fn any() -> Self {
        let any = Node { kinds: ALL, types: ALL, ..Node::default() };
        Self { nodes: vec![any], root: ANY, chain: 1 }
    }

    /// The node; `true` where there is none, which does not happen.
    #[inline(always)]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(id as usize)
    }
}

/// Where a schema stands: the document (0 is the schema itself) and the pointer in it.
#[derive(Clone, Debug, Default)]
pub struct Home {
    pub document: u32,
    pub pointer: Box<str>,
}

/// What one schema asks of a value.
#[derive(Default)]
pub struct Node {
    /// The kinds that may be there at all.
    pub kinds: Kinds,
    /// The kinds of which more is asked than to be there.
    pub asks: Kinds,
    /// The kinds that `type` names.
    pub types: Kinds,
    /// In draft 4, 1.0 is no integer, and bounds are exclusive by a flag.
    pub is_draft_4: bool,
    /// Whether an integer is decided by `least` and `most` alone, and a fraction too where both
    /// its neighbours are.
    pub is_span: bool,
    pub least: i64,
    pub most: i64,
    pub choices: Box<[Choice]>,
    pub string: Option<Box<StringRule>>,
    pub number: Option<Box<NumberRule>>,
    pub array: Option<Box<ArrayRule>>,
    pub object: Option<Box<ObjectRule>>,
    /// What else looks at the same value.
    pub also: Box<[Also]>,
    /// Its own place in the program.
    pub id: NodeId,
    pub home: Home,
}

impl Node {
    /// Note what makes the common checks short; the last step of making a node.
    pub fn finish(mut self) -> Self {
        let chosen = self.choices.iter().any(|choice| choice.kinds & NUMBER != 0);
        let (least, most) = self.number.as_ref().map_or((i64::MIN, i64::MAX), |rule| rule.span());
        let divided = self.number.as_ref().is_some_and(|rule| rule.multiple.is_some());
        self.is_span = !chosen && !divided;
        (self.least, self.most) = (least, most);
        self
    }
}

/// A keyword that applies schemas to the very value.
pub enum Also {
    /// `$ref` with keywords beside it.
    Same(NodeId),
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
    One(Box<[NodeId]>),
    Not(NodeId),
    If {
        condition: NodeId,
        then: NodeId,
        otherwise: NodeId,
    },
}

#[derive(Default)]
pub struct StringRule {
    /// Lengths in characters.
    pub least: u64,
    pub most: Option<u64>,
    pub pattern: Option<Wording>,
    pub format: Option<Wording>,
}

#[derive(Default)]
pub struct NumberRule {
    pub minimum: Option<Limit>,
    pub maximum: Option<Limit>,
    pub above: Option<Limit>,
    pub below: Option<Limit>,
    pub multiple: Option<Multiple>,
}

impl NumberRule {
    /// The integers of at most 18 digits that are within the bounds: the least and the most.
    fn span(&self) -> (i64, i64) {
        // Doubles and wide integers saturate, beyond what has 18 digits.
        let fit = |limit: &Limit, rounded: fn(f64) -> f64| match limit.number() {
            Number::Int(whole) => whole.clamp(i64::MIN.into(), i64::MAX.into()) as i64,
            wide => rounded(wide.rounded()) as i64,
        };
        let up = |limit| fit(limit, f64::ceil);
        let down = |limit| fit(limit, f64::floor);
        let minimum = self.minimum.as_ref().map_or(i64::MIN, up);
        let maximum = self.maximum.as_ref().map_or(i64::MAX, down);
        let above = self.above.as_ref().map_or(i64::MIN, |limit| down(limit).saturating_add(1));
        let below = self.below.as_ref().map_or(i64::MAX, |limit| up(limit).saturating_sub(1));
        (minimum.max(above), maximum.min(below))
    }
}

pub struct ArrayRule {
    /// Whether its items are all alike, and nothing is asked of them together but their number.
    pub is_plain: bool,
    pub least: u64,
    pub most: Option<u64>,
    pub unique: bool,
    /// The schemas of the first items, one each.
    pub prefix: Box<[NodeId]>,
    /// The schema of the others.
    pub rest: NodeId,
    /// Whether the schema of the others is a plain `additionalItems: false`.
    pub forbids_rest: bool,
    pub contains: Option<Contains>,
}

pub struct Contains {
    pub node: NodeId,
    pub least: u64,
    pub most: Option<u64>,
}

impl ArrayRule {
    /// Note what makes the common check short; the last step of making a rule.
    pub fn finish(mut self) -> Self {
        self.is_plain = !self.unique && self.prefix.is_empty() && self.contains.is_none();
        self
    }
}

#[derive(Default)]
pub struct ObjectRule {
    /// Whether nothing but the names and the values of members matters.
    pub is_plain: bool,
    pub least: u64,
    pub most: Option<u64>,
    /// All names that the schema tells apart, in its order.
    pub names: Names,
    /// What is known of each of them.
    pub members: Box<[Member]>,
    /// The bits of required names.
    pub required: Bits,
    /// How many names have a bit.
    pub bits: usize,
    pub patterns: Box<[(Wording, NodeId)]>,
    /// The schema of members that neither a name nor a pattern covers.
    pub rest: NodeId,
    /// Whether the schema of the others is a plain `false`.
    pub forbids_rest: bool,
    /// Whether `properties` or `patternProperties` name any.
    pub knows_names: bool,
    /// The schema of the names.
    pub naming: Option<NodeId>,
    pub dependents: Box<[Dependent]>,
    /// A name that brings a schema for the whole object along.
    pub dependent_schemas: Box<[(u32, NodeId)]>,
}

/// A name that brings others along.
pub struct Dependent {
    pub bit: u32,
    pub names: Bits,
    pub keyword: &'static str,
}

impl ObjectRule {
    /// Note what makes the common check short; the last step of making a rule.
    pub fn finish(mut self) -> Self {
        self.is_plain = self.least == 0
            && self.most.is_none()
            && self.bits <= 64
            && self.patterns.is_empty()
            && self.naming.is_none()
            && self.dependents.is_empty()
            && self.dependent_schemas.is_empty();
        self
    }

    /// The schemas of a member that a name or a pattern covers; none where neither does.
    pub fn nodes_of(&self, number: Option<usize>, name: &str) -> impl Iterator<Item = NodeId> {
        let member = number.and_then(|number| self.members.get(number));
        let known = member.filter(|member| member.covered).into_iter();
        let patterns = if member.is_none() { &*self.patterns } else { &[] };
        let known = known.flat_map(|member| [member.node].into_iter().chain(member.more.iter().copied()));
        known.chain(patterns.iter().filter(|(pattern, _)| pattern.holds(name)).map(|(_, node)| *node))
    }
}

/// A name that the schema knows.
pub struct Member {
    /// The schema of its value.
    pub node: NodeId,
    /// Further schemas of its value.
    pub more: Box<[NodeId]>,
    /// The bit that says it is there; [`NO_BIT`] where nobody asks.
    pub bit: u32,
    /// The same in the first word of bits; none where it is in another.
    pub flag: u64,
    /// Whether `properties` or a pattern covers it.
    pub covered: bool,
}

pub const NO_BIT: u32 = u32::MAX;

/// A set of names by their bits: the first 64 in one word, the others behind it.
#[derive(Clone, Debug, Default)]
pub struct Bits {
    pub first: u64,
    pub others: Box<[u64]>,
}

impl Bits {
    pub fn of(bits: impl IntoIterator<Item = u32>) -> Self {
        let mut words = vec![0_u64];
        for bit in bits {
            let word = bit as usize / 64;
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            if let Some(slot) = words.get_mut(word) {
                *slot |= 1 << (bit % 64);
            }
        }
        let first = words.first().copied().unwrap_or(0);
        Self { first, others: words.get(1..).unwrap_or_default().into() }
    }

    /// Whether all of them are among those that were seen.
    #[inline(always)]
    pub fn all_in(&self, first: u64, others: &[u64]) -> bool {
        self.first & !first == 0
            && (self.others.is_empty()
                || self
                    .others
                    .iter()
                    .enumerate()
                    .all(|(at, word)| word & !others.get(at).copied().unwrap_or(0) == 0))
    }

    pub fn has(&self, bit: u32) -> bool {
        let word = if bit < 64 { Some(&self.first) } else { self.others.get(bit as usize / 64 - 1) };
        word.is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}
