"""heketi: GlusterFS volumes from raw disks.

- `HeketiClient` asks a heketi server; `heketi.aio` has the same as coroutines.
- `Engine` is heketi itself in this process.
- `plan` answers what-if questions without any server.
- Exceptions are subclasses of `Error`.
"""

from . import plan
from ._client import TAGS_DELETE, TAGS_SET, TAGS_UPDATE, HeketiClient
from ._engine import Engine, Events
from ._heketi import __version__
from ._response import Response
from .errors import (
    BadAnswer,
    Busy,
    CannotAllocate,
    Conflict,
    Error,
    HTTPError,
    Internal,
    Invalid,
    NoSpace,
    NotFound,
    NotServing,
    OperationFailed,
    StoreError,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from .executors import (
    CommandResult,
    CommandRunner,
    Executor,
    LocalExecutor,
    MockExecutor,
    PythonExecutor,
    SshExecutor,
)

__all__ = [
    "TAGS_DELETE",
    "TAGS_SET",
    "TAGS_UPDATE",
    "BadAnswer",
    "Busy",
    "CannotAllocate",
    "CommandResult",
    "CommandRunner",
    "Conflict",
    "Engine",
    "Error",
    "Events",
    "Executor",
    "HTTPError",
    "HeketiClient",
    "Internal",
    "Invalid",
    "LocalExecutor",
    "MockExecutor",
    "NoSpace",
    "NotFound",
    "NotServing",
    "OperationFailed",
    "PythonExecutor",
    "Response",
    "SshExecutor",
    "StoreError",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "__version__",
    "plan",
]
