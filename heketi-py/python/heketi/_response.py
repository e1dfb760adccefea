from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import errors


class Response:
    """An answer of the server as it came, with the names `requests` gives its own."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    request: Request

    def __init__(self, status: int, headers: list[tuple[str, str]], content: bytes, url: str, request: Request) -> None:
        self.status_code = status
        self.headers = Headers(headers)
        self.content = content
        self.url = url
        self.request = request

    @property
    def ok(self) -> bool:
        """Is the status below 400?"""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode("utf-8", "replace")

    @property
    def reason(self) -> str:
        """The usual words for the status."""
        from http import HTTPStatus

        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""

    def json(self) -> Any:
        """The body, which must be JSON."""
        return json.loads(self.content)

    def raise_for_status(self) -> None:
        """Raises `heketi.HTTPError` for a status of 400 or more."""
        if not self.ok:
            raise errors.http_error(self)

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}]>"


class Request:
    """What was asked."""

    def __init__(self, method: str, url: str) -> None:
        self.method = method
        self.url = url

    def __repr__(self) -> str:
        return f"<Request [{self.method} {self.url}]>"


class Headers(dict[str, str]):
    """Headers by name; case does not matter."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__((name.lower(), value) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)
