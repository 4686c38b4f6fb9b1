//! The schema and the documents it may refer to.

use crate::program::Home;
use crate::text;
use jsonschema::Draft;
use serde_json::Value;

/// A schema, and the registry it may refer to, by URI.
pub struct Documents {
    pub root: Value,
    pub others: Vec<(String, Value)>,
    /// The deepest nesting of any of them.
    pub depth: usize,
}

impl Documents {
    /// Read all documents; the error says which one is no JSON ("" names the schema itself).
    pub fn read(schema: &str, registry: &[(String, String)]) -> Result<Self, String> {
        let root = text::read(schema.as_bytes()).ok_or_else(String::new)?;
        let mut depth = root.depth;
        let mut others = Vec::with_capacity(registry.len());
        for (uri, document) in registry {
            let document = text::read(document.as_bytes()).ok_or_else(|| uri.clone())?;
            depth = depth.max(document.depth);
            others.push((uri.clone(), document.value));
        }
        Ok(Self { root: root.value, others, depth })
    }

    /// The schema that stands at a place.
    pub fn at(&self, home: &Home) -> Option<&Value> {
        let document = match (home.document as usize).checked_sub(1) {
            None => &self.root,
            Some(number) => &self.others.get(number)?.1,
        };
        document.pointer(&home.pointer)
    }

    /// The document that `uri` (without fragment) names, if it is one of the registry.
    pub fn other(&self, uri: &str) -> Option<&Value> {
        let uri = uri.trim_end_matches('#');
        let named = |(name, _): &&(String, Value)| name.trim_end_matches('#') == uri;
        self.others.iter().find(named).map(|(_, document)| document)
    }

    /// The draft that the schema says it is written in.
    ///
    /// `Ok(None)` where it says nothing; the error is a `$schema` that names no known draft,
    /// directly or through metaschemas of the registry.
    pub fn declared_draft(&self) -> Result<Option<Draft>, String> {
        let mut document = &self.root;
        for _ in 0..=self.others.len() {
            let Some(uri) = document.get("$schema").and_then(Value::as_str) else {
                return Ok(None);
            };
            match Draft::from_schema_uri(uri) {
                Draft::Unknown => document = self.other(uri).ok_or_else(|| uri.to_owned())?,
                draft => return Ok(Some(draft)),
            }
        }
        Err("a circle of $schema".to_owned())
    }
}
