"""OpenAPI 3: what the catalogue knows, written into a document that apispec, or anything else, makes.

An operation gets the errors that it can answer, as references to responses that its path, its guards and its limits share.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from http import HTTPStatus
from typing import Any, NamedTuple

from apispec import APISpec, BasePlugin
from apispec.exceptions import DuplicateComponentNameError
from flask import Flask

from ._catalogue.catalogue import catalogue, find
from ._catalogue.model import Entry, HeaderField, Operation
from ._catalogue.routes import path_of
from ._core.accept import PROBLEM_JSON
from ._core.config import Config
from ._core.errors import status_type
from ._core.header_fields import REQUEST_ID, meaning_of
from ._core.state import AppState
from ._core.statuses import STATUSES, retry_for
from ._limits.fields import format_limit, format_policy

_Object = dict[str, Any]
"""A part of an OpenAPI document."""

_LIMITS = (
    HeaderField("RateLimit", meaning_of("RateLimit"), format_limit("endpoint", 9, 1)),
    HeaderField(
        "RateLimit-Policy", meaning_of("RateLimit-Policy"), format_policy("endpoint", 10, 1)
    ),
)


class ApiErrorsPlugin(BasePlugin):
    """Completes each path that is added to an ``APISpec`` with the errors that its operations can answer.

    What an author wrote stays: a response of the same status keeps its description, content and headers, and gets those
    that it lacks. The app's views must be registered before their paths are added.

    :param app: The app, with its ``ApiErrors``.
    :param root_path: Where the app is mounted, for the URIs of types and examples.
    """

    def __init__(self, app: Flask, *, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path
        self._rules = -1

    def init_spec(self, spec: APISpec) -> None:
        """Read the app's errors for this specification.

        :raises ValueError: when it is older than OpenAPI 3.
        """
        self._version = str(spec.openapi_version)
        self._add = _adder_to_apispec(spec)
        self._errors = self._read()

    def operation_helper(
        self, path: str | None = None, operations: _Object | None = None, **kwargs: Any
    ) -> None:
        """Add the errors to the operations of one path."""
        if self._rules != _count_rules(self._app):
            self._errors = self._read()  # a blueprint was registered since
        self._errors.complete(path or "", operations or {})

    def _read(self) -> _Errors:
        self._rules = _count_rules(self._app)
        return _Errors(self._app, self._root_path, self._version, self._add)


def add_errors(document: _Object, app: Flask, *, root_path: str = "") -> _Object:
    """Complete a whole OpenAPI document, whatever made it, as :class:`ApiErrorsPlugin` completes each path.

    For APIFlask: ``app.spec_processor(lambda document: add_errors(document, app))``.

    :param document: Is changed, and returned.
    :raises ValueError: when it is older than OpenAPI 3.
    :raises DuplicateComponentNameError: when it has a component of its own by the name of one of ours.
    """
    errors = _Errors(
        app, root_path, str(document.get("openapi", "2.0")), _adder_to_document(document)
    )
    for path, item in document.get("paths", {}).items():
        errors.complete(path, item)
    return document


def _count_rules(app: Flask) -> int:
    return sum(1 for _ in app.url_map.iter_rules())


# -- where components go

_Add = Callable[[str, str, _Object], None]


def _adder_to_apispec(spec: APISpec) -> _Add:
    components = spec.components
    adders: dict[str, Callable[..., object]] = {
        "schemas": components.schema,
        "responses": components.response,
        "headers": components.header,
        "securitySchemes": components.security_scheme,
    }
    added: set[tuple[str, str]] = set()

    def add(section: str, name: str, component: _Object) -> None:
        if (section, name) not in added:
            added.add((section, name))
            adders[section](name, component)

    return add


def _adder_to_document(document: _Object) -> _Add:
    added: set[tuple[str, str]] = set()

    def add(section: str, name: str, component: _Object) -> None:
        if (section, name) in added:
            return  # the same field with another example, such as a challenge of another scheme
        added.add((section, name))
        known = (
            document.setdefault("components", {})
            .setdefault(section, {})
            .setdefault(name, deepcopy(component))
        )
        if known != component:
            raise DuplicateComponentNameError(
                f"#/components/{section}/{name} is there already, and is not ours. Rename it."
            )

    return add


# -- what one app can answer


class _Failure(NamedTuple):
    """How operations fail with one status: the entries of its types."""

    status: int
    entries: tuple[Entry, ...]
    #: Is a rate limit told with it?
    limited: bool

    @property
    def name(self) -> str:
        """The same for the same failure, whatever else is in the document: ``Unauthorized-InvalidToken.limited``."""
        names = (entry.name.replace("-", " ").title() for entry in self.entries)
        return "-".join(re.sub(r"[^A-Za-z0-9_]", "", name) for name in names) + (
            ".limited" if self.limited else ""
        )


class _Errors:
    """The errors of one app, as they are written into one document."""

    def __init__(self, app: Flask, root_path: str, version: str, add: _Add) -> None:
        if not version.startswith("3."):
            raise ValueError(
                f"OpenAPI {version} cannot describe the errors of an app: write OpenAPI 3.0 or later."
            )
        self._app = app
        self._root_path = root_path
        self._catalogue = catalogue(app, root_path=root_path)
        self._state: AppState = app.extensions["apierrors"]
        self._scopes = not version.startswith("3.0")  # in 3.0 a Bearer scheme cannot have any
        self._add = add
        self._entries = {entry.type: entry for entry in self._catalogue.errors}
        # The example of a field differs between errors; the component has the first one.
        self._fields = {
            field.name: field
            for entry in reversed(self._catalogue.errors)
            for field in entry.headers
        }
        self._operations: dict[tuple[str, str], list[Operation]] = {}
        for operation in self._catalogue.operations:
            self._operations.setdefault((path_of(operation.rule), operation.method), []).append(
                operation
            )

    def complete(self, path: str, item: _Object) -> None:
        """Complete the operations of a path. Those that the app does not publish stay as they are."""
        for method, written in list(item.items()):
            operations = self._operations.get((path, method.upper()))
            if operations is None:
                continue
            self._complete(written, operations)
            if item.get("x-method-not-allowed") is None:
                self._method_not_allowed(item, operations)

    def _complete(self, written: _Object, operations: list[Operation]) -> None:
        limits = list(
            dict.fromkeys(limit for operation in operations for limit in operation.limits)
        )
        responses = {
            _code(status): response for status, response in written.get("responses", {}).items()
        }
        retries: dict[str, str] = {}
        for failure in self._failures(operations, responses, bool(limits)):
            code = str(failure.status)
            responses[code] = self._merged(responses.get(code), failure)
            retries[code] = _retry(failure, operations[0].method)
        if limits:
            self._tell_limits(responses)
            written.setdefault("x-rate-limits", limits)
        written["responses"] = dict(sorted(responses.items()))
        written.setdefault("x-retry", dict(sorted(retries.items())))
        self._secure(written, operations)

    # -- the failures of an operation

    def _failures(
        self, operations: list[Operation], responses: _Object, limited: bool
    ) -> Iterator[_Failure]:
        """By status: what the catalogue knows, and what another extension declared and this one answers."""
        found: dict[int, dict[str, Entry]] = {}
        for entry in (*self._known(operations), *self._declared(responses)):
            found.setdefault(entry.status, {})[entry.type] = entry
        for status, entries in found.items():
            bare = status_type(status)
            yield _Failure(
                status,
                tuple(entries[type_] for type_ in sorted(entries, key=lambda t: (t != bare, t))),
                limited,
            )

    def _known(self, operations: list[Operation]) -> Iterator[Entry]:
        # Another method is another operation: what it gets is told beside them.
        errors = (
            error
            for operation in operations
            for error in operation.errors
            if error.cause != "method"
        )
        return (self._entries[error.type] for error in errors)

    def _declared(self, responses: _Object) -> Iterator[Entry]:
        """Takes out of ``responses`` those whose body another extension would send, if it handled errors."""
        for code, response in list(responses.items()):
            type_ = _declared_type(code, response)
            entry = find(self._app, type_, root_path=self._root_path) if type_ else None
            if entry is not None:
                del responses[code]
                yield entry

    # -- the parts of an operation

    def _merged(self, written: Any, failure: _Failure) -> Any:
        """A reference; or what the author wrote, with what it lacks."""
        if written is None:
            self._add_schemas()
            self._add("responses", failure.name, self._response(failure))
            return _ref("responses", failure.name)
        if isinstance(written, dict) and "$ref" not in written:
            self._add_schemas()
            return (
                self._response(failure) | written
            )  # not into it: an author may use one object in several places
        return written

    def _tell_limits(self, responses: _Object) -> None:
        for code, response in responses.items():
            if code.startswith("2") and isinstance(response, dict) and "$ref" not in response:
                responses[code] = response | {
                    "headers": self._limit_headers() | response.get("headers", {})
                }

    def _secure(self, written: _Object, operations: list[Operation]) -> None:
        guards = [guard for operation in operations for guard in operation.guards]
        scopes = [name for guard in guards for name in guard.permissions]
        schemes = {name: scheme for guard in guards for name, scheme in guard.security.items()}
        for name, scheme in schemes.items():
            self._add("securitySchemes", name, dict(scheme))
        if schemes:
            requirements = [{name: scopes if self._scopes else []} for name in schemes]
            written.setdefault("security", requirements)

    def _method_not_allowed(self, item: _Object, operations: list[Operation]) -> None:
        """What each other method of the path gets: OpenAPI has no place for it, but in an operation that it is not."""
        entries = (
            self._entries[error.type] for error in operations[0].errors if error.cause == "method"
        )
        for entry in entries:
            item["x-method-not-allowed"] = self._merged(
                None, _Failure(entry.status, (entry,), limited=False)
            )

    # -- components

    def _response(self, failure: _Failure) -> _Object:
        types = [entry.problem_example["type"] for entry in failure.entries]
        narrowed = {"properties": {"type": {"enum": types}, "status": {"enum": [failure.status]}}}
        return {
            "description": _description(failure.entries),
            "headers": self._headers(failure),
            "content": {
                "application/json": {
                    "schema": _ref("schemas", "ErrorBody"),
                    "examples": {
                        entry.name: _example(entry, entry.example) for entry in failure.entries
                    },
                },
                PROBLEM_JSON: {
                    "schema": {"allOf": [_ref("schemas", "ProblemDetails"), narrowed]},
                    "examples": {
                        entry.name: _example(entry, entry.problem_example)
                        for entry in failure.entries
                    },
                },
            },
        }

    def _headers(self, failure: _Failure) -> _Object:
        common = [field for field in self._catalogue.headers if field.name != "Content-Type"]
        own = {field.name: field for entry in failure.entries for field in entry.headers}
        headers: _Object = {}
        for field in common:
            headers[field.name] = self._header(field, required=True)
        for name in sorted(own.keys() - headers.keys()):
            if failure.status in STATUSES and name in STATUSES[failure.status].fields:
                headers[name] = self._header(self._fields.get(name, own[name]), required=True)
            else:
                headers[name] = _header(own[name], required=False)
        return headers | (self._limit_headers() if failure.limited else {})

    def _limit_headers(self) -> _Object:
        return {field.name: self._header(field, required=False) for field in _LIMITS}

    def _header(self, field: HeaderField, *, required: bool) -> _Object:
        self._add("headers", field.name, _header(field, required=required))
        return _ref("headers", field.name)

    def _add_schemas(self) -> None:
        self._add("schemas", "FieldError", _FIELD_ERROR)
        self._add("schemas", "ErrorBody", _body(self._state))
        self._add("schemas", "ProblemDetails", _problem(self._state.config))


def _declared_type(code: str, response: Any) -> str | None:
    """The type of an error that another extension declared: flask-smorest by the name of its status, APIFlask by its body."""
    if not re.fullmatch("[45][0-9][0-9]", code):
        return None
    if isinstance(response, str):
        response = _ref("responses", response)
    if not isinstance(response, dict):
        return None
    bodies = {
        content.get("schema", {}).get("$ref") for content in response.get("content", {}).values()
    }
    if response.get("$ref") == _ref("responses", _phrase(code))["$ref"]:
        return "validation-failed" if code == "422" else status_type(int(code))
    if bodies == {"#/components/schemas/ValidationError"}:
        return "validation-failed"
    return status_type(int(code)) if bodies == {"#/components/schemas/HTTPError"} else None


def _phrase(code: str) -> str:
    try:
        return HTTPStatus(int(code)).name
    except ValueError:
        return ""


def _code(status: Any) -> str:
    return status if isinstance(status, str) else str(int(status))


def _ref(section: str, name: str) -> _Object:
    return {"$ref": f"#/components/{section}/{name}"}


def _retry(failure: _Failure, method: str) -> str:
    """May the same request be sent again, whichever of its types the failure has?"""
    rules = {retry_for(entry.retry, method) for entry in failure.entries}
    return "after-delay" if rules == {"after-delay"} else "never"


def _description(entries: tuple[Entry, ...]) -> str:
    texts = [f"{entry.meaning} {entry.action}".strip() for entry in entries]
    if len(entries) == 1:
        return texts[0]
    return "\n".join(
        f"- **{entry.title}**: {text}" for entry, text in zip(entries, texts, strict=True)
    )


def _example(entry: Entry, value: Mapping[str, Any]) -> _Object:
    return {"summary": entry.title, "value": dict(value)}


def _header(field: HeaderField, *, required: bool) -> _Object:
    schema: _Object = _HEADER_SCHEMAS.get(field.name, {"type": "string"})
    example = int(field.example) if schema["type"] == "integer" else field.example
    return {
        "description": field.meaning,
        "required": required,
        "schema": dict(schema),
        "example": example,
    }


# -- schemas

_HEADER_SCHEMAS: dict[str, _Object] = {
    "Retry-After": {"type": "integer", "minimum": 0},
    "X-Content-Type-Options": {"type": "string", "enum": ["nosniff"]},
}

_FIELD_ERROR: _Object = {
    "type": "object",
    "description": "One thing that is wrong with a request.",
    "required": ["detail"],
    "properties": {
        "detail": {"type": "string", "description": "What is wrong."},
        "pointer": {
            "type": "string",
            "description": "Where in the body: a JSON Pointer (RFC 6901).",
            "example": "#/items/3/name",
        },
        "parameter": {"type": "string", "description": "The name of the parameter."},
        "in": {
            "type": "string",
            "enum": ["query", "header", "path", "cookie"],
            "description": "What kind of parameter.",
        },
    },
}

_STATUS: _Object = {
    "type": "integer",
    "minimum": 400,
    "maximum": 599,
    "description": "The status of the answer.",
}
_TITLE: _Object = {
    "type": "string",
    "description": "The kind of the error in words: the same for each occurrence.",
}
_ERRORS: _Object = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/FieldError"},
    "description": "What is wrong in detail.",
}
_REQUEST_ID: _Object = {"type": "string", "description": REQUEST_ID}
_SENTENCE: _Object = {
    "type": "string",
    "minLength": 1,
    "description": "What went wrong, in one sentence for people.",
}

#: The members of the plain body.
_MEMBERS: dict[str, _Object] = {
    "error": _SENTENCE,
    "status": _STATUS,
    "type": {
        "type": "string",
        "description": "The kind of the error, for programs: a short name, or a URI.",
    },
    "title": _TITLE,
    "errors": _ERRORS,
    "request_id": _REQUEST_ID,
    "documentation": {
        "type": "string",
        "format": "uri-reference",
        "description": "Where the error is explained.",
    },
}
_PROBLEM_MEMBERS: dict[str, _Object] = {
    "type": {
        "type": "string",
        "format": "uri-reference",
        "description": "The kind of the error, for programs.",
    },
    "title": _TITLE,
    "status": _STATUS,
    "detail": _SENTENCE,
    "instance": {
        "type": "string",
        "format": "uri-reference",
        "description": "The path that was requested.",
    },
    "errors": _ERRORS,
    "request_id": _REQUEST_ID,
}


def _body(state: AppState) -> _Object:
    """The plain body. Of one that the author's function makes, only the examples tell the shape."""
    if state.hooks.format is not None:
        return {"type": "object", "description": "What went wrong."}
    return _object(
        "What went wrong.", {name: _MEMBERS[name] for name in state.config.members}, state.config
    )


def _problem(config: Config) -> _Object:
    return _object(
        "What went wrong (RFC 9457). An error may have further members of its own.",
        _PROBLEM_MEMBERS,
        config,
    )


def _object(description: str, members: Mapping[str, _Object], config: Config) -> _Object:
    absent = {"errors"}
    if config.request_id_header is None:
        absent.add("request_id")
    if config.reference_url is None:
        absent.add("documentation")
    return {
        "type": "object",
        "description": description,
        "required": [name for name in members if name not in absent],
        "properties": {name: dict(schema) for name, schema in members.items()},
    }
