//! The engine: a schema compiled once, checked against many texts.

use crate::blame::{Violation, blame, translate};
use crate::collect::{Collector, Finding};
use crate::documents::Documents;
use crate::place::in_order;
use crate::program::{self, NodeId, Program};
use crate::reach::Reach;
use crate::run::Run;
use crate::scan::{MAX_DEPTH, past_space};
use crate::stack::{AT_HAND, with_room};
use crate::stream::{Doom, Guide, Plan, Progress, Stream};
use crate::tell::Told;
use crate::text::{self, Document};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, ValidationOptions, Validator};
use referencing::SPECIFICATIONS;
use serde_json::Value;
use std::sync::OnceLock;

/// Compiling takes at most this much stack per level of nesting or reference.
const COMPILE_FRAME: usize = 16 * 1024;
/// Checking takes at most this much stack per schema that looks at one value.
const CHECK_FRAME: usize = 1536;
/// The own engine takes at most this much for a container or for what looks at the same value.
const RUN_FRAME: usize = if cfg!(debug_assertions) { 32 * 1024 } else { 1024 };
/// Errors of alternatives inside alternatives are told apart up to this many combinations.
const MAX_COMBINATIONS: f64 = 1024.0;

/// Why a schema cannot be compiled.
#[derive(Clone, Debug, PartialEq)]
pub enum CompileError {
    /// A document is no JSON; "" names the schema itself, else its URI in the registry.
    NoJson(String),
    /// `$schema` names a dialect that is neither built in nor in the registry.
    UnknownDialect(String),
    /// The schema breaks the rules of its own dialect.
    Invalid(Box<Violation>),
    /// A reference leads nowhere.
    MissingReference(String),
    /// References go on for longer than any schema needs.
    TooDeep,
    /// Anything else, in the words of the underlying engine.
    Other(String),
}

/// What is wrong with a text, before it is put into words.
pub enum Report {
    /// It is no JSON.
    NoJson,
    /// It is rejected, for reasons that would take too long to tell.
    Unplaced,
    Findings(Vec<Finding>),
    Violations(Vec<Violation>),
}

impl Report {
    /// How many things are wrong.
    pub fn len(&self) -> usize {
        match self {
            Self::NoJson | Self::Unplaced => 1,
            Self::Findings(findings) => findings.len(),
            Self::Violations(violations) => violations.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A compiled schema. Immutable; any number of threads may use it.
pub struct Schema {
    /// None where the schema asks what only the `jsonschema` crate knows.
    program: Option<Program>,
    plan: OnceLock<Option<Plan>>,
    validator: OnceLock<Option<Validator>>,
    documents: Documents,
    reach: OnceLock<Option<Reach>>,
    draft: Option<Draft>,
    formats: bool,
}

impl Schema {
    /// Compile a schema.
    ///
    /// `draft` None means what `$schema` says, else 2020-12; `formats` whether `format` is
    /// asserted; `registry` the documents that references may lead to, by URI.
    pub fn compile(
        text: &str,
        draft: Option<Draft>,
        formats: bool,
        registry: &[(String, String)],
    ) -> Result<Self, CompileError> {
        let documents = Documents::read(text, registry).map_err(CompileError::NoJson)?;
        let room = (documents.depth + 1) * COMPILE_FRAME;
        let program = with_room(room, || own_program(&documents, draft, formats)).flatten();
        let schema = Self {
            program,
            plan: OnceLock::new(),
            validator: OnceLock::new(),
            documents,
            reach: OnceLock::new(),
            draft,
            formats,
        };
        if schema.program.is_none() {
            let validator = schema.build()?;
            schema.validator.get_or_init(|| Some(validator));
        }
        Ok(schema)
    }

    /// Whether this engine reads the schema itself; else the `jsonschema` crate does.
    pub fn is_own(&self) -> bool {
        self.program.is_some()
    }

    fn build(&self) -> Result<Validator, CompileError> {
        let reach = self.reach().ok_or(CompileError::TooDeep)?;
        let room = (self.documents.depth + reach.chain) * COMPILE_FRAME;
        let built = with_room(room, || build(&self.documents, self.draft, self.formats));
        built.ok_or_else(|| CompileError::Other("the schema engine failed".to_owned()))?
    }

    fn reach(&self) -> Option<&Reach> {
        self.reach.get_or_init(|| Reach::of(&self.documents)).as_ref()
    }

    fn validator(&self) -> Option<&Validator> {
        self.validator.get_or_init(|| self.build().ok()).as_ref()
    }

    /// Whether `text` is JSON that satisfies the schema.
    pub fn accepts(&self, text: &[u8]) -> bool {
        match &self.program {
            Some(program) => accepts(program, text, false),
            None => text::read(text).is_some_and(|document| self.allows(&document)),
        }
    }

    /// The same for text that is known to be UTF-8.
    pub fn accepts_str(&self, text: &str) -> bool {
        match &self.program {
            Some(program) => accepts(program, text.as_bytes(), true),
            None => self.accepts(text.as_bytes()),
        }
    }

    /// What is wrong with `text`; nothing where it is valid.
    pub fn check(&self, text: &[u8]) -> Report {
        if self.accepts(text) {
            return Report::Findings(Vec::new());
        }
        let Some(program) = &self.program else { return self.check_by_crate(text) };
        if !text::is_json(text) {
            return Report::NoJson;
        }
        let start = past_space(text, 0);
        let found = collected(program, text, program.root, start, "");
        // What is rejected always has a reason, if only the coarsest.
        if found.is_empty() { Report::Unplaced } else { Report::Findings(found) }
    }

    fn plan(&self) -> Option<&Plan> {
        self.plan.get_or_init(|| self.program.as_ref().map(Plan::of)).as_ref()
    }

    /// Whether a stream is doomed at the very first byte after which nothing helps.
    pub fn streams_exactly(&self) -> bool {
        self.plan().is_some_and(|plan| plan.exact)
    }

    /// Let a stream read on.
    pub fn feed(&self, stream: &mut Stream, chunk: &[u8]) -> Progress {
        let (Some(program), Some(plan)) = (&self.program, self.plan()) else {
            return self.feed_by_crate(stream, chunk);
        };
        stream.feed(Guide { program, plan, room: AT_HAND / RUN_FRAME }, chunk)
    }

    /// Follow the JSON alone, and look at the value when it is whole.
    fn feed_by_crate(&self, stream: &mut Stream, chunk: &[u8]) -> Progress {
        let any = Program::any();
        let plan = Plan::of(&any);
        let guide = Guide { program: &any, plan: &plan, room: AT_HAND / RUN_FRAME };
        match stream.feed(guide, chunk) {
            Progress::Complete if stream.is_number() && !self.accepts(stream.text()) => Progress::Viable,
            Progress::Complete if !self.accepts(stream.text()) => stream.give_up(),
            progress => progress,
        }
    }

    /// What dooms a stream; nothing where it is not doomed.
    pub fn stream_violations(&self, stream: &Stream) -> Vec<Violation> {
        match stream.doom() {
            None => Vec::new(),
            Some(Doom::NoJson) => vec![Violation::plain("json", Value::Null)],
            Some(Doom::Rejected) => self.violations(stream.text()),
            Some(Doom::Finding(finding)) => {
                let Some(program) = &self.program else { return Vec::new() };
                let told = Told { program, documents: &self.documents, text: stream.text() };
                let mut violation = told.violation(finding, 0);
                if let Some(violation) = violation.as_mut().filter(|_| !stream.is_whole(finding)) {
                    // Nothing can be said of alternatives before the value is whole.
                    violation.branches.clear();
                }
                violation.into_iter().collect()
            }
        }
    }

    fn check_by_crate(&self, text: &[u8]) -> Report {
        let Some(document) = text::read(text) else { return Report::NoJson };
        let found = match self.validator() {
            Some(validator) if self.combinations(document.depth) <= MAX_COMBINATIONS => {
                with_room(self.room(document.depth), || {
                    blame(validator.iter_errors(&document.value), &self.documents)
                })
            }
            _ => None,
        };
        let Some(mut found) = found.filter(|found| !found.is_empty()) else { return Report::Unplaced };
        in_order(&mut found, text);
        Report::Violations(found)
    }

    /// One of the things that are wrong, in full; `text` is the one that was checked.
    pub fn violation(&self, report: &Report, number: usize, text: &[u8]) -> Option<Violation> {
        if number >= report.len() {
            return None;
        }
        match report {
            Report::NoJson => Some(Violation::plain("json", Value::Null)),
            Report::Unplaced => Some(Violation::plain("schema", Value::Null)),
            Report::Violations(violations) => violations.get(number).cloned(),
            Report::Findings(findings) => {
                let told = Told { program: self.program.as_ref()?, documents: &self.documents, text };
                told.violation(findings.get(number)?, 0)
            }
        }
    }

    /// Everything that is wrong with `text`, in full.
    pub fn violations(&self, text: &[u8]) -> Vec<Violation> {
        let report = self.check(text);
        (0..report.len()).filter_map(|number| self.violation(&report, number, text)).collect()
    }

    fn allows(&self, document: &Document) -> bool {
        let Some(validator) = self.validator() else { return false };
        let verdict = || validator.is_valid(&document.value);
        with_room(self.room(document.depth), verdict).unwrap_or(false)
    }

    fn room(&self, depth: usize) -> usize {
        (depth + 1) * self.reach().map_or(1, |reach| reach.chain) * CHECK_FRAME
    }

    /// How many ways there may be to fail, where alternatives repeat at every level.
    fn combinations(&self, depth: usize) -> f64 {
        let depth = u32::try_from(depth).map_or(f64::INFINITY, f64::from);
        self.reach().map_or(f64::INFINITY, |reach| reach.fan_out.powf(depth))
    }
}

/// The program of a schema that this engine reads itself.
///
/// What is no valid schema is left to the `jsonschema` crate, which says why.
fn own_program(documents: &Documents, draft: Option<Draft>, formats: bool) -> Option<Program> {
    // A metaschema of one's own may put vocabularies out of force.
    let is_known = |document: &Value| Draft::default().detect(document) != Draft::Unknown;
    if draft.is_none() && !is_known(&documents.root) {
        return None;
    }
    let default = draft.unwrap_or_default();
    let default = if draft.is_some() { default } else { default.detect(&documents.root) };
    if !is_valid_schema(default, &documents.root) {
        return None;
    }
    program::compile(documents, default, draft.is_some(), formats).ok()
}

fn is_valid_schema(draft: Draft, schema: &Value) -> bool {
    match draft {
        Draft::Draft4 => jsonschema::draft4::meta::is_valid(schema),
        Draft::Draft6 => jsonschema::draft6::meta::is_valid(schema),
        Draft::Draft7 => jsonschema::draft7::meta::is_valid(schema),
        Draft::Draft201909 => jsonschema::draft201909::meta::is_valid(schema),
        _ => jsonschema::draft202012::meta::is_valid(schema),
    }
}

fn accepts(program: &Program, text: &[u8], is_utf8: bool) -> bool {
    let look = |room: usize| {
        let mut run = Run::new(program, text, room);
        let valid = run.whole();
        // The scanner takes any byte in a string, so what is not ASCII is looked at once more.
        (valid && (is_utf8 || !run.high || std::str::from_utf8(text).is_ok()), run.cramped)
    };
    on_enough_stack(program, look).unwrap_or(false)
}

/// What is wrong with the value at `at`, which is where `pointer` leads.
pub fn collected(program: &Program, text: &[u8], node: NodeId, at: usize, pointer: &str) -> Vec<Finding> {
    let look = |room: usize| {
        let collector = Collector::new(program, text, room).collect(node, at, pointer);
        let cramped = collector.cramped();
        (collector.findings, cramped)
    };
    on_enough_stack(program, look).unwrap_or_default()
}

/// Look with the stack at hand; where that is too small, once more with as much as it may take.
///
/// `look` takes how many calls may nest, and returns whether they were too few.
fn on_enough_stack<T: Send>(program: &Program, look: impl Fn(usize) -> (T, bool) + Sync) -> Option<T> {
    match look(AT_HAND / RUN_FRAME) {
        (found, false) => Some(found),
        (_, true) => {
            let calls = 2 * (MAX_DEPTH + 1) * (program.chain + 1);
            let (found, cramped) = with_room(calls * RUN_FRAME, || look(calls))?;
            (!cramped).then_some(found)
        }
    }
}

fn build(documents: &Documents, draft: Option<Draft>, formats: bool) -> Result<Validator, CompileError> {
    let declared = documents.declared_draft();
    let default = draft.or_else(|| declared.as_ref().ok().copied().flatten()).unwrap_or_default();
    let others = documents.others.iter().map(|(uri, document)| {
        let draft = default.detect(document);
        (uri, draft.create_resource_ref(document))
    });
    // Metaschemas of all drafts are there without being asked for.
    let registry = SPECIFICATIONS.extend(others).map_err(|error| lost(&error))?;
    let registry = registry.draft(default).prepare().map_err(|error| lost(&error))?;
    let options = jsonschema::options().with_registry(&registry).should_validate_formats(formats);
    let options = if formats { options } else { without_content(options) };
    let options = match (declared, draft) {
        // A metaschema of the registry says more than a draft: which vocabularies are in force.
        (Ok(Some(_)), None) => options,
        (Ok(Some(declared)), Some(draft)) if declared == draft => options,
        (Err(uri), None) => return Err(CompileError::UnknownDialect(uri)),
        _ => options.with_draft(default),
    };
    options.build(&documents.root).map_err(|error| refused(&error, documents))
}

/// Drafts 6 and 7 let `contentEncoding` and `contentMediaType` be asserted, as they do `format`.
fn without_content(mut options: ValidationOptions<'_>) -> ValidationOptions<'_> {
    for encoding in ["base64", "base64url", "base32", "base32hex", "base16"] {
        options = options.without_content_encoding_support(encoding);
    }
    options.without_content_media_type_support("application/json")
}

fn refused(error: &ValidationError<'_>, documents: &Documents) -> CompileError {
    match error.kind() {
        ValidationErrorKind::Referencing(error) => lost(error),
        ValidationErrorKind::Custom { message, .. } => CompileError::Other(message.clone()),
        _ => CompileError::Invalid(Box::new(translate(error, documents, 0))),
    }
}

fn lost(error: &jsonschema::ReferencingError) -> CompileError {
    use jsonschema::ReferencingError as Lost;
    match error {
        Lost::Unretrievable { uri, .. } => CompileError::MissingReference(uri.clone()),
        Lost::PointerToNowhere { pointer } => CompileError::MissingReference(format!("#{pointer}")),
        Lost::NoSuchAnchor { anchor } => CompileError::MissingReference(format!("#{anchor}")),
        other => CompileError::Other(other.to_string()),
    }
}
