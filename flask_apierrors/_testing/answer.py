"""A response of any client: Flask's test client, requests or httpx."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn

#: Header fields that every client sends, and that say nothing about a request.
_OF_THE_CLIENT = ("host", "user-agent", "content-length", "connection", "accept-encoding")
_MAX_BODY = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and the request that it answers."""

    method: str
    url: str
    #: What the request said.
    sent: tuple[tuple[str, str], ...]
    sent_body: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def fields(self, name: str) -> list[str]:
        """Return all values of a header field."""
        return [value for field, value in self.headers if field.lower() == name.lower()]

    def field(self, name: str) -> str | None:
        """Return the first value of a header field."""
        return next(iter(self.fields(name)), None)

    @property
    def media_type(self) -> str:
        """The media type of the body, without its parameters."""
        return (self.field("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the body claims to be JSON."""
        return self.media_type == "application/json" or self.media_type.endswith("+json")

    def json(self) -> Any:
        """Parse the body as strict JSON (RFC 8259).

        :raises ValueError: if it is none.
        """
        return json.loads(self.body, parse_constant=_refuse_constant)

    def json_or(self, default: Any) -> Any:
        """Parse the body as strict JSON. Return the default if it is none."""
        try:
            return self.json()
        except (ValueError, RecursionError):
            return default

    @property
    def curl(self) -> str:
        """The request, as a command that repeats it."""
        words = ["curl", "-i", "-X", self.method]
        for name, value in self.sent:
            if name.lower() not in _OF_THE_CLIENT:
                words += ["-H", f"{name}: {value}"]
        if self.sent_body:
            words += ["--data-binary", self.sent_body[:_MAX_BODY].decode("utf-8", "replace")]
        return shlex.join([*words, self.url])

    def __str__(self) -> str:
        text = self.body[:_MAX_BODY].decode("utf-8", "replace").strip()
        fields = "\n".join(f"{name}: {value}" for name, value in self.headers)
        return f"{self.curl}\n\n{self.status}\n{fields}\n\n{text}"


def answer_of(response: Any) -> Answer:
    """Read a response.

    :param response: That of Flask's test client, of requests or of httpx, or an ``Answer``.
    :raises TypeError: for anything else.
    """
    if isinstance(response, Answer):
        return response
    status = getattr(response, "status_code", None)
    if not isinstance(status, int) or not hasattr(response, "headers"):
        raise TypeError(
            "Give a response of Flask's test client, of requests or of httpx, not "
            f"{type(response).__name__}."
        )
    is_werkzeug = hasattr(response, "get_data")
    body = response.get_data() if is_werkzeug else response.content
    request = getattr(response, "request", None)
    method, url = getattr(request, "method", "GET"), str(getattr(request, "url", "/"))
    sent = _pairs(getattr(request, "headers", {}))
    return Answer(method, url, sent, _sent_body(request), status, _pairs(response.headers), body)


def _pairs(headers: Any) -> tuple[tuple[str, str], ...]:
    # httpx joins a field that came twice, but not here.
    items = headers.multi_items() if hasattr(headers, "multi_items") else headers.items()
    return tuple((str(name), str(value)) for name, value in items)


def _sent_body(request: Any) -> bytes:
    stream = getattr(request, "environ", {}).get("wsgi.input")
    if isinstance(stream, BytesIO) and not stream.closed:
        return stream.getvalue()
    content = getattr(request, "content", None) or getattr(request, "body", None) or b""
    return content.encode() if isinstance(content, str) else bytes(content)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
