//! The engine: a schema compiled once, checked against many texts.

use crate::blame::{Violation, blame, translate};
use crate::documents::Documents;
use crate::reach::Reach;
use crate::stack::with_room;
use crate::text::{self, Document};
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, ValidationOptions, Validator};
use referencing::SPECIFICATIONS;
use serde_json::Value;

/// Compiling takes at most this much stack per level of nesting or reference.
const COMPILE_FRAME: usize = 16 * 1024;
/// Checking takes at most this much stack per schema that looks at one value.
const CHECK_FRAME: usize = 1536;
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

/// A compiled schema. Immutable; any number of threads may use it.
pub struct Schema {
    validator: Validator,
    documents: Documents,
    reach: Reach,
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
        let reach = Reach::of(&documents).ok_or(CompileError::TooDeep)?;
        let room = (documents.depth + reach.chain) * COMPILE_FRAME;
        let built = with_room(room, || build(&documents, draft, formats));
        let failed = || CompileError::Other("the schema engine failed".to_owned());
        let validator = built.ok_or_else(failed)??;
        Ok(Self { validator, documents, reach })
    }

    /// Whether `text` is JSON that satisfies the schema.
    pub fn accepts(&self, text: &[u8]) -> bool {
        text::read(text).is_some_and(|document| self.allows(&document))
    }

    /// Everything that is wrong with `text`; nothing where it is valid.
    pub fn check(&self, text: &[u8]) -> Vec<Violation> {
        let Some(document) = text::read(text) else {
            return vec![Violation::plain("json", Value::Null)];
        };
        if self.allows(&document) {
            return Vec::new();
        }
        let found = if self.combinations(document.depth) > MAX_COMBINATIONS {
            None
        } else {
            with_room(self.room(document.depth), || {
                blame(self.validator.iter_errors(&document.value), &self.documents)
            })
        };
        // What is rejected always has a reason, if only the coarsest.
        let found = found.filter(|violations| !violations.is_empty());
        found.unwrap_or_else(|| vec![Violation::plain("schema", Value::Null)])
    }

    fn allows(&self, document: &Document) -> bool {
        let verdict = || self.validator.is_valid(&document.value);
        with_room(self.room(document.depth), verdict).unwrap_or(false)
    }

    fn room(&self, depth: usize) -> usize {
        (depth + 1) * self.reach.chain * CHECK_FRAME
    }

    /// How many ways there may be to fail, where alternatives repeat at every level.
    fn combinations(&self, depth: usize) -> f64 {
        let depth = u32::try_from(depth).map_or(f64::INFINITY, f64::from);
        self.reach.fan_out.powf(depth)
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
