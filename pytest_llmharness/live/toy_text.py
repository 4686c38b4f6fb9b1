"""What the toy model has read, the words it keeps whole, and the template it is prompted with."""

from __future__ import annotations

END = "<|im_end|>"
TURN = "<|im_start|>assistant\n"
TOOLS = "<tools>"
TOOL_CALL = "<tool_call>"
TOOL_CALL_END = "</tool_call>"
TOOL_RESPONSE = "<tool_response>"

CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", END, TURN)
"""Never shown in an answer. The opening of the assistant's turn is one token, so it has a row of its own."""

TAG_TOKENS = (TOOLS, "</tools>", TOOL_CALL, TOOL_CALL_END, TOOL_RESPONSE, "</tool_response>")
"""Whole tokens that are part of the visible text."""

SENTENCES = (
    "The harness sends the prompt to the model and waits for an answer without holding other callers up.",
    "The model writes one token after another until its turn fades out quite naturally.",
    "The parser reads the answer and looks for a list of tool calls hidden somewhere between paragraphs.",
    "The validator checks each field of the record against the schema with surprisingly strict manners.",
    "The router picks a smaller model when the question looks easy enough by simple measures.",
    "The budget counts the tokens and stops the run once spending gets too high.",
    "The tracer keeps a span for each call and notes how long everything took.",
    "The cache returns the same answer when the same question comes back some minutes later.",
    "Every tool has a name and a schema that says what arguments are welcome there.",
    "Every retry waits a little longer than whichever attempt failed just previously.",
    "Every effect is written to the log so nothing can disappear unseen.",
    "A repair prompt tells the model which field was wrong using very plain language.",
    "A stream brings the answer in small pieces that join into something readable again soon.",
    "A cassette keeps the request and the reply so tests pass during network outages.",
    "A gate asks a person before the harness moves real money around town.",
    "This text was made by a toy and means nothing whatsoever about anything.",
    "This sentence shows that the server and the client both speak identical dialects today.",
    "Some requests fail when the line drops halfway through large uploads.",
    "Some users ask for a table while others prefer short summaries plus charts.",
    "When the limit is reached the caller waits until the window opens itself tomorrow morning.",
    "When two workers race for the same key only the faster ever wins something valuable.",
)
"""Every sentence has one capital and one full stop, and ends in a few words that stand nowhere else.

The last words are what keeps a walk over the word pairs from reaching the full stop at once.
"""

PROMPT_WORDS = [
    "system",
    "user",
    "assistant",
    "tool",
    "function",
    "name",
    "description",
    "parameters",
    "arguments",
    "type",
    "object",
    "string",
    "number",
    "integer",
    "boolean",
    "array",
    "items",
    "properties",
    "required",
    "enum",
    "value",
    "city",
    "location",
    "date",
    "json",
    "true",
    "false",
    "null",
]
"""Words of prompts and of JSON that are kept whole, so that prompts stay short in tokens."""

CHAT_TEMPLATE = """\
{%- set ns = namespace(last_user=-1) -%}
{%- for message in messages -%}
{%- if message.role == 'user' -%}{%- set ns.last_user = loop.index0 -%}{%- endif -%}
{%- endfor -%}
{%- if tools -%}
{{- '<|im_start|>system\\n' -}}
{%- if messages[0].role == 'system' -%}{{- messages[0].content + '\\n\\n' -}}{%- endif -%}
{{- '# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\n<tools>' -}}
{%- for tool in tools -%}{{- '\\n' -}}{{- tool | tojson -}}{%- endfor -%}
{{- '\\n</tools>\\n\\nFor each function call, return a json object within tags:\\n' -}}
{{- '<tool_call>\\n{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call>' -}}
{{- '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{#- Only a result of the current turn is tagged: the toy answers in text once it sees the tag. -#}
{%- if loop.index0 > ns.last_user -%}
{{- '<|im_start|>tool\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' -}}
{%- else -%}
{{- '<|im_start|>tool\\n' + message.content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- elif message.role == 'assistant' -%}
{{- '<|im_start|>assistant\\n' -}}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- for tool_call in message.tool_calls or [] -%}
{%- if message.content or not loop.first -%}{{- '\\n' -}}{%- endif -%}
{{- '<tool_call>\\n{"name": "' + tool_call.function.name + '", "arguments": ' -}}
{%- if tool_call.function.arguments is string -%}{{- tool_call.function.arguments -}}
{%- else -%}{{- tool_call.function.arguments | tojson -}}{%- endif -%}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{{- '<|im_end|>\\n' -}}
{%- elif not (tools and loop.first and message.role == 'system') -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
