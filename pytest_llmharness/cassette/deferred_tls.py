"""TLS that is set up when somebody speaks it: in replay nobody does, and it takes 25 ms a client."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from .in_use import current


class DeferredContext(ssl.SSLContext):
    """A context that becomes the real one at the first connection, for a client that outlives its replay."""

    _make: Callable[[], ssl.SSLContext]
    _made: ssl.SSLContext | None = None

    @classmethod
    def of(cls, make: Callable[[], ssl.SSLContext]) -> DeferredContext:
        """Return a context that `make` is called for when it is needed."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._make = make
        return context

    def wrap_socket(self, *args: Any, **kwargs: Any) -> Any:
        """Speak TLS over a socket."""
        return self._real().wrap_socket(*args, **kwargs)

    def wrap_bio(self, *args: Any, **kwargs: Any) -> Any:
        """Speak TLS over buffers."""
        return self._real().wrap_bio(*args, **kwargs)

    def set_alpn_protocols(self, *args: Any) -> None:
        """Say which protocols are spoken: clients do so right before they connect."""
        self._real().set_alpn_protocols(*args)

    def load_cert_chain(self, *args: Any, **kwargs: Any) -> None:
        """Take a certificate of the client's."""
        self._real().load_cert_chain(*args, **kwargs)

    def load_verify_locations(self, *args: Any, **kwargs: Any) -> None:
        """Trust more certificates."""
        self._real().load_verify_locations(*args, **kwargs)

    def _real(self) -> ssl.SSLContext:
        if self._made is None:
            self._made = self._make()
        return self._made


def deferring(original: Any) -> Any:
    """Return what stands for `create_ssl_context` of httpx or httpx2."""

    @cache
    def deferred(trust_env: bool) -> DeferredContext:
        return DeferredContext.of(lambda: original(verify=True, cert=None, trust_env=trust_env))

    @wraps(original)
    def create_ssl_context(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        recording = current()
        if verify is not True or cert or recording is None or recording.mode.connects:
            return original(verify=verify, cert=cert, trust_env=trust_env)
        return deferred(trust_env)

    return create_ssl_context
