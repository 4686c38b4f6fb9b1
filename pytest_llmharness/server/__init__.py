"""The model server on loopback: a script or any provider behind a real dialect."""

from .inbound import Limits
from .server import ModelServer, addresses
from .wire import ReceivedRequest

__all__ = ["Limits", "ModelServer", "ReceivedRequest", "addresses"]
