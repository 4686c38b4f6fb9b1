"""The second net: what a key looks like, whoever issued it and wherever it stands.

A shape is looked for only where one of its literals stands in the text, so that a text without
any costs a few substring searches. Every shape begins at a word's edge (`task-...` holds no key) and
those of a fixed length end at one, so that base64 and hashes are left alone.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of secret.

    Args:
        name: what it is, for a finding.
        literals: the texts one of which it begins with.
        pattern: a regular expression; where it has a group, only that is the secret.
        holds: a further condition on the secret.
        inside: whether a literal stands somewhere in it instead, and it may begin within a word.
    """

    name: str
    literals: tuple[str, ...]
    pattern: str
    holds: Callable[[str], bool] | None = None
    inside: bool = False


def _mixed(text: str) -> bool:
    """Whether the text is random, not words: a digit or a capital after its prefix."""
    return re.search(r"[0-9A-Z]", text[3:]) is not None


def _digit_and_letter(text: str) -> bool:
    return re.search(r"\d", text) is not None and re.search(r"[A-Za-z]", text) is not None


def _user_and_password(text: str) -> bool:
    """Whether the text is base64 of user:password."""
    try:
        plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return False
    return b":" in plain and plain.decode("latin-1").isprintable()


# An edge of a word, also behind what stands for another character in JSON or in a URL.
_EDGE = r"(?:(?<![A-Za-z0-9_])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"
_END = r"(?![A-Za-z0-9])"
_URL_END = r"(?![A-Za-z0-9_-])"

SHAPES = (
    Shape("OpenAI-style key", ("sk-",), r"sk-[A-Za-z0-9_-]{20,}", _mixed),
    Shape("Langfuse key", ("pk-lf-",), rf"pk-lf-[0-9a-f-]{{36}}{_END}"),
    Shape("secret key", ("sk_", "rk_"), r"[sr]k_(?:live_|test_|prod_)?[A-Za-z0-9]{16,}", _digit_and_letter),
    Shape("webhook secret", ("whsec_",), r"whsec_[A-Za-z0-9+/]{20,}={0,2}"),
    Shape("Google API key", ("AIza",), rf"AIza[0-9A-Za-z_-]{{35}}{_URL_END}"),
    Shape("Google OAuth token", ("ya29.",), r"ya29\.[0-9A-Za-z_-]{20,}"),
    Shape("Google OAuth client secret", ("GOCSPX-",), rf"GOCSPX-[0-9A-Za-z_-]{{28}}{_URL_END}"),
    Shape("AWS key id", ("AKIA", "ASIA", "ABIA", "ACCA"), rf"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{{16}}{_END}"),
    Shape("Bedrock key", ("ABSK",), r"ABSK[A-Za-z0-9+/]{100,}={0,2}"),
    Shape("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{36,}", None),
    Shape("GitHub token", ("github_pat_",), r"github_pat_[A-Za-z0-9_]{22,}"),
    Shape("GitLab token", ("glpat-", "gldt-", "glrt-"), r"gl(?:pat|dt|rt)-[A-Za-z0-9_-]{20,}"),
    Shape("Hugging Face token", ("hf_", "api_org_"), rf"(?:hf|api_org)_[A-Za-z0-9]{{30,}}{_END}"),
    Shape("JSON web token", ("eyJ",), r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    Shape("Slack token", ("xox", "xapp-"), r"(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,}", _digit_and_letter),
    Shape(
        "Slack webhook",
        ("hooks.slack.com/",),
        r"hooks\.slack\.com/(?:services|workflows)/([\w/]{20,})",
        None,
        True,
    ),
    Shape("Discord webhook", ("/api/webhooks/",), r"/api/webhooks/(\d{10,}/[\w-]{40,})", None, True),
    Shape("Discord token", (".",), r"\.(?<=[MNO][\w-]{23}\.)[\w-]{6}\.[\w-]{27,}", _digit_and_letter, False),
    Shape("Telegram token", (":AA",), rf"{_EDGE}\d{{8,10}}:AA[\w-]{{33}}{_URL_END}", None, True),
    Shape("Groq key", ("gsk_",), r"gsk_[A-Za-z0-9]{20,}"),
    Shape("xAI key", ("xai-",), r"xai-[A-Za-z0-9]{20,}", _mixed),
    Shape("Perplexity key", ("pplx-",), r"pplx-[A-Za-z0-9]{20,}", _mixed),
    Shape("Replicate token", ("r8_",), r"r8_[A-Za-z0-9]{20,}"),
    Shape("Fireworks key", ("fw_",), r"fw_[A-Za-z0-9]{20,}", _mixed),
    Shape("NVIDIA key", ("nvapi-",), r"nvapi-[A-Za-z0-9_-]{20,}", _mixed),
    Shape("Tavily key", ("tvly-",), r"tvly-[A-Za-z0-9-]{16,}", _mixed),
    Shape("LangSmith key", ("lsv2_", "ls__"), r"(?:lsv2_(?:pt|sk)_|ls__)[A-Za-z0-9_]{20,}"),
    Shape("Cerebras key", ("csk-",), r"csk-[a-z0-9]{20,}", _mixed),
    Shape("Together key", ("tgp_v1_",), r"tgp_v1_[A-Za-z0-9_-]{20,}"),
    Shape("Anyscale key", ("esecret_",), r"esecret_[A-Za-z0-9]{20,}"),
    Shape("Pinecone key", ("pcsk_",), r"pcsk_[A-Za-z0-9_]{20,}"),
    Shape("Voyage key", ("pa-",), r"pa-[A-Za-z0-9_-]{40,}", _mixed),
    Shape("Jina key", ("jina_",), r"jina_[A-Za-z0-9]{32,}"),
    Shape("E2B key", ("e2b_",), rf"e2b_[0-9a-f]{{40}}{_END}"),
    Shape("Firecrawl key", ("fc-",), rf"fc-[0-9a-f]{{32}}{_END}"),
    Shape("OpenAI session", ("sess-",), r"sess-[A-Za-z0-9]{32,}", _mixed),
    Shape("OpenAI organization", ("org-",), rf"org-[A-Za-z0-9]{{20,}}{_END}", _mixed),
    Shape("OpenAI project", ("proj_",), rf"proj_[A-Za-z0-9]{{20,}}{_END}", _mixed),
    Shape(
        "Azure OpenAI key",
        ("JQQJ99",),
        rf"{_EDGE}[A-Za-z0-9]{{52}}JQQJ99[A-Za-z0-9]{{26}}{_END}",
        None,
        True,
    ),
    Shape(
        "Azure key", ("AccountKey=", "AccessKey="), r"(?:Account|SharedAccess|Access)Key=([\w+/]{20,}={0,2})"
    ),
    Shape("Databricks token", ("dapi",), rf"dapi[0-9a-f]{{32}}(?:-\d)?{_END}"),
    Shape("SendGrid key", ("SG.",), r"SG\.[\w-]{16,}\.[\w-]{16,}"),
    Shape("npm token", ("npm_",), rf"npm_[A-Za-z0-9]{{36}}{_END}"),
    Shape("PyPI token", ("pypi-",), r"pypi-[\w-]{50,}"),
    Shape("DigitalOcean token", ("_v1_",), rf"{_EDGE}do[opr]_v1_[0-9a-f]{{64}}{_END}", None, True),
    Shape("Shopify token", ("shp",), rf"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{32}}{_END}"),
    Shape("Twilio key", ("SK",), rf"SK[0-9a-f]{{32}}{_END}"),
    Shape("Mailgun key", ("key-",), rf"key-[0-9a-z]{{32}}{_END}", _mixed),
    Shape("Mailchimp key", ("-us",), rf"{_EDGE}[0-9a-f]{{32}}-us\d{{1,2}}{_END}", None, True),
    Shape("Vault token", ("hvs.", "hvb."), r"hv[sb]\.[\w-]{24,}"),
    Shape("Doppler token", ("dp.",), r"dp\.[a-z]{2,6}\.[A-Za-z0-9]{40,}"),
    Shape("Linear key", ("lin_api_",), r"lin_api_[A-Za-z0-9]{32,}"),
    Shape("Notion token", ("ntn_", "secret_"), rf"(?:ntn|secret)_[A-Za-z0-9]{{40,}}{_END}"),
    Shape("Airtable token", ("pat",), rf"pat[A-Za-z0-9]{{14}}\.[0-9a-f]{{64}}{_END}"),
    Shape("Postman key", ("PMAK-",), r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Shape("Sentry token", ("sntry",), r"sntry[su]_[\w+/=-]{32,}"),
    Shape("Grafana token", ("glsa_", "glc_"), r"gl(?:sa|c)_[\w+/=]{32,}"),
    Shape("New Relic key", ("NRAK-",), rf"NRAK-[A-Z0-9]{{27}}{_END}"),
    Shape("Supabase token", ("sbp_",), rf"sbp_[0-9a-f]{{40}}{_END}"),
    Shape("Docker token", ("dckr_",), r"dckr_[op]at_[\w-]{27,}"),
    Shape("Fly token", ("fm1", "fm2"), r"fm[12][ar]?_[\w+/=]{40,}"),
    Shape("Atlassian token", ("ATATT3", "ATBB"), r"(?:ATATT3|ATBB)[\w=-]{24,}"),
    Shape("Figma token", ("figd_",), r"figd_[\w-]{36,}"),
    Shape("PlanetScale token", ("pscale_",), r"pscale_(?:tkn|pw|oauth)_[\w-]{32,}"),
    Shape("age key", ("AGE-SECRET-KEY-",), r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    Shape(
        "private key",
        ("PRIVATE KEY-----",),
        r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:\\{1,7}[nr]|[\w+/=\s:,.-])*",
        None,
        True,
    ),
    Shape("password in a URL", ("://",), r"://[^\s/?#@:\"'\\]*:([^\s/?#@\"'\\{}<>$]{3,})@", None, True),
    Shape(
        "bearer token",
        ("earer", "EARER", "oken "),
        r"(?:[Bb]earer|BEARER|[Tt]oken)(?:\s|\+|%20)+([A-Za-z0-9._~+/-]{16,}=*)",
        _digit_and_letter,
        True,
    ),
    Shape("basic credentials", ("asic ",), r"[Bb]asic\s+([A-Za-z0-9+/]{8,}={0,2})", _user_and_password, True),
)


def find_shapes(text: str) -> Iterator[tuple[str, Span]]:
    """Yield each secret that the text holds by its shape: what it is, and where."""
    for shape in SHAPES:
        for literal in shape.literals:
            if literal in text:
                for found in _all(shape, text) if shape.inside else _beginning(shape, text, literal):
                    group = 1 if found.re.groups else 0
                    if shape.holds is None or shape.holds(found[group]):
                        yield shape.name, found.span(group)


def _all(shape: Shape, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(shape.pattern, text)


def _beginning(shape: Shape, text: str, literal: str) -> Iterator[re.Match[str]]:
    """Yield the matches that begin with the literal, without trying any other place."""
    pattern = _edged(shape)
    start = text.find(literal)
    while start >= 0:
        if (found := pattern.match(text, start)) is not None:
            yield found
        start = text.find(literal, start + 1)


@cache
def _edged(shape: Shape) -> re.Pattern[str]:
    return re.compile(_EDGE + shape.pattern)  # at its first use: most are never needed
