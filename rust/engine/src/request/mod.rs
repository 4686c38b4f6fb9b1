//! When two requests to a model are the same one: the form they have in common, and its hash.

mod dialect;
mod tree;
mod volatile;

use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest};
use dialect::Dialect;
use tree::Tree;
pub use volatile::Volatile;

/// Changes whenever a request gets another key than before.
pub const VERSION: u32 = 2;

pub type Key = [u8; 16];

/// A request in the form that all with its meaning have.
pub struct Request<'t> {
    body: Tree<'t>,
    dialect: Option<&'static Dialect>,
}

impl<'t> Request<'t> {
    /// Read the body of a request to a path; None where it is no JSON.
    ///
    /// What is `volatile` counts in calls of a model only; of other traffic every byte means something.
    pub fn of(path: &str, body: &'t [u8], volatile: Option<&Volatile>) -> Option<Self> {
        let mut body = Tree::of(body)?;
        let dialect = Dialect::of(path);
        if let Some(dialect) = dialect {
            dialect.unify(&mut body);
            if let Some(volatile) = volatile {
                volatile::loosen(&mut body, volatile);
            }
        }
        Some(Self { body, dialect })
    }

    /// What requests with this head and this meaning, and only they, have in common.
    pub fn key(&self, head: &[u8]) -> Option<Key> {
        let mut form = head.to_vec();
        form.push(0);
        self.body.write_form(&mut form)?;
        Some(hash(&form))
    }

    /// One key for each beginning of the conversation: of no turn, the first turn, the first two.
    ///
    /// What the system says before the first turn is no turn.
    pub fn prefixes(&self) -> Vec<Key> {
        let mut chain = vec![hash(b"")];
        let turns = self.dialect.and_then(|dialect| self.body.member(dialect.turns));
        let all = match turns {
            Some(Tree::Array(items)) => items.as_slice(),
            Some(Tree::Text(_)) => turns.map(std::slice::from_ref).unwrap_or_default(),
            _ => &[],
        };
        for turn in all.iter().skip_while(|turn| is_system(turn)) {
            let mut form = chain.last().map_or_else(Vec::new, |last| last.to_vec());
            if turn.write_form(&mut form).is_none() {
                break;
            }
            chain.push(hash(&form));
        }
        chain
    }

    /// The form as JSON text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        self.body.write_json(&mut text);
        text
    }
}

fn is_system(turn: &Tree<'_>) -> bool {
    turn.member("role").and_then(Tree::text).is_some_and(|role| matches!(role, "system" | "developer"))
}

fn hash(bytes: &[u8]) -> Key {
    Blake2b::<U16>::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: &str = "/v1/chat/completions";
    const CLAUDE: &str = "/v1/messages";

    fn key(path: &str, body: &str) -> Option<Key> {
        Request::of(path, body.as_bytes(), None)?.key(b"")
    }

    fn loose(path: &str, body: &str) -> Option<String> {
        let folders = vec!["/home/a/work".to_owned()];
        let volatile = Volatile { uuids: true, times: true, call_ids: true, folders };
        Some(Request::of(path, body.as_bytes(), Some(&volatile))?.text())
    }

    #[test]
    fn one_meaning_has_one_key() {
        for (path, one, other) in [
            (CHAT, r#"{"stream":false,"seed":null}"#, "{}"),
            (
                CHAT,
                r#"{"messages":[{"role":"user","content":"hi"}]}"#,
                r#"{"messages":[{"content":[{"text":"hi","type":"text"}],"role":"user"}],"temperature":1.0}"#,
            ),
            (
                CLAUDE,
                r#"{"system":"s","messages":[]}"#,
                r#"{"system":[{"type":"text","text":"s"}],"messages":[]}"#,
            ),
            (
                CLAUDE,
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"r"}]}]}"#,
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"r"}]}]}]}"#,
            ),
            ("/v1/responses", r#"{"input":"hi"}"#, r#"{"input":[{"role":"user","content":"hi"}]}"#),
            (
                "/v1/responses",
                r#"{"input":"hi","store":true}"#,
                r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}]}"#,
            ),
            ("/api/chat", r#"{"stream":true}"#, "{}"),
            ("/v1beta/models/g:generateContent", r#"{"system_instruction":1}"#, r#"{"systemInstruction":1}"#),
        ] {
            assert!(key(path, one).is_some());
            assert_eq!(key(path, one), key(path, other), "{one} {other}");
        }
    }

    #[test]
    fn two_meanings_have_two_keys() {
        for (path, one, other) in [
            (CHAT, r#"{"stream":true}"#, "{}"),
            (CHAT, r#"{"temperature":0}"#, "{}"),
            (CHAT, r#"{"n":1,"n":2}"#, r#"{"n":2}"#),
            (
                CHAT,
                r#"{"messages":[{"content":"a"}]}"#,
                r#"{"messages":[{"content":[{"type":"text","text":"a"},{"type":"text","text":""}]}]}"#,
            ),
            (
                CLAUDE,
                r#"{"system":"s"}"#,
                r#"{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}]}"#,
            ),
            (CLAUDE, r#"{"top_k":null}"#, "{}"),
            ("/api/chat", r#"{"stream":false}"#, "{}"),
            ("/v1/other", r#"{"stream":false}"#, "{}"),
            (CHAT, r#"{"messages":[{"content":null}]}"#, r#"{"messages":[{"content":""}]}"#),
        ] {
            assert_ne!(key(path, one), key(path, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_volatile_is_told_apart_by_its_first_place() {
        let one = "0188c1d2-0000-7000-8000-00000000000a";
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":"{one} 2026-01-02T03:04:05Z /home/a/work/x /home/a/work-2 /x/home/a/work"}},
            {{"tool_calls":[{{"id":"c9","function":{{}}}}]}},{{"tool_call_id":"c9","id":"kept","content":"{}"}}]}}"#,
            one.to_uppercase()
        );
        let text = loose(CHAT, &body).unwrap_or_default();
        assert!(text.contains("<uuid 1> <time> <cwd>/x /home/a/work-2 /x/home/a/work"), "{text}");
        assert!(
            text.contains(r#""id":"<call 1>""#) && text.contains(r#""tool_call_id":"<call 1>""#),
            "{text}"
        );
        assert!(text.contains("kept") && text.matches("<uuid 1>").count() == 2, "{text}");
        for kept in ["2026-01-02", "12:30:00", "0188c1d2-0000-7000-8000-00000000000", "2026-01-02T03:04"] {
            let body = format!(r#"{{"messages":[{{"content":"{kept}"}}]}}"#);
            assert!(loose(CHAT, &body).unwrap_or_default().contains(kept), "{kept}");
        }
        let other = format!(r#"{{"id":"{one}"}}"#);
        assert_eq!(loose("/v1/files", &other), Some(other.clone()), "no call of a model");
    }

    #[test]
    fn prefixes_agree_as_far_as_the_turns_do() {
        let turns = |body: &str| Request::of(CHAT, body.as_bytes(), None).map(|request| request.prefixes());
        let one = turns(r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]}"#);
        let other = turns(
            r#"{"messages":[{"role":"user","content":"b"},{"role":"assistant","content":"c"}],"model":"m"}"#,
        );
        let (one, other) = (one.unwrap_or_default(), other.unwrap_or_default());
        assert_eq!((one.len(), other.len()), (2, 3));
        assert_eq!(Some(one.as_slice()), other.get(..2));
    }
}
