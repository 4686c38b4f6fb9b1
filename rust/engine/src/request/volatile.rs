//! What a request holds of one run only: identifiers, times, the folder it ran in.

use super::tree::Tree;
use regex::{Captures, Regex};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// What is taken to be equal wherever it stands.
#[derive(Clone, Debug, Default)]
pub struct Volatile {
    pub uuids: bool,
    pub times: bool,
    /// The ids that tie a tool's result to its call.
    pub call_ids: bool,
    /// The working directories of the recording and of the replay.
    pub folders: Vec<String>,
}

const UUID: &str = r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b";
const TIME: &str = r"\b\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)?\b";

/// Where an id of a call stands, whatever else is called `id`.
const CALL_IDS: [&str; 4] = ["tool_call_id", "call_id", "tool_use_id", "toolUseId"];
const CALLS: [&str; 2] = ["functionCall", "functionResponse"];
const CALL_TYPES: [&str; 3] = ["tool_use", "server_tool_use", "mcp_tool_use"];

/// Put stand-ins in place of what is volatile; equal values get equal ones, in order of appearance.
pub fn loosen(request: &mut Tree<'_>, volatile: &Volatile) {
    Loosening { volatile, uuids: HashMap::new(), ids: HashMap::new() }.value(request, false);
}

struct Loosening<'v> {
    volatile: &'v Volatile,
    uuids: HashMap<String, usize>,
    ids: HashMap<String, usize>,
}

impl Loosening<'_> {
    fn value(&mut self, value: &mut Tree<'_>, is_call: bool) {
        match value {
            Tree::Text(text) => self.text(text),
            Tree::Scalar(_) => {}
            Tree::Array(items) => items.iter_mut().for_each(|item| self.value(item, false)),
            Tree::Object(members) => {
                let is_call = is_call || is_a_call(members);
                // In order of names, not of the text, for that order says nothing.
                let mut sorted: Vec<_> = members.iter_mut().collect();
                sorted.sort_by(|left, right| left.0.cmp(&right.0));
                for (name, value) in sorted {
                    let is_id = CALL_IDS.contains(&name.as_ref()) || (is_call && name == "id");
                    match value {
                        Tree::Text(text) if is_id && self.volatile.call_ids => {
                            *text = numbered("call", text, &mut self.ids).into();
                        }
                        _ => self.value(value, CALLS.contains(&name.as_ref())),
                    }
                }
            }
        }
    }

    fn text(&mut self, text: &mut Cow<'_, str>) {
        if self.volatile.uuids {
            let uuids = &mut self.uuids;
            let stand_in = |found: &Captures<'_>| numbered("uuid", &found[0].to_ascii_lowercase(), uuids);
            replace(text, pattern(UUID, &UUIDS), stand_in);
        }
        if self.volatile.times {
            replace(text, pattern(TIME, &TIMES), |_| "<time>".to_owned());
        }
        for folder in &self.volatile.folders {
            if let Some(without) = without_folder(text, folder) {
                *text = without.into();
            }
        }
    }
}

static UUIDS: OnceLock<Option<Regex>> = OnceLock::new();
static TIMES: OnceLock<Option<Regex>> = OnceLock::new();

fn pattern(text: &str, kept: &'static OnceLock<Option<Regex>>) -> Option<&'static Regex> {
    kept.get_or_init(|| Regex::new(text).ok()).as_ref()
}

fn replace(text: &mut Cow<'_, str>, pattern: Option<&Regex>, stand_in: impl FnMut(&Captures<'_>) -> String) {
    let Some(pattern) = pattern else { return };
    if let Cow::Owned(replaced) = pattern.replace_all(text, stand_in) {
        *text = replaced.into();
    }
}

fn numbered(kind: &str, value: &str, seen: &mut HashMap<String, usize>) -> String {
    let next = seen.len() + 1;
    format!("<{kind} {}>", seen.entry(value.to_owned()).or_insert(next))
}

fn is_a_call(members: &[(Cow<'_, str>, Tree<'_>)]) -> bool {
    members.iter().any(|(name, value)| match value {
        Tree::Text(kind) => name == "type" && CALL_TYPES.contains(&kind.as_ref()),
        Tree::Object(_) => name == "function",
        _ => false,
    })
}

/// The text with `<cwd>` for a folder, where it stands as a whole path or begins one.
fn without_folder(text: &str, folder: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut before = None;
    while let Some(at) = rest.find(folder) {
        let (head, tail) = rest.split_at(at);
        let after = tail.get(folder.len()..)?;
        let before_it = head.chars().next_back().or(before);
        out.push_str(head);
        let whole = !before_it.is_some_and(is_in_path) && ends_path(after);
        out.push_str(if whole { "<cwd>" } else { folder });
        before = folder.chars().next_back();
        rest = after;
    }
    if rest.len() == text.len() {
        return None;
    }
    out.push_str(rest);
    Some(out)
}

fn is_in_path(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/' | '\\')
}

fn ends_path(after: &str) -> bool {
    let mut letters = after.chars();
    match letters.next() {
        Some('.') => !letters.next().is_some_and(char::is_alphanumeric),
        Some(letter) => !is_in_path(letter) || matches!(letter, '/' | '\\'),
        None => true,
    }
}
