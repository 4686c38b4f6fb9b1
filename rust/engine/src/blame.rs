//! What is wrong with an instance, in our terms.

use crate::documents::Documents;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{ValidationError, paths::Location};
use serde_json::{Value, json};

/// How many levels of alternatives inside alternatives are told apart.
pub const MAX_BRANCHING: usize = 2;

/// One reason why an instance is invalid.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// RFC 6901 pointer into the instance.
    pub pointer: String,
    /// RFC 6901 pointer into the schema document that holds the keyword.
    pub schema_pointer: String,
    /// The keyword that failed; "json" where the text is no JSON, "false" for a `false` schema.
    pub keyword: String,
    /// What the keyword asks for: its value, or facts about it where that does not say enough.
    pub expected: Value,
    /// For `anyOf` and `oneOf`: what each alternative has to say, in order.
    pub branches: Vec<Vec<Violation>>,
    /// Byte range in the text, where it is known.
    pub span: Option<(usize, usize)>,
}

impl Violation {
    pub(crate) fn plain(keyword: &str, expected: Value) -> Self {
        Self {
            pointer: String::new(),
            schema_pointer: String::new(),
            keyword: keyword.to_owned(),
            expected,
            branches: Vec::new(),
            span: None,
        }
    }
}

/// Translate the errors of one instance.
pub fn blame<'i>(
    errors: impl IntoIterator<Item = ValidationError<'i>>,
    documents: &Documents,
) -> Vec<Violation> {
    errors.into_iter().map(|error| translate(&error, documents, 0)).collect()
}

pub fn translate(error: &ValidationError<'_>, documents: &Documents, level: usize) -> Violation {
    Violation {
        pointer: error.instance_path().as_str().to_owned(),
        schema_pointer: place_of(error),
        keyword: keyword_of(error.kind(), error.schema_path()).to_owned(),
        expected: expected_by(error, documents),
        branches: branches_of(error.kind(), documents, level),
        span: None,
    }
}

fn place_of(error: &ValidationError<'_>) -> String {
    let place = error.schema_path().as_str();
    match (error.kind(), place.rsplit_once('/')) {
        // Its bounds are reported at their own places, whichever of them was broken.
        (Kind::Contains, Some((parent, _))) => format!("{parent}/contains"),
        _ => place.to_owned(),
    }
}

/// The keyword as the schema spells it, where the kind of the error is coarser than that.
fn keyword_of<'a>(kind: &'a Kind, place: &'a Location) -> &'a str {
    let last = place.as_str().rsplit('/').next().unwrap_or_default();
    match kind {
        Kind::FalseSchema if forbids_names(place.as_str()) => last,
        Kind::FalseSchema => "false",
        Kind::Required { .. } if matches!(last, "dependentRequired" | "dependencies") => last,
        _ => kind.keyword(),
    }
}

/// Whether the `false` schema at `place` is the value of a keyword that speaks of field names.
fn forbids_names(place: &str) -> bool {
    let mut parts = place.split('/').skip(1);
    let mut last = None;
    while let Some(part) = parts.next() {
        last = Some(part);
        // What follows these is a name or a number, whatever it looks like.
        let named = matches!(
            part,
            "properties"
                | "patternProperties"
                | "dependentSchemas"
                | "dependencies"
                | "$defs"
                | "definitions"
                | "allOf"
                | "anyOf"
                | "oneOf"
                | "prefixItems"
        );
        if named {
            last = parts.next().and(None);
        }
    }
    matches!(last, Some("additionalProperties" | "propertyNames"))
}

fn expected_by(error: &ValidationError<'_>, documents: &Documents) -> Value {
    match error.kind() {
        Kind::Required { property } => property.clone(),
        Kind::Type { kind: TypeKind::Single(one) } => json!(one.as_str()),
        Kind::Type { kind: TypeKind::Multiple(types) } => {
            types.iter().map(|one| Value::from(one.as_str())).collect()
        }
        Kind::Enum { options } => options.as_ref().clone(),
        Kind::Constant { expected_value } => expected_value.as_ref().clone(),
        Kind::Minimum { limit }
        | Kind::Maximum { limit }
        | Kind::ExclusiveMinimum { limit }
        | Kind::ExclusiveMaximum { limit } => limit.clone(),
        Kind::MinLength { limit }
        | Kind::MaxLength { limit }
        | Kind::MinItems { limit }
        | Kind::MaxItems { limit }
        | Kind::MinProperties { limit }
        | Kind::MaxProperties { limit } => json!(limit),
        Kind::AdditionalItems { limit } => json!(limit),
        Kind::MultipleOf { multiple_of } => json!(multiple_of),
        Kind::Format { format } => json!(format),
        Kind::Pattern { pattern } => json!(pattern),
        Kind::ContentEncoding { content_encoding } => json!(content_encoding),
        Kind::ContentMediaType { content_media_type } => json!(content_media_type),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            json!({"unexpected": unexpected, "known": known_properties(error, documents)})
        }
        // Where no name is known, all that are there are unexpected.
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            json!({"unexpected": null, "known": []})
        }
        Kind::PropertyNames { error } => json!({
            "name": error.instance().as_ref(),
            "keyword": error.kind().keyword(),
            "expected": expected_by(error, documents),
        }),
        Kind::Contains => {
            let bound = |name| schema_of(error, documents).and_then(|schema| schema.get(name)).cloned();
            json!({"min": bound("minContains").unwrap_or(json!(1)), "max": bound("maxContains")})
        }
        _ => Value::Null,
    }
}

fn known_properties(error: &ValidationError<'_>, documents: &Documents) -> Vec<String> {
    let properties = schema_of(error, documents).and_then(|schema| schema.get("properties"));
    let known = properties.and_then(Value::as_object);
    known.map(|known| known.keys().cloned().collect()).unwrap_or_default()
}

/// The schema that holds the keyword of the error.
fn schema_of<'d>(error: &ValidationError<'_>, documents: &'d Documents) -> Option<&'d Value> {
    let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
    home_of(error, documents).pointer(parent)
}

/// The document that the schema path leads through.
fn home_of<'d>(error: &ValidationError<'_>, documents: &'d Documents) -> &'d Value {
    let place = error.absolute_keyword_location();
    let uri = place.and_then(|uri| uri.as_str().split('#').next());
    uri.and_then(|uri| documents.other(uri)).unwrap_or(&documents.root)
}

fn branches_of(kind: &Kind, documents: &Documents, level: usize) -> Vec<Vec<Violation>> {
    let (Kind::AnyOf { context } | Kind::OneOfNotValid { context } | Kind::OneOfMultipleValid { context }) =
        kind
    else {
        return Vec::new();
    };
    if level == MAX_BRANCHING {
        return Vec::new();
    }
    let branch = |errors: &Vec<ValidationError<'_>>| {
        errors.iter().map(|error| translate(error, documents, level + 1)).collect()
    };
    context.iter().map(branch).collect()
}
