"""Media types: what a view accepts (``Content-Type``) and what it offers (``Accept``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Request
from werkzeug.local import LocalProxy

from .._core.accept import BoundedMemo, best_match, essence
from .._core.errors import ApiError
from .._core.http import is_bodiless
from .._core.marks import Mark, View
from .._core.sentences import Sentence
from .._core.state import AppState, RequestState, current_request, request_state
from .guard import Check, Order, guard
from .json_body import unsupported_media_type

_JSON = ("application/json",)


def consumes(*media_types: str) -> Callable[[View], View]:
    """Accept only these media types. Other requests get a 415 that lists them.

    Media types are compared without case and parameters. A GET, HEAD, OPTIONS or DELETE request
    without a body is not checked.

    :param media_types: Such as ``"application/json"``. Wildcards are not allowed.
    :returns: The decorator.
    :raises TypeError: without media types, or with a wildcard.
    """
    _check_media_types("consumes", media_types)
    check = _content_type_check(media_types, frozenset(map(essence, media_types)).__contains__)
    mark = Mark(
        "consumes",
        media_types,
        statuses=(415, 400) if any("json" in media_type for media_type in media_types) else (415,),
        condition=f"Accepts a body of {_listed(media_types)}.",
        offers=True,
        refusal=_refuse_content_type(media_types),
    )
    return lambda view: guard(view, mark, check)


def requires_json(view: View) -> View:
    """Accept only JSON: ``application/json`` and every ``+json``.

    Another body gets a 415, and a malformed one a 400. ``request.get_json()`` in the view returns
    the value that was parsed here.

    :param view: The view, ``async def`` or not.
    :returns: The guarded view.
    """
    return guard(view, REQUIRES_JSON, _JSON_TYPE, Check(Order.JSON, _check_json))


def produces(*media_types: str) -> Callable[[View], View]:
    """Offer these media types. The ``Accept`` header chooses (RFC 9110 section 12.5.1).

    A request that accepts none of them gets a 406 that lists them. The view reads the choice from
    :data:`negotiated_type`. Its response gets ``Vary: Accept``.

    :param media_types: Such as ``"text/csv"``. A client without a preference gets the first.
    :returns: The decorator.
    :raises TypeError: without media types, or with a wildcard.
    """
    _check_media_types("produces", media_types)
    choices = BoundedMemo(lambda accept: best_match(accept, media_types))
    sentence = Sentence(406, available=", ".join(media_types))

    def check(req: Request, state: RequestState) -> None:
        accept = req.environ.get("HTTP_ACCEPT")
        media_type = choices[accept] if accept else media_types[0]
        if media_type is None:
            raise ApiError(sentence, status=406)
        state.negotiated_type = media_type

    mark = Mark(
        "produces",
        media_types,
        statuses=(406,),
        condition=f"Answers with {_listed(media_types)}.",
        offers=True,
        refusal=lambda status, method, app: ApiError(sentence, status=406),
    )
    return lambda view: guard(view, mark, Check(Order.ACCEPT, check))


#: The media type that :func:`produces` chose for the current request.
negotiated_type: Any = LocalProxy(lambda: request_state(current_request()).negotiated_type)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or ("/" in media_type and media_type.endswith("+json"))


def _content_type_check(accepted: tuple[str, ...], accepts: Callable[[str], bool]) -> Check:
    def check(req: Request, state: RequestState) -> None:
        content_type = req.environ.get("CONTENT_TYPE") or ""
        if content_type in accepted or is_bodiless(req) or accepts(essence(content_type)):
            return
        raise unsupported_media_type(accepted, req.method)

    return Check(Order.CONTENT_TYPE, check)


def _refuse_content_type(
    accepted: tuple[str, ...],
) -> Callable[[int, str, AppState], Exception | None]:
    def refusal(status: int, method: str, app: AppState) -> Exception | None:
        return unsupported_media_type(accepted, method) if status == 415 else None

    return refusal


_JSON_TYPE = _content_type_check(_JSON, _is_json)
REQUIRES_JSON = Mark(
    "requires_json",
    statuses=(415, 400),
    condition="Accepts a body of `application/json`.",
    refusal=_refuse_content_type(_JSON),
)


def _check_json(req: Request, state: RequestState) -> None:
    if not is_bodiless(req):
        req.get_json(force=True)


def _check_media_types(name: str, media_types: tuple[str, ...]) -> None:
    if not media_types or not all(
        isinstance(item, str) and "/" in item and "*" not in item for item in media_types
    ):
        raise TypeError(f'@{name} takes media types, as in @{name}("application/json").')


def _listed(media_types: tuple[str, ...]) -> str:
    *first, last = (f"`{media_type}`" for media_type in media_types)
    return f"{', '.join(first)} or {last}" if first else last
