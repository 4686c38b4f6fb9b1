//! The verdict: one pass over the bytes, no values, no reasons.
//!
//! Alternatives look at a value again. So that such second looks stay in proportion to the text,
//! their outcomes are remembered once there were more of them than bytes.

use crate::canonical;
use crate::program::{
    ARRAY, Also, ArrayRule, Contains, FALSE, FRACTION, INTEGER, Kinds, NO_BIT, NULL, NUMBER, Node, NodeId,
    NumberRule, OBJECT, ObjectRule, Program, STRING, StringRule, TRUE,
};
use crate::scan::{
    Digits, MAX_DEPTH, Number, StringEnd, byte, decoded, digits_at, number_in, past_space, short, skip,
    string_end, word_end,
};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;

/// One look at one text.
pub struct Run<'t> {
    program: &'t Program,
    nodes: &'t [Node],
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
            nodes: &program.nodes,
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
    #[inline(never)]
    pub fn value(&mut self, id: NodeId, at: usize) -> Option<usize> {
        self.look(id, self.nodes.get(id as usize)?, at)
    }

    /// The same, once in each of the loops that matter.
    #[inline(always)]
    fn look(&mut self, id: NodeId, node: &'t Node, at: usize) -> Option<usize> {
        if node.also.is_empty() { self.own(node, at) } else { self.shared(id, node, at) }
    }

    /// Check all but what is in `also`.
    #[inline(always)]
    fn own(&mut self, node: &'t Node, at: usize) -> Option<usize> {
        let text = self.text;
        match byte(text, at) {
            b'"' if node.kinds & STRING != 0 => {
                if !node.choices.is_empty() {
                    return self.chosen_string(node, at + 1);
                }
                let end = string_end(text, at + 1)?;
                self.high |= end.high;
                if node.asks & STRING != 0 && !string_fits(node, text.get(at + 1..end.at)?, end) {
                    return None;
                }
                Some(end.at + 1)
            }
            b'-' | b'0'..=b'9' if node.kinds & NUMBER != 0 => {
                let digits = digits_at(text, at)?;
                (node.asks & NUMBER == 0 || number_fits(node, text, at, digits)).then_some(digits.end)
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

    /// Check a string of which `enum` or `const` asks something.
    #[inline(always)]
    fn chosen_string(&mut self, node: &Node, start: usize) -> Option<usize> {
        if let ([choice], None) = (&*node.choices, &node.string)
            && let Some(end) = choice.strings.written_as_any(self.text, start)
        {
            return Some(end);
        }
        self.any_chosen_string(node, start)
    }

    #[inline(never)]
    fn any_chosen_string(&mut self, node: &Node, start: usize) -> Option<usize> {
        if let Some(short) = short(self.text, start) {
            self.high |= short.high;
            let among = node.choices.iter().all(|choice| choice.strings.find_short(short).is_some());
            let end = StringEnd { at: start + short.length, escaped: false, high: short.high };
            let holds = among && string_fits(node, self.text.get(start..end.at)?, end);
            return holds.then_some(end.at + 1);
        }
        let end = string_end(self.text, start)?;
        self.high |= end.high;
        let raw = self.text.get(start..end.at)?;
        let words = decoded_bytes(raw, end)?;
        let among = node.choices.iter().all(|choice| choice.strings.find(&words).is_some());
        (among && string_fits(node, raw, end)).then_some(end.at + 1)
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
        if self.nodes.get(id as usize)?.kinds & kind == 0 {
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

    #[inline(always)]
    fn leave(&mut self) {
        self.depth -= 1;
        self.frames -= 1;
    }

    fn array(&mut self, rule: &'t ArrayRule, start: usize) -> Option<usize> {
        if rule.is_plain { self.plain_array(rule, start) } else { self.any_array(rule, start) }
    }

    #[inline(never)]
    fn plain_array(&mut self, rule: &'t ArrayRule, start: usize) -> Option<usize> {
        let text = self.text;
        if !self.enter() {
            return None;
        }
        let node = self.nodes.get(rule.rest as usize)?;
        let mut count = 0;
        let mut at = past_space(text, start + 1);
        if byte(text, at) != b']' {
            loop {
                at = self.look(rule.rest, node, at)?;
                count += 1;
                at = past_space(text, at);
                match byte(text, at) {
                    b',' => at = past_space(text, at + 1),
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.leave();
        within(count, rule.least, rule.most).then_some(at + 1)
    }

    #[inline(never)]
    fn any_array(&mut self, rule: &'t ArrayRule, start: usize) -> Option<usize> {
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
        self.leave();
        let holds = within(count as u64, rule.least, rule.most)
            && rule.contains.as_ref().is_none_or(|contains| within(contained, contains.least, contains.most))
            && places.is_none_or(|places| repeated(text, &places).is_none());
        holds.then_some(at + 1)
    }

    fn contains(&mut self, contains: &Contains, at: usize) -> bool {
        kind_at(self.text, at).is_some_and(|kind| self.branch(contains.node, kind, at).is_some())
    }

    fn object(&mut self, rule: &'t ObjectRule, start: usize) -> Option<usize> {
        if rule.is_plain { self.plain_object(rule, start) } else { self.any_object(rule, start) }
    }

    #[inline(never)]
    fn plain_object(&mut self, rule: &'t ObjectRule, start: usize) -> Option<usize> {
        let text = self.text;
        if !self.enter() {
            return None;
        }
        let mut seen = 0_u64;
        let mut next = 0;
        let mut at = past_space(text, start + 1);
        if byte(text, at) != b'}' {
            loop {
                if byte(text, at) != b'"' {
                    return None;
                }
                let key = at + 1;
                let (number, end) = match rule.names.written(next, text, key) {
                    Some(end) => (Some(next), end),
                    None => self.name(rule, key)?,
                };
                let member = number.and_then(|number| rule.members.get(number));
                let (id, flag) = member.map_or((rule.rest, 0), |member| (member.node, member.flag));
                next = number.map_or(next, |number| number + 1);
                seen |= flag;
                let value = past_colon(text, end)?;
                at = self.look(id, self.nodes.get(id as usize)?, value)?;
                at = past_space(text, at);
                match byte(text, at) {
                    b',' => at = past_space(text, at + 1),
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        self.leave();
        if rule.required.first & !seen == 0 { Some(at + 1) } else { None }
    }

    /// The number of the name whose content starts at `key`, if the schema knows it, and its end.
    #[inline(never)]
    fn name(&mut self, rule: &ObjectRule, key: usize) -> Option<(Option<usize>, usize)> {
        let text = self.text;
        if let Some(short) = short(text, key) {
            self.high |= short.high;
            return Some((rule.names.find_short(short), key + short.length + 1));
        }
        let quote = string_end(text, key)?;
        self.high |= quote.high;
        let name = decoded_bytes(text.get(key..quote.at)?, quote)?;
        Some((rule.names.find(&name), quote.at + 1))
    }

    #[inline(never)]
    fn any_object(&mut self, rule: &'t ObjectRule, start: usize) -> Option<usize> {
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
                let (number, end) = match rule.names.written(next, text, key) {
                    Some(end) => (Some(next), end),
                    None => self.name(rule, key)?,
                };
                let value = past_colon(text, end)?;
                if let Some(number) = number {
                    at = self.member(rule, number, wide, &mut seen, value)?;
                    next = number + 1;
                } else {
                    at = self.stranger(rule, key, value)?;
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
            && (!counted || as_many(text, &keys, rule));
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
    fn member(
        &mut self,
        rule: &'t ObjectRule,
        number: usize,
        wide: usize,
        seen: &mut u64,
        at: usize,
    ) -> Option<usize> {
        let member = rule.members.get(number)?;
        *seen |= member.flag;
        if member.flag == 0
            && member.bit != NO_BIT
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

    /// Check the value of a name, whose content starts at `key`, that the schema does not know.
    fn stranger(&mut self, rule: &'t ObjectRule, key: usize, at: usize) -> Option<usize> {
        if rule.patterns.is_empty() {
            return self.value(rule.rest, at);
        }
        let quote = string_end(self.text, key)?;
        let name = decoded(self.text.get(key..quote.at)?, quote.escaped)?;
        let mut end = None;
        for (pattern, node) in &rule.patterns {
            if pattern.holds(&name) {
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

/// Whether a string satisfies the rule of the node, if it has one.
#[inline(always)]
fn string_fits(node: &Node, raw: &[u8], end: StringEnd) -> bool {
    let Some(rule) = &node.string else { return true };
    // With one byte a character, the lengths are plain to see.
    if !end.escaped && !end.high && rule.pattern.is_none() && rule.format.is_none() {
        return within(raw.len() as u64, rule.least, rule.most);
    }
    string_holds(rule, &LazyText { raw, end })
}

#[inline(never)]
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

/// Whether a number that was just read satisfies the node.
#[inline(always)]
fn number_fits(node: &Node, text: &[u8], at: usize, digits: Digits) -> bool {
    if let (true, Some((low, high))) = (node.is_span, digits.between) {
        let within = node.least <= low && high <= node.most;
        if low == high {
            return within;
        }
        // It lies between two integers; where both hold, it does, however it is rounded.
        if within && node.types & FRACTION != 0 {
            return true;
        }
    }
    text.get(at..digits.end).is_some_and(|digits| number_holds(node, digits))
}

#[inline(never)]
pub fn number_holds(node: &Node, digits: &[u8]) -> bool {
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

fn rule_holds(rule: &NumberRule, number: Number<'_>, digits: &[u8]) -> bool {
    rule.minimum.as_ref().is_none_or(|limit| number.compare(limit.number()) != Ordering::Less)
        && rule.maximum.as_ref().is_none_or(|limit| number.compare(limit.number()) != Ordering::Greater)
        && rule.above.as_ref().is_none_or(|limit| number.compare(limit.number()) == Ordering::Greater)
        && rule.below.as_ref().is_none_or(|limit| number.compare(limit.number()) == Ordering::Less)
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
    let at = if byte(text, at) == b':' { at } else { past_space(text, at) };
    if byte(text, at) == b':' { Some(past_space(text, at + 1)) } else { None }
}

pub fn is_seen(bit: u32, first: u64, others: &[u64]) -> bool {
    if bit < 64 {
        first >> bit & 1 == 1
    } else {
        others.get(bit as usize / 64 - 1).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }
}

/// Whether the different names that start at these positions are as many as the rule asks for.
fn as_many(text: &[u8], keys: &[usize], rule: &ObjectRule) -> bool {
    let all = keys.len() as u64;
    if all < rule.least {
        return false;
    }
    // Fewer than `least` there are only where some name comes twice.
    let few = rule.most.is_none_or(|most| all <= most);
    few && rule.least <= 1 || within(different(text, keys) as u64, rule.least, rule.most)
}

/// How many different names start at these positions.
pub fn different(text: &[u8], keys: &[usize]) -> usize {
    let name = |&key: &usize| {
        let end = string_end(text, key)?;
        decoded_bytes(text.get(key..end.at)?, end)
    };
    let mut names: Vec<_> = keys.iter().map(name).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
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
