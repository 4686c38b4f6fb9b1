//! How far a schema can lead: what bounds the stack and the work of checking against it.

use crate::documents::Documents;
use crate::names::Names;
use serde_json::{Map, Value};

/// References to built-in metaschemas are not followed; none of them leads deeper than this.
const METASCHEMA_CHAIN: usize = 32;
/// More references in a row than any schema needs.
const MAX_CHAIN: f64 = 4096.0;
/// More ways through the schemas of one value than any schema needs: the crate walks them all.
const MAX_WAYS: f64 = 1e6;
/// Beyond this many steps the search for repeating alternatives gives up and assumes them.
const MAX_STEPS: usize = 4_000_000;

const IN_PLACE: [&str; 4] = ["not", "if", "then", "else"];
const BRANCHES: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const IN_PLACE_MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];
const BELOW: [&str; 7] = [
    "additionalProperties",
    "items",
    "additionalItems",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const BELOW_MAPS: [&str; 2] = ["properties", "patternProperties"];
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// What bounds a check against a schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reach {
    /// How many schemas may look at one value, each because of the one before.
    pub chain: usize,
    /// How many ways to choose among alternatives come back with every level; 1 where none do.
    pub fan_out: f64,
}

impl Reach {
    /// Measure the schema; None where references go on, or branch, beyond any use.
    ///
    /// References are followed by pointer, anchor and identifier. Where one of these is ambiguous
    /// every candidate is followed, so the result may be too high, never too low.
    pub fn of(documents: &Documents) -> Option<Self> {
        let graph = Graph::of(documents);
        let (chain, circular) = graph.heaviest(|_| 1.0);
        if chain > MAX_CHAIN || graph.ways() > MAX_WAYS {
            return None;
        }
        let chain = if circular { MAX_CHAIN.min(graph.nodes.len() as f64) } else { chain };
        let recurring = graph.recurring();
        let weight = |at| recurring.get(at).map_or(0.0, |&count: &u32| f64::from(count.max(1)).ln());
        let beyond = if graph.leaves { METASCHEMA_CHAIN } else { 0 };
        Some(Self { chain: chain as usize + beyond, fan_out: graph.heaviest(weight).0.exp() })
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    Open,
    Done(f64),
}

impl Mark {
    fn sum(self) -> Option<f64> {
        if let Self::Done(sum) = self { Some(sum) } else { None }
    }
}

#[derive(Default)]
struct Node {
    /// Schemas that look at the same value.
    in_place: Vec<usize>,
    /// Schemas that look at a part of it.
    below: Vec<usize>,
    /// Of `in_place`: those that are alternatives.
    alternatives: Vec<usize>,
    /// Whether a reference leads to none of the documents.
    leaves: bool,
}

struct Graph {
    nodes: Vec<Node>,
    /// Whether a reference leads out of the documents, that is to a built-in metaschema.
    leaves: bool,
}

impl Graph {
    fn of(documents: &Documents) -> Self {
        let names = Names::of(documents);
        let nodes = names.schemas.iter().map(|(document, schema)| Node::of(schema, document, &names));
        let nodes: Vec<Node> = nodes.collect();
        let leaves = nodes.iter().any(|node| node.leaves);
        Self { nodes, leaves }
    }

    /// The greatest sum of `weight` on a path of schemas that look at one value, and whether
    /// some path is a circle (its way back is then left out of the sum).
    fn heaviest(&self, weight: impl Fn(usize) -> f64) -> (f64, bool) {
        self.greatest(|at, sums| sums.fold(0.0, f64::max) + weight(at))
    }

    /// How many paths of schemas may look at one value.
    fn ways(&self) -> f64 {
        self.greatest(|_, sums| sums.sum::<f64>().max(1.0)).0
    }

    /// The greatest of what `combine` makes of a schema and of the results for those after it.
    fn greatest(&self, combine: impl Fn(usize, &mut dyn Iterator<Item = f64>) -> f64) -> (f64, bool) {
        let mut marks = vec![Mark::New; self.nodes.len()];
        let mut circular = false;
        let mut heaviest = 0.0_f64;
        for start in 0..self.nodes.len() {
            let mut path = vec![start];
            while let Some(&at) = path.last() {
                let (Some(node), Some(&mark)) = (self.nodes.get(at), marks.get(at)) else { break };
                let next =
                    || node.in_place.iter().filter_map(|&next| marks.get(next).map(|mark| (next, *mark)));
                let mark = match mark {
                    Mark::New => {
                        circular |= next().any(|(next, mark)| next == at || mark == Mark::Open);
                        path.extend(next().filter(|(_, mark)| *mark == Mark::New).map(|(next, _)| next));
                        Mark::Open
                    }
                    Mark::Open => {
                        path.pop();
                        let sum = combine(at, &mut next().filter_map(|(_, mark)| mark.sum()));
                        heaviest = heaviest.max(sum);
                        Mark::Done(sum)
                    }
                    Mark::Done(_) => {
                        path.pop();
                        mark
                    }
                };
                if let Some(slot) = marks.get_mut(at) {
                    *slot = mark;
                }
            }
        }
        (heaviest, circular)
    }

    /// For every schema, how many of its alternatives lead back to it.
    fn recurring(&self) -> Vec<u32> {
        let mut steps = 0;
        let count = |(number, node): (usize, &Node)| {
            if node.alternatives.len() < 2 {
                return 0;
            }
            let branches = node.alternatives.iter();
            let back = branches.filter(|&&branch| self.leads(branch, number, &mut steps)).count();
            u32::try_from(back).unwrap_or(u32::MAX)
        };
        self.nodes.iter().enumerate().map(count).collect()
    }

    /// Whether `to` can be reached; yes where the search has become too long.
    fn leads(&self, from: usize, to: usize, steps: &mut usize) -> bool {
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            *steps += 1;
            if at == to || *steps > MAX_STEPS {
                return true;
            }
            let Some(is_seen) = seen.get_mut(at) else { continue };
            if std::mem::replace(is_seen, true) {
                continue;
            }
            if let Some(node) = self.nodes.get(at) {
                open.extend(node.in_place.iter().chain(&node.below));
            }
        }
        false
    }
}

impl Node {
    fn of(schema: &Value, document: &Value, names: &Names<'_>) -> Self {
        let mut node = Self::default();
        let Some(members) = schema.as_object() else {
            return node;
        };
        let number = |schema: &Value| names.number(schema);
        for keyword in IN_PLACE {
            node.in_place.extend(members.get(keyword).and_then(number));
        }
        for keyword in BRANCHES {
            let branches = members.get(keyword).and_then(Value::as_array).into_iter().flatten();
            let branches: Vec<usize> = branches.filter_map(number).collect();
            node.in_place.extend(&branches);
            if keyword != "allOf" {
                node.alternatives.extend(branches);
            }
        }
        for keyword in IN_PLACE_MAPS {
            node.in_place.extend(schemas_of(members, keyword).filter_map(number));
        }
        for keyword in BELOW {
            let below = members.get(keyword);
            node.below.extend(below.and_then(number));
            let items = below.and_then(Value::as_array).into_iter().flatten();
            node.below.extend(items.filter_map(number));
        }
        let prefix = members.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        node.below.extend(prefix.filter_map(number));
        for keyword in BELOW_MAPS {
            node.below.extend(schemas_of(members, keyword).filter_map(number));
        }
        for keyword in REFERENCES {
            if let Some(reference) = members.get(keyword).and_then(Value::as_str) {
                let targets = names.targets(reference, document);
                node.leaves |= targets.is_empty();
                node.in_place.extend(targets);
                if keyword == "$recursiveRef" {
                    node.in_place.extend(names.recursive());
                }
            }
        }
        node
    }
}

fn schemas_of<'d>(
    members: &'d Map<String, Value>,
    keyword: &str,
) -> impl Iterator<Item = &'d Value> + use<'d> {
    members.get(keyword).and_then(Value::as_object).into_iter().flat_map(Map::values)
}
