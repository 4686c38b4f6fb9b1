//! What two requests may differ in, and still ask a model for the same: as far as its provider says so.
//!
//! Every rule here is one that the provider documents. A rule that is missing costs a miss; a rule that is
//! wrong answers a request with the take of another one.

use super::tree::Tree;
use std::borrow::Cow;

/// How one kind of model API spells one meaning in several ways.
pub struct Dialect {
    /// How the path of its calls ends.
    paths: &'static [&'static str],
    /// The member that holds the conversation, or the prompt.
    pub turns: &'static str,
    /// Members whose absence says the same as this value, in JSON.
    defaults: &'static [(&'static str, &'static str)],
    /// The `type` of a part that is text and nothing else; "" where a text cannot stand for a part.
    text_parts: &'static [&'static str],
    /// Whether a member of the request that is null is one that is not there.
    nulls: bool,
    /// Whether a conversation that is a text is one message of the user.
    text_is_message: bool,
    /// Members with a second name: (the other one, the one that is kept).
    names: &'static [(&'static str, &'static str)],
}

const PLAIN: Dialect = Dialect {
    paths: &[],
    turns: "messages",
    defaults: &[],
    text_parts: &[],
    nulls: false,
    text_is_message: false,
    names: &[],
};

const DIALECTS: [Dialect; 7] = [
    // OpenAI: Create chat completion; nullable members are optional ones.
    Dialect {
        paths: &["/chat/completions"],
        defaults: &[
            ("stream", "false"),
            ("n", "1"),
            ("temperature", "1"),
            ("top_p", "1"),
            ("frequency_penalty", "0"),
            ("presence_penalty", "0"),
            ("logprobs", "false"),
            ("parallel_tool_calls", "true"),
            ("store", "false"),
        ],
        text_parts: &["text"],
        nulls: true,
        ..PLAIN
    },
    // OpenAI: Create a model response; "a text input to the model, equivalent to a text input with the user role".
    Dialect {
        paths: &["/responses"],
        turns: "input",
        defaults: &[
            ("stream", "false"),
            ("background", "false"),
            ("temperature", "1"),
            ("top_p", "1"),
            ("parallel_tool_calls", "true"),
            ("store", "true"),
            ("truncation", "\"disabled\""),
        ],
        text_parts: &["input_text"],
        nulls: true,
        text_is_message: true,
        ..PLAIN
    },
    // Anthropic: Messages; "a string for content is shorthand for an array of one content block of type text".
    Dialect {
        paths: &["/messages", "/messages/count_tokens"],
        defaults: &[("stream", "false"), ("temperature", "1")],
        text_parts: &["text"],
        ..PLAIN
    },
    // Ollama: streams unless told otherwise.
    Dialect { paths: &["/api/chat"], defaults: OLLAMA, ..PLAIN },
    Dialect { paths: &["/api/generate"], turns: "prompt", defaults: OLLAMA, ..PLAIN },
    // Gemini: the JSON mapping of protocol buffers takes both spellings of a name, and null for the default.
    Dialect {
        paths: &[":generateContent", ":streamGenerateContent", ":countTokens"],
        turns: "contents",
        nulls: true,
        names: &[
            ("system_instruction", "systemInstruction"),
            ("generation_config", "generationConfig"),
            ("safety_settings", "safetySettings"),
            ("tool_config", "toolConfig"),
            ("cached_content", "cachedContent"),
        ],
        ..PLAIN
    },
    // Bedrock: Converse.
    Dialect { paths: &["/converse", "/converse-stream"], ..PLAIN },
];

const OLLAMA: &[(&str, &str)] = &[("stream", "true"), ("keep_alive", "\"5m\"")];

impl Dialect {
    /// The dialect that a path speaks; None for what is no call of a model.
    pub fn of(path: &str) -> Option<&'static Self> {
        DIALECTS.iter().find(|dialect| dialect.paths.iter().any(|ending| path.ends_with(ending)))
    }

    /// Give a request the one spelling that all with its meaning have.
    pub fn unify(&self, request: &mut Tree<'_>) {
        let Tree::Object(members) = request else { return };
        if self.is_ambiguous(members) {
            return;
        }
        for (name, _) in members.iter_mut() {
            *name = Cow::Owned(self.kept_name(name).to_owned());
        }
        members.retain(|(name, value)| !self.goes_without_saying(name, value));
        if let Some(system) = request.member_mut("system") {
            self.unify_content(system);
        }
        if let Some(turns) = request.member_mut(self.turns) {
            self.unify_turns(turns);
        }
    }

    /// Whether a member stands twice: which of them counts is the server's affair.
    fn is_ambiguous(&self, members: &[(Cow<'_, str>, Tree<'_>)]) -> bool {
        let mut names: Vec<_> = members.iter().map(|(name, _)| self.kept_name(name)).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
    }

    fn kept_name<'n>(&self, name: &'n str) -> &'n str {
        self.names.iter().find(|(other, _)| *other == name).map_or(name, |(_, kept)| kept)
    }

    fn goes_without_saying(&self, name: &str, value: &Tree<'_>) -> bool {
        if self.nulls && matches!(value, Tree::Scalar(b"null")) {
            return true;
        }
        let default = self.defaults.iter().find(|(known, _)| *known == name);
        default
            .and_then(|(_, text)| Tree::of(text.as_bytes())?.form())
            .is_some_and(|form| value.form() == Some(form))
    }

    fn unify_turns(&self, turns: &mut Tree<'_>) {
        if self.text_is_message
            && let Tree::Text(text) = turns
        {
            let said = Tree::Text(std::mem::take(text));
            let role = Tree::Text(Cow::Borrowed("user"));
            *turns = Tree::Array(vec![Tree::Object(vec![("role".into(), role), ("content".into(), said)])]);
        }
        let Tree::Array(turns) = turns else { return };
        for turn in turns {
            self.unify_turn(turn);
        }
    }

    fn unify_turn(&self, turn: &mut Tree<'_>) {
        if self.text_is_message && turn.member("role").is_some() && is_text(turn.member("type"), "message") {
            drop_member(turn, "type");
        }
        let Some(content) = turn.member_mut("content") else { return };
        if let Tree::Array(parts) = content {
            for part in parts.iter_mut().filter(|part| is_text(part.member("type"), "tool_result")) {
                if let Some(result) = part.member_mut("content") {
                    self.unify_content(result);
                }
            }
        }
        self.unify_content(content);
    }

    /// One part that is text and nothing else is that text.
    fn unify_content(&self, content: &mut Tree<'_>) {
        let [Tree::Object(members)] = content.items() else { return };
        let [one, other] = members.as_slice() else { return };
        let (kind, said) = if one.0 == "type" { (one, other) } else { (other, one) };
        let is_plain = kind.1.text().is_some_and(|kind| self.text_parts.contains(&kind));
        if kind.0 == "type"
            && said.0 == "text"
            && is_plain
            && let Tree::Text(text) = &said.1
        {
            *content = Tree::Text(text.clone());
        }
    }
}

fn is_text(value: Option<&Tree<'_>>, text: &str) -> bool {
    value.and_then(Tree::text) == Some(text)
}

fn drop_member(object: &mut Tree<'_>, name: &str) {
    if let Tree::Object(members) = object {
        members.retain(|member| member.0 != name);
    }
}
