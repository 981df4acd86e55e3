"""OpenAPI 3: the errors of the catalogue, in a document that apispec or another library makes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain, product
from typing import Any, NamedTuple

from apispec import APISpec, BasePlugin
from apispec.exceptions import DuplicateComponentNameError
from flask import Flask

from ._catalogue.catalogue import catalogue, find
from ._catalogue.model import Entry, HeaderField, Operation
from ._catalogue.routes import path_of
from ._core.accept import PROBLEM_JSON
from ._core.config import Config
from ._core.errors import code_of_status
from ._core.header_fields import REQUEST_ID, meaning_of
from ._core.marks import Mark
from ._core.state import AppState
from ._core.statuses import STATUSES, retry_for
from ._libraries.apiflask import declared_code as code_by_apiflask
from ._libraries.apiflask import has_own_processor
from ._libraries.smorest import declared_code as code_by_smorest
from ._libraries.smorest import has_own_schema, is_default_error
from ._limits.fields import format_limit, format_policy
from ._limits.wiring import sends_fields

#: A part of an OpenAPI document.
_Object = dict[str, Any]
_ERROR_STATUS = re.compile("[45][0-9][0-9]")

_LIMIT_FIELDS = (
    HeaderField("RateLimit", meaning_of("RateLimit"), format_limit("endpoint", 9, 1)),
    HeaderField(
        "RateLimit-Policy", meaning_of("RateLimit-Policy"), format_policy("endpoint", 10, 1)
    ),
)


class ApiErrorsPlugin(BasePlugin):
    """A plugin for an ``APISpec``: adds to each path the errors that its operations can answer.

    Register a view before you add its path. A response that you described keeps its description,
    content and headers, and gets those that are missing.

    :param app: The app, with its ``ApiErrors``.
    :param root_path: The path that the app is mounted at, for the addresses of types and examples.
    """

    def __init__(self, app: Flask, *, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path
        self._rules = -1

    def init_spec(self, spec: APISpec) -> None:
        """Read the errors of the app. ``APISpec`` calls it.

        :param spec: The specification.
        :raises RuntimeError: if the app has no ``ApiErrors``.
        :raises ValueError: if the specification is older than OpenAPI 3.0.
        """
        self._version = str(spec.openapi_version)
        self._add = _adder_to_apispec(spec)
        self._security = spec.options.get("security", ())
        self._errors = self._read()

    def operation_helper(
        self, path: str | None = None, operations: _Object | None = None, **kwargs: Any
    ) -> None:
        """Add the errors to the operations of a path. ``APISpec`` calls it.

        :param path: The path.
        :param operations: The operations by their methods. They are changed.
        """
        if self._rules != _count_rules(self._app):
            self._errors = self._read()  # more views were registered
        self._errors.complete(path or "", operations or {})

    def _read(self) -> _Errors:
        self._rules = _count_rules(self._app)
        errors = _Errors(self._app, self._root_path, self._version, self._add)
        errors.security = self._security
        return errors


def add_errors(document: _Object, app: Flask, *, root_path: str = "") -> _Object:
    """Add the errors of an app to a whole OpenAPI document, as :class:`ApiErrorsPlugin` does.

    You can call it again with its own result.

    :param document: The document. It is changed.
    :param app: The app, with all its views.
    :param root_path: The path that the app is mounted at, for the addresses of types and examples.
    :returns: The document.
    :raises RuntimeError: if the app has no ``ApiErrors``.
    :raises ValueError: if the document is older than OpenAPI 3.0.
    :raises DuplicateComponentNameError: if the document has another component with a name that
        this function needs.
    """
    errors = _Errors(
        app, root_path, str(document.get("openapi", "2.0")), _adder_to_document(document)
    )
    errors.security = document.get("security", ())
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
            return  # the same field with another example, such as another challenge
        added.add((section, name))
        components = document.setdefault("components", {}).setdefault(section, {})
        if components.setdefault(name, deepcopy(component)) != component:
            raise DuplicateComponentNameError(
                f"The document has a component #/components/{section}/{name} of its own. Rename it."
            )

    return add


# -- the errors of one app


class _Failure(NamedTuple):
    """The errors of one status that an operation can answer."""

    status: int
    entries: tuple[Entry, ...]
    #: Whether the response has the fields of a rate limit.
    has_fields: bool

    @property
    def name(self) -> str:
        """The name of its component, such as ``Unauthorized-InvalidToken.limited``.

        It depends on nothing else in the document.
        """
        titles = (entry.code.replace("-", " ").title() for entry in self.entries)
        name = "-".join(re.sub(r"[^A-Za-z0-9_]", "", title) for title in titles)
        return f"{name}.limited" if self.has_fields else name


class _Errors:
    """Writes the errors of an app into a document."""

    def __init__(self, app: Flask, root_path: str, version: str, add: _Add) -> None:
        if not version.startswith("3."):
            raise ValueError(
                f"OpenAPI {version} cannot describe the errors of an app. Use OpenAPI 3.0 or later."
            )
        #: The requirements for operations that have none of their own.
        self.security: Sequence[Any] = ()
        self._app = app
        self._root_path = root_path
        self._catalogue = catalogue(app, root_path=root_path)
        self._state: AppState = app.extensions["apierrors"]
        # In OpenAPI 3.0, only OAuth and OpenID schemes have scopes.
        self._has_scopes = not version.startswith("3.0")
        self._add = add
        self._entries = {entry.code: entry for entry in self._catalogue.errors}
        # Errors have different examples of a field. The component has that of the first error.
        self._fields = {
            field.name: field
            for entry in reversed(self._catalogue.errors)
            for field in entry.headers
        }
        self._operations: dict[tuple[str, str], list[Operation]] = {}
        for operation in self._catalogue.operations:
            key = (path_of(operation.rule), operation.method)
            self._operations.setdefault(key, []).append(operation)

    def complete(self, path: str, item: _Object) -> None:
        """Complete the operations of a path, except those that the app does not publish."""
        written_by_method = item | item.get("additionalOperations", {})  # since OpenAPI 3.2
        for method, written in written_by_method.items():
            operations = self._operations.get((path, method.upper()))
            if operations is None:
                continue
            self._complete_operation(written, operations)
            if item.get("x-method-not-allowed") is None:
                self._add_method_not_allowed(item, operations)

    def _complete_operation(self, written: _Object, operations: list[Operation]) -> None:
        limits = list(dict.fromkeys(limit for item in operations for limit in item.limits))
        responses = {
            _code(status): response for status, response in written.get("responses", {}).items()
        }
        retries: dict[str, str] = {}
        is_secured = bool(written.get("security", self.security))
        has_fields = bool(limits) and sends_fields(self._state)
        for failure in self._failures(operations, responses, is_secured, has_fields):
            code = str(failure.status)
            responses[code] = self._complete_response(responses.get(code), failure)
            retries[code] = _retry(failure, operations[0].method)
        if is_default_error(responses.get("default")) and not has_own_schema(self._app):
            self._add_schemas()
            self._add("responses", "Error", self._any_error())
            responses["default"] = _ref("responses", "Error")
        self._add_headers_to_success(responses, has_fields=has_fields)
        if limits:
            written.setdefault("x-rate-limits", limits)
        written["responses"] = dict(sorted(responses.items()))
        written.setdefault("x-retry", dict(sorted(retries.items())))
        self._add_security(written, operations)

    # -- the failures of an operation

    def _failures(
        self,
        operations: list[Operation],
        responses: _Object,
        is_secured: bool,
        has_fields: bool,
    ) -> Iterator[_Failure]:
        """Return the errors by status: of the catalogue, of other libraries, and of the author."""
        by_status: dict[int, dict[str, Entry]] = {}
        for entry in (*self._entries_of(operations), *self._replace_declared(responses)):
            by_status.setdefault(entry.status, {})[entry.code] = entry
        described = {code for code, response in responses.items() if isinstance(response, dict)}
        described |= {"401"} if is_secured else set()
        for entry in self._entries_of_author(described - set(map(str, by_status))):
            by_status.setdefault(entry.status, {})[entry.code] = entry
        for status, by_code in by_status.items():
            bare = code_of_status(status)
            codes = sorted(by_code, key=lambda code: (code != bare, code))
            yield _Failure(status, tuple(by_code[code] for code in codes), has_fields)

    def _entries_of(self, operations: list[Operation]) -> Iterator[Entry]:
        for operation in operations:
            for error in operation.errors:
                if error.cause != "method":  # another method is no part of this operation
                    yield self._entries[error.code]

    def _replace_declared(self, responses: _Object) -> Iterator[Entry]:
        """Remove the error responses of other libraries, and return the errors they stand for."""
        for status, response in list(responses.items()):
            name = _declared_code(status, response, self._app)
            entry = find(self._app, name, root_path=self._root_path) if name else None
            if entry is not None:
                del responses[status]
                yield entry

    def _entries_of_author(self, codes: Iterable[str]) -> Iterator[Entry]:
        """Return the errors that the app has for responses that only the author described."""
        for code in sorted(codes):
            if _ERROR_STATUS.fullmatch(code):
                bare = find(self._app, code_of_status(int(code)), root_path=self._root_path)
                yield from (
                    entry
                    for entry in (bare, *self._catalogue.errors)
                    if entry is not None and entry.status == int(code)
                )

    # -- the parts of an operation

    def _complete_response(self, written: Any, failure: _Failure) -> Any:
        """Return a reference, or what the author wrote with the parts that it lacks."""
        if written is None:
            self._add_schemas()
            self._add("responses", failure.name, self._response(failure))
            return _ref("responses", failure.name)
        if isinstance(written, dict) and "$ref" not in written:
            self._add_schemas()
            # An author may use one object in several places, so it must not change.
            return self._response(failure) | written
        return written

    def _add_headers_to_success(self, responses: _Object, *, has_fields: bool) -> None:
        common = self._common_headers()
        request_id = self._state.config.request_id_header or ""
        headers = {request_id: common[request_id]} if request_id in common else {}
        headers |= self._limit_headers() if has_fields else {}
        for code, response in responses.items():
            if (
                code.startswith(("2", "3"))
                and isinstance(response, dict)
                and "$ref" not in response
            ):
                own = response.get("headers", {})
                names = {name.lower() for name in own}
                missing = {name: headers[name] for name in headers if name.lower() not in names}
                responses[code] = response | ({"headers": missing | own} if missing else {})

    def _add_security(self, written: _Object, operations: list[Operation]) -> None:
        guards = [guard for operation in operations for guard in operation.guards]
        asking = [guard for guard in guards if guard.security]
        schemes = {name: scheme for guard in asking for name, scheme in guard.security.items()}
        for name, scheme in schemes.items():
            self._add("securitySchemes", name, dict(scheme))
        # A guard that names schemes narrows down what the others accept.
        common = [name for name in schemes if all(name in guard.security for guard in asking)]
        requirements = [
            {name: scopes} for name in common or schemes for scopes in self._scopes(guards)
        ]
        if schemes:
            if not any(guard.authenticates and not guard.is_optional for guard in guards):
                requirements.append({})  # anonymous requests pass, too
            written.setdefault("security", requirements)

    def _scopes(self, guards: list[Mark]) -> list[list[str]]:
        """Return the scopes that are needed, or each choice of them."""
        if not self._has_scopes:
            return [[]]
        choices = [
            [(name,) for name in guard.permissions] if guard.offers else [guard.permissions]
            for guard in guards
            if guard.permissions
        ]
        return [list(dict.fromkeys(chain(*choice))) for choice in product(*choices)]

    def _add_method_not_allowed(self, item: _Object, operations: list[Operation]) -> None:
        """Add the response to all other methods, for which OpenAPI has no place."""
        for error in operations[0].errors:
            if error.cause == "method":
                failure = _Failure(error.status, (self._entries[error.code],), has_fields=False)
                item["x-method-not-allowed"] = self._complete_response(None, failure)

    # -- components

    def _response(self, failure: _Failure) -> _Object:
        types = list(dict.fromkeys(entry.type for entry in failure.entries))
        narrowed = {"properties": {"type": {"enum": types}, "status": {"enum": [failure.status]}}}
        return {
            "description": _description(failure.entries),
            "headers": self._headers(failure),
            "content": self._plain_content(failure)
            | {
                PROBLEM_JSON: {
                    "schema": {"allOf": [_ref("schemas", "ProblemDetails"), narrowed]},
                    "examples": {
                        entry.code: _example(entry, entry.problem_example)
                        for entry in failure.entries
                    },
                },
            },
        }

    def _any_error(self) -> _Object:
        """Return the response for all errors that are not documented."""
        problem = {PROBLEM_JSON: {"schema": _ref("schemas", "ProblemDetails")}}
        example = self._catalogue.errors[0]
        plain = {example.media_type: {"schema": _ref("schemas", "ErrorBody")}}
        return {
            "description": "Any other error.",
            "headers": self._common_headers(),
            "content": problem if self._state.config.format == "problem" else plain | problem,
        }

    def _plain_content(self, failure: _Failure) -> _Object:
        if self._state.config.format == "problem":
            return {}
        examples = {entry.code: _example(entry, entry.example) for entry in failure.entries}
        schema = _ref("schemas", "ErrorBody")
        return {failure.entries[0].media_type: {"schema": schema, "examples": examples}}

    def _headers(self, failure: _Failure) -> _Object:
        own = {field.name: field for entry in failure.entries for field in entry.headers}
        status = STATUSES.get(failure.status)
        headers = self._common_headers()
        for name in sorted(own.keys() - headers.keys()):
            if status is not None and name in status.fields:
                headers[name] = self._add_header(self._fields.get(name, own[name]), required=True)
            else:
                headers[name] = _header(own[name], required=False)
        return headers | (self._limit_headers() if failure.has_fields else {})

    def _common_headers(self) -> _Object:
        return {
            field.name: self._add_header(field, required=True)
            for field in self._catalogue.headers
            if field.name != "Content-Type"
        }

    def _limit_headers(self) -> _Object:
        return {field.name: self._add_header(field, required=False) for field in _LIMIT_FIELDS}

    def _add_header(self, field: HeaderField, *, required: bool) -> _Object:
        self._add("headers", field.name, _header(field, required=required))
        return _ref("headers", field.name)

    def _add_schemas(self) -> None:
        self._add("schemas", "FieldError", _FIELD_ERROR)
        if self._state.config.format == "plain":
            self._add(
                "schemas", "ErrorBody", _error_body(self._state, self._catalogue.errors[0].example)
            )
        self._add("schemas", "ProblemDetails", _problem_details(self._state.config))


def _declared_code(status: str, response: Any, app: Flask) -> str | None:
    """Return the code of an error response, if another library wrote it."""
    if not _ERROR_STATUS.fullmatch(status):
        return None
    code = None if has_own_schema(app) else code_by_smorest(int(status), response)
    if code is None and not has_own_processor(app):
        code = code_by_apiflask(int(status), response)
    return code


def _code(status: Any) -> str:
    return status if isinstance(status, str) else str(int(status))


def _ref(section: str, name: str) -> _Object:
    return {"$ref": f"#/components/{section}/{name}"}


def _retry(failure: _Failure, method: str) -> str:
    """Return whether to retry, if the answer is the same for all errors of the status."""
    rules = {retry_for(entry.retry, method) for entry in failure.entries}
    return "after-delay" if rules == {"after-delay"} else "never"


def _description(entries: tuple[Entry, ...]) -> str:
    texts = [f"{entry.meaning} {entry.action}".strip() for entry in entries]
    if len(entries) == 1:
        return texts[0]
    return "\n".join(
        f"- **{entry.title}**: {text}" for entry, text in zip(entries, texts, strict=True)
    )


def _example(entry: Entry, value: Any) -> _Object:
    return {"summary": entry.title, "value": value}


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
    "description": "One mistake in the request.",
    "required": ["detail"],
    "properties": {
        "detail": {"type": "string", "description": "What is wrong."},
        "pointer": {
            "type": "string",
            "description": "The place in the body, as a JSON Pointer (RFC 6901).",
            "example": "#/items/3/name",
        },
        "parameter": {"type": "string", "description": "The name of the parameter."},
        "in": {
            "type": "string",
            "enum": ["query", "header", "path", "cookie"],
            "description": "The location of the parameter.",
        },
    },
}

_STATUS: _Object = {
    "type": "integer",
    "minimum": 400,
    "maximum": 599,
    "description": "The status code.",
}
_TITLE: _Object = {
    "type": "string",
    "description": "The title of the error. It is the same for every occurrence.",
}
_ERRORS: _Object = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/FieldError"},
    "description": "Each mistake in the request.",
}
_REQUEST_ID: _Object = {"type": "string", "description": REQUEST_ID}
_SENTENCE: _Object = {
    "type": "string",
    "minLength": 1,
    "description": "What went wrong, in one sentence.",
}

#: An author's own member of this name may be of any type, so the schema names none.
_CODE: _Object = {
    "description": "A short name of the error that never changes, for a program to branch on."
}
_TYPE: _Object = {
    "type": "string",
    "format": "uri-reference",
    "description": "The URI of this kind of error.",
}

#: The members of the plain body.
_MEMBERS: dict[str, _Object] = {
    "error": _SENTENCE,
    "status": _STATUS,
    "code": _CODE,
    "type": _TYPE,
    "title": _TITLE,
    "errors": _ERRORS,
    "request_id": _REQUEST_ID,
    "documentation": {
        "type": "string",
        "format": "uri-reference",
        "description": "The address of the page that explains the error.",
    },
    "retry_after": {
        "type": "integer",
        "minimum": 0,
        "description": "The number of seconds to wait before the next request.",
    },
    "extensions": {"type": "object", "description": "Further members of the error."},
}
_PROBLEM_MEMBERS: dict[str, _Object] = {
    "type": _TYPE,
    "title": _TITLE,
    "status": _STATUS,
    "detail": _SENTENCE,
    "instance": {
        "type": "string",
        "format": "uri-reference",
        "description": "A URI of this occurrence: the path and the request ID.",
    },
    "code": _CODE,
    "errors": _ERRORS,
    "request_id": _REQUEST_ID,
}


def _error_body(state: AppState, example: Any) -> _Object:
    """Return the schema of the plain body. Only examples show the shape of an author's format."""
    if state.hooks.format is not None:
        kinds: dict[type, str] = {dict: "object", list: "array", str: "string"}
        kind = kinds.get(type(example))
        return ({"type": kind} if kind else {}) | {"description": "An error."}
    members = {
        name: _MEMBERS[fact] if isinstance(fact, str) else {"enum": [fact]}
        for name, fact in state.config.named_members
        if not fact == name == "extensions"  # these are the author's own members
    }
    optional = _optional_facts(state.config)
    sometimes = {name for name, fact in state.config.named_members if fact in tuple(optional)}
    return _object("An error.", members, sometimes)


def _problem_details(config: Config) -> _Object:
    description = "An error as problem details (RFC 9457). It may have further members."
    return _object(description, _PROBLEM_MEMBERS, _optional_facts(config))


def _optional_facts(config: Config) -> set[str]:
    optional = {"errors", "retry_after", "extensions"}
    if config.request_id_header is None:
        optional.add("request_id")
    if config.reference_url is None:
        optional.add("documentation")
    return optional


def _object(description: str, members: Mapping[str, _Object], optional: set[str]) -> _Object:
    return {
        "type": "object",
        "description": description,
        "required": [name for name in members if name not in optional],
        "properties": {name: dict(schema) for name, schema in members.items()},
    }
