"""The request class of an app: what a client sent is read whole, or refused with the reason."""

from __future__ import annotations

from traceback import walk_tb
from typing import IO, Any, cast

from flask import Flask, Request, current_app
from flask import json as flask_json
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser, MultiPartParser
from werkzeug.sansio.multipart import MultipartDecoder
from werkzeug.utils import cached_property

from .._core.config import Config
from .._core.errors import ApiError
from .._core.request_headers import HeadersRequest
from .._core.sentences import Sentence
from .._core.state import AppState, current_flask
from .body import open_body
from .json_body import JsonDecoder, MalformedJson, unsupported_encoding, unsupported_media_type

#: Werkzeug's 413 does not say which limit of a form was passed. The function that raised it does.
_FORM_LIMITS = {
    MultipartDecoder.next_event.__code__: ("form-parts", "max_form_parts"),
    MultipartDecoder.receive_data.__code__: ("form-field-size", "max_form_memory_size"),
    MultiPartParser.parse.__code__: ("form-field-size", "max_form_memory_size"),
}


class ApiRequest(HeadersRequest):
    """Flask's request, which says what is wrong with a query, a form or a body.

    Outside ``APIERRORS_URL_PREFIXES`` it is Flask's.
    """

    # Flask sets `json_module`, the JSON provider of the app, on each request. Few requests read it,
    # so its setter is that of a slot: see HeadersRequest.
    __slots__ = ("_provider",)

    @property
    def _config(self) -> Config | None:
        """The configuration, if the request belongs to the API."""
        app: AppState | None = current_flask().extensions.get("apierrors") if current_app else None
        return app.config if app is not None and app.config.covers(self.path) else None

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The query, parsed."""
        self._check_query()
        return super().args

    @cached_property
    def full_path(self) -> str:
        """The path with the query."""
        self._check_query()
        return super().full_path

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body. It is never cut: a body that cannot be read to its end is an error."""
        if self.shallow or self._config is None:
            return super().stream
        return cast("IO[bytes]", open_body(self.environ, self.max_content_length))

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raise a 400, or a 415 if the body does not claim to be JSON or is compressed."""
        if self._config is None:
            return super().on_json_loading_failed(e)
        if e is None:
            raise unsupported_media_type(("application/json",), self.method)
        if self._is_encoded:
            raise unsupported_encoding() from None
        problem = e.problem if isinstance(e, MalformedJson) else e
        raise ApiError(Sentence("malformed-json", problem=problem), status=400) from None

    def make_form_data_parser(self) -> FormDataParser:
        """Make the parser. For Werkzeug, a form that cannot be parsed is an empty one."""
        parser = super().make_form_data_parser()
        has_body = self.content_length or "HTTP_TRANSFER_ENCODING" in self.environ
        parser.silent = self._config is None or not has_body
        return parser

    def _load_form_data(self) -> None:
        try:
            super()._load_form_data()
        except (RequestEntityTooLarge, ValueError) as error:
            *_, (frame, _) = walk_tb(error.__traceback__)
            cause = error.__cause__ or error  # before 3.1, Werkzeug makes a 413 of a ValueError
            if self._config is not None and isinstance(cause, ValueError):
                raise self._malformed_form(cause) from error
            if self._config is None or frame.f_code not in _FORM_LIMITS:
                raise
            name, setting = _FORM_LIMITS[frame.f_code]
            sentence = Sentence(name, limit=getattr(self, setting))
            raise ApiError(sentence, status=413) from error

    def _malformed_form(self, error: ValueError) -> ApiError:
        if self._is_encoded:
            return unsupported_encoding()
        if self.mimetype == "multipart/form-data":
            has_boundary = bool(self.mimetype_params.get("boundary"))
            problem = Sentence("form-syntax" if has_boundary else "form-boundary")
        else:
            problem = Sentence("form-encoding", byte=getattr(error, "start", 0))
        return ApiError(Sentence("malformed-form", problem=problem), status=400)

    @property
    def _is_encoded(self) -> bool:
        """Whether the body has a content coding (RFC 9110 section 8.4)."""
        codings = self.environ.get("HTTP_CONTENT_ENCODING", "").lower().split(",")
        return any(coding.strip() not in ("", "identity") for coding in codings)

    def _check_query(self) -> None:
        """Refuse bytes that are neither UTF-8 nor percent-encoded (RFC 3986 section 3.4)."""
        if self.query_string.isascii() or self._config is None:
            return
        try:
            self.query_string.decode()
        except UnicodeDecodeError:
            raise ApiError(Sentence("malformed-query"), status=400) from None


def _json_module(req: ApiRequest) -> Any:
    """Return the strict decoder over the app's JSON provider."""
    provider: Any = getattr(req, "_provider", flask_json)
    config = req._config
    return provider if config is None else JsonDecoder(provider, config.strict_json)


ApiRequest.json_module = property(
    _json_module,
    ApiRequest._provider.__set__,  # type: ignore[attr-defined]
)


def use_request_class(app: Flask) -> None:
    """Let the app's requests be of :class:`ApiRequest`. What the author's class overrides stays."""
    own = app.request_class
    if own is Request:
        app.request_class = ApiRequest
    elif not issubclass(own, ApiRequest):
        app.request_class = type(own.__name__, (own, ApiRequest), {})
