"""The model server on loopback: a script or any provider behind a real dialect."""

from .server import ModelServer, addresses

__all__ = ["ModelServer", "addresses"]
