"""The reference page: what each error of this API means, for the people who call it, as HTML, JSON or Markdown."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, redirect
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from .._core.accept import best_match
from .._core.config import REFERENCE_ENDPOINT
from .._core.errors import ApiError, status_title, status_type
from .._core.problem import to_problem
from .._core.rendering import render
from .._core.sentences import Sentence
from .._core.state import AppState, current_request
from .._core.statuses import Retry
from .._core.text import as_text
from .._limits.quotas import QuotaExceeded
from .catalogue import catalogue, find
from .model import Catalogue, Entry, HeaderField, Operation
from .routes import path_of

_HTML, _JSON, _MARKDOWN = "text/html", "application/json", "text/markdown"
#: How many pages, and catalogues of places where the app is mounted, are kept: they cannot change once it serves.
_PAGES, _PLACES = 1_024, 8
_STATUS = re.compile("[45][0-9]{2}")
_CODE = re.compile(r"(?::[\w:]+:)?(``?)(.+?)\1")
_MARKDOWN_SPECIAL = re.compile(r"([\\<>\[\]*_|#])")

_SHORT_RETRY: dict[Retry, str] = {
    "never": "No",
    "after-delay": "After a delay",
    "if-idempotent": "If a repetition is safe",
}
_RETRY_RULES: dict[Retry, str] = {
    "never": "No: the same request gets the same answer. Change it first.",
    "after-delay": "Yes, with any method, after a delay: a second at first, and twice as long each time.",
    "if-idempotent": (
        "Yes, after a delay, with `GET`, `HEAD`, `OPTIONS`, `PUT` and `DELETE`: to repeat them does no harm. "
        "A `POST` or `PATCH` may have taken effect before it failed: look before you repeat it."
    ),
}
_RETRY_AFTER = (
    "Yes, with any method. Wait at least as many seconds as the `Retry-After` header says."
)
_CLASSES = (
    (
        "2xx",
        "Success",
        "The request was carried out. The body, if there is one, is what you asked for.",
    ),
    (
        "4xx",
        "Your request",
        "Something in the request has to change. The error says what. Most are the same on each try.",
    ),
    (
        "5xx",
        "Our server",
        "The request may be fine, but the server could not carry it out. Many go away after a while.",
    ),
)


def register(app: Flask, state: AppState) -> None:
    """Serve the page at ``APIERRORS_REFERENCE_URL``, and an error's own below it.

    It answers in maintenance too, and nothing of this package limits it: it explains these very errors. The author's own
    ``before_request`` functions see its requests like any others.
    """
    url = state.config.reference_url
    view = _view(state)
    app.add_url_rule(f"{url}", REFERENCE_ENDPOINT, view, strict_slashes=False)
    app.add_url_rule(f"{url}/<path:name>", REFERENCE_ENDPOINT, view)


def _view(state: AppState) -> Callable[..., Any]:
    known = lru_cache(_PLACES)(lambda root_path: catalogue(state.app, root_path=root_path))
    made = lru_cache(_PAGES)(lambda *args: _page(state, known(args[0]), *args))

    def reference(name: str | None = None) -> Any:
        req = current_request()
        if name is not None and _STATUS.fullmatch(name):
            return redirect(_url(state, req.root_path, status_type(int(name))))
        media_type = _negotiated(req.environ.get("HTTP_ACCEPT"))
        text = made(req.root_path.rstrip("/"), name, media_type)
        if text is None:
            exc = ApiError(Sentence("unknown-error"), status=404)
            return render(to_problem(exc, req, state), req, state)
        response = Response(
            text,
            mimetype=media_type,
            headers=_FIELDS | ({_CSP: _policy()} if media_type == _HTML else {}),
        )
        response.add_etag()
        return response.make_conditional(req)

    return reference


_CSP = "Content-Security-Policy"
_FIELDS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}


@cache
def _policy() -> str:
    """Nothing is loaded and nothing runs; the one style sheet is known by its hash (CSP Level 3 section 2.3.1)."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _negotiated(accept: str | None) -> str:
    """HTML, unless something else is asked for; who asks for what there is not (problem+json, say) still gets an answer."""
    if not accept:
        return _HTML
    return best_match(accept, (_HTML, _JSON, _MARKDOWN)) or (_JSON if "json" in accept else _HTML)


def _page(
    state: AppState, known: Catalogue, root_path: str, name: str | None, media_type: str
) -> str | None:
    """The text of a page; ``None`` when there is no such error."""
    entry = None
    if name is not None:
        entry = next((entry for entry in known.errors if entry.name == name), None)
        entry = entry or find(state.app, name, root_path=root_path)
        if entry is None:
            return None
    page = _Pages(known, lambda end="": _url(state, root_path, end))
    content = page.overview() if entry is None else page.error(entry)
    if media_type == _JSON:
        return json.dumps(content, indent=2) + "\n"
    template = (
        f"{'overview' if entry is None else 'error'}.{'html' if media_type == _HTML else 'md'}"
    )
    return as_text(_templates().get_template(template).render(page=content))


def _url(state: AppState, root_path: str, name: str = "") -> str:
    end = f"/{quote(name, safe='')}" if name else ""
    return f"{quote(root_path.rstrip('/'))}{state.config.reference_url}{end}"


# -- what the pages say


class _Pages:
    """The content of the pages, in values that JSON has: the same for each format. Names no Python of the API."""

    def __init__(self, known: Catalogue, url: Callable[..., str]) -> None:
        self._known = known
        self._url = url

    def overview(self) -> dict[str, Any]:
        """The page of the whole API."""
        example = self._known.error("not-found")
        return {
            "title": "Response codes and error handling",
            "summary": "What this API answers when it cannot do what you ask, what that means, and what you can do about it.",
            "body": _described_body(example.example),
            "example": example.example,
            "problem_body": "Send `Accept: application/problem+json` to get problem details (RFC 9457) instead. Their `type` "
            "tells this error from others of the same status, and is the address of the page that explains it.",
            "problem_example": example.problem_example,
            "headers": _headers(self._known.headers),
            "classes": [
                {"status": status, "title": title, "meaning": meaning}
                for status, title, meaning in _CLASSES
            ],
            "errors": [
                self._line(entry) | {"meaning": entry.meaning, "retry": entry.retry}
                for entry in self._known.errors
            ],
            "endpoints": [self._endpoint(operation) for operation in self._known.operations],
        }

    def error(self, entry: Entry) -> dict[str, Any]:
        """The page of one error."""
        names = {field.name for field in entry.headers}
        waits = entry.retry == "after-delay" and "Retry-After" in names
        others = [self._line(other) for other in self._known.errors if other.status == entry.status]
        return {
            "type": entry.problem_example.get("type", entry.type),
            "status": entry.status,
            "title": entry.title,
            "heading": _heading(entry),
            "meaning": entry.meaning,
            "action": entry.action,
            "retry": entry.retry,
            "retry_rule": _RETRY_AFTER if waits else _RETRY_RULES[entry.retry],
            "headers": _headers(entry.headers),
            "example": entry.example,
            "problem_example": entry.problem_example,
            "anywhere": entry.anywhere,
            "endpoints": [
                {"method": place.method, "path": path_of(place.rule), "retry": place.retry}
                for place in entry.occurrences
            ],
            "others": [other for other in others if other["url"] != self._url(entry.name)],
            "overview": self._url(),
        }

    def _line(self, entry: Entry) -> dict[str, Any]:
        return {
            "status": entry.status,
            "title": entry.title,
            "heading": _heading(entry),
            "url": self._url(entry.name),
        }

    def _endpoint(self, operation: Operation) -> dict[str, Any]:
        return {
            "method": operation.method,
            "path": path_of(operation.rule),
            "summary": operation.summary,
            "conditions": _conditions(operation),
            "errors": [self._line(self._known.error(error.type)) for error in operation.errors],
        }


def _heading(entry: Entry) -> str:
    """The title, in the words of the status where a registry chose long ones (``#quota-exceeded``)."""
    return status_title(entry.status) if entry.type == QuotaExceeded.type else entry.title


def _headers(fields: Iterable[HeaderField]) -> list[dict[str, str]]:
    return [
        {"name": field.name, "meaning": field.meaning, "example": field.example} for field in fields
    ]


def _described_body(example: Mapping[str, Any]) -> str:
    start = "Every error is JSON"
    if "error" not in example:
        return f"{start}."
    return f"{start}, and its `error` is one sentence: what is wrong, in words for a person."


def _conditions(operation: Operation) -> list[str]:
    """Say in words what the guards and limits need."""
    implied = [mark for guard in operation.guards for mark in guard.implies]
    guards = (mark for mark in reversed(operation.guards) if mark not in implied)
    conditions = [mark.condition or f"Checked by {mark.name}." for mark in guards]
    return conditions + [f"Limit: {limit}." for limit in operation.limits]


# -- how it looks


@cache
def _templates() -> Environment:
    """An environment of this package's own: the templates, filters and globals of the app have no part in it."""
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
        "path": _breakable,
        "md": _markdown,
        "code": _code,
        "json": _indented,
    }
    environment.globals |= {"short_retry": _SHORT_RETRY, "style": Markup(_style())}  # noqa: S704 - our own file
    return environment


@cache
def _style() -> str:
    return files("flask_apierrors").joinpath("_catalogue/templates/style.css").read_text("utf-8")


def _prose(text: str) -> Markup:
    """Escaped text, in which what stands between backticks is code."""
    return Markup(_CODE.sub(r"<code>\2</code>", str(escape(text))))  # noqa: S704 - escaped one step before


def _breakable(path: str) -> Markup:
    """An escaped path, which a narrow screen breaks after a slash."""
    return Markup("/<wbr>").join(map(escape, path.split("/")))


def _markdown(text: str) -> str:
    """Text on one line that Markdown shows as it is, but for code between backticks."""
    parts = _CODE.split(" ".join(text.split()))
    quoted = [_MARKDOWN_SPECIAL.sub(r"\\\1", part) for part in parts[::3]]
    return (
        "".join(f"{plain}`{_code(code)}`" for plain, code in zip(quoted, parts[2::3], strict=False))
        + quoted[-1]
    )


def _code(text: str) -> str:
    """Text for a code span in a table of Markdown, where a backslash before a bar can be shown by no means."""
    return re.sub(r"\\*\|", r"\\|", text.replace("`", "'"))


def _indented(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
