"""Test the harness, not the prompt: the public face. Names load when they are first used.

PYTEST_DONT_REWRITE (no assertions here, so a cold start need not rewrite it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy import names_of

if TYPE_CHECKING:
    from .adapters.clocks.system import SystemClock as SystemClock
    from .adapters.clocks.virtual import VirtualClock as VirtualClock
    from .adapters.executors.asyncio import AsyncioExecutor as AsyncioExecutor
    from .adapters.providers.agent import AgentProvider as AgentProvider
    from .adapters.providers.scripted import ScriptedProvider as ScriptedProvider
    from .adapters.stores.memory_session_log import MemorySessionLog as MemorySessionLog
    from .adapters.stores.sqlite_session_log import SqliteSessionLog as SqliteSessionLog
    from .adapters.tools.function import tool as tool
    from .domain import fault as fault
    from .domain.message import Message as Message
    from .domain.request import Request as Request
    from .domain.result import LLMResult as LLMResult
    from .domain.tool import ToolCall as ToolCall
    from .domain.tool import ToolSpec as ToolSpec
    from .errors import CassetteMiss as CassetteMiss
    from .errors import HarnessError as HarnessError
    from .errors import MaxRetriesExceeded as MaxRetriesExceeded
    from .errors import UnrepairableJSON as UnrepairableJSON
    from .harness.acting import idempotency_key as idempotency_key
    from .harness.config import HarnessConfig as HarnessConfig
    from .harness.routing import ModelTier as ModelTier
    from .parsing import Coerced as Coerced
    from .parsing import OutputParser as OutputParser
    from .parsing import ParsedOutput as ParsedOutput
    from .parsing import ParseEvent as ParseEvent
    from .parsing import Repaired as Repaired
    from .parsing import coerce_json as coerce_json
    from .parsing import repair_json as repair_json
    from .ports.approver import Approver as Approver
    from .ports.cache import Cache as Cache
    from .ports.clock import Clock as Clock
    from .ports.limiter import RateLimiter as RateLimiter
    from .ports.provider import Provider as Provider
    from .ports.session_log import SessionLog as SessionLog
    from .ports.store import ConversationStore as ConversationStore
    from .ports.tool import Tool as Tool
    from .ports.tracer import Tracer as Tracer
    from .schema import Schema as Schema
    from .schema import Verdict as Verdict
    from .schema import Violation as Violation
    from .wiring import Harness as Harness
    from .wiring.governed import governed as governed

__version__ = "0.1.0"

_HOMES = {
    "AgentProvider": "adapters.providers.agent",
    "Approver": "ports.approver",
    "AsyncioExecutor": "adapters.executors.asyncio",
    "Cache": "ports.cache",
    "CassetteMiss": "errors",
    "Clock": "ports.clock",
    "Coerced": "parsing",
    "ConversationStore": "ports.store",
    "Harness": "wiring",
    "HarnessConfig": "harness.config",
    "HarnessError": "errors",
    "LLMResult": "domain.result",
    "MaxRetriesExceeded": "errors",
    "MemorySessionLog": "adapters.stores.memory_session_log",
    "Message": "domain.message",
    "ModelTier": "harness.routing",
    "OutputParser": "parsing",
    "ParseEvent": "parsing",
    "ParsedOutput": "parsing",
    "Provider": "ports.provider",
    "RateLimiter": "ports.limiter",
    "Repaired": "parsing",
    "Request": "domain.request",
    "Schema": "schema",
    "ScriptedProvider": "adapters.providers.scripted",
    "SessionLog": "ports.session_log",
    "SqliteSessionLog": "adapters.stores.sqlite_session_log",
    "SystemClock": "adapters.clocks.system",
    "Tool": "ports.tool",
    "ToolCall": "domain.tool",
    "ToolSpec": "domain.tool",
    "Tracer": "ports.tracer",
    "UnrepairableJSON": "errors",
    "Verdict": "schema",
    "Violation": "schema",
    "VirtualClock": "adapters.clocks.virtual",
    "coerce_json": "parsing",
    "fault": "domain.fault",
    "governed": "wiring.governed",
    "idempotency_key": "harness.acting",
    "repair_json": "parsing",
    "tool": "adapters.tools.function",
}

__all__ = [
    "AgentProvider",
    "Approver",
    "AsyncioExecutor",
    "Cache",
    "CassetteMiss",
    "Clock",
    "Coerced",
    "ConversationStore",
    "Harness",
    "HarnessConfig",
    "HarnessError",
    "LLMResult",
    "MaxRetriesExceeded",
    "MemorySessionLog",
    "Message",
    "ModelTier",
    "OutputParser",
    "ParseEvent",
    "ParsedOutput",
    "Provider",
    "RateLimiter",
    "Repaired",
    "Request",
    "Schema",
    "ScriptedProvider",
    "SessionLog",
    "SqliteSessionLog",
    "SystemClock",
    "Tool",
    "ToolCall",
    "ToolSpec",
    "Tracer",
    "UnrepairableJSON",
    "Verdict",
    "Violation",
    "VirtualClock",
    "__version__",
    "coerce_json",
    "fault",
    "governed",
    "idempotency_key",
    "repair_json",
    "tool",
]


__getattr__ = names_of(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
