"""Who may talk to the server: programs of this machine, and no page in a browser."""

from __future__ import annotations

import hmac
import re

from .wire import Backend, ReceivedRequest, Refusal

_OWN_NAME = re.compile(r"(127\.0\.0\.1|localhost)(:[0-9]{1,5})?", re.IGNORECASE)


def check_origin(host: str | None, origin: str | None) -> None:
    """Refuse what a web page of elsewhere sends.

    A page whose name was pointed at 127.0.0.1 (DNS rebinding) still sends its own name as Host, and
    a page that simply posts to 127.0.0.1 sends its own as Origin. The port is not looked at:
    forwarded ports differ.

    Raises:
        Refusal: 403, one of the names is not this machine's.
    """
    if host is not None and not _OWN_NAME.fullmatch(host):
        raise Refusal(403, f"the Host {host!r} is not served; use 127.0.0.1 or localhost")
    if origin is not None and not _OWN_NAME.fullmatch(re.sub("^https?://", "", origin)):
        raise Refusal(403, f"the Origin {origin!r} is not served; only pages of this machine are")


def check_bearer(request: ReceivedRequest, backend: Backend) -> None:
    """Refuse a request without the key as `Authorization: Bearer`, where a key is asked for.

    Raises:
        Refusal: 401, without a hint of what came or what was expected.
    """
    if backend.key is None:
        return
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    given = key.strip().encode("utf-8", "replace") if scheme.lower() == "bearer" else b""
    if not hmac.compare_digest(given, backend.key.encode()):
        raise Refusal(401, "unauthorized: send the server's key as Authorization: Bearer")
