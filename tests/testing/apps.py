"""An app that keeps all promises, and functions that break one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Blueprint, Flask, Response, abort, jsonify, redirect, request
from flask.views import MethodView
from werkzeug.exceptions import NotFound, RequestedRangeNotSatisfiable

from flask_apierrors import (
    ApiError,
    ApiErrors,
    Mark,
    guard,
    produces,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors import InvalidToken as Invalid

Break = Callable[[Flask, ApiErrors], None]


class VesselNotFound(ApiError, NotFound):
    """No such vessel."""


class Harbours(MethodView):
    decorators = [requires_auth]  # noqa: RUF012 - as Flask declares it

    def get(self) -> Any:
        return {"harbours": []}

    def delete(self) -> Any:
        raise AssertionError("an audit must not run it")


def right_app(**config: Any) -> tuple[Flask, ApiErrors]:
    app = Flask("right")
    app.config.update(config)
    errors = ApiErrors(app)
    errors.verify_token({"s3cret": {"permissions": ["vessels:write"]}}.get)

    @app.get("/health")
    def health() -> Any:
        return {"ok": True}

    @app.get("/vessels/<int:imo>")
    @rate_limit("3/hour")
    def vessel(imo: int) -> Any:
        if imo != 7:
            raise VesselNotFound
        return {"imo": imo}

    @app.post("/vessels")
    @requires_permissions("vessels:write")
    @requires_json
    def add() -> Any:
        raise AssertionError("an audit must not run it")

    @app.get("/reports/<uuid:key>/<any(csv, json):kind>")
    @produces("application/json", "text/csv")
    def report(key: Any, kind: str) -> Any:
        return {"key": key, "kind": kind}

    blueprint = Blueprint("v1", "v1", url_prefix="/v1")
    blueprint.add_url_rule("/harbours", view_func=Harbours.as_view("harbours"))
    app.register_blueprint(blueprint)
    return app, errors


# -- faults of a middleware


def rewriting(
    rewrite: Callable[[int, list[tuple[str, str]]], list[tuple[str, str]]],
) -> Break:
    """A middleware that changes the header fields of errors."""

    def apply(app: Flask, errors: ApiErrors) -> None:
        inner = app.wsgi_app

        def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                code = int(status.split()[0])
                return start_response(
                    status, rewrite(code, headers) if code >= 400 else headers, *rest
                )

            return inner(environ, start)

        app.wsgi_app = middleware  # type: ignore[method-assign]

    return apply


def without(name: str, status: int = 0) -> Break:
    return rewriting(
        lambda code, headers: [
            pair for pair in headers if pair[0] != name or (status and code != status)
        ]
    )


def replacing(name: str, value: str, status: int) -> Break:
    return rewriting(
        lambda code, headers: (
            [(field, value if field == name and code == status else old) for field, old in headers]
        )
    )


def adding(name: str, value: str) -> Break:
    return rewriting(lambda code, headers: [*headers, (name, value)])


def emptying(app: Flask, errors: ApiErrors) -> None:
    inner = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        is_error: list[bool] = []

        def start(status: str, headers: Any, *rest: Any) -> Any:
            is_error.append(status >= "4")
            return start_response(status, headers, *rest)

        body = b"".join(inner(environ, start))
        return [b"" if is_error[-1] else body]

    app.wsgi_app = middleware  # type: ignore[method-assign]


def answering_head(app: Flask, errors: ApiErrors) -> None:
    inner = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        return [
            *inner(environ, start_response),
            b"{}" if environ["REQUEST_METHOD"] == "HEAD" else b"",
        ]

    app.wsgi_app = middleware  # type: ignore[method-assign]


def allowing_the_refused_method(app: Flask, errors: ApiErrors) -> None:
    inner = app.wsgi_app

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        def start(status: str, headers: Any, *rest: Any) -> Any:
            method = environ["REQUEST_METHOD"]
            fields = [
                (name, f"{value}, {method}" if name == "Allow" else value)
                for name, value in headers
            ]
            return start_response(status, fields, *rest)

        return inner(environ, start)

    app.wsgi_app = middleware  # type: ignore[method-assign]


# -- faults of error handlers


def handling(status: Any, answer: Callable[[Exception], Any]) -> Break:
    return lambda app, errors: app.register_error_handler(status, answer)


def json_of(text: str, media_type: str = "application/json") -> Callable[[Exception], Any]:
    return lambda error: Response(text, getattr(error, "code", 500), content_type=media_type)


def blaming(error: Any) -> Any:
    response = jsonify(error="No.")
    response.status_code = 401
    response.headers["WWW-Authenticate"] = 'Bearer realm="x", error="invalid_token"'
    return response


def leaking(error: Exception) -> Any:
    return {"error": str(error)}, 500


def disguising(error: Exception) -> Any:
    return {"message": "Something went wrong."}, 200


# -- faults of guards


def guard_above(app: Flask, errors: ApiErrors) -> None:
    @requires_auth
    @app.get("/above")
    def above() -> Any:
        return {}


def believing(app: Flask, errors: ApiErrors) -> None:
    errors.verify_token(lambda token: {"sub": token, "permissions": []})


def crashing_verifier(app: Flask, errors: ApiErrors) -> None:
    errors.verify_token(lambda token: int(token.split(".")[1]))


def echoing_verifier(app: Flask, errors: ApiErrors) -> None:
    @errors.verify_token
    def verify(token: str) -> Any:
        raise Invalid(f"{token} is wrong.")


def marked(**meaning: Any) -> Break:
    """A guard that means something, and checks nothing."""

    def apply(app: Flask, errors: ApiErrors) -> None:
        def view() -> Any:
            raise AssertionError("an audit must not run it")

        app.add_url_rule("/open", "open", guard(view, Mark("own", **meaning)), methods=["POST"])

    return apply


def redirecting(app: Flask, errors: ApiErrors) -> None:
    @app.before_request
    def to_login() -> Any:
        if request.endpoint == "v1.harbours" and "Authorization" not in request.headers:
            return redirect("/login")
        return None


# -- faults of functions that run before requests


def before(function: Callable[[], Any]) -> Break:
    def apply(app: Flask, errors: ApiErrors) -> None:
        app.before_request(function)

    return apply


def refuse_preflights() -> None:
    if "Authorization" not in request.headers and request.method == "OPTIONS":
        abort(401)


def refusing_preflights_with_cors(app: Flask, errors: ApiErrors) -> None:
    app.before_request(refuse_preflights)

    @app.after_request
    def share(response: Response) -> Response:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response


def refusing_preflights_of_a_view(app: Flask, errors: ApiErrors) -> None:
    """The view answers OPTIONS itself, as Flask-CORS' decorator does."""
    app.before_request(refuse_preflights)
    app.add_url_rule("/own-options", "own_options", lambda: "", methods=["GET", "OPTIONS"])


def crash_on_options() -> None:
    if request.method == "OPTIONS":
        raise LookupError("no such method")


def take_every_method() -> Any:
    return {"ok": True} if request.routing_exception and request.method == "BREW" else None


def read_query() -> None:
    request.query_string.decode("ascii")
    int(request.args.get("a", "0"))


# -- faults of views


def view(function: Callable[[], Any]) -> Break:
    def apply(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/faulty", "faulty", function)

    return apply


def error_as_success() -> Any:
    return {"error": "There is no such vessel."}


def read_number() -> Any:
    return {"number": int(request.args.get("q", "0"))}


def out_of_range() -> Any:
    raise RequestedRangeNotSatisfiable


def echo_query() -> Any:
    raise ApiError(f"No vessel is called {request.args.get('q')}.", status=404)


def never_limited(app: Flask, errors: ApiErrors) -> None:
    with app.app_context():
        errors.limiter.request_filter(lambda: True)


#: Each fault, and the rule that it breaks.
FAULTS: dict[str, tuple[Break, str]] = {
    "a 405 without Allow": (without("Allow"), "allow-missing"),
    "an Allow with the refused method": (allowing_the_refused_method, "allow-wrong"),
    "a 401 without a challenge": (without("WWW-Authenticate"), "challenge-missing"),
    "a bare challenge": (replacing("WWW-Authenticate", "Bearer", 401), "challenge-bare"),
    "a challenge that blames everyone": (handling(401, blaming), "challenge-blames"),
    "a page for an unknown URL": (handling(404, lambda error: ("<h1>No</h1>", 404)), "error-page"),
    "a text for an unknown URL": (handling(404, json_of("no", "text/plain")), "error-text"),
    "JSON with NaN": (handling(404, json_of('{"error": NaN}')), "json-malformed"),
    "another status in the body": (
        handling(404, json_of('{"status": 400}', "application/problem+json")),
        "status-differs",
    ),
    "errors without a body": (emptying, "error-empty"),
    "a HEAD with a body": (answering_head, "content-forbidden"),
    "an error without nosniff": (without("X-Content-Type-Options"), "nosniff-missing"),
    "an error that caches keep": (without("Cache-Control"), "cacheable"),
    "a 429 without Retry-After": (without("Retry-After", 429), "retry-after-missing"),
    "a delay with a fraction": (replacing("Retry-After", "1.5", 429), "retry-after-wrong"),
    "a field that comes twice": (adding("Cache-Control", "private"), "field-repeated"),
    "a 415 without Accept": (without("Accept", 415), "accept-missing"),
    "the text of a crash": (handling(Exception, leaking), "secret-echoed"),
    "a crash with status 200": (handling(Exception, disguising), "crash-disguised"),
    "a page with status 200 for an unknown URL": (
        handling(404, lambda error: ("<html>", 200)),
        "unknown-url",
    ),
    "a guard above its route": (guard_above, "guard-above-route"),
    "a verifier that believes everyone": (believing, "guard-open"),
    "a verifier that crashes": (crashing_verifier, "credentials-crash"),
    "a verifier that repeats the token": (echoing_verifier, "secret-echoed"),
    "a guard that lets everyone in": (marked(authenticates=True, statuses=(401,)), "guard-open"),
    "a permission that is not checked": (
        marked(permissions=("x",), statuses=(403,)),
        "permission-open",
    ),
    "an Accept that is not checked": (marked(statuses=(406,)), "accept-ignored"),
    "a Content-Type that is not checked": (marked(statuses=(415,)), "content-type-ignored"),
    "a redirect to a login page": (redirecting, "guard-open"),
    "a preflight that is refused": (refusing_preflights_with_cors, "preflight-refused"),
    "a preflight that the view expects": (refusing_preflights_of_a_view, "preflight-refused"),
    "an OPTIONS that crashes": (before(crash_on_options), "bad-request-crashes"),
    "a method that does not exist": (before(take_every_method), "wrong-method"),
    "a query that crashes every view": (before(read_query), "bad-request-crashes"),
    "an error with status 200": (view(error_as_success), "error-as-success"),
    "a view that crashes for a bad query": (view(read_number), "bad-request-crashes"),
    "a 416 without Content-Range": (view(out_of_range), "range-missing"),
    "a view that repeats what was sent": (view(echo_query), "secret-echoed"),
    "a limit that holds for no one": (never_limited, "limit-ignored"),
}
