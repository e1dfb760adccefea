"""What can go wrong: one tree of exceptions under `Error`.

The kinds are the same for the embedded engine, the planner and the REST client. What the client raises is
an `HTTPError` or an `Unreachable` as well; where `requests` is installed, those are also its
`requests.exceptions.HTTPError` and `requests.exceptions.ConnectionError`, which scripts for heketi's first
Python client catch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from requests.exceptions import ConnectionError as _ConnectionBase
    from requests.exceptions import HTTPError as _HTTPBase

    from ._response import Response
else:
    try:
        from requests.exceptions import ConnectionError as _ConnectionBase
        from requests.exceptions import HTTPError as _HTTPBase
    except ImportError:
        _HTTPBase = OSError
        _ConnectionBase = ConnectionError


class Error(Exception):
    """Anything heketi refuses or fails at. Nothing was changed unless the kind says otherwise."""

    kind: ClassVar[str] = "error"
    """Name of the kind, for logs and tables."""

    text: str
    """What happened, in one line where possible; heketi v10's words where it has some."""

    explanation: list[str]
    """What follows the text: for lack of space, why each device was refused."""

    def __init__(self, text: str = "", explanation: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.text = text
        self.explanation = list(explanation)

    def __str__(self) -> str:
        return "\n".join([self.text, *self.explanation])

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        return type(self), (self.text, self.explanation)


class NotFound(Error):
    """There is no such object, or an operation is just making or deleting it."""

    kind = "not-found"


class Conflict(Error):
    """The object's state or contents forbid it."""

    kind = "conflict"


class Invalid(Error, ValueError):
    """The request itself is wrong."""

    kind = "invalid"


class CannotAllocate(Error):
    """The request is right but cannot be placed: names, limits, nodes, space."""

    kind = "cannot-allocate"


class NoSpace(CannotAllocate):
    """No space, or a limit on bricks; the explanation tells why for every device."""

    kind = "no-space"


class Busy(Error):
    """Another operation works on the object, or too many are running: try again later."""

    kind = "busy"


class Unavailable(Error):
    """A node or server that is needed does not answer. A Python executor raises it for a command that did
    not start."""

    kind = "unavailable"


class NotServing(Unavailable):
    """heketi takes no work now: it is stopping or closed, or its store failed."""

    kind = "not-serving"


class OperationFailed(Error):
    """The operation was accepted, failed, and was undone as far as the nodes allowed."""

    kind = "operation-failed"


class Unauthorized(Error):
    """The server does not accept user and key, or the user may not do this."""

    kind = "unauthorized"


class StoreError(Error):
    """The database file cannot be used."""

    kind = "store"


class BadAnswer(Error):
    """What answered is no heketi server."""

    kind = "bad-answer"


class Internal(Error):
    """A defect of heketi, or a state that contradicts itself."""

    kind = "internal"


class HTTPError(Error, _HTTPBase):
    """A server answered with a status of 400 or more."""

    kind = "http"

    status: int
    """The HTTP status."""

    def __init__(self, text: str = "", explanation: Sequence[str] = (), response: Response | None = None) -> None:
        Error.__init__(self, text, explanation)
        self.response = response
        self.request = getattr(response, "request", None)
        self.status = response.status_code if response is not None else 0

    def __reduce__(self) -> tuple[type[Error], tuple[object, ...]]:
        return type(self), (self.text, self.explanation, self.response)


class Unreachable(Unavailable, _ConnectionBase):
    """No server answers at the address, or not in time."""

    kind = "unreachable"

    def __init__(self, text: str = "", explanation: Sequence[str] = ()) -> None:
        Error.__init__(self, text, explanation)
        self.response = None
        self.request = None


class HTTPNotFound(HTTPError, NotFound):
    """404."""

    kind = "not-found"


class HTTPConflict(HTTPError, Conflict):
    """409."""

    kind = "conflict"


class HTTPInvalid(HTTPError, Invalid):
    """400, 405 or 422."""

    kind = "invalid"


class HTTPUnauthorized(HTTPError, Unauthorized):
    """401 or 403."""

    kind = "unauthorized"


class HTTPBusy(HTTPError, Busy):
    """429."""

    kind = "busy"


class HTTPNotServing(HTTPError, NotServing):
    """503."""

    kind = "not-serving"


class HTTPNoSpace(HTTPError, NoSpace):
    """500 for lack of space."""

    kind = "no-space"


class HTTPOperationFailed(HTTPError, OperationFailed):
    """500: the operation failed, or could not be prepared."""

    kind = "operation-failed"


_BY_STATUS: dict[int, type[HTTPError]] = {
    400: HTTPInvalid,
    401: HTTPUnauthorized,
    403: HTTPUnauthorized,
    404: HTTPNotFound,
    405: HTTPInvalid,
    409: HTTPConflict,
    422: HTTPInvalid,
    429: HTTPBusy,
    503: HTTPNotServing,
}

_LACK_OF_SPACE = ("No space", "brick size limit reached", "number of bricks reached")


def http_error(response: Response) -> HTTPError:
    """The exception for an answer with a status of 400 or more."""
    lines = response.text.strip().splitlines()
    text = lines[0] if lines else f"status {response.status_code} without a text"
    status = response.status_code
    if status == 500:
        lacks = any(words in text for words in _LACK_OF_SPACE)
        return (HTTPNoSpace if lacks else HTTPOperationFailed)(text, lines[1:], response)
    return _BY_STATUS.get(status, HTTPError)(text, lines[1:], response)
