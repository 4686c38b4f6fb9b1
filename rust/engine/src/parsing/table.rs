//! The wire formats of tool calls, as data: seven grammars, and the models that speak them.
//!
//! A form is a marker and the grammar of what follows it. Two formats may share a marker: what
//! follows decides, and all formats that fit are reported.

use super::head::Header;
use super::pairs::Tokens;

/// What follows a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Nothing: the marker is a bracket around calls or text, and is dropped.
    Noise { before: &'static [&'static str] },
    /// The model's thinking, up to the closing marker.
    Thinking { close: &'static [&'static str] },
    /// The end of thinking whose start was in the prompt.
    ThinkingEnd,
    /// JSON objects that hold name and arguments, alone, in sequence or in an array.
    Objects { close: &'static [&'static str], single_key: bool },
    /// A name, then the arguments as one object.
    Named { header: Header, close: &'static [&'static str] },
    /// A name, then keys and values between tags.
    Pairs(&'static Tokens),
    /// Calls as Python writes them.
    Python { close: &'static [&'static str], is_code: bool },
    /// A header with a channel and perhaps a recipient.
    Channel,
    /// A fenced block that may hold a call or a document.
    Fence { close: &'static str },
    /// `Action: N`, `Action Input: A`.
    Action,
    /// No marker: a JSON container in the text.
    BareJson,
    /// No marker: a Python call, or a list of them, on lines of its own.
    BarePython,
}

/// A marker and what follows it.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) marker: &'static str,
    pub(super) shape: Shape,
}

/// One wire format.
#[derive(Debug)]
pub struct Grammar {
    /// The name that `grammars=[...]` takes.
    pub name: &'static str,
    /// Which of the grammars it belongs to.
    pub family: &'static str,
    /// The models that write it.
    pub models: &'static str,
    /// Where the format is laid down.
    pub source: &'static str,
    pub(super) forms: &'static [Form],
}

impl Grammar {
    /// The markers that open a call.
    pub fn markers(&self) -> impl Iterator<Item = &'static str> {
        self.forms.iter().map(|form| form.marker)
    }
}

const fn noise(marker: &'static str) -> Form {
    Form { marker, shape: Shape::Noise { before: &[] } }
}

const fn before(marker: &'static str, before: &'static [&'static str]) -> Form {
    Form { marker, shape: Shape::Noise { before } }
}

const fn objects(marker: &'static str, close: &'static [&'static str]) -> Form {
    Form { marker, shape: Shape::Objects { close, single_key: false } }
}

const fn named(marker: &'static str, header: Header, close: &'static [&'static str]) -> Form {
    Form { marker, shape: Shape::Named { header, close } }
}

const fn pairs(marker: &'static str, tokens: &'static Tokens) -> Form {
    Form { marker, shape: Shape::Pairs(tokens) }
}

const fn python(marker: &'static str, close: &'static [&'static str]) -> Form {
    Form { marker, shape: Shape::Python { close, is_code: false } }
}

const fn thinking(marker: &'static str, close: &'static [&'static str]) -> Form {
    Form { marker, shape: Shape::Thinking { close } }
}

const fn thinking_end(marker: &'static str) -> Form {
    Form { marker, shape: Shape::ThinkingEnd }
}

const WRAPPED: &str = "wrapped JSON";
const NAMED: &str = "name, then JSON";
const TAGGED: &str = "tagged pairs";
const INVOKED: &str = "invoke attributes";
const PYTHON: &str = "Python calls";
const MINI: &str = "mini grammar";
const CHANNEL: &str = "channels";
const PLAIN: &str = "plain text";

/// Thinking is separated whatever the grammars are.
pub(super) static THINKING: [Form; 14] = [
    thinking("<think>", &["</think>"]),
    thinking("<thinking>", &["</thinking>"]),
    thinking("<mm:think>", &["</mm:think>"]),
    thinking("[THINK]", &["[/THINK]"]),
    thinking("<|START_THINKING|>", &["<|END_THINKING|>"]),
    thinking("<|inner_prefix|>", &["<|inner_suffix|>"]),
    thinking("<seed:think>", &["</seed:think>"]),
    thinking_end("</think>"),
    thinking_end("</thinking>"),
    thinking_end("</mm:think>"),
    thinking_end("[/THINK]"),
    thinking_end("<|END_THINKING|>"),
    thinking_end("<|inner_suffix|>"),
    thinking_end("</seed:think>"),
];

const MODEL_CARD: &str = "chat template of the model card";

/// Every format, in the order in which ambiguity is reported.
pub static GRAMMARS: [Grammar; 37] = [
    Grammar {
        name: "hermes",
        family: WRAPPED,
        models: "Hermes 2/3, Qwen 2.5, Qwen 3, Granite 4, Trinity, Ernie 4.5",
        source: "NousResearch/Hermes-Function-Calling",
        forms: &[objects("<tool_call>", &["</tool_call>"]), noise("</tool_call>")],
    },
    Grammar {
        name: "granite",
        family: WRAPPED,
        models: "Granite 3, Granite 20B function calling",
        source: "ibm-granite model cards",
        forms: &[
            objects("<|tool_call|>", &[]),
            objects("<tool_call>", &["</tool_call>"]),
            objects("<function_call>", &["</function_call>"]),
        ],
    },
    Grammar {
        name: "jamba",
        family: WRAPPED,
        models: "Jamba 1.5+, Hunyuan A13B, MiniMax M1",
        source: MODEL_CARD,
        forms: &[objects("<tool_calls>", &["</tool_calls>"])],
    },
    Grammar {
        name: "nemotron",
        family: WRAPPED,
        models: "Nemotron (JSON), Llama Nemotron",
        source: "nvidia model cards",
        forms: &[objects("<TOOLCALL>", &["</TOOLCALL>"])],
    },
    Grammar {
        name: "phi4",
        family: WRAPPED,
        models: "Phi-4 mini",
        source: "microsoft/Phi-4-mini-instruct",
        forms: &[objects("functools", &[])],
    },
    Grammar {
        name: "mistral",
        family: WRAPPED,
        models: "Mistral 7B v0.3 and every Mistral up to tokenizer v7",
        source: "mistralai/mistral-common",
        forms: &[objects("[TOOL_CALLS]", &[]), noise("[/TOOL_CALLS]"), noise("</s>")],
    },
    Grammar {
        name: "llama3",
        family: WRAPPED,
        models: "Llama 3.1, 3.2, 3.3",
        source: "meta-llama/llama-models, prompt_format.md",
        forms: &[
            objects("<|python_tag|>", &[]),
            python("<|python_tag|>", &[]),
            noise("<|eom_id|>"),
            noise("<|eot_id|>"),
        ],
    },
    Grammar {
        name: "internlm",
        family: WRAPPED,
        models: "InternLM 2 and 2.5, Intern-S1",
        source: "InternLM/InternLM, chat format",
        forms: &[objects("<|action_start|><|plugin|>", &["<|action_end|>"]), noise("<|action_end|>")],
    },
    Grammar {
        name: "cohere",
        family: WRAPPED,
        models: "Command R7B, Command A",
        source: "docs.cohere.com, tool use",
        forms: &[
            objects("<|START_ACTION|>", &["<|END_ACTION|>"]),
            noise("<|START_RESPONSE|>"),
            noise("<|END_RESPONSE|>"),
            noise("<|START_TEXT|>"),
            noise("<|END_TEXT|>"),
        ],
    },
    Grammar {
        name: "apertus",
        family: WRAPPED,
        models: "Apertus",
        source: MODEL_CARD,
        forms: &[Form {
            marker: "<|tools_prefix|>",
            shape: Shape::Objects { close: &["<|tools_suffix|>"], single_key: true },
        }],
    },
    Grammar {
        name: "gigachat",
        family: WRAPPED,
        models: "GigaChat 3",
        source: MODEL_CARD,
        forms: &[objects("function call<|role_sep|>", &[]), objects("<|function_call|>", &[])],
    },
    Grammar {
        name: "inkling",
        family: NAMED,
        models: "Inkling",
        source: MODEL_CARD,
        forms: &[named("<|message_model|>", Header::Inkling, &["<|end_message|>"]), noise("<|end_message|>")],
    },
    Grammar {
        name: "mistral11",
        family: NAMED,
        models: "Mistral from tokenizer v11 on (Small 3.2, Magistral, Devstral, Large 3)",
        source: "mistralai/mistral-common",
        forms: &[named("[TOOL_CALLS]", Header::Mistral, &[]), noise("</s>")],
    },
    Grammar {
        name: "deepseek",
        family: NAMED,
        models: "DeepSeek V3, R1, V3.1",
        source: "deepseek-ai model cards",
        forms: &[
            noise("<｜tool▁calls▁begin｜>"),
            noise("<｜tool▁calls▁end｜>"),
            noise("<｜tool▁call▁end｜>"),
            noise("<｜end▁of▁sentence｜>"),
            named("<｜tool▁call▁begin｜>", Header::DeepSeek, &["<｜tool▁call▁end｜>"]),
            noise("<|tool_calls_begin|>"),
            noise("<|tool_calls_end|>"),
            named("<|tool_call_begin|>", Header::DeepSeek, &["<|tool_call_end|>"]),
        ],
    },
    Grammar {
        name: "kimi_k2",
        family: NAMED,
        models: "Kimi K2",
        source: "MoonshotAI/Kimi-K2, tool_call_guidance.md",
        forms: &[
            noise("<|tool_calls_section_begin|>"),
            noise("<|tool_calls_section_end|>"),
            noise("<|tool_call_section_begin|>"),
            noise("<|tool_call_section_end|>"),
            noise("<|tool_call_end|>"),
            named("<|tool_call_begin|>", Header::Kimi, &["<|tool_call_end|>"]),
        ],
    },
    Grammar {
        name: "llama_function",
        family: NAMED,
        models: "Llama 3.1 custom tools, Functionary v3.1",
        source: "meta-llama/llama-models, prompt_format.md",
        forms: &[
            named("<function=", Header::FunctionTag, &["</function>"]),
            before("<tool_call>", &["<function="]),
        ],
    },
    Grammar {
        name: "functionary",
        family: NAMED,
        models: "Functionary v2",
        source: "MeetKai/functionary",
        forms: &[
            noise("<|from|>assistant\n"),
            noise("<|recipient|>all\n<|content|>"),
            noise("<|stop|>"),
            named("<|recipient|>", Header::Recipient, &[]),
        ],
    },
    Grammar {
        name: "calling_tool",
        family: NAMED,
        models: "Qwen (text fallback)",
        source: "waybarrios/vllm-mlx",
        forms: &[named("[Calling tool:", Header::Calling, &[")]"])],
    },
    Grammar {
        name: "qwen3_coder",
        family: TAGGED,
        models: "Qwen 3 Coder, Qwen 3.5, MiMo, Step 3.5, Nemotron Nano 3",
        source: "Qwen/Qwen3-Coder, qwen3coder_tool_parser.py",
        forms: &[
            pairs("<function=", &Tokens::FUNCTION),
            before("<tool_call>", &["<function="]),
            noise("</tool_call>"),
        ],
    },
    Grammar {
        name: "seed_oss",
        family: TAGGED,
        models: "Seed-OSS",
        source: "ByteDance-Seed/Seed-OSS",
        forms: &[
            pairs("<function=", &Tokens::FUNCTION),
            before("<seed:tool_call>", &["<function="]),
            noise("</seed:tool_call>"),
        ],
    },
    Grammar {
        name: "glm4",
        family: TAGGED,
        models: "GLM 4.5 to 5, Ling 3, Spark 2.5, Poolside",
        source: "zai-org model cards",
        forms: &[pairs("<tool_call>", &Tokens::GLM)],
    },
    Grammar {
        name: "longcat",
        family: TAGGED,
        models: "LongCat",
        source: "meituan-longcat model cards",
        forms: &[
            pairs("<longcat_tool_call>", &Tokens::LONGCAT),
            objects("<longcat_tool_call>", &["</longcat_tool_call>"]),
        ],
    },
    Grammar {
        name: "solar_open",
        family: TAGGED,
        models: "Solar Open 2",
        source: MODEL_CARD,
        forms: &[pairs("<|tool_call:start|>", &Tokens::SOLAR)],
    },
    Grammar {
        name: "kimi_k3",
        family: CHANNEL,
        models: "Kimi K3 (XTML)",
        source: MODEL_CARD,
        forms: &[
            noise("<|open|>tools<|sep|>"),
            noise("<|close|>tools<|sep|>"),
            pairs("<|open|>call ", &Tokens::XTML),
        ],
    },
    Grammar {
        name: "anthropic_xml",
        family: INVOKED,
        models: "Claude 2 and legacy XML tool use, dots.llm",
        source: "docs.anthropic.com, legacy tool use",
        forms: &[
            before("<function_calls>", &["<invoke"]),
            noise("</function_calls>"),
            before("<dots_function_call>", &["<invoke"]),
            noise("</dots_function_call>"),
            pairs("<invoke name=", &Tokens::INVOKE),
        ],
    },
    Grammar {
        name: "minimax_m2",
        family: INVOKED,
        models: "MiniMax M2",
        source: "MiniMaxAI/MiniMax-M2, tool_calling_guide.md",
        forms: &[
            before("<minimax:tool_call>", &["<invoke"]),
            noise("</minimax:tool_call>"),
            pairs("<invoke name=", &Tokens::INVOKE),
        ],
    },
    Grammar {
        name: "deepseek_dsml",
        family: INVOKED,
        models: "DeepSeek V3.2, V4",
        source: "deepseek-ai model cards, encoding",
        forms: &[
            noise("<｜DSML｜tool_calls>"),
            noise("</｜DSML｜tool_calls>"),
            noise("<｜DSML｜function_calls>"),
            noise("</｜DSML｜function_calls>"),
            pairs("<｜DSML｜invoke name=", &Tokens::DSML),
        ],
    },
    Grammar {
        name: "step3",
        family: INVOKED,
        models: "Step 3",
        source: "stepfun-ai model cards",
        forms: &[
            noise("<｜tool_calls_begin｜>"),
            noise("<｜tool_calls_end｜>"),
            noise("<｜tool_call_begin｜>function<｜tool_sep｜>"),
            noise("<｜tool_call_end｜>"),
            pairs("<steptml:invoke name=", &Tokens::STEP),
        ],
    },
    Grammar {
        name: "llama4",
        family: PYTHON,
        models: "Llama 4, Llama 3.2 (pythonic)",
        source: "meta-llama/llama-models, prompt_format.md",
        forms: &[
            python("<|python_start|>", &["<|python_end|>"]),
            noise("<|python_end|>"),
            Form { marker: "", shape: Shape::BarePython },
        ],
    },
    Grammar {
        name: "olmo3",
        family: PYTHON,
        models: "OLMo 3",
        source: "allenai model cards",
        forms: &[python("<function_calls>", &["</function_calls>"])],
    },
    Grammar {
        name: "lfm2",
        family: PYTHON,
        models: "LFM2",
        source: "LiquidAI model cards",
        forms: &[
            python("<|tool_call_start|>", &["<|tool_call_end|>"]),
            objects("<|tool_call_start|>", &["<|tool_call_end|>"]),
        ],
    },
    Grammar {
        name: "code_action",
        family: PYTHON,
        models: "agents that act in code (smolagents); only tools that are known",
        source: "huggingface/smolagents",
        forms: &[
            Form { marker: "```python\n", shape: Shape::Python { close: &["```"], is_code: true } },
            Form { marker: "```py\n", shape: Shape::Python { close: &["```"], is_code: true } },
            Form { marker: "```tool_code\n", shape: Shape::Python { close: &["```"], is_code: true } },
        ],
    },
    Grammar {
        name: "gemma",
        family: MINI,
        models: "FunctionGemma, Gemma 4",
        source: "ai.google.dev/gemma, function calling",
        forms: &[
            named("<start_function_call>", Header::Gemma, &["<end_function_call>"]),
            named("<|tool_call>", Header::Gemma, &["<tool_call|>"]),
            noise("<end_function_call>"),
            noise("<tool_call|>"),
        ],
    },
    Grammar {
        name: "harmony",
        family: CHANNEL,
        models: "gpt-oss, Muse",
        source: "openai/harmony",
        forms: &[
            Form { marker: "<|channel|>", shape: Shape::Channel },
            Form { marker: "<|start|>", shape: Shape::Channel },
            noise("<|end|>"),
            noise("<|return|>"),
            noise("<|call|>"),
            noise("<|eom|>"),
        ],
    },
    Grammar {
        name: "react",
        family: PLAIN,
        models: "ReAct agents",
        source: "arXiv:2210.03629",
        forms: &[Form { marker: "Action:", shape: Shape::Action }],
    },
    Grammar {
        name: "json",
        family: PLAIN,
        models: "any: bare, fenced, provider API objects (OpenAI, Anthropic, Gemini, Bedrock, MCP), xLAM",
        source: "platform.openai.com, docs.anthropic.com, modelcontextprotocol.io",
        forms: &[
            Form { marker: "```", shape: Shape::Fence { close: "```" } },
            Form { marker: "~~~", shape: Shape::Fence { close: "~~~" } },
            Form { marker: "", shape: Shape::BareJson },
        ],
    },
    Grammar {
        name: "pythonic",
        family: PYTHON,
        models: "any: calls on lines of their own, name({...})",
        source: "ShishirPatil/gorilla (BFCL)",
        forms: &[Form { marker: "", shape: Shape::BarePython }],
    },
];
