"""The reference page: it explains the errors of an API to its clients."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache, partial
from hashlib import sha256
from importlib.resources import files
from threading import Lock
from typing import Any, NamedTuple

from flask import Flask, Response, redirect
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from .._core.accept import best_match
from .._core.config import REFERENCE_ENDPOINT
from .._core.errors import ApiError, code_of_status, status_title
from .._core.problem import to_problem
from .._core.rendering import page_url, render
from .._core.sentences import Sentence
from .._core.state import AppState, current_request
from .._core.statuses import Retry
from .._core.text import as_text
from .catalogue import catalogue, find
from .model import Catalogue, Entry, HeaderField, Operation
from .routes import path_of

_HTML, _JSON, _MARKDOWN = "text/html", "application/json", "text/markdown"
#: For how many mount points pages are kept. They cannot change while an app serves.
_MAX_MOUNT_POINTS = 8
_STATUS = re.compile("[45][0-9]{2}")
_CODE = re.compile(r"(?::[\w:]+:)?(``?)(.+?)\1")
_MARKDOWN_SPECIAL = re.compile(r"([\\<>\[\]*_|#])")

_SHORT_RETRY: dict[Retry, str] = {
    "never": "No",
    "after-delay": "After a delay",
    "if-idempotent": "If a repetition is safe",
}
_RETRY_RULES: dict[Retry, str] = {
    "never": "Do not send the same request again: the response would be the same.",
    "after-delay": (
        "A repetition is safe with every method. Wait one second at first, and double the delay "
        "after each attempt."
    ),
    "if-idempotent": (
        "A repetition is safe with `GET`, `HEAD`, `OPTIONS`, `PUT` and `DELETE`. Wait a moment "
        "first. A `POST` or `PATCH` may have taken effect before it failed: find out before you "
        "send it again."
    ),
}
_RETRY_AFTER = (
    "A repetition is safe with every method. Wait for the number of seconds in the `Retry-After` "
    "header first."
)
_CLASSES = (
    (
        "2xx",
        "Success",
        "The request succeeded. If there is a body, it holds the result.",
    ),
    (
        "4xx",
        "Client error",
        "Something is wrong with the request, and the error message says what. Most of these "
        "errors occur again until you change the request.",
    ),
    (
        "5xx",
        "Server error",
        "The request may be valid, but the server could not process it. Many of these errors go "
        "away after a while.",
    ),
)


def register(app: Flask, state: AppState) -> None:
    """Serve the page at ``APIERRORS_REFERENCE_URL``, and the page of each error below it.

    It explains the 503 of a maintenance and the 429 of a limit, so neither applies to it. The
    author's own ``before_request`` functions do.
    """
    url = state.config.reference_url
    view = _view(state)
    app.add_url_rule(f"{url}", REFERENCE_ENDPOINT, view, strict_slashes=False)
    app.add_url_rule(f"{url}/<path:name>", REFERENCE_ENDPOINT, view)


def _view(state: AppState) -> Callable[..., Any]:
    site_at = lru_cache(_MAX_MOUNT_POINTS)(partial(_Site, state))
    lock = Lock()

    def reference(name: str | None = None) -> Any:
        req = current_request()
        media_type = _media_type(req.environ.get("HTTP_ACCEPT"))
        with lock:  # of several first visitors, one makes a page
            site = site_at(req.root_path.strip("/"))
            if name is not None and _STATUS.fullmatch(name):
                return redirect(page_url(state, req.root_path, site.code_of(int(name))))
            page = site.page(name, media_type)
        if page is None:
            exc = ApiError(Sentence("unknown-error"), status=404)
            return render(to_problem(exc, req, state), req, state)
        response = Response(page.content, mimetype=media_type, headers=_FIELDS)
        if media_type == _HTML:
            response.headers["Content-Security-Policy"] = _policy()
        response.set_etag(page.etag)
        return response.make_conditional(req)

    return reference


_FIELDS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


@cache
def _policy() -> str:
    """Forbid everything but the style sheet, by its hash (CSP Level 3 section 2.3.1)."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _media_type(accept: str | None) -> str:
    """Choose a format. It is never a 406: a client that asks for problem+json gets JSON."""
    if not accept:
        return _HTML
    return best_match(accept, (_HTML, _JSON, _MARKDOWN)) or (_JSON if "json" in accept else _HTML)


class _Page(NamedTuple):
    content: bytes
    etag: str


class _Site:
    """The pages of an app below one mount point. Each is made once, and only what exists is kept.

    :param root_path: The mount point, without slashes at its ends.
    """

    def __init__(self, state: AppState, root_path: str) -> None:
        self._state = state
        self._root_path = f"/{root_path}" if root_path else ""
        self._catalogue = catalogue(state.app, root_path=self._root_path)
        self._pages: dict[tuple[str | None, str], _Page] = {}

    def code_of(self, status: int) -> str:
        """Return the code of an error that the app answers with a status."""
        bare = code_of_status(status)
        codes = [entry.code for entry in self._catalogue.errors if entry.status == status]
        return bare if bare in codes or not codes else codes[0]

    def page(self, name: str | None, media_type: str) -> _Page | None:
        """Return the overview, or the page of an error. ``None``: there is no such error."""
        page = self._pages.get((name, media_type))
        if page is None and (text := self._text(name, media_type)) is not None:
            content = text.encode()
            page = _Page(content, sha256(content).hexdigest())
            self._pages[name, media_type] = page
        return page

    def _text(self, name: str | None, media_type: str) -> str | None:
        pages = _Pages(self._catalogue, partial(page_url, self._state, self._root_path))
        if name is None:
            template, content = "overview", pages.overview()
        else:
            entry = next((entry for entry in self._catalogue.errors if entry.code == name), None)
            entry = entry or find(self._state.app, name, root_path=self._root_path)
            if entry is None:
                return None
            template, content = "error", pages.error(entry)
        if media_type == _JSON:
            return json.dumps(content, indent=2) + "\n"
        suffix = "html" if media_type == _HTML else "md"
        return as_text(_templates().get_template(f"{template}.{suffix}").render(page=content))


# -- the content


class _Pages:
    """The content of the pages, as JSON. All formats have the same, and no names from Python."""

    def __init__(self, catalogue: Catalogue, url: Callable[..., str]) -> None:
        self._catalogue = catalogue
        self._url = url

    def overview(self) -> dict[str, Any]:
        """Return the content of the overview."""
        example = self._catalogue.error("not-found")
        return {
            "title": "Status codes and errors",
            "summary": "The errors of this API: what each one means, and what you can do about it.",
            "body": _body_sentence(example.example),
            "example": example.example,
            # With APIERRORS_FORMAT = "problem", there is no other body.
            "problem_body": ""
            if example.example == example.problem_example
            else (
                "Send `Accept: application/problem+json` to get problem details (RFC 9457) "
                "instead. Their `type` identifies the error. It is usually the URL of the page "
                "that explains the error."
            ),
            "problem_example": example.problem_example,
            "headers": _headers(self._catalogue.headers),
            "classes": [
                {"status": status, "title": title, "meaning": meaning}
                for status, title, meaning in _CLASSES
            ],
            "errors": [
                self._line(entry) | {"meaning": entry.meaning, "retry": entry.retry}
                for entry in self._catalogue.errors
            ],
            "endpoints": [self._endpoint(operation) for operation in self._catalogue.operations],
        }

    def error(self, entry: Entry) -> dict[str, Any]:
        """Return the content of the page of an error."""
        names = {field.name for field in entry.headers}
        has_delay = entry.retry == "after-delay" and "Retry-After" in names
        same_status = (other for other in self._catalogue.errors if other.status == entry.status)
        return {
            "code": entry.code,
            "type": entry.type,
            "status": entry.status,
            "title": entry.title,
            "heading": _heading(entry),
            "meaning": entry.meaning,
            "action": entry.action,
            "retry": entry.retry,
            "retry_rule": _RETRY_AFTER if has_delay else _RETRY_RULES[entry.retry],
            "headers": _headers(entry.headers),
            "example": entry.example,
            "media_type": entry.media_type,
            "problem_example": entry.problem_example,
            "anywhere": entry.anywhere,
            "endpoints": [
                {"method": place.method, "path": path_of(place.rule), "retry": place.retry}
                for place in entry.occurrences
            ],
            "others": [self._line(other) for other in same_status if other.code != entry.code],
            "overview": self._url(),
        }

    def _line(self, entry: Entry) -> dict[str, Any]:
        return {
            "status": entry.status,
            "title": entry.title,
            "heading": _heading(entry),
            "url": self._url(entry.code),
        }

    def _endpoint(self, operation: Operation) -> dict[str, Any]:
        return {
            "method": operation.method,
            "path": path_of(operation.rule),
            "summary": operation.summary,
            "conditions": _conditions(operation),
            "errors": [self._line(self._catalogue.error(error.code)) for error in operation.errors],
        }


def _heading(entry: Entry) -> str:
    """Return the title. The one of ``#quota-exceeded`` in its registry is too long to read."""
    return status_title(entry.status) if entry.code == code_of_status(429) else entry.title


def _headers(fields: Iterable[HeaderField]) -> list[dict[str, str]]:
    return [
        {"name": field.name, "meaning": field.meaning, "example": field.example} for field in fields
    ]


def _body_sentence(example: Any) -> str:
    if not isinstance(example, Mapping):
        return "Every error looks like this one."
    sentence = "Every error is a JSON object."
    if "error" not in example and {"type", "detail"} <= example.keys():
        return (
            f"{sentence} It has the members of problem details (RFC 9457). Its `detail` says in "
            "one sentence what went wrong."
        )
    if "error" not in example:
        return sentence
    return f"{sentence} Its member `error` says in one sentence what went wrong."


def _conditions(operation: Operation) -> list[str]:
    """Say what the guards and limits of an operation require."""
    implied = [mark for guard in operation.guards for mark in guard.implies]
    guards = (mark for mark in reversed(operation.guards) if mark not in implied)
    conditions = [mark.condition or f"Checked by {mark.name}." for mark in guards]
    return conditions + [f"Limit: {limit}." for limit in operation.limits]


# -- the formats


@cache
def _templates() -> Environment:
    """Return our own environment, which the app's templates, filters and globals cannot change."""
    environment = Environment(
        loader=PackageLoader("flask_apierrors", "_catalogue/templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "prose": _prose,
        "path": _path,
        "md": _markdown,
        "code": _code,
        "json": _json,
    }
    environment.globals["short_retry"] = _SHORT_RETRY
    environment.globals["style"] = Markup(_style())  # noqa: S704 - our own file
    return environment


@cache
def _style() -> str:
    return files("flask_apierrors").joinpath("_catalogue/templates/style.css").read_text("utf-8")


def _prose(text: str) -> Markup:
    """Escape a text, and show words between backticks as code."""
    return Markup(_CODE.sub(r"<code>\2</code>", str(escape(text))))  # noqa: S704 - it is escaped


def _path(path: str) -> Markup:
    """Escape a path, and let a narrow screen break it after a slash."""
    return Markup("/<wbr>").join(map(escape, path.split("/")))


def _markdown(text: str) -> str:
    """Escape a text for one line of Markdown, except for code between backticks."""
    parts = _CODE.split(" ".join(text.split()))
    quoted = [_MARKDOWN_SPECIAL.sub(r"\\\1", part) for part in parts[::3]]
    return (
        "".join(f"{plain}`{_code(code)}`" for plain, code in zip(quoted, parts[2::3], strict=False))
        + quoted[-1]
    )


def _code(text: str) -> str:
    """Escape a text for a code span in a table, which cannot show a backslash before a bar."""
    return re.sub(r"\\*\|", r"\\|", text.replace("`", "'"))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
