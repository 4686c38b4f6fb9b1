//! A schema document to a program.
//!
//! What this module does not read, or does not know how to read, it refuses as a whole: the
//! `jsonschema` crate then reads the schema, and names what is wrong with it.

use super::{
    ALL, ANY, ARRAY, Also, ArrayRule, Bits, Choice, Contains, Dependent, FALSE, Home, INTEGER, Kinds, Member,
    Multiple, NEVER, NO_BIT, NULL, NUMBER, Names, Node, NodeId, NumberRule, OBJECT, ObjectRule, Program,
    STRING, StringRule, TRUE, Wording,
};
use crate::documents::Documents;
use crate::scan::{Limit, number_in};
use jsonschema::Draft;
use referencing::{Registry, Resolver, SPECIFICATIONS};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// More references in a row than any schema needs.
const MAX_CHAIN: usize = 4096;
/// The base of a schema that names none.
const BASE: &str = "json-schema:///";

/// The schema is not one that this engine reads.
#[derive(Debug)]
pub struct Refusal;

type Compiled<T> = Result<T, Refusal>;
type Members = Map<String, Value>;

/// Compile the root document.
///
/// `forced`: `default` wins over what the document says of itself.
pub fn compile(documents: &Documents, default: Draft, forced: bool, formats: bool) -> Compiled<Program> {
    let says_otherwise = forced && default.detect(&documents.root) != default;
    if default == Draft::Unknown || says_otherwise {
        return Err(Refusal);
    }
    if !documents.others.is_empty() || needs_registry(&documents.root, true) {
        let base = base_of(&documents.root, default);
        let others = documents.others.iter().map(|(uri, document)| {
            let draft = default.detect(document);
            (uri.as_str(), draft.create_resource_ref(document))
        });
        let all = others.chain([(base.as_str(), default.create_resource_ref(&documents.root))]);
        let registry = SPECIFICATIONS.extend(all).map_err(|_| Refusal)?.draft(default).prepare();
        let registry: Registry<'_> = registry.map_err(|_| Refusal)?;
        let uri = referencing::uri::from_str(&base).map_err(|_| Refusal)?;
        let resolver = registry.resolver(uri);
        let mut compiler = Compiler::of(documents, formats);
        compiler.find_homes();
        compiler.run(Scope { draft: default, resolver: Some(resolver) })
    } else {
        Compiler::of(documents, formats).run(Scope { draft: default, resolver: None })
    }
}

fn base_of(root: &Value, draft: Draft) -> String {
    let resource = draft.create_resource_ref(root);
    let id = resource.id().unwrap_or_default();
    let id = id.split('#').next().unwrap_or_default();
    if id.contains(':') { id.to_owned() } else { format!("{BASE}{}", id.trim_start_matches('/')) }
}

/// Whether a reference may mean something else than a pointer into the document it stands in.
fn needs_registry(value: &Value, is_root: bool) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, member)| {
            let named = match name.as_str() {
                "$id" | "id" => member.is_string() && !is_root,
                "$anchor" | "$dynamicAnchor" => member.is_string(),
                "$ref" => {
                    member.as_str().is_some_and(|reference| reference != "#" && !reference.starts_with("#/"))
                }
                _ => false,
            };
            named || needs_registry(member, false)
        }),
        Value::Array(items) => items.iter().any(|item| needs_registry(item, false)),
        _ => false,
    }
}

/// What is in force where a schema stands.
#[derive(Clone)]
struct Scope<'d> {
    draft: Draft,
    /// None where every reference is a pointer into the root document.
    resolver: Option<Resolver<'d>>,
}

/// A schema that waits for its turn.
struct Task<'d> {
    members: &'d Members,
    node: NodeId,
    scope: Scope<'d>,
    home: Home,
}

struct Compiler<'d> {
    documents: &'d Documents,
    formats: bool,
    nodes: Vec<Node>,
    known: HashMap<*const Value, NodeId>,
    homes: HashMap<*const Value, Home>,
    patterns: HashMap<&'d str, Wording>,
    queue: Vec<Task<'d>>,
}

impl<'d> Compiler<'d> {
    fn of(documents: &'d Documents, formats: bool) -> Self {
        let any = Node { kinds: ALL, types: ALL, ..Node::default() };
        Self {
            documents,
            formats,
            nodes: vec![any, Node { id: NEVER, ..Node::default() }],
            known: HashMap::new(),
            homes: HashMap::new(),
            patterns: HashMap::new(),
            queue: Vec::new(),
        }
    }

    /// Note where every value of every document stands: references may lead anywhere.
    fn find_homes(&mut self) {
        let documents =
            [&self.documents.root].into_iter().chain(self.documents.others.iter().map(|other| &other.1));
        let mut open: Vec<(&Value, u32, String)> = Vec::new();
        for (number, document) in (0_u32..).zip(documents) {
            open.push((document, number, String::new()));
        }
        while let Some((value, document, pointer)) = open.pop() {
            match value {
                Value::Object(members) => open
                    .extend(members.iter().map(|(name, member)| (member, document, below(&pointer, name)))),
                Value::Array(items) => open.extend(
                    items
                        .iter()
                        .enumerate()
                        .map(|(number, item)| (item, document, format!("{pointer}/{number}"))),
                ),
                _ => continue,
            }
            self.homes.insert(std::ptr::from_ref(value), Home { document, pointer: pointer.into() });
        }
    }

    fn run(mut self, scope: Scope<'d>) -> Compiled<Program> {
        let documents = self.documents;
        let root = self.schema(&documents.root, &scope, Home::default())?;
        while let Some(task) = self.queue.pop() {
            let node = self.node(&task)?;
            if let Some(slot) = self.nodes.get_mut(task.node as usize) {
                *slot = node;
            }
        }
        let chain = self.nodes.iter().filter(|node| !in_place(node).is_empty()).count() + 1;
        let program = Program { nodes: self.nodes, root, chain: chain.min(MAX_CHAIN) };
        if looks_at_itself(&program) { Err(Refusal) } else { Ok(program) }
    }

    /// The node of a schema, which is compiled when its turn comes.
    fn schema(&mut self, value: &'d Value, scope: &Scope<'d>, home: Home) -> Compiled<NodeId> {
        let (mut value, mut home) = (value, home);
        let mut scope: Scope<'d> = scope.clone();
        for _ in 0..MAX_CHAIN {
            let members = match value {
                Value::Bool(true) => return Ok(ANY),
                // Where it stands matters: what it forbids is reported there.
                Value::Bool(false) => return Ok(self.known_or_new(value, home, 0).0),
                Value::Object(members) => members,
                _ => return Err(Refusal),
            };
            if let Some(&node) = self.known.get(&std::ptr::from_ref(value)) {
                return Ok(node);
            }
            enter(&mut scope, value)?;
            match members.get("$ref") {
                Some(reference) if is_only_reference(members, scope.draft) => {
                    (value, scope, home) = self.follow(reference, &scope)?;
                }
                _ => {
                    let (node, new) = self.known_or_new(value, home.clone(), ALL);
                    if new {
                        self.queue.push(Task { members, node, scope, home });
                    }
                    return Ok(node);
                }
            }
        }
        Err(Refusal)
    }

    fn known_or_new(&mut self, value: &Value, home: Home, kinds: Kinds) -> (NodeId, bool) {
        let address = std::ptr::from_ref(value);
        if let Some(&node) = self.known.get(&address) {
            return (node, false);
        }
        let node = NodeId::try_from(self.nodes.len()).unwrap_or(NEVER);
        self.nodes.push(Node { kinds, types: kinds, id: node, home, ..Node::default() });
        self.known.insert(address, node);
        (node, true)
    }

    /// Where a reference leads.
    fn follow(&self, reference: &'d Value, scope: &Scope<'d>) -> Compiled<(&'d Value, Scope<'d>, Home)> {
        let reference = reference.as_str().ok_or(Refusal)?;
        let Some(resolver) = &scope.resolver else {
            let pointer = decoded_fragment(reference.trim_start_matches('#')).ok_or(Refusal)?;
            let value = self.documents.root.pointer(&pointer).ok_or(Refusal)?;
            return Ok((value, scope.clone(), Home { document: 0, pointer: pointer.into() }));
        };
        let (value, resolver, draft) = resolver.lookup(reference).map_err(|_| Refusal)?.into_inner();
        let home = match self.homes.get(&std::ptr::from_ref(value)) {
            Some(home) => home.clone(),
            // A boolean is not worth a place; a metaschema is the crate's business.
            None if value.is_boolean() => Home::default(),
            None => return Err(Refusal),
        };
        Ok((value, Scope { draft, resolver: Some(resolver) }, home))
    }

    fn node(&mut self, task: &Task<'d>) -> Compiled<Node> {
        let Task { members, scope, home, .. } = task;
        let draft = scope.draft;
        let mut node = Node { kinds: ALL, types: ALL, id: task.node, home: home.clone(), ..Node::default() };
        if let (Some(reference), true) = (members.get("$ref"), hides_siblings(draft)) {
            let (value, scope, home) = self.follow(reference, scope)?;
            node.also = [Also::Same(self.schema(value, &scope, home)?)].into();
            return Ok(node);
        }
        for keyword in members.keys() {
            if is_left_to_the_crate(keyword, draft, self.formats) {
                return Err(Refusal);
            }
        }
        if let Some(types) = members.get("type") {
            node.types = kinds_of(types).ok_or(Refusal)?;
            node.kinds = node.types;
        }
        node.is_draft_4 = draft == Draft::Draft4;
        node.choices = choices_of(members, draft)?;
        for choice in &node.choices {
            // The integer 1 may be written 1.0, and be no integer in draft 4.
            let both = if choice.kinds & NUMBER != 0 { NUMBER } else { 0 };
            node.kinds &= choice.kinds | both;
            node.asks |= choice.kinds & !(NULL | FALSE | TRUE) | both;
        }
        node.string = self.string_rule(members, draft)?.map(Box::new);
        node.number = number_rule(members, draft)?.map(Box::new);
        node.array = self.array_rule(task)?.map(Box::new);
        node.object = self.object_rule(task)?.map(Box::new);
        for (asked, kinds) in [
            (node.string.is_some(), STRING),
            (node.number.is_some() || node.types & NUMBER == INTEGER, NUMBER),
            (node.array.is_some(), ARRAY),
            (node.object.is_some(), OBJECT),
        ] {
            node.asks |= if asked { kinds } else { 0 };
        }
        node.also = self.also(task)?;
        Ok(node.finish())
    }

    fn string_rule(&mut self, members: &'d Members, draft: Draft) -> Compiled<Option<StringRule>> {
        let mut rule = StringRule {
            least: count(members, "minLength")?.unwrap_or(0),
            most: count(members, "maxLength")?,
            ..StringRule::default()
        };
        if let Some(pattern) = members.get("pattern") {
            rule.pattern = Some(self.pattern(pattern.as_str().ok_or(Refusal)?)?);
        }
        if let Some(format) = members.get("format").and_then(Value::as_str).filter(|_| self.formats) {
            rule.format = Wording::format(format, draft);
        }
        let asks = rule.least > 0 || rule.most.is_some() || rule.pattern.is_some() || rule.format.is_some();
        Ok(asks.then_some(rule))
    }

    fn pattern(&mut self, source: &'d str) -> Compiled<Wording> {
        if let Some(known) = self.patterns.get(source) {
            return Ok(known.clone());
        }
        let pattern = Wording::pattern(source).ok_or(Refusal)?;
        self.patterns.insert(source, pattern.clone());
        Ok(pattern)
    }

    /// The node of the schema that a keyword holds.
    fn sub(&mut self, task: &Task<'d>, keyword: &str) -> Compiled<Option<NodeId>> {
        let Some(value) = task.members.get(keyword) else { return Ok(None) };
        let home = self.place(task, keyword, "");
        self.schema(value, &task.scope, home).map(Some)
    }

    fn place(&self, task: &Task<'d>, keyword: &str, part: &str) -> Home {
        let mut pointer = below(&task.home.pointer, keyword);
        if !part.is_empty() {
            pointer.push_str(part);
        }
        Home { document: task.home.document, pointer: pointer.into() }
    }

    /// The nodes of the schemas that a keyword holds in an array.
    fn list(&mut self, task: &Task<'d>, keyword: &str) -> Compiled<Option<Box<[NodeId]>>> {
        let Some(value) = task.members.get(keyword) else { return Ok(None) };
        let mut nodes = Vec::new();
        for (number, value) in value.as_array().ok_or(Refusal)?.iter().enumerate() {
            let home = self.place(task, keyword, &format!("/{number}"));
            nodes.push(self.schema(value, &task.scope, home)?);
        }
        Ok(Some(nodes.into()))
    }

    fn array_rule(&mut self, task: &Task<'d>) -> Compiled<Option<ArrayRule>> {
        let (members, draft) = (task.members, task.scope.draft);
        let mut rule = ArrayRule {
            is_plain: false,
            least: count(members, "minItems")?.unwrap_or(0),
            most: count(members, "maxItems")?,
            unique: members.get("uniqueItems") == Some(&Value::Bool(true)),
            prefix: Box::default(),
            rest: ANY,
            forbids_rest: false,
            contains: None,
        };
        if draft >= Draft::Draft202012 {
            rule.prefix = self.list(task, "prefixItems")?.unwrap_or_default();
            rule.rest = self.sub(task, "items")?.unwrap_or(ANY);
        } else if members.get("items").is_some_and(Value::is_array) {
            rule.prefix = self.list(task, "items")?.unwrap_or_default();
            rule.rest = self.sub(task, "additionalItems")?.unwrap_or(ANY);
            rule.forbids_rest = members.get("additionalItems") == Some(&Value::Bool(false));
        } else {
            rule.rest = self.sub(task, "items")?.unwrap_or(ANY);
        }
        if draft >= Draft::Draft6
            && let Some(node) = self.sub(task, "contains")?
        {
            let bounded = draft >= Draft::Draft201909;
            let bound = |keyword| if bounded { count(members, keyword) } else { Ok(None) };
            let (least, most) = (bound("minContains")?.unwrap_or(1), bound("maxContains")?);
            rule.contains = Some(Contains { node, least, most });
        }
        let asks = rule.least > 0
            || rule.most.is_some()
            || rule.unique
            || !rule.prefix.is_empty()
            || rule.rest != ANY;
        Ok((asks || rule.contains.is_some()).then(|| rule.finish()))
    }

    fn also(&mut self, task: &Task<'d>) -> Compiled<Box<[Also]>> {
        let mut also = Vec::new();
        if let Some(reference) = task.members.get("$ref") {
            let (value, scope, home) = self.follow(reference, &task.scope)?;
            also.push(Also::Same(self.schema(value, &scope, home)?));
        }
        also.extend(self.list(task, "allOf")?.map(Also::All));
        also.extend(self.list(task, "anyOf")?.map(Also::Any));
        also.extend(self.list(task, "oneOf")?.map(Also::One));
        also.extend(self.sub(task, "not")?.map(Also::Not));
        if task.scope.draft >= Draft::Draft7
            && let Some(condition) = self.sub(task, "if")?
        {
            let then = self.sub(task, "then")?.unwrap_or(ANY);
            let otherwise = self.sub(task, "else")?.unwrap_or(ANY);
            if (then, otherwise) != (ANY, ANY) {
                also.push(Also::If { condition, then, otherwise });
            }
        }
        // What allows everything needs no look.
        also.retain(|each| {
            !matches!(each, Also::Same(ANY))
                && !matches!(each, Also::All(nodes) if nodes.iter().all(|&node| node == ANY))
        });
        Ok(also.into())
    }

    fn object_rule(&mut self, task: &Task<'d>) -> Compiled<Option<ObjectRule>> {
        let (members, draft) = (task.members, task.scope.draft);
        let mut known = KnownNames::default();
        let patterns = self.patterns_of(task)?;
        let rest = self.sub(task, "additionalProperties")?.unwrap_or(ANY);
        if let Some(properties) = members.get("properties") {
            for (name, value) in properties.as_object().ok_or(Refusal)? {
                let home = self.place(task, "properties", &below("", name));
                let node = self.schema(value, &task.scope, home)?;
                known.list(name, node);
            }
        }
        let required = names_of(members.get("required"))?;
        let required: Vec<u32> = required.iter().map(|name| known.bit(name)).collect();
        let mut dependents = Vec::new();
        let mut dependent_schemas = Vec::new();
        for (keyword, since) in [
            ("dependentRequired", Draft::Draft201909),
            ("dependentSchemas", Draft::Draft201909),
            ("dependencies", Draft::Draft4),
        ] {
            let Some(value) = members.get(keyword).filter(|_| draft >= since) else { continue };
            for (name, value) in value.as_object().ok_or(Refusal)? {
                let bit = known.bit(name);
                if value.is_array() {
                    let others = names_of(Some(value))?;
                    let names = Bits::of(others.iter().map(|other| known.bit(other)));
                    dependents.push(Dependent { bit, names, keyword });
                } else {
                    let home = self.place(task, keyword, &below("", name));
                    dependent_schemas.push((bit, self.schema(value, &task.scope, home)?));
                }
            }
        }
        let naming = if draft >= Draft::Draft6 { self.sub(task, "propertyNames")? } else { None };
        let mut rule = ObjectRule {
            least: count(members, "minProperties")?.unwrap_or(0),
            most: count(members, "maxProperties")?,
            required: Bits::of(required),
            bits: known.bits as usize,
            rest,
            forbids_rest: members.get("additionalProperties") == Some(&Value::Bool(false)),
            knows_names: ["properties", "patternProperties"].iter().any(|keyword| {
                members.get(*keyword).and_then(Value::as_object).is_some_and(|names| !names.is_empty())
            }),
            naming: naming.filter(|&node| node != ANY),
            dependents: dependents.into(),
            dependent_schemas: dependent_schemas.into(),
            ..ObjectRule::default()
        };
        (rule.names, rule.members) = known.finish(&patterns, rest);
        rule.patterns = patterns;
        let silent = rule.least == 0
            && rule.most.is_none()
            && rule.names.len() == 0
            && rule.patterns.is_empty()
            && rule.rest == ANY
            && rule.naming.is_none();
        Ok((!silent).then(|| rule.finish()))
    }

    fn patterns_of(&mut self, task: &Task<'d>) -> Compiled<Box<[(Wording, NodeId)]>> {
        let Some(value) = task.members.get("patternProperties") else { return Ok(Box::default()) };
        let mut patterns = Vec::new();
        for (source, value) in value.as_object().ok_or(Refusal)? {
            let home = self.place(task, "patternProperties", &below("", source));
            let node = self.schema(value, &task.scope, home)?;
            patterns.push((self.pattern(source)?, node));
        }
        Ok(patterns.into())
    }
}

/// The names that an object schema tells apart, while it is read.
#[derive(Default)]
struct KnownNames<'d> {
    index: HashMap<&'d str, usize>,
    list: Vec<(&'d str, Option<NodeId>, u32)>,
    bits: u32,
}

impl<'d> KnownNames<'d> {
    fn list(&mut self, name: &'d str, node: NodeId) {
        self.index.insert(name, self.list.len());
        self.list.push((name, Some(node), NO_BIT));
    }

    /// The bit of a name that has to be seen.
    fn bit(&mut self, name: &'d str) -> u32 {
        let next = self.list.len();
        let at = *self.index.entry(name).or_insert(next);
        if at == next {
            self.list.push((name, None, NO_BIT));
        }
        let bits = &mut self.bits;
        self.list.get_mut(at).map_or(0, |known| {
            if known.2 == NO_BIT {
                known.2 = *bits;
                *bits += 1;
            }
            known.2
        })
    }

    fn finish(self, patterns: &[(Wording, NodeId)], rest: NodeId) -> (Names, Box<[Member]>) {
        let names = Names::of(self.list.iter().map(|known| known.0));
        let member = |(name, node, bit): &(&str, Option<NodeId>, u32)| {
            let matching = patterns.iter().filter(|(pattern, _)| pattern.holds(name)).map(|(_, node)| *node);
            let mut nodes: Vec<NodeId> = node.iter().copied().chain(matching).collect();
            let covered = !nodes.is_empty();
            if !covered {
                nodes.push(rest);
            }
            let first = nodes.remove(0);
            nodes.retain(|&node| node != ANY);
            let flag = if *bit < 64 { 1 << *bit } else { 0 };
            Member { node: first, more: nodes.into(), bit: *bit, flag, covered }
        };
        (names, self.list.iter().map(member).collect())
    }
}

/// Enter an embedded resource: it may have an identifier and a draft of its own.
fn enter(scope: &mut Scope<'_>, value: &Value) -> Compiled<()> {
    let draft = scope.draft.detect(value);
    if draft == Draft::Unknown {
        return Err(Refusal);
    }
    scope.draft = draft;
    if let Some(resolver) = &scope.resolver {
        scope.resolver =
            Some(resolver.in_subresource(draft.create_resource_ref(value)).map_err(|_| Refusal)?);
    }
    Ok(())
}

fn hides_siblings(draft: Draft) -> bool {
    draft <= Draft::Draft7
}

/// Whether nothing but a `$ref` counts in the schema.
fn is_only_reference(members: &Members, draft: Draft) -> bool {
    hides_siblings(draft) || members.keys().all(|name| name == "$ref" || is_annotation(name))
}

fn is_annotation(keyword: &str) -> bool {
    matches!(
        keyword,
        "title"
            | "description"
            | "default"
            | "examples"
            | "$comment"
            | "deprecated"
            | "readOnly"
            | "writeOnly"
            | "$defs"
            | "definitions"
    )
}

/// Keywords of the draft that assert something, and that this engine does not read.
fn is_left_to_the_crate(keyword: &str, draft: Draft, formats: bool) -> bool {
    match keyword {
        "unevaluatedItems" | "unevaluatedProperties" => draft >= Draft::Draft201909,
        "$dynamicRef" => draft >= Draft::Draft202012,
        "$recursiveRef" => draft == Draft::Draft201909,
        "contentEncoding" | "contentMediaType" => formats && matches!(draft, Draft::Draft6 | Draft::Draft7),
        _ => false,
    }
}

fn kinds_of(types: &Value) -> Option<Kinds> {
    match types {
        Value::String(name) => Some(match name.as_str() {
            "null" => NULL,
            "boolean" => FALSE | TRUE,
            "integer" => INTEGER,
            "number" => NUMBER,
            "string" => STRING,
            "array" => ARRAY,
            "object" => OBJECT,
            _ => return None,
        }),
        Value::Array(names) => names.iter().try_fold(0, |kinds, name| Some(kinds | kinds_of(name)?)),
        _ => None,
    }
}

fn choices_of(members: &Members, draft: Draft) -> Compiled<Box<[Choice]>> {
    let mut choices = Vec::new();
    if let Some(values) = members.get("enum") {
        choices.push(Choice::of("enum", values.as_array().ok_or(Refusal)?).ok_or(Refusal)?);
    }
    if let Some(value) = members.get("const").filter(|_| draft >= Draft::Draft6) {
        choices.push(Choice::of("const", std::slice::from_ref(value)).ok_or(Refusal)?);
    }
    Ok(choices.into())
}

fn number_rule(members: &Members, draft: Draft) -> Compiled<Option<NumberRule>> {
    let bound = |keyword| match members.get(keyword) {
        None => Ok(None),
        Some(Value::Number(number)) => Limit::of(number).map(Some).ok_or(Refusal),
        Some(_) => Err(Refusal),
    };
    let mut rule =
        NumberRule { minimum: bound("minimum")?, maximum: bound("maximum")?, ..NumberRule::default() };
    if draft == Draft::Draft4 {
        let is_set = |keyword| members.get(keyword) == Some(&Value::Bool(true));
        rule.above = if is_set("exclusiveMinimum") { rule.minimum.take() } else { None };
        rule.below = if is_set("exclusiveMaximum") { rule.maximum.take() } else { None };
    } else {
        (rule.above, rule.below) = (bound("exclusiveMinimum")?, bound("exclusiveMaximum")?);
    }
    if let Some(divisor) = members.get("multipleOf") {
        rule.multiple = Some(divisor.as_number().and_then(Multiple::of).ok_or(Refusal)?);
    }
    let asks =
        rule.minimum.is_some() || rule.maximum.is_some() || rule.above.is_some() || rule.below.is_some();
    Ok((asks || rule.multiple.is_some()).then_some(rule))
}

fn count(members: &Members, keyword: &str) -> Compiled<Option<u64>> {
    match members.get(keyword) {
        None => Ok(None),
        // More than 64 bits count is more than any text has.
        Some(Value::Number(number)) => {
            let count = number_in(number.to_string().as_bytes()).spelling();
            if !count.bytes().all(|digit| digit.is_ascii_digit()) {
                return Err(Refusal);
            }
            Ok(Some(count.parse().unwrap_or(u64::MAX)))
        }
        Some(_) => Err(Refusal),
    }
}

fn names_of(value: Option<&Value>) -> Compiled<Vec<&str>> {
    let Some(value) = value else { return Ok(Vec::new()) };
    value.as_array().ok_or(Refusal)?.iter().map(|name| name.as_str().ok_or(Refusal)).collect()
}

/// A pointer to a member of what `pointer` leads to.
fn below(pointer: &str, name: &str) -> String {
    let mut out = String::with_capacity(pointer.len() + name.len() + 1);
    out.push_str(pointer);
    push_part(&mut out, name);
    out
}

/// Lengthen a pointer by one part.
pub fn push_part(pointer: &mut String, name: &str) {
    pointer.push('/');
    for letter in name.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            _ => pointer.push(letter),
        }
    }
}

fn decoded_fragment(fragment: &str) -> Option<String> {
    if !fragment.contains('%') {
        return Some(fragment.to_owned());
    }
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut parts = fragment.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part.get(2..)?.bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Whether some schema looks at a value because it looks at that value.
fn looks_at_itself(program: &Program) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; program.nodes.len()];
    let mut path = Vec::new();
    for start in 0..program.nodes.len() {
        path.push(start);
        while let Some(&at) = path.last() {
            let Some(mark) = marks.get_mut(at) else { return true };
            match *mark {
                Mark::New => {
                    *mark = Mark::Open;
                    for next in program.nodes.get(at).into_iter().flat_map(in_place) {
                        match marks.get(next as usize) {
                            Some(Mark::New) => path.push(next as usize),
                            Some(Mark::Done) => {}
                            _ => return true,
                        }
                    }
                }
                _ => {
                    *mark = Mark::Done;
                    path.pop();
                }
            }
        }
    }
    false
}

/// The nodes that look at the value a node looks at.
fn in_place(node: &Node) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    for also in &node.also {
        match also {
            Also::Same(node) | Also::Not(node) => nodes.push(*node),
            Also::All(several) | Also::Any(several) | Also::One(several) => nodes.extend(several.iter()),
            Also::If { condition, then, otherwise } => nodes.extend([condition, then, otherwise]),
        }
    }
    if let Some(object) = &node.object {
        nodes.extend(object.dependent_schemas.iter().map(|(_, node)| *node));
    }
    nodes
}
