"""The requests to time, the statuses they must get, and the targets as ratios to bare Flask."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from .common import Request, Spread, ask, caller, quiet, race
from .contenders import apierrors, apiflask_app, flask_docs, floor, restx, smorest
from .contenders.schemas import GOOD_TOKEN, POOR_TOKEN

CONTENDERS: dict[str, Callable[[], Any]] = {
    "floor": floor.create_app,
    "floor again": floor.create_app,
    "Flask docs": flask_docs.create_app,
    "flask-smorest": smorest.create_app,
    "APIFlask": apiflask_app.create_app,
    "Flask-RESTX": restx.create_app,
    "flask_apierrors": apierrors.create_app,
}

_JSON = {"Content-Type": "application/json"}
_BAD_ITEM = {"limit": "many"}
_ITEM = json.dumps(_BAD_ITEM).encode()
_BATCH = json.dumps({"items": [_BAD_ITEM] * 1000}).encode()
_BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
_GUARDED = {**_JSON, "Authorization": f"Bearer {GOOD_TOKEN}"}


class Path(NamedTuple):
    """A row of the table of requests."""

    name: str
    title: str
    request: Request
    statuses: frozenset[int]
    best_peer: str
    target: str
    #: Whether an ``after_request`` function adds a header to each response, as Flask-CORS does.
    touched: bool = False


class Guarded(NamedTuple):
    """A row of the table of guards: what they add to a view, in microseconds."""

    name: str
    title: str
    accept: str


def _path(
    name: str,
    title: str,
    request: Request,
    statuses: set[int],
    best_peer: str = "",
    target: str = "",
    touched: bool = False,
) -> Path:
    return Path(name, title, request, frozenset(statuses), best_peer, target, touched)


PATHS = (
    _path("success", "success, no guard", Request("/ok"), {200}, "1.00", "1.01"),
    _path("unknown", "unknown URL, 404", Request("/unknown"), {404}, "1.03", "0.90"),
    _path("abort", "`abort(404, text)`", Request("/aborted"), {404}, "1.14", "1.00"),
    _path("touched", "the same, with a header added", Request("/aborted"), {404}, touched=True),
    _path("405", "405", Request("/ok", "POST"), {405}, "1.04", "0.92"),
    _path(
        "one-field",
        "validation, one field",
        Request("/one-field", "POST", _JSON, _ITEM),
        {400, 422},
        "1.07",
        "0.97",
    ),
    _path(
        "items",
        "validation, 1,000 bad items",
        Request("/many-items", "POST", _JSON, _BATCH),
        {400, 422},
        "1.00",
        "1.00",
    ),
    _path("crash", "unexpected exception", Request("/crash"), {500}, "1.05", "0.92"),
    _path("401", "401", Request("/private"), {401}, "1.21", "1.00"),
    _path(
        "403",
        "403",
        Request("/private", headers={"Authorization": f"Bearer {POOR_TOKEN}"}),
        {403},
        "1.35",
        "1.00",
    ),
    _path(
        "406", "406", Request("/text-only", headers={"Accept": "image/png"}), {406}, "1.68", "1.02"
    ),
    _path(
        "415",
        "415",
        Request("/json-only", "POST", {"Content-Type": "text/plain"}, b"hello"),
        {415},
        "1.44",
        "1.05",
    ),
)
GUARDED = (
    Guarded("guards-json", "guards, `Accept: application/json`", "application/json"),
    Guarded("guards-axios", "guards, the Accept of axios", "application/json, text/plain, */*"),
    Guarded("guards-browser", "guards, the Accept of a browser", _BROWSER),
)


class WrongAnswer(AssertionError):
    """A contender gave a wrong answer, so its time means nothing."""


def make_contenders(touched: bool = False) -> dict[str, Any]:
    apps = {name: quiet(create_app()) for name, create_app in CONTENDERS.items()}
    if touched:
        for app in apps.values():
            app.after_request(_add_header)
    return apps


def _add_header(response: Any) -> Any:
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def check(name: str, app: Any, request: Request, statuses: frozenset[int]) -> None:
    """Check one answer before timing any.

    :raises WrongAnswer: If the status is another one, or the body is no JSON object.
    """
    answer = ask(app.wsgi_app, request)
    if answer.status not in statuses:
        raise WrongAnswer(f"{name} answers {request.method} {request.path} with {answer.status}")
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise WrongAnswer(
            f"{name} answers {request.method} {request.path} with {answer.body[:80]!r}"
        )


def run_path(path: Path, apps: Mapping[str, Any], rounds: int) -> tuple[str, ...]:
    """Time the contenders on one request, and return the row of the table."""
    if path.touched:
        apps = make_contenders(touched=True)
    for name, app in apps.items():
        check(name, app, path.request, path.statuses)
    times = race({name: caller(app.wsgi_app, path.request) for name, app in apps.items()}, rounds)
    base = next(iter(apps))
    ratios = {name: times.ratio(name, base) for name in apps if name != base}
    floor_time = f"{times.microseconds(base).median:.0f} µs"
    return (path.title, floor_time, *_ratio_cells(ratios), path.best_peer, path.target)


def _ratio_cells(ratios: Mapping[str, Spread]) -> Iterator[str]:
    for name, spread in ratios.items():
        if name == "flask_apierrors":
            yield f"**{spread.median:.2f}** ({spread.low:.2f} to {spread.high:.2f})"
        else:
            yield f"{spread.median:.2f}"


def run_guarded(row: Guarded, apps: Mapping[str, Any], rounds: int) -> tuple[str, ...]:
    """Time the guarded view of each contender against its view without guards."""
    guarded, bare = (
        Request(path, "POST", _GUARDED | {"Accept": row.accept}, _ITEM)
        for path in ("/guarded", "/unguarded")
    )
    cells = []
    for name, app in apps.items():
        view = bare if name.startswith("floor") else guarded
        check(name, app, view, frozenset({200}))
        check(name, app, bare, frozenset({200}))
        times = race(
            {"bare": caller(app.wsgi_app, bare), "guarded": caller(app.wsgi_app, view)}, rounds
        )
        spread = times.microseconds_over("guarded", "bare")
        cells.append(f"{spread.median:+.1f}")
        if name == "flask_apierrors":
            cells[-1] = f"**{spread.median:+.1f}** ({spread.low:+.1f} to {spread.high:+.1f})"
    return (row.title, *cells, "+25", "+6")
