"""The client and the engine as coroutines: the same names, arguments, results and exceptions, with `await`."""

from ._client import HeketiClient
from ._engine import Engine, Events

__all__ = ["Engine", "Events", "HeketiClient"]
