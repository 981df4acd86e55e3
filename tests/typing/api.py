"""The public names as a caller's type checker sees them: checked by mypy, never run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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
    InvalidToken,
    Mark,
    Occurrence,
    Operation,
    Order,
    Problem,
    catalogue,
    consumes,
    guard,
    produces,
    raises,
    requires_auth,
    requires_json,
    requires_permissions,
)

app = Flask(__name__)
errors = ApiErrors(app)
errors.init_app(app)


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""

    type = "vessel-not-found"
    title = "Vessel not found"


@errors.verify_token
def verify(token: str) -> dict[str, str] | None:
    raise InvalidToken("expired")


@errors.format
def shape(problem: Problem) -> dict[str, object]:
    return {"status": problem.status, "errors": len(problem.errors)}


@errors.convert(KeyError)
def missing(exc: KeyError) -> HTTPException:
    return NotFound(str(exc))


errors.convert(ConnectionError, to=ServiceUnavailable)
errors.convert(TimeoutError, to=ServiceUnavailable("Later."))
assert_type(errors.response(404, "text"), Response)
assert_type(errors.response(KeyError()), Response)


@app.get("/<int:number>")
@requires_auth
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


@requires_permissions("read")
async def later(number: int) -> str:
    return str(number)


assert_type(view(1, unit="km"), dict[str, int])
coroutine: Callable[[int], Awaitable[str]] = later
# What a guard wraps keeps its parameters: mypy must refuse this call, and so the comment must be needed.
view("one")  # type: ignore[arg-type]


def check_key(request: Request, state: object) -> None: ...


def keyed(number: int) -> str:
    return str(number)


assert_type(guard(keyed, Mark("keyed"), Check(Order.AUTHENTICATION, check_key))(1), str)

assert_type(catalogue(app), Catalogue)
assert_type(catalogue(app).operations, tuple[Operation, ...])
assert_type(catalogue(app).error("not-found"), Entry)
assert_type(catalogue(app).error("not-found").occurrences, tuple[Occurrence, ...])
assert_type(catalogue(app).headers, tuple[HeaderField, ...])
