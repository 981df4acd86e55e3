"""The public names as a user's type checker sees them. This file is checked and never run.

A line that must be refused has a ``type: ignore``. mypy and pyright report a comment that is not
needed.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=error

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypedDict

from flask import Flask, Request, Response
from typing_extensions import assert_type
from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable

from flask_apierrors import (
    ApiError,
    ApiErrors,
    Catalogue,
    Check,
    Entry,
    FieldError,
    HeaderField,
    InvalidCredentials,
    InvalidToken,
    Mark,
    Occurrence,
    Operation,
    Order,
    Problem,
    Scheme,
    catalogue,
    check_permissions,
    consumes,
    error_answered,
    guard,
    optional_auth,
    produces,
    raises,
    request_id,
    requires_auth,
    requires_json,
    requires_permissions,
)

app = Flask(__name__)
errors = ApiErrors(app)
errors.init_app(app)

assert_type(request_id(), str | None)


@error_answered.connect
def receive(sender: Flask, problem: Problem, **extra: Any) -> None:
    assert_type(problem.code, str)


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""

    type = "vessel-not-found"
    title = "Vessel not found"


# -- hooks, plain and async, and whatever else can be called


@errors.verify_token
def verify(token: str) -> dict[str, str] | None:
    raise InvalidToken("expired")


@errors.verify_token
async def verify_async(token: str, leeway: int = 0) -> object:
    return token


def verify_with_key(key: str, token: str) -> str:
    return key + token


class Verifier:
    def __call__(self, token: str) -> object:
        return token


errors.verify_token({"token": "principal"}.get)
errors.verify_token(lambda token: {"name": token} if token else None)
errors.verify_token(partial(verify_with_key, "key"))
errors.verify_token(Verifier())


@errors.verify_key(header="X-API-Key")
def verify_key(key: str) -> object:
    raise InvalidCredentials("revoked", challenge={"error": "revoked"})


errors.verify_key(query="key", name="query-key")({"key": "principal"}.get)
errors.verify_key(header=5)  # type: ignore[arg-type]


@errors.verify_basic
async def verify_basic(username: str, password: str) -> str | None:
    return username if password else None


@errors.verify_basic  # type: ignore[type-var]
def verify_username(username: str) -> str:
    return username


@errors.identify
def identify() -> object:
    return None


@errors.identify(security={"type": "http", "scheme": "bearer"}, credentials="a token")
async def identify_async() -> object:
    return None


class Signature(Scheme):
    name = "signature"
    auth_scheme = "HMAC"
    security_scheme: Mapping[str, Any] = {"type": "apiKey", "in": "header", "name": "X"}

    def credentials(self, request: Request) -> str | None:
        return request.headers.get("X-Signature")

    def verify(self, credentials: str) -> object:
        return credentials


errors.add_scheme(Signature())
errors.add_scheme(Signature)  # type: ignore[arg-type]
assert_type(verify_key("key"), object)


@errors.permissions_of
def permissions(principal: dict[str, list[str]]) -> list[str]:
    return principal["permissions"]


@errors.permissions_of
async def permissions_async(principal: Any) -> set[str] | None:
    return None


errors.permissions_of(lambda principal: principal.permissions)
errors.permissions_of(lambda principal: "read write")
errors.permissions_of({"bridge": ["read"]}.get)


class Body(TypedDict):
    status: int


@errors.format
def shape(problem: Problem) -> dict[str, object]:
    return {"status": problem.status, "errors": len(problem.errors)}


@errors.format
def shape_typed(problem: Problem) -> Body:
    return {"status": problem.status}


@errors.format
async def shape_async(problem: Problem) -> Mapping[str, int]:
    return {"status": problem.status}


errors.format(lambda problem: {"text": problem.detail})


@errors.unavailable_when
def unavailable() -> int | str | None:
    return None


@errors.unavailable_when
async def unavailable_async() -> bool:
    return False


errors.unavailable_when(lambda: None)
errors.unavailable_when(lambda: "Back at five.")


@errors.convert(KeyError)
def missing(exc: KeyError) -> HTTPException:
    return NotFound(str(exc))


@errors.convert(LookupError)
def missing_or_broken(exc: Exception) -> NotFound | ServiceUnavailable:
    return NotFound()


@errors.convert(OSError)
async def unreachable(exc: OSError) -> ServiceUnavailable:
    return ServiceUnavailable(exc.strerror)


@errors.convert(ValueError)
@errors.convert(TypeError)
def malformed(exc: ValueError | TypeError) -> ApiError:
    return ApiError(str(exc), status=400)


@errors.convert(EOFError)
def empty(exc: EOFError) -> tuple[dict[str, str], int]:
    return {"message": "Nothing left."}, 404


@errors.convert(EOFError)
async def gone(exc: EOFError) -> Response:
    return errors.response(410)


errors.convert(KeyError)(lambda exc: NotFound(exc.args[0]))
assert_type(verify("token"), dict[str, str] | None)
assert_type(missing(KeyError()), HTTPException)
assert_type(malformed(ValueError()), ApiError)
errors.convert(ConnectionError, to=ServiceUnavailable)
errors.convert(TimeoutError, to=ServiceUnavailable("Later."))
assert_type(errors.response(404, "text"), Response)
assert_type(errors.response(KeyError()), Response)


@app.get("/<int:number>")
@requires_auth
@requires_auth("key", "bearer")
@requires_permissions("read")
@requires_json
@consumes("application/json")
@produces("application/json", "text/csv")
@raises(VesselNotFound, NotFound)
def view(number: int, *, unit: str = "m") -> dict[str, int]:
    raise VesselNotFound(
        "No vessel",
        retry_after=1.5,
        headers={"X-A": "b"},
        errors=[FieldError("x", pointer="#/a")],
        domain="d",
    )


@requires_permissions("read", "list", match="any", hide=True)
@optional_auth
@optional_auth("key")
async def later(number: int) -> str:
    check_permissions("read", match="any", hide=True)
    return str(number)


assert_type(view(1, unit="km"), dict[str, int])
coroutine: Callable[[int], Awaitable[str]] = later

# -- what must be refused

view("one")  # type: ignore[arg-type]
requires_auth(5)  # type: ignore[call-overload]
check_permissions("read", match="some")  # type: ignore[arg-type]


def check_key(request: Request, state: object) -> None: ...


def keyed(number: int) -> str:
    return str(number)


assert_type(guard(keyed, Mark("keyed"), Check(Order.AUTHENTICATION, check_key))(1), str)

assert_type(catalogue(app), Catalogue)
assert_type(catalogue(app).operations, tuple[Operation, ...])
assert_type(catalogue(app).error("not-found"), Entry)
assert_type(catalogue(app).error("not-found").occurrences, tuple[Occurrence, ...])
assert_type(catalogue(app).headers, tuple[HeaderField, ...])


@errors.verify_token  # type: ignore[type-var]
def verify_two(a: int, b: int) -> None: ...


@errors.verify_token  # type: ignore[type-var]
def verify_number(token: int) -> None: ...


@errors.verify_token  # type: ignore[type-var]
async def verify_nothing() -> None: ...


@errors.format  # type: ignore[type-var]
def shape_of_number(x: int) -> int:
    return x


@errors.format  # type: ignore[type-var]
async def shape_as_number(problem: Problem) -> int:
    return problem.status


@errors.permissions_of  # type: ignore[type-var]
def permissions_of_all() -> int:
    return 1


@errors.permissions_of  # type: ignore[type-var]
def permission_count(principal: object) -> int:
    return 1


@errors.unavailable_when  # type: ignore[type-var]
def unavailable_if(x: int) -> None: ...


@errors.unavailable_when  # type: ignore[type-var]
async def unavailable_for() -> list[int]:
    return [5]


@errors.convert(KeyError)  # type: ignore[arg-type]
def convert_number(exc: int) -> str:
    return str(exc)


@errors.convert(KeyError)  # type: ignore[type-var]
def convert_to_number(exc: KeyError) -> float:
    return 0.5


@errors.convert(KeyError)  # type: ignore[arg-type]
def convert_other(exc: ValueError) -> HTTPException:
    return NotFound()


errors.convert(int, to=NotFound)  # type: ignore[type-var]
errors.convert(KeyError, to=KeyError)  # type: ignore[arg-type]
