"""Drops what mail and chat programs add to a message: signatures, reply headers, time stamps."""

# ruff: noqa: E501, RUF001 - a form reads as one line, in its own letters
from __future__ import annotations

import re

_DEVICE = (
    r"(?:iPhone|iPad|iPod|Android|Samsung|Galaxy|Huawei|Xiaomi|Pixel|Nokia|Motorola|OnePlus|BlackBerry|Windows|Surface|"
    r"mobile|phone|smartphone|tablet|device|Handy|Smartphone|Mobiltelefon|téléphone|portable|móvil|teléfono|手机)"
)
_SIGNATURE = re.compile(
    r"^[ \t]*(?:Sent from (?:my |a )?(?:[\w ]{0,20})?" + _DEVICE + r"[\w .()+-]{0,40}"
    r"|Sent (?:from|via|with) (?:Mail|Outlook|Yahoo Mail|Gmail|Proton ?Mail|Spark|Mailbird|Thunderbird)\b[\w .,]{0,40}"
    r"|Get Outlook for (?:iOS|Android|Mac)\b.{0,60}"
    r"|Von meinem (?:[\w ]{0,20})?" + _DEVICE + r"[\w ]{0,20} gesendet|Gesendet von (?:meinem )?(?:[\w ]{0,20})?" + _DEVICE
    + r"[\w .-]{0,40}|Envoyé (?:de|depuis) mon (?:[\w ]{0,20})?" + _DEVICE + r"[\w .-]{0,30}"
    r"|Enviado desde mi (?:[\w ]{0,20})?" + _DEVICE + r"[\w .-]{0,30}|Отправлено с (?:моего )?(?:[\w ]{0,20})?" + _DEVICE
    + r"[\w .-]{0,30}|(?:发自|从)我的[ ]?" + _DEVICE + r"[\w 发送]{0,10})\.?[ \t]*(?:\n|\Z)",
    re.MULTILINE | re.IGNORECASE,
)  # fmt: skip
_REPLY = re.compile(
    r"^[ \t]*>?[ \t]*(?:On [^\n]{5,90}(?:\n[^\n]{0,60})?wrote:|Am [^\n]{5,90} schrieb [^\n]{1,90}:|Le [^\n]{5,90} a écrit ?:"
    r"|El [^\n]{5,90} escribió:|\d[^\n]{5,90} пишет:|[^\n]{5,60}写道[：:])[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
_FORWARDED = re.compile(
    r"^[ \t]*[-_]{2,}[ ]?(?:Original Message|Forwarded message|Ursprüngliche Nachricht|Weitergeleitete Nachricht|"
    r"Message d'origine|Message transféré|Mensaje original|Mensaje reenviado|Исходное сообщение)[ ]?[-_]{2,}[ \t]*(?:\n|\Z)",
    re.MULTILINE | re.IGNORECASE,
)
_FIELD = (
    r"(?:From|Sent|To|Cc|Bcc|Date|Subject|Reply-To|Von|Gesendet|An|Datum|Betreff|De|Envoyé|À|Objet|Enviado|Para|Fecha|Asunto|"
    r"От|Отправлено|Кому|Дата|Тема)"
)
_HEADER_BLOCK = re.compile(rf"^(?:[ \t]*{_FIELD}:[^\n]*(?:\n|\Z)){{3,12}}", re.MULTILINE)
_STAMP = re.compile(
    r"^[ \t]*\[?(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}),?[ ]\d{1,2}:\d{2}(?::\d{2})?(?:[ ]?[AP]\.?M\.?)?\]?(?:[ ]-)?[ ]"
    r"(?=(?!(?-i:[A-Z]){3,}:)[^:\n]{1,40}:[ ])",
    re.MULTILINE | re.IGNORECASE,
)
_LEFT_OUT = re.compile(
    r"^[ \t]*<?(?:Media|image|video|audio|GIF|sticker) omitted>?[ \t]*(?:\n|\Z)", re.MULTILINE
)
_RULES = (_SIGNATURE, _REPLY, _FORWARDED, _HEADER_BLOCK, _STAMP, _LEFT_OUT)
_TRIGGER = re.compile(
    r"\d:\d\d|:[ \t]*$|omitted|(?:Sent|Outlook|gesendet|Envoyé|Enviado|Отправлено|我的)",
    re.IGNORECASE | re.MULTILINE,
)


def without_interface_marks(text: str) -> str:
    """Drop signatures of devices, headers of quoted mail and stamps of exported chats.

    What people wrote stays, quoted lines and the names of the speakers with it. A text that would
    vanish is left as it is.
    """
    if not _TRIGGER.search(text):
        return text
    kept = text
    for rule in _RULES:
        kept = rule.sub("", kept)
    return kept if kept.strip() else text
