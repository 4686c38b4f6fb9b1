//! Which schemas a reference may lead to.

use crate::documents::Documents;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The schemas of all documents, by the address of their JSON object.
pub struct Names<'d> {
    index: HashMap<*const Value, usize>,
    /// Every object of every document, with the document.
    pub schemas: Vec<(&'d Value, &'d Value)>,
    anchors: HashMap<&'d str, Vec<usize>>,
    identifiers: HashMap<&'d str, Vec<usize>>,
}

impl<'d> Names<'d> {
    pub fn of(documents: &'d Documents) -> Self {
        let mut names = Self {
            index: HashMap::new(),
            schemas: Vec::new(),
            anchors: HashMap::new(),
            identifiers: HashMap::new(),
        };
        names.take(&documents.root, &documents.root);
        for (uri, document) in &documents.others {
            names.take(document, document);
            let number = names.index.get(&std::ptr::from_ref(document)).copied();
            names.identifiers.entry(last_part(uri)).or_default().extend(number);
        }
        names
    }

    /// Take in every object of a document: any of them may be what a pointer leads to.
    fn take(&mut self, document: &'d Value, value: &'d Value) {
        match value {
            Value::Object(members) => {
                let number = self.schemas.len();
                self.index.insert(std::ptr::from_ref(value), number);
                self.schemas.push((document, value));
                self.take_names(members, number);
                members.values().for_each(|member| self.take(document, member));
            }
            Value::Array(items) => items.iter().for_each(|item| self.take(document, item)),
            _ => {}
        }
    }

    fn take_names(&mut self, members: &'d Map<String, Value>, number: usize) {
        for keyword in ["$anchor", "$dynamicAnchor"] {
            if let Some(name) = members.get(keyword).and_then(Value::as_str) {
                self.anchors.entry(name).or_default().push(number);
            }
        }
        for keyword in ["$id", "id"] {
            if let Some(name) = members.get(keyword).and_then(Value::as_str) {
                let known = if name.starts_with('#') { &mut self.anchors } else { &mut self.identifiers };
                known.entry(last_part(name.trim_start_matches('#'))).or_default().push(number);
            }
        }
        if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
            self.anchors.entry("").or_default().push(number);
        }
    }

    pub fn number(&self, schema: &Value) -> Option<usize> {
        self.index.get(&std::ptr::from_ref(schema)).copied()
    }

    /// Every schema that says it may stand in for another where that one recurs.
    pub fn recursive(&self) -> &[usize] {
        self.anchors.get("").map_or(&[], Vec::as_slice)
    }

    /// Every schema that `reference`, standing in `document`, may lead to.
    pub fn targets(&self, reference: &str, document: &Value) -> Vec<usize> {
        let (uri, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let fragment = percent_decoded(fragment);
        let named = self.identifiers.get(last_part(uri)).map_or(&[][..], Vec::as_slice);
        let bases = named.iter().filter_map(|&number| self.schemas.get(number)).map(|found| found.1);
        let mut targets: Vec<usize> = if fragment.is_empty() || fragment.starts_with('/') {
            // A pointer starts at the document, or at whatever embedded one it stands in.
            let here = if uri.is_empty() { Some(document) } else { None };
            let embedded = self.identifiers.values().flatten().filter(|_| uri.is_empty());
            let embedded = embedded.filter_map(|&number| self.schemas.get(number)).map(|found| found.1);
            let bases = bases.chain(here).chain(embedded);
            bases.filter_map(|base| self.number(base.pointer(&fragment)?)).collect()
        } else {
            self.anchors.get(fragment.as_str()).cloned().unwrap_or_default()
        };
        targets.sort_unstable();
        targets.dedup();
        targets
    }
}

/// The last part of a URI: what is left of it however its base is resolved.
fn last_part(uri: &str) -> &str {
    uri.trim_end_matches('#').rsplit('/').next().unwrap_or_default()
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        let rest = code.and_then(|_| part.get(2..));
        match (code, rest) {
            (Some(code), Some(rest)) => {
                decoded.push(code);
                decoded.extend(rest.bytes());
            }
            _ => {
                decoded.push(b'%');
                decoded.extend(part.bytes());
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
