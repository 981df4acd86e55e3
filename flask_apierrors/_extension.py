"""``ApiErrors``: what is registered on an app, and the author's hooks."""

from __future__ import annotations

import builtins
import weakref
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from copy import copy
from datetime import datetime, timedelta
from functools import partial
from inspect import iscoroutinefunction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from flask import Blueprint, Flask, Request, Response
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from ._core.completion import finish
from ._core.config import REFERENCE_ENDPOINT, Config
from ._core.errors import ApiError, Problem
from ._core.first_request import at_first_request
from ._core.hooks import Converter, Hooks, exceptions_of, is_named
from ._core.log_records import use_request_records
from ._core.origin import internal
from ._core.returned import use_response_class
from ._core.road import (
    error_response,
    handle,
    handle_exception,
    handle_group,
    page,
    register_handler,
    register_validators,
    wrap_method,
)
from ._core.scheme import Scheme, check_scheme
from ._core.sentences import Sentence
from ._core.state import (
    AppState,
    app_state,
    current_flask,
    current_request,
)
from ._core.text import has_text
from ._guards.api_key import ApiKey, Location
from ._guards.authentication import synchronous
from ._guards.basic import Basic
from ._guards.bearer import Bearer
from ._guards.foreign import declared_guard
from ._guards.identify import Identify
from ._guards.misuse import check_hooks, log_guards_above_routes
from ._guards.options import is_unjudged, options_response, refusal_of
from ._guards.request import use_request_class
from ._guards.scope import check_scopes, guard_views, make_scope
from ._libraries.extensions import ADAPTERS
from ._libraries.validators import VALIDATORS, validation_errors

if TYPE_CHECKING:
    from flask_limiter import Limiter

_Error = TypeVar("_Error", bound=Exception)
_Body = Mapping[str, Any] | list[Any] | str | Response
_Permissions = Collection[str] | None
_Reason = int | float | timedelta | datetime | str | None
# Each hook is typed by what it takes and returns, so that a wrong one fails in a type checker.
_Verifier = TypeVar("_Verifier", bound=Callable[[str], Any])
_LoginVerifier = TypeVar("_LoginVerifier", bound=Callable[[str, str], Any])
_Identity = TypeVar("_Identity", bound=Callable[[], Any])
_PermissionsHook = TypeVar(
    "_PermissionsHook", bound=Callable[[Any], _Permissions | Awaitable[_Permissions]]
)
_FormatHook = TypeVar("_FormatHook", bound=Callable[[Problem], _Body | Awaitable[_Body]])
_RequestIdHook = TypeVar("_RequestIdHook", bound=Callable[[], object])
_UnavailableHook = TypeVar("_UnavailableHook", bound=Callable[[], _Reason | Awaitable[_Reason]])
_Answer = TypeVar(
    "_Answer",
    bound=HTTPException
    | ResponseReturnValue
    | Awaitable[HTTPException]
    | Awaitable[ResponseReturnValue],
)


_SESSION: Mapping[str, Any] = MappingProxyType(
    {"type": "apiKey", "in": "cookie", "name": "session"}
)


class ApiErrors:
    """One error contract for a whole Flask API.

    Call ``ApiErrors(app)``, or ``errors = ApiErrors()`` and then ``errors.init_app(app)`` for each
    app. The decorators of an instance, such as ``verify_token``, hold for all its apps. Everything
    else belongs to one app and lives in ``app.extensions["apierrors"]``.

    :param app: The app, unless you call ``init_app`` later.
    """

    def __init__(self, app: Flask | None = None) -> None:
        self._hooks = Hooks()
        self._apps: weakref.WeakSet[Flask] = weakref.WeakSet()
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Install the contract on an app, and read its configuration once.

        :param app: The app.
        :raises RuntimeError: if the app has an ``ApiErrors`` already.
        :raises ValueError: for a wrong configuration. The message names the remedy.
        """
        from ._cli.cli import cli
        from ._limits.wiring import RateLimits  # a quarter of the package's import time

        if "apierrors" in app.extensions:
            raise RuntimeError(
                "This app already has an ApiErrors. Call ApiErrors(app) or init_app(app) once for "
                "each app."
            )
        config = Config.from_mapping(app.config)
        state = AppState(weakref.ref(app), config, self._hooks, VALIDATORS, ADAPTERS, _FIRST_STEPS)
        app.extensions["apierrors"] = state
        self._apps.add(app)
        use_request_class(app)
        use_response_class(app, state)
        _register_handlers(app, state)
        wrap_method(app, handle_exception, "handle_exception")
        wrap_method(app, options_response, "make_default_options_response")
        wrap_method(app, partial(finish, state), "process_response")
        if self._hooks.unavailable_when is not None:
            app.before_request(_check_available)
        state.rate_limits = RateLimits(app, state)
        if config.reference_url is not None:
            from ._catalogue.reference import register

            register(app, state)
        use_request_records()
        # Flask finds the commands without it, but app.test_cli_runner() does not.
        app.cli.add_command(cli)

    @property
    def limiter(self) -> Limiter:
        """The app's Flask-Limiter, for its own decorators and its storage.

        Before there is an app, it is one for decorators alone. They hold for every app of this
        instance.

        :raises RuntimeError: if the current app has no ``ApiErrors``, or if there are several apps
            and none is the current one.
        """
        from ._limits.wiring import limiter_of

        return limiter_of(self._hooks, self._apps)

    # -- the author's hooks

    def verify_token(self, function: _Verifier) -> _Verifier:
        """Register the function that verifies Bearer tokens.

        It may raise :class:`InvalidToken` to say why a token is invalid. Any other
        ``HTTPException`` passes unchanged, such as a 503 if the identity provider is down.

        :param function: Takes a token. Returns the principal: any object that stands for the
            client. ``None`` means that the token is invalid. The function may be ``async def``.
        :returns: The function.
        """
        self._hooks.add_scheme(Bearer(synchronous(function)))
        return function

    def verify_key(
        self,
        *,
        header: str | None = None,
        query: str | None = None,
        cookie: str | None = None,
        name: str = "Key",
    ) -> Callable[[_Verifier], _Verifier]:
        """Register the function that verifies API keys.

        It takes a key, which is printable ASCII, and returns the principal, or ``None`` if the key
        is invalid. It may be ``async def``. Give one of the first three parameters.

        :param header: The name of the header field that has the key, such as ``X-API-Key``.
        :param query: The name of the query parameter that has it.
        :param cookie: The name of the cookie that has it.
        :param name: The name for ``@requires_auth("key")``. An app with several kinds of keys gives
            each a name of its own.
        :returns: A decorator, which returns the function.
        :raises TypeError: without a place, or with several.
        :raises ValueError: for a name that cannot be one, or if another scheme has it.
        """
        places: dict[Location, str | None] = {"header": header, "query": query, "cookie": cookie}
        chosen = [(place, value) for place, value in places.items() if value is not None]
        if len(chosen) != 1:
            raise TypeError('verify_key takes one place, as in verify_key(header="X-API-Key").')
        ((place, parameter),) = chosen

        def register(function: _Verifier) -> _Verifier:
            self.add_scheme(ApiKey(synchronous(function), place, parameter, name))
            return function

        return register

    def verify_basic(self, function: _LoginVerifier) -> _LoginVerifier:
        """Register the function that verifies usernames and passwords (RFC 7617).

        :param function: Takes a username and a password. Returns the principal, or ``None`` if they
            are wrong. The function may be ``async def``.
        :returns: The function.
        """
        self._hooks.add_scheme(Basic(synchronous(function)))
        return function

    @overload
    def identify(self, function: _Identity) -> _Identity: ...

    @overload
    def identify(
        self, *, name: str = ..., security: Mapping[str, Any] = ..., credentials: str = ...
    ) -> Callable[[_Identity], _Identity]: ...

    def identify(
        self,
        function: Any = None,
        *,
        name: str = "Session",
        security: Mapping[str, Any] = _SESSION,
        credentials: str = "a session",
    ) -> Any:
        """Register the function that says whom the app knows already, such as by a session.

        It is asked if a request has no credentials of another scheme.

        :param function: Takes nothing. Returns the principal, or ``None``. The function may be
            ``async def``.
        :param name: The name for ``@requires_auth("session")``.
        :param security: The OpenAPI security scheme. The default is Flask's session cookie.
        :param credentials: What a client sends, in words.
        :returns: The function, or a decorator if it is missing.
        """
        if function is None:
            return partial(self.identify, name=name, security=security, credentials=credentials)
        self.add_scheme(Identify(synchronous(function), name, security, credentials))
        return function

    def add_scheme(self, scheme: Scheme) -> None:
        """Register a way to authenticate of your own.

        :param scheme: An instance of a subclass of :class:`Scheme`.
        :raises TypeError: for anything else.
        :raises ValueError: for an attribute that cannot be right, or if another scheme has the name
            or reads the same credentials.
        """
        check_scheme(scheme)
        if iscoroutinefunction(scheme.verify):
            vars(scheme)["verify"] = synchronous(scheme.verify)
        self._hooks.add_scheme(scheme)

    def permissions_of(self, function: _PermissionsHook) -> _PermissionsHook:
        """Register the function that returns the permissions of a principal.

        Without it, they are the principal's ``permissions``, ``scope`` or ``scp``.

        :param function: Takes a principal. Returns a collection of names, or one string with
            spaces between them. The function may be ``async def``.
        :returns: The function.
        """
        self._hooks.permissions_of = synchronous(function)
        return function

    def format(self, function: _FormatHook) -> _FormatHook:
        """Register the function that makes the plain body.

        :param function: Takes a :class:`Problem`. Returns the body: a dict, a list or a text, which
            is sent as JSON, or a response, which has a media type and header fields of its own. The
            status is the problem's. The function may be ``async def``.
        :returns: The function.
        """
        self._hooks.format = function
        return function

    @overload
    def unavailable_when(self, function: _UnavailableHook) -> _UnavailableHook: ...

    @overload
    def unavailable_when(
        self, *, except_: Iterable[str]
    ) -> Callable[[_UnavailableHook], _UnavailableHook]: ...

    def unavailable_when(self, function: Any = None, *, except_: Iterable[str] = ()) -> Any:
        """Register the function that says whether the API is down for maintenance.

        :param function: Takes nothing. Returns ``None`` to let requests pass. The end of the
            maintenance (seconds, a ``timedelta`` or a ``datetime``), or a sentence, makes every
            request a 503. The function may be ``async def``.
        :param except_: The endpoints that stay available, such as that of a health check, as
            ``flask routes`` shows them: ``"health"``, or ``"admin.*"`` for a whole blueprint.
        :returns: The function, or a decorator if it is missing.
        :raises TypeError: if ``except_`` is a text.
        """
        available = exceptions_of(except_)
        if function is None:
            return partial(self._unavailable_when, available=available)
        return self._unavailable_when(function, ())

    def _unavailable_when(self, function: Callable[[], Any], available: tuple[str, ...]) -> Any:
        is_first = self._hooks.unavailable_when is None
        self._hooks.unavailable_when = function
        self._hooks.available = available
        for app in self._apps if is_first else ():
            app.before_request(_check_available)
        return function

    def request_id_from(self, function: _RequestIdHook) -> _RequestIdHook:
        """Register the function that returns the request ID which the app has already.

        Without it, the ID is the client's if it is safe, else a random one.

        :param function: Takes nothing. Returns the ID of the current request, or ``None`` if there
            is none yet. It is asked again until it returns one. An ID that is not safe is ignored.
        :returns: The function.
        """
        self._hooks.request_id_from = function
        return function

    @overload
    def convert(self, cls: type[_Error], *, to: type[HTTPException] | HTTPException) -> None: ...

    # It returns the function, whose parameter may be of a broader class.
    @overload
    def convert(
        self, cls: type[_Error]
    ) -> Callable[[Callable[[_Error], _Answer]], Callable[[Any], _Answer]]: ...

    def convert(
        self, cls: type[_Error], *, to: type[HTTPException] | HTTPException | None = None
    ) -> Any:
        """Answer exceptions of a class with an HTTP exception.

        Call ``convert(KeyError, to=NotFound)``, or use it as a decorator of a function that takes
        the exception. The function returns or raises an ``HTTPException``, or returns what a view
        may return. The converter for the nearest class wins, wherever the exception comes from.
        The text of the exception is never sent, unless the function uses it. A 5xx is logged with
        the traceback and signaled, like a crash.

        :param cls: The class of exceptions.
        :param to: The answer: a class of ``HTTPException``, or an instance, which is copied.
        :returns: A decorator, if ``to`` is missing.
        :raises TypeError: if ``cls`` is not a class of exceptions, or ``to`` no ``HTTPException``.
        """
        if not (isinstance(cls, type) and issubclass(cls, Exception)):
            raise TypeError(f"convert takes a class of exceptions, not {cls!r}.")
        if cls is Exception:
            raise TypeError(
                "convert(Exception) would hide each bug as an answer. Unexpected exceptions are a "
                "500 without it."
            )
        if to is None:
            return partial(self._convert, cls)
        if isinstance(to, type) and issubclass(to, HTTPException):
            self._convert(cls, _annotate(lambda exc: to(), to))
        elif isinstance(to, HTTPException):
            self._convert(cls, _annotate(lambda exc: copy(to), type(to)))
        else:
            raise TypeError(
                f"convert(..., to={to!r}): give a class of HTTPException, or an instance of one."
            )
        return None

    def _convert(self, cls: type[Exception], function: Converter) -> Converter:
        self._hooks.converters[cls] = function
        for app in self._apps:
            register_handler(app, cls, app.extensions["apierrors"])
        return function

    def guard(
        self,
        where: Flask | Blueprint | str | Collection[str],
        *guards: Callable[[Any], Any],
        except_: Collection[str] = (),
    ) -> None:
        """Guard all views of an app or a blueprint, or the endpoints that a pattern names.

        The guards are put on the views before the first request, so the views can come later. A
        view that has guards of its own keeps them. The reference page stays open, and a URL that
        does not exist is a 404.

        :param where: The app; a blueprint, with those nested in it, under all its names; or
            endpoints as ``flask routes`` shows them: ``"health"``, or ``"admin.*"`` for a whole
            blueprint. ``"*"`` means all views of all apps of this instance. If an endpoint does not
            exist, each request is a 500, and the log names the endpoint.
        :param guards: Decorators, such as ``requires_auth``.
        :param except_: The endpoints that stay open.
        :raises TypeError: for guards that are no decorators of views, or lack their arguments.
        """
        self._hooks.scopes += (make_scope(where, guards, except_),)
        for app in self._apps:
            if at_first_request not in app.before_request_funcs[None]:  # it has run
                guard_views(app, app.extensions["apierrors"])

    def require_guards(self, *, except_: Collection[str] = ()) -> None:
        """Let no endpoint be open by mistake: each needs a guard that authenticates.

        This is checked before the first request, when all views exist. If the check fails, each
        request is a 500, and the log lists the endpoints.

        :param except_: The endpoints that are open, as ``flask routes`` shows them. Those in the
            ``except_`` of a guard count, too.
        :raises TypeError: if ``except_`` is a text.
        """
        self._hooks.unguarded = (*(self._hooks.unguarded or ()), *exceptions_of(except_))

    def declare_guard(
        self,
        guard: Callable[..., Any],
        *errors: type[Exception],
        authenticates: bool = False,
        condition: str = "",
        security: Mapping[str, Any] | None = None,
        except_: Collection[str] = (),
    ) -> None:
        """Say what a guard means that is not made with this extension. It changes nothing.

        The catalogue, the reference page, OpenAPI, and the commands then know the guard on each
        view, with or without arguments.

        :param guard: A decorator of views, or a function of ``before_request``. A class or an
            object whose calls decorate views will do, too.
        :param errors: The classes of exceptions that say how the guard refuses a request, such as
            ``Unauthorized`` and ``Forbidden``. The guard itself can answer in any way.
        :param authenticates: Whether only authenticated requests pass.
        :param condition: What a request needs, in a sentence for the reference page, such as
            ``"Needs an API key."``.
        :param security: The OpenAPI security schemes by their names. A request satisfies one of
            them.
        :param except_: The endpoints that the guard lets pass, as ``flask routes`` shows them.
        :raises TypeError: if the guard cannot be called, or if an error is no class of exceptions.
        """
        self._hooks.declared_guards += (
            declared_guard(
                guard,
                errors,
                exceptions=except_,
                authenticates=authenticates,
                condition=condition,
                security=security or {},
            ),
        )

    def hide(self, *endpoints: str) -> None:
        """Leave endpoints out of the reference page and OpenAPI. They answer as before.

        :param endpoints: As ``flask routes`` shows them: ``"admin.users"``, or ``"admin.*"`` for a
            whole blueprint.
        :raises TypeError: without endpoints.
        """
        if not endpoints or not all(isinstance(endpoint, str) for endpoint in endpoints):
            raise TypeError('hide takes endpoints, as in errors.hide("admin.*").')
        self._hooks.hidden += endpoints

    # -- what an author may call

    def covers(self, req: Request) -> bool:
        """Whether a request is for the API, and not for another part of the site.

        :param req: The request.
        :returns: Whether its path is under one of ``APIERRORS_URL_PREFIXES``. Without prefixes, the
            API is the whole site.
        """
        return app_state().config.covers(req.path)

    def handle(self, exc: Exception) -> Any:
        """Answer an exception as the registered handlers do. Call it in handlers of your own.

        :param exc: The exception that Flask passed to the handler.
        :returns: What an error handler may return. Outside ``APIERRORS_URL_PREFIXES``, that is
            Flask's own page.
        """
        app, req = app_state(), current_request()
        return handle(exc, app) if app.config.covers(req.path) else page(exc, req, app)

    def internal(self) -> AbstractContextManager[None]:
        """Say that the data in a ``with`` block is the server's own, and not the client's.

        :returns: A context manager. A validation error in its block is a bug: a 500 that is
            logged.
        """
        return internal(validation_errors())

    @overload
    def response(self, error: Exception, /) -> Response: ...

    @overload
    def response(self, error: int, detail: str | None = None, /) -> Response: ...

    def response(self, error: Exception | int, detail: str | None = None, /) -> Response:
        """Make the response for an error, for code that must return it and cannot raise.

        :param error: An exception, or a status. For a 401, another extension can add the challenge
            of its scheme. Otherwise the response gets those of this one when it leaves the app.
        :param detail: The sentence, for a status.
        :returns: The response.
        """
        state, req, flask_app = app_state(), current_request(), current_flask()
        if error != 401:
            exc = ApiError(detail, status=error) if isinstance(error, int) else error
            return flask_app.make_response(error_response(exc, req, state))
        # Another extension may add the challenge of its own scheme. If it does not, `finish` adds
        # ours.
        exc = ApiError(detail or Sentence("authentication-required"), status=401)
        response = flask_app.make_response(error_response(exc, req, state))
        response.headers.remove("WWW-Authenticate")
        return response


def _check_guards(app: Flask, state: AppState) -> None:
    if state.hooks.unguarded is not None:
        from ._catalogue.unguarded import check_guards

        check_guards(app, state)


_FIRST_STEPS = (check_hooks, guard_views, check_scopes, log_guards_above_routes, _check_guards)


def _register_handlers(app: Flask, state: AppState) -> None:
    register_handler(app, HTTPException, state)
    register_validators(app, state)
    app.before_request_funcs.setdefault(None, []).insert(0, at_first_request)
    for cls in state.hooks.converters:
        register_handler(app, cls, state)
    for name in vars(builtins).keys() & {"ExceptionGroup"}:  # since Python 3.11
        register_handler(app, vars(builtins)[name], state, handle_group)


def _annotate(converter: Converter, answer: type[HTTPException]) -> Converter:
    """Add the return annotation, which the catalogue reads."""
    converter.__annotations__["return"] = answer
    return converter


def _check_available() -> None:
    req = current_request()
    if not is_unjudged(req, current_flask()):
        try:
            _refuse_in_maintenance(req, app_state())
        except HTTPException as refusal:
            raise refusal_of(refusal, req) from None


def _refuse_in_maintenance(req: Request, state: AppState) -> None:
    hook = state.hooks.unavailable_when
    # The reference page stays open: it explains the 503 that all other requests get.
    available = (REFERENCE_ENDPOINT, *state.hooks.available)
    if hook is None or is_named(req.endpoint, available) or not state.config.covers(req.path):
        return
    reason = state.call(hook)
    if reason is None or reason is False:
        return
    if reason is True:
        raise ApiError(status=503)
    if isinstance(reason, int | float | timedelta | datetime):
        raise ApiError(status=503, retry_after=reason)
    if isinstance(reason, Exception) or not has_text(reason):  # a sentence may be lazy
        raise TypeError(
            "The @errors.unavailable_when function must return None, seconds, a timedelta, a "
            f"datetime or a sentence, not {type(reason).__name__}."
        )
    raise ApiError(reason, status=503)
