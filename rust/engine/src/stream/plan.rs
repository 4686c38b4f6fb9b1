//! What a prefix can be told from: prepared once a schema, when it is first streamed.

use crate::program::{
    ALL, ARRAY, Also, FALSE, INTEGER, Kinds, NO_BIT, NULL, NUMBER, Node, NodeId, OBJECT, Program, STRING,
    TRUE,
};
use crate::run::{number_holds, string_holds_plain, within};
use crate::scan::Limit;

/// The plans of all nodes.
pub struct Plan {
    nodes: Vec<NodePlan>,
    /// Whether a prefix is doomed at the first byte that dooms it, whatever the text.
    pub exact: bool,
}

/// What is known of the values of one node.
#[derive(Default)]
pub struct NodePlan {
    /// The kinds of which some value satisfies the node, as far as this can be told.
    pub possible: Kinds,
    /// The kinds that are followed byte by byte; the others are looked at when they end.
    pub followed: Kinds,
    /// The strings that may be there, sorted.
    pub strings: Option<Box<[Box<str>]>>,
    /// The numbers that may be there.
    pub numbers: Option<Box<[Limit]>>,
    /// The names that may be there, sorted.
    pub names: Option<Box<[Box<str>]>>,
}

impl Plan {
    pub fn of(program: &Program) -> Self {
        let mut nodes: Vec<NodePlan> = program.nodes.iter().map(NodePlan::of).collect();
        // A value holds only finished values, so what is possible grows from the leaves.
        let mut grew = true;
        while grew {
            grew = false;
            for (at, node) in program.nodes.iter().enumerate() {
                let possible = possible_kinds(node, &nodes);
                if let Some(plan) = nodes.get_mut(at) {
                    grew |= plan.possible | possible != plan.possible;
                    plan.possible |= possible;
                }
            }
        }
        for (at, node) in program.nodes.iter().enumerate() {
            let names = closed_names(node, &nodes);
            if let Some(plan) = nodes.get_mut(at) {
                plan.names = names;
            }
        }
        let exact = program.nodes.iter().zip(&nodes).all(|(node, plan)| is_exact(node, plan, program));
        Self { nodes, exact }
    }

    pub fn node(&self, id: NodeId) -> Option<&NodePlan> {
        self.nodes.get(id as usize)
    }
}

impl NodePlan {
    fn of(node: &Node) -> Self {
        let mut plan = Self { followed: followed_kinds(node), ..Self::default() };
        if let Some((first, others)) = node.choices.split_first() {
            let mut strings: Vec<Box<str>> = Vec::new();
            for number in 0..first.strings.len() {
                let text = first.strings.get(number).unwrap_or_default();
                let fits = others.iter().all(|choice| choice.strings.find(text.as_bytes()).is_some())
                    && node.string.as_ref().is_none_or(|rule| string_holds_plain(rule, text));
                if fits && node.types & STRING != 0 {
                    strings.push(text.into());
                }
            }
            strings.sort_unstable();
            strings.dedup();
            plan.strings = Some(strings.into());
            let numbers = first.numbers.iter().filter(|limit| {
                node.types & NUMBER != 0 && number_holds(node, limit.number().spelling().as_bytes())
            });
            plan.numbers = Some(numbers.cloned().collect());
        }
        plan
    }
}

/// The kinds of which the node asks nothing that only the whole value tells.
fn followed_kinds(node: &Node) -> Kinds {
    let mut followed = NULL | FALSE | TRUE | STRING | NUMBER;
    if node.array.as_ref().is_none_or(|rule| !rule.unique && rule.contains.is_none()) {
        followed |= ARRAY;
    }
    let plain = node.object.as_ref().is_none_or(|rule| {
        rule.least == 0
            && rule.most.is_none()
            && rule.patterns.is_empty()
            && rule.naming.is_none()
            && rule.dependents.is_empty()
            && rule.dependent_schemas.is_empty()
            && rule.bits <= 64
    });
    if plain {
        followed |= OBJECT;
    }
    if !node.choices.is_empty() {
        followed &= !(ARRAY | OBJECT);
    }
    followed
}

/// Whether patterns, formats, multiples and alternatives leave nothing open.
fn is_exact(node: &Node, plan: &NodePlan, program: &Program) -> bool {
    let listed = !node.choices.is_empty();
    let strings =
        listed || node.string.as_ref().is_none_or(|rule| rule.pattern.is_none() && rule.format.is_none());
    let numbers = listed || node.number.as_ref().is_none_or(|rule| rule.multiple.is_none());
    let containers = plan.followed & (ARRAY | OBJECT) == ARRAY | OBJECT
        || node.kinds & (ARRAY | OBJECT) & !plan.followed == 0;
    strings && numbers && containers && leads_on(node, program)
}

/// Whether the kind of a value alone says which alternative is meant.
fn leads_on(node: &Node, program: &Program) -> bool {
    let disjoint = |nodes: &[NodeId]| {
        let mut taken: Kinds = 0;
        nodes.iter().all(|&id| {
            let kinds = program
                .node(id)
                .map_or(ALL, |node| if node.kinds & NUMBER != 0 { node.kinds | NUMBER } else { node.kinds });
            let free = taken & kinds == 0;
            taken |= kinds;
            free
        })
    };
    match &*node.also {
        [] => true,
        [Also::Same(_)] => node.asks == 0,
        [Also::All(nodes)] => node.asks == 0 && nodes.len() == 1,
        [Also::Any(nodes) | Also::One(nodes)] => node.asks == 0 && disjoint(nodes),
        _ => false,
    }
}

fn possible_kinds(node: &Node, plans: &[NodePlan]) -> Kinds {
    let plan_of = |id: NodeId| plans.get(id as usize).map_or(ALL, |plan| plan.possible);
    let mut kinds = node.kinds & (NULL | FALSE | TRUE);
    let plan = plans.get(node.id as usize);
    let strings = plan.and_then(|plan| plan.strings.as_ref());
    let sized = node.string.as_ref().is_none_or(|rule| rule.most.is_none_or(|most| rule.least <= most));
    if sized && strings.is_none_or(|strings| !strings.is_empty()) {
        kinds |= node.kinds & STRING;
    }
    let numbers = plan.and_then(|plan| plan.numbers.as_ref());
    if numbers.is_none_or(|numbers| !numbers.is_empty())
        && (numbers.is_some() || super::number::viable_start(node))
    {
        kinds |= node.kinds & NUMBER;
    }
    let items = node.array.as_ref().is_none_or(|rule| {
        let needed = usize::try_from(rule.least).unwrap_or(usize::MAX);
        let prefix = rule.prefix.iter().take(needed).all(|&id| plan_of(id) != 0);
        within(rule.least, 0, rule.most) && prefix && (needed <= rule.prefix.len() || plan_of(rule.rest) != 0)
    });
    if items {
        kinds |= node.kinds & ARRAY;
    }
    let members = node.object.as_ref().is_none_or(|rule| {
        rule.members
            .iter()
            .all(|member| member.bit == NO_BIT || !rule.required.has(member.bit) || plan_of(member.node) != 0)
    });
    if members {
        kinds |= node.kinds & OBJECT;
    }
    for also in &node.also {
        // What is asked for in other ways is taken to be possible.
        let united = |nodes: &[NodeId]| nodes.iter().fold(0, |kinds, &id| kinds | plan_of(id));
        match also {
            Also::Same(id) => kinds &= plan_of(*id),
            Also::All(nodes) => kinds = nodes.iter().fold(kinds, |kinds, &id| kinds & plan_of(id)),
            Also::Any(nodes) | Also::One(nodes) => kinds &= united(nodes),
            Also::Not(_) | Also::If { .. } => {}
        }
    }
    if kinds & INTEGER != 0 { kinds | node.kinds & NUMBER } else { kinds }
}

/// The names that can be followed by a value, where no other names are allowed.
fn closed_names(node: &Node, plans: &[NodePlan]) -> Option<Box<[Box<str>]>> {
    let rule = node.object.as_ref()?;
    let plan_of = |id: NodeId| plans.get(id as usize).map_or(ALL, |plan| plan.possible);
    if plan_of(rule.rest) != 0 || !rule.patterns.is_empty() {
        return None;
    }
    let open = |(number, member): (usize, &crate::program::Member)| {
        let possible = [member.node].iter().chain(&member.more).all(|&id| plan_of(id) != 0);
        rule.names.get(number).filter(|_| possible).map(Box::from)
    };
    let mut names: Vec<Box<str>> = rule.members.iter().enumerate().filter_map(open).collect();
    names.sort_unstable();
    Some(names.into())
}
