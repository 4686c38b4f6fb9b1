"""Marks that pretend a turn of the conversation ends or begins."""

# ruff: noqa: E501 - a mark reads as one line
from __future__ import annotations

import re

# A line's start with little before it: what may repeat without end would make the search quadratic.
_LINE = r"(?m:^)[ \t]{0,40}"
_ROLE = r"(?:system|developer|assistant|user|human|ai|instructions?)"
_KIND = r"(?: (?:message|prompt|note|notice|override|update|instructions?|alert|warning))?"
_TOKEN = r"<\|(?:im_start|im_end|start_header_id|end_header_id|eot_id|endoftext|system|user|assistant|end)\|>"  # noqa: S105

# Name, weight, pattern; read in the text as it stands, because look-alikes do not work as marks.
MARKS: tuple[tuple[str, float, re.Pattern[str]], ...] = (
    ("turn", 1, re.compile(rf"{_LINE}{_TOKEN}|{_TOKEN}\s*{_ROLE}\b", re.IGNORECASE)),
    ("turn", 1, re.compile(rf"{_LINE}\[/?INST\]|<</?SYS>>")),
    ("turn", 0.5, re.compile(rf"{_TOKEN}|\[/?INST\]")),
    (
        "turn",
        0.5,
        re.compile(
            r"</?(?:system|assistant|instructions?|system_?prompt|developer|user_?input)>", re.IGNORECASE
        ),
    ),
    (
        "turn",
        0.5,
        re.compile(rf"{_LINE}[#*\[<(=-]{{0,6}}[ \t]{{0,8}}(?i:{_ROLE}{_KIND})[\])>*]{{0,3}}[ \t]{{0,8}}:"),
    ),
    ("turn", 0.5, re.compile(r"[\"']role[\"']\s*:\s*[\"'](?:system|developer|assistant)[\"']")),
    (
        "turn",
        0.5,
        re.compile(
            r"\b(?:BEGIN|END|START)(?:ING)? (?:OF )?(?:THE )?(?:USER|SYSTEM|UNTRUSTED|EXTERNAL|NEW|PREVIOUS)? ?"
            r"(?:INPUT|PROMPT|MESSAGE|INSTRUCTIONS?|CONTEXT|DATA|DOCUMENT)\b"
        ),
    ),
    (
        "turn",
        0.4,
        re.compile(
            r"(?m:^)#{1,6}[ \t]{0,8}(?i:system|developer)(?: (?i:prompt|message))?[ \t]{0,8}$", re.MULTILINE
        ),
    ),
    (
        "unseen",
        0.4,
        re.compile(
            r"style=[\"'][^\"'>]{0,80}(?i:display:[ ]?none|visibility:[ ]?hidden|opacity:[ ]?0(?![.\d])"
            r"|font-size:[ ]?[01](?![.\d])|(?<!-)color:[ ]?(?:white|#fff))"
        ),
    ),
    ("unseen", 0.4, re.compile(r"<(?:div|span|p) hidden>")),
    (
        "forged",
        0.6,
        re.compile(
            rf"{_LINE}\W{{0,8}}(?i:assistant|ai)[ \t]{{0,8}}:\s{{0,8}}(?i:sure|of course|certainly|okay|ok|yes|absolutely)\b"
        ),
    ),
)
