//! The verdict: one pass over the bytes, no values, no reasons.
//!
//! Alternatives look at a value again. So that such second looks stay in proportion to the text,
//! their outcomes are remembered once there were more of them than bytes.

use crate::canonical;
use crate::program::{
    ARRAY, Also, ArrayRule, Contains, FALSE, INTEGER, Kinds, NO_BIT, NULL, NUMBER, Node, NodeId, NumberRule,
    OBJECT, ObjectRule, Program, STRING, StringRule, TRUE,
};
use crate::scan::{
    MAX_DEPTH, Number, StringEnd, byte, decoded, number_end, number_in, past_space, skip, string_end,
    word_end,
};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// One look at one text.
pub struct Run<'t> {
    program: &'t Program,
    text: &'t [u8],
    depth: usize,
    /// Frames on the stack, and how many there may be.
    frames: usize,
    room: usize,
    /// Whether the stack was too small: then there is no verdict.
    pub cramped: bool,
    /// Whether a byte that is not ASCII was met.
    pub high: bool,
    /// Bits of names beyond the first 64 of each open object.
    bits: Vec<u64>,
    looks: usize,
    outcomes: Option<HashMap<(NodeId, usize), Option<usize>>>,
}

impl<'t> Run<'t> {
    /// `room` is how many calls may nest.
    pub fn new(program: &'t Program, text: &'t [u8], room: usize) -> Self {
        Self {
            program,
            text,
            depth: 0,
            frames: 0,
            room,
            cramped: false,
            high: false,
            bits: Vec::new(),
            looks: 0,
            outcomes: None,
        }
    }

    /// Whether the whole text is one value that satisfies the schema.
    pub fn whole(&mut self) -> bool {
        let start = past_space(self.text, 0);
        let end = self.value(self.program.root, start);
        end.is_some_and(|end| past_space(self.text, end) == self.text.len())
    }

    /// The depth of the containers around the value that is looked at next.
    pub fn inside(&mut self, depth: usize) {
        self.depth = depth;
    }

    /// The position behind the value, where it satisfies the node.
    ///
    /// Where it does, it was read to its end and is JSON.
    #[inline(always)]
    pub fn value(&mut self, id: NodeId, at: usize) -> Option<usize> {
        let node = self.program.node(id)?;
        if node.also.is_empty() { self.own(node, at) } else { self.shared(id, node, at) }
    }

    /// Check all but what is in `also`.
    #[inline(always)]
    fn own(&mut self, node: &'t Node, at: usize) -> Option<usize> {
        let text = self.text;
        match byte(text, at) {
            b'"' if node.kinds & STRING != 0 => {
                let end = string_end(text, at + 1)?;
                self.high |= end.high;
                if node.asks & STRING != 0 && !self.string(node, at + 1, end) {
                    return None;
                }
                Some(end.at + 1)
            }
            b'-' | b'0'..=b'9' if node.kinds & NUMBER != 0 => {
                let end = number_end(text, at)?;
                (node.asks & NUMBER == 0 || number_holds(node, text.get(at..end)?)).then_some(end)
            }
            b'{' if node.kinds & OBJECT != 0 => {
                if node.asks & OBJECT == 0 {
                    return skip(text, at, self.depth, &mut self.high);
                }
                let end = match &node.object {
                    Some(rule) => self.object(rule, at)?,
                    None => skip(text, at, self.depth, &mut self.high)?,
                };
                self.chosen(node, OBJECT, at).then_some(end)
            }
            b'[' if node.kinds & ARRAY != 0 => {
                if node.asks & ARRAY == 0 {
                    return skip(text, at, self.depth, &mut self.high);
                }
                let end = match &node.array {
                    Some(rule) => self.array(rule, at)?,
                    None => skip(text, at, self.depth, &mut self.high)?,
                };
                self.chosen(node, ARRAY, at).then_some(end)
            }
            b't' if node.kinds & TRUE != 0 => word_end(text, at, b"true"),
            b'f' if node.kinds & FALSE != 0 => word_end(text, at, b"false"),
            b'n' if node.kinds & NULL != 0 => word_end(text, at, b"null"),
            _ => None,
        }
    }

    /// Whether a container that was read is among the values of `enum` and `const`.
    #[inline(always)]
    fn chosen(&self, node: &Node, kind: Kinds, at: usize) -> bool {
        node.choices.is_empty() || self.is_choice(node, kind, at)
    }

    #[inline(never)]
    fn is_choice(&self, node: &Node, kind: Kinds, at: usize) -> bool {
        let mut form = Vec::new();
        canonical::write(self.text, at, &mut form).is_some()
            && node.choices.iter().all(|choice| choice.kinds & kind != 0 && choice.has_container(&form))
    }

    fn string(&self, node: &Node, start: usize, end: StringEnd) -> bool {
        let Some(raw) = self.text.get(start..end.at) else { return false };
        let text = LazyText { raw, end };
        let in_all = |text: &[u8]| node.choices.iter().all(|choice| choice.strings.find(text).is_some());
        if !node.choices.is_empty() && !text.bytes().is_some_and(|bytes| in_all(&bytes)) {
            return false;
        }
        node.string.as_ref().is_none_or(|rule| string_holds(rule, &text))
    }

    /// Check everything, `also` among it.
    #[inline(never)]
    fn shared(&mut self, id: NodeId, node: &'t Node, at: usize) -> Option<usize> {
        self.looks += 1;
        if self.looks > self.text.len() + 64 {
            let known = self.outcomes.get_or_insert_default().get(&(id, at));
            if let Some(outcome) = known {
                return *outcome;
            }
            let outcome = self.together(node, at);
            if let Some(outcomes) = &mut self.outcomes {
                outcomes.insert((id, at), outcome);
            }
            return outcome;
        }
        self.together(node, at)
    }

    fn together(&mut self, node: &'t Node, at: usize) -> Option<usize> {
        let kind = kind_at(self.text, at)?;
        if node.kinds & kind == 0 || !self.enter_frame() {
            return None;
        }
        let mut end = if node.asks & kind == 0 { None } else { Some(self.own(node, at)?) };
        for also in &node.also {
            end = self.also(also, kind, at)?.or(end);
        }
        self.frames -= 1;
        // Nothing has read it yet.
        end.or_else(|| skip(self.text, at, self.depth, &mut self.high))
    }

    /// None where the keyword is violated, else the end of the value if it became known.
    fn also(&mut self, also: &'t Also, kind: Kinds, at: usize) -> Option<Option<usize>> {
        match also {
            Also::Same(node) => self.value(*node, at).map(Some),
            Also::All(nodes) => {
                let mut end = None;
                for &node in nodes {
                    end = Some(self.value(node, at)?);
                }
                Some(end)
            }
            Also::Any(nodes) => nodes.iter().find_map(|&node| self.branch(node, kind, at)).map(Some),
            Also::One(nodes) => {
                let mut end = None;
                for &node in nodes {
                    if let Some(found) = self.branch(node, kind, at) {
                        if end.is_some() {
                            return None;
                        }
                        end = Some(found);
                    }
                }
                end.map(Some)
            }
            Also::Not(node) => {
                if self.branch(*node, kind, at).is_some() {
                    None
                } else {
                    Some(None)
                }
            }
            Also::If { condition, then, otherwise } => {
                let next = if self.branch(*condition, kind, at).is_some() { then } else { otherwise };
                self.value(*next, at).map(Some)
            }
        }
    }

    /// Look at a value in a way that may fail without consequence.
    pub fn branch(&mut self, id: NodeId, kind: Kinds, at: usize) -> Option<usize> {
        if self.program.node(id)?.kinds & kind == 0 {
            return None;
        }
        let (depth, frames, bits) = (self.depth, self.frames, self.bits.len());
        let end = self.value(id, at);
        if end.is_none() {
            (self.depth, self.frames) = (depth, frames);
            self.bits.truncate(bits);
        }
        end
    }

    #[inline(always)]
    fn enter_frame(&mut self) -> bool {
        self.frames += 1;
        if self.frames > self.room {
            self.cramped = true;
            return false;
        }
        true
    }

    #[inline(always)]
    fn enter(&mut self) -> bool {
        self.depth += 1;
        self.depth <= MAX_DEPTH && self.enter_frame()
    }

    fn array(&mut self, rule: &'t ArrayRule, start: usize) -> Option<usize> {
        let text = self.text;
        if !self.enter() {
            return None;
        }
        let mut places = if rule.unique { Some(Vec::new()) } else { None };
        let mut contained = 0;
        let mut count = 0;
        let mut at = past_space(text, start + 1);
        if byte(text, at) != b']' {
            loop {
                let node = rule.prefix.get(count).copied().unwrap_or(rule.rest);
                let end = self.value(node, at)?;
                count += 1;
                if let Some(contains) = &rule.contains {
                    contained += u64::from(self.contains(contains, at));
                }
                if let Some(places) = &mut places {
                    places.push(at);
                }
                at = past_space(text, end);
                match byte(text, at) {
                    b',' => at = past_space(text, at + 1),
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.depth -= 1;
        self.frames -= 1;
        let holds = within(count as u64, rule.least, rule.most)
            && rule.contains.as_ref().is_none_or(|contains| within(contained, contains.least, contains.most))
            && places.is_none_or(|places| repeated(text, &places).is_none());
        holds.then_some(at + 1)
    }

    fn contains(&mut self, contains: &Contains, at: usize) -> bool {
        kind_at(self.text, at).is_some_and(|kind| self.branch(contains.node, kind, at).is_some())
    }

    fn object(&mut self, rule: &'t ObjectRule, start: usize) -> Option<usize> {
        let text = self.text;
        if !self.enter() {
            return None;
        }
        let mut seen = 0_u64;
        let wide = self.bits.len();
        if rule.bits > 64 {
            self.bits.resize(wide + rule.bits.div_ceil(64) - 1, 0);
        }
        let counted = rule.least > 0 || rule.most.is_some();
        let mut keys = Vec::new();
        let mut next = 0;
        let mut at = past_space(text, start + 1);
        if byte(text, at) != b'}' {
            loop {
                if byte(text, at) != b'"' {
                    return None;
                }
                let key = at + 1;
                let end;
                if let Some(found) = rule.names.written(next, text, key) {
                    end = found;
                    at = past_colon(text, end)?;
                    at = self.member(rule, next, wide, &mut seen, at)?;
                    next += 1;
                } else {
                    let quote = string_end(text, key)?;
                    self.high |= quote.high;
                    let name = decoded_bytes(text.get(key..quote.at)?, quote)?;
                    end = quote.at + 1;
                    at = past_colon(text, end)?;
                    if let Some(number) = rule.names.find(&name) {
                        at = self.member(rule, number, wide, &mut seen, at)?;
                        next = number + 1;
                    } else {
                        at = self.stranger(rule, &name, at)?;
                    }
                }
                if let Some(naming) = rule.naming
                    && !self.names(naming, key - 1)
                {
                    return None;
                }
                if counted {
                    keys.push(key);
                }
                at = past_space(text, at);
                match byte(text, at) {
                    b',' => at = past_space(text, at + 1),
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        let others = self.bits.get(wide..).unwrap_or_default();
        let complete = rule.required.all_in(seen, others)
            && rule
                .dependents
                .iter()
                .all(|each| !is_seen(each.bit, seen, others) || each.names.all_in(seen, others))
            && (!counted || within(different(text, &keys) as u64, rule.least, rule.most));
        if !complete {
            return None;
        }
        self.depth -= 1;
        for (bit, node) in &rule.dependent_schemas {
            if is_seen(*bit, seen, self.bits.get(wide..).unwrap_or_default()) {
                self.value(*node, start)?;
            }
        }
        self.bits.truncate(wide);
        self.frames -= 1;
        Some(at + 1)
    }

    /// Check the value of a name that the schema knows.
    #[inline(always)]
    fn member(
        &mut self,
        rule: &'t ObjectRule,
        number: usize,
        wide: usize,
        seen: &mut u64,
        at: usize,
    ) -> Option<usize> {
        let member = rule.members.get(number)?;
        if member.bit < 64 {
            *seen |= 1 << member.bit;
        } else if member.bit != NO_BIT
            && let Some(word) = self.bits.get_mut(wide + member.bit as usize / 64 - 1)
        {
            *word |= 1 << (member.bit % 64);
        }
        let end = self.value(member.node, at)?;
        for &node in &member.more {
            self.value(node, at)?;
        }
        Some(end)
    }

    /// Check the value of a name that the schema does not know.
    fn stranger(&mut self, rule: &'t ObjectRule, name: &[u8], at: usize) -> Option<usize> {
        if rule.patterns.is_empty() {
            return self.value(rule.rest, at);
        }
        let name = std::str::from_utf8(name).ok()?;
        let mut end = None;
        for (pattern, node) in &rule.patterns {
            if pattern.holds(name) {
                end = Some(self.value(*node, at)?);
            }
        }
        end.or_else(|| self.value(rule.rest, at))
    }

    /// Whether a name, whose opening quote is at `at`, satisfies a schema.
    fn names(&mut self, naming: NodeId, at: usize) -> bool {
        self.branch(naming, STRING, at).is_some()
    }
}

/// The content of a string, decoded when somebody asks.
struct LazyText<'t> {
    raw: &'t [u8],
    end: StringEnd,
}

impl<'t> LazyText<'t> {
    fn bytes(&self) -> Option<Cow<'t, [u8]>> {
        decoded_bytes(self.raw, self.end)
    }

    fn words(&self) -> Option<Cow<'t, str>> {
        decoded(self.raw, self.end.escaped)
    }
}

#[inline(always)]
fn decoded_bytes(raw: &[u8], end: StringEnd) -> Option<Cow<'_, [u8]>> {
    if end.escaped {
        decoded(raw, true).map(|text| Cow::Owned(text.into_owned().into_bytes()))
    } else {
        Some(Cow::Borrowed(raw))
    }
}

fn string_holds(rule: &StringRule, text: &LazyText<'_>) -> bool {
    length_holds(rule, text)
        && (rule.pattern.is_none() && rule.format.is_none()
            || text.words().is_some_and(|words| {
                rule.pattern.as_ref().is_none_or(|pattern| pattern.holds(&words))
                    && rule.format.as_ref().is_none_or(|format| format.holds(&words))
            }))
}

#[inline]
fn length_holds(rule: &StringRule, text: &LazyText<'_>) -> bool {
    let bytes = text.raw.len() as u64;
    if !text.end.escaped && !text.end.high {
        return within(bytes, rule.least, rule.most);
    }
    // There are at most as many characters as bytes.
    if rule.least == 0 && rule.most.is_none_or(|most| bytes <= most) {
        return true;
    }
    text.words().is_some_and(|words| within(words.chars().count() as u64, rule.least, rule.most))
}

#[inline]
pub fn number_holds(node: &Node, digits: &[u8]) -> bool {
    if let Some(rule) = &node.number
        && node.choices.is_empty()
        && node.types & NUMBER != INTEGER
        && fraction_holds(rule, digits)
    {
        return true;
    }
    if node.is_draft_4
        && node.types & NUMBER == INTEGER
        && digits.iter().any(|digit| matches!(digit, b'.' | b'e' | b'E'))
    {
        return false;
    }
    let number = number_in(digits);
    (node.types & NUMBER != INTEGER || number.is_whole())
        && node.choices.iter().all(|choice| choice.has_number(number))
        && node.number.as_ref().is_none_or(|rule| rule_holds(rule, number, digits))
}

/// Whether a number with few digits before its point is plainly within the bounds.
///
/// It lies between two neighbouring integers; where both of these hold, it does, however it is
/// rounded. What cannot be told this way is false, and looked at again as a double.
#[inline]
fn fraction_holds(rule: &NumberRule, digits: &[u8]) -> bool {
    let mut whole = 0_i128;
    for (place, &digit) in digits.iter().take(10).enumerate() {
        match digit {
            b'0'..=b'9' => whole = whole * 10 + i128::from(digit - b'0'),
            b'.' if place > 0 => {
                let exponent =
                    digits.get(place..).unwrap_or_default().iter().any(|digit| matches!(digit, b'e' | b'E'));
                let (floor, ceiling) = (Number::Int(whole), Number::Int(whole + 1));
                return !exponent
                    && rule.multiple.is_none()
                    && rule.minimum.is_none_or(|limit| floor.compare(limit) != Ordering::Less)
                    && rule.maximum.is_none_or(|limit| ceiling.compare(limit) != Ordering::Greater)
                    && rule.above.is_none_or(|limit| floor.compare(limit) == Ordering::Greater)
                    && rule.below.is_none_or(|limit| ceiling.compare(limit) == Ordering::Less);
            }
            _ => return false,
        }
    }
    false
}

fn rule_holds(rule: &NumberRule, number: Number, digits: &[u8]) -> bool {
    rule.minimum.is_none_or(|limit| number.compare(limit) != Ordering::Less)
        && rule.maximum.is_none_or(|limit| number.compare(limit) != Ordering::Greater)
        && rule.above.is_none_or(|limit| number.compare(limit) == Ordering::Greater)
        && rule.below.is_none_or(|limit| number.compare(limit) == Ordering::Less)
        && rule.multiple.as_ref().is_none_or(|multiple| multiple.holds(number, digits))
}

pub fn within(count: u64, least: u64, most: Option<u64>) -> bool {
    count >= least && most.is_none_or(|most| count <= most)
}

/// The kind of the value that starts with the byte; all kinds of numbers for a number.
#[inline(always)]
pub fn kind_at(text: &[u8], at: usize) -> Option<Kinds> {
    Some(match byte(text, at) {
        b'"' => STRING,
        b'-' | b'0'..=b'9' => NUMBER,
        b'{' => OBJECT,
        b'[' => ARRAY,
        b't' => TRUE,
        b'f' => FALSE,
        b'n' => NULL,
        _ => return None,
    })
}

#[inline(always)]
pub fn past_colon(text: &[u8], at: usize) -> Option<usize> {
    let at = past_space(text, at);
    (byte(text, at) == b':').then(|| past_space(text, at + 1))
}

pub fn is_seen(bit: u32, first: u64, others: &[u64]) -> bool {
    if bit < 64 {
        first >> bit & 1 == 1
    } else {
        others.get(bit as usize / 64 - 1).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

/// How many different names start at these positions.
pub fn different(text: &[u8], keys: &[usize]) -> usize {
    let name = |&key: &usize| {
        let end = string_end(text, key)?;
        decoded_bytes(text.get(key..end.at)?, end)
    };
    keys.iter().map(name).collect::<HashSet<_>>().len()
}

/// The first item that equals an earlier one: (its number, the earlier one's).
pub fn repeated(text: &[u8], places: &[usize]) -> Option<(usize, usize)> {
    let mut forms: HashMap<Vec<u8>, usize> = HashMap::with_capacity(places.len());
    for (number, &place) in places.iter().enumerate() {
        let mut form = Vec::new();
        canonical::write(text, place, &mut form)?;
        if let Some(first) = forms.insert(form, number) {
            return Some((number, first));
        }
    }
    None
}

/// Whether a string that is already decoded satisfies the rule.
pub fn string_holds_plain(rule: &StringRule, text: &str) -> bool {
    within(text.chars().count() as u64, rule.least, rule.most)
        && rule.pattern.as_ref().is_none_or(|pattern| pattern.holds(text))
        && rule.format.as_ref().is_none_or(|format| format.holds(text))
}
