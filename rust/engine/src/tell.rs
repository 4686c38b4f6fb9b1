//! A finding in full: the places, and what the keyword asks for.

use crate::blame::{MAX_BRANCHING, Violation};
use crate::collect::{Detail, Finding};
use crate::documents::Documents;
use crate::program::{Also, Home, NodeId, Program, push_part};
use crate::schema::collected;
use serde_json::{Value, json};

/// What is needed to put the findings of one text into words.
pub struct Told<'t> {
    pub program: &'t Program,
    pub documents: &'t Documents,
    pub text: &'t [u8],
}

impl Told<'_> {
    /// `level` counts the alternatives around the finding.
    pub fn violation(&self, finding: &Finding, level: usize) -> Option<Violation> {
        let home = &self.program.node(finding.node)?.home;
        Some(Violation {
            pointer: finding.pointer.to_string(),
            schema_pointer: self.place(finding, home),
            keyword: finding.keyword.to_owned(),
            expected: self.expected(finding, home),
            branches: self.branches(finding, level),
            span: Some((finding.start, finding.end)),
        })
    }

    fn place(&self, finding: &Finding, home: &Home) -> String {
        if let Detail::Name(_, inner) = &finding.detail
            && let Some(node) = self.program.node(inner.node)
        {
            return self.place(inner, &node.home);
        }
        let mut pointer = home.pointer.to_string();
        if finding.keyword != "false" {
            push_part(&mut pointer, finding.keyword);
        }
        pointer
    }

    fn expected(&self, finding: &Finding, home: &Home) -> Value {
        let schema = self.documents.at(home);
        let value =
            |keyword: &str| schema.and_then(|schema| schema.get(keyword)).cloned().unwrap_or(Value::Null);
        match &finding.detail {
            Detail::Missing(name) => json!(name),
            Detail::Limit(limit) => json!(limit),
            Detail::At(keyword) => value(keyword),
            Detail::Unexpected(unexpected) => {
                let properties =
                    schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
                let mut known: Vec<&String> = properties.into_iter().flat_map(|names| names.keys()).collect();
                known.sort_unstable();
                json!({"unexpected": unexpected, "known": known})
            }
            Detail::Name(_, inner) if inner.keyword == "false" => Value::Null,
            Detail::Name(name, inner) => {
                let expected = self.program.node(inner.node).map(|node| self.expected(inner, &node.home));
                json!({"name": name, "keyword": inner.keyword, "expected": expected})
            }
            Detail::Nothing => match finding.keyword {
                "contains" => {
                    let least = value("minContains");
                    json!({"min": if least.is_null() { json!(1) } else { least }, "max": value("maxContains")})
                }
                "anyOf" | "oneOf" | "not" | "uniqueItems" | "false" => Value::Null,
                keyword => value(keyword),
            },
        }
    }

    fn branches(&self, finding: &Finding, level: usize) -> Vec<Vec<Violation>> {
        let also = self.program.node(finding.node).map_or(&[][..], |node| &node.also);
        let nodes = also.iter().find_map(|also| match (also, finding.keyword) {
            (Also::Any(nodes), "anyOf") | (Also::One(nodes), "oneOf") => Some(nodes),
            _ => None,
        });
        let nodes = nodes.filter(|_| level < MAX_BRANCHING);
        nodes.into_iter().flatten().map(|&node| self.branch(node, finding, level + 1)).collect()
    }

    fn branch(&self, node: NodeId, finding: &Finding, level: usize) -> Vec<Violation> {
        let found = collected(self.program, self.text, node, finding.start, &finding.pointer);
        found.iter().filter_map(|finding| self.violation(finding, level)).collect()
    }
}
