"""Promises of the Limiter of an app: by its configuration, or its author's own; what is wrong with it is told at start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from typing import Any

import pytest
from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from hypothesis import example, given
from hypothesis import strategies as st
from limits.storage import MemoryStorage

from flask_apierrors import ApiErrors, rate_limit
from flask_apierrors._limits.flask_limiter import Limiters, falls_back, guard_storage, parse_limit
from flask_apierrors._limits.storage import GuardedStorage
from tests.conftest import Clock, limited_app, statuses

# -- by configuration


def test_the_switch_turns_everything_off(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = limited_app(
        make_app,
        "1/minute",
        errors,
        RATELIMIT_ENABLED=False,
        RATELIMIT_DEFAULT="1/minute",
        APIERRORS_RATE_LIMITS={"free": "1/minute"},
    )
    with app.app_context():
        native = errors.limiter
    app.add_url_rule("/native", "native", native.limit("1/minute")(lambda: "x"))
    client = app.test_client()
    assert [
        status for path in ("/limited", "/free", "/native") for status in statuses(client, path, 3)
    ] == [200] * 9
    assert "RateLimit" not in client.get("/limited").headers
    assert not app.extensions["limiter"]


def test_more_of_the_configuration_of_flask_limiter(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    app = limited_app(
        make_app,
        RATELIMIT_DEFAULT="4/minute",
        RATELIMIT_DEFAULTS_PER_METHOD=True,
        RATELIMIT_DEFAULTS_COST=2,
        RATELIMIT_DEFAULTS_EXEMPT_WHEN=lambda: "free" in request.args,
        RATELIMIT_KEY_PREFIX="shop",
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_HEADER_REMAINING="X-Left",
    )
    client = app.test_client()
    assert statuses(client, "/free?free", 5) == [200] * 5
    answer = client.get("/free")
    assert (answer.headers["X-RateLimit-Limit"], answer.headers["X-Left"]) == ("4", "2")
    assert int(answer.headers["X-RateLimit-Reset"]) >= clock.now + 59
    assert statuses(client, "/free", 2) == [200, 429]
    assert client.post("/free").status_code == 200
    storage = app.extensions["apierrors"].rate_limits.native_limiter.storage
    assert any(key.startswith("LIMITER/shop/127.0.0.1/free:GET/") for key in storage.storage)


@pytest.mark.parametrize(
    ("config", "falls"),
    [
        ({}, True),
        ({"RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": False}, False),
        (
            {
                "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": False,
                "RATELIMIT_IN_MEMORY_FALLBACK": "1/minute",
            },
            True,
        ),
    ],
)
def test_memory_stands_in_for_a_storage_unless_the_administrator_says_no(
    config: dict[str, Any], falls: bool
) -> None:
    app = Flask(__name__)
    app.config.update(config)
    assert falls_back(app) is falls


# -- mistakes fail at start


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"RATELIMIT_DEFAULT": "often"},
            "RATELIMIT_DEFAULT = 'often' is not a rate limit. Write it as",
        ),
        ({"RATELIMIT_APPLICATION": "1 per week"}, "RATELIMIT_APPLICATION"),
        ({"RATELIMIT_META": "x"}, "RATELIMIT_META"),
        (
            {"APIERRORS_RATE_LIMITS": {"free": "10"}},
            "'10' for 'free' is not a rate limit. Write it as",
        ),
        (
            {"RATELIMIT_STRATEGY": "elastic"},
            "choose from fixed-window, moving-window, sliding-window-counter",
        ),
        (
            {"RATELIMIT_STORAGE_URI": "redjs://:secret@x"},
            "RATELIMIT_STORAGE_URI begins with 'redjs'",
        ),
        (
            {"RATELIMIT_STORAGE_URI": "valkey://:secret@x"},
            r"the driver for valkey is missing. Install it: pip install 'limits\[valkey\]'",
        ),
    ],
)
def test_a_wrong_configuration_fails_at_start_with_the_remedy(
    make_app: Callable[..., Flask], config: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        make_app(**config)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"RATELIMIT_STORAGE_URI": "redis://:s3cret@127.0.0.1:port"},
        {
            "RATELIMIT_STORAGE_URI": "redis://:s3cret@127.0.0.1:1",
            "RATELIMIT_STORAGE_OPTIONS": "socket_timeout=1",
        },
    ],
)
def test_a_storage_that_cannot_be_read_fails_at_start_and_keeps_its_password(
    make_app: Callable[..., Flask], config: dict[str, str]
) -> None:
    pytest.importorskip("redis")
    with pytest.raises(ValueError, match="RATELIMIT_STORAGE_OPTIONS") as caught:
        make_app(**config)
    assert "s3cret" not in str(caught.value)


class Missing(MetaPathFinder):
    """Makes a package one that is not installed."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("uri", "package", "extra"),
    [
        ("redis://:secret@127.0.0.1:1/name", "redis", "redis"),
        ("rediss://:secret@127.0.0.1:1/name", "redis", "redis"),
        ("redis+sentinel://:secret@127.0.0.1:1/name", "redis", "redis"),
        ("redis+cluster://:secret@127.0.0.1:1/name", "redis", "redis"),
        ("valkeys://:secret@127.0.0.1:1/name", "valkey", "valkey"),
        ("memcached://127.0.0.1:1", "pymemcache", "memcached"),
    ],
)
def test_a_missing_driver_is_named_as_pip_knows_it(
    make_app: Callable[..., Flask],
    monkeypatch: pytest.MonkeyPatch,
    uri: str,
    package: str,
    extra: str,
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Missing(package), *sys.meta_path])
    with pytest.raises(ValueError, match=r"Install it: pip install 'limits\[.*\]'\.$") as caught:
        make_app(RATELIMIT_STORAGE_URI=uri)
    scheme = uri.partition(":")[0]
    assert f"the driver for {scheme} is missing" in str(caught.value)
    assert f"'limits[{extra}]'" in str(caught.value)
    assert "secret" not in str(caught.value)


@given(
    st.one_of(
        st.text(),
        st.text("0123456789 /;,|:perscondmiutha\n"),
        st.none(),
        st.integers(),
        st.binary(),
    )
)
@example("1/second:;2/minute")
@example("9" * 5_000 + "/second")
@example("10 per \ud800")
def test_any_limit_is_read_or_refused_with_its_place_and_the_remedy(found: Any) -> None:
    try:
        limits = parse_limit(found, "KEY")
    except ValueError as error:
        said = str(error)
    else:
        assert limits
        assert all(limit.amount >= 0 and limit.get_expiry() >= 1 for limit in limits)
        return
    assert said.startswith("KEY is not a rate limit. Write it as '10 per second'")


# -- the author's own


@pytest.mark.parametrize("first", ["limiter", "errors"])
def test_a_limiter_of_the_author_is_used_in_either_order(first: str) -> None:
    limiter = Limiter(
        lambda: request.args.get("who", "x"),
        default_limits=["3/minute"],
        application_limits=["6/minute"],
        storage_uri="memory://",
    )
    errors = ApiErrors()
    app = Flask(__name__)
    for extension in (limiter, errors) if first == "limiter" else (errors, limiter):
        extension.init_app(app)

    @app.get("/ours")
    @rate_limit("2/minute")
    def ours() -> dict[str, str]:
        return {}

    @app.get("/native")
    @limiter.limit("1/minute", error_message="No more.")
    def native() -> dict[str, str]:
        return {}

    app.add_url_rule("/plain", "plain", lambda: {})
    with app.app_context():
        assert errors.limiter is limiter
    assert app.extensions["limiter"] == {limiter}
    client = app.test_client()
    assert statuses(client, "/ours?who=a", 3) == [200, 200, 429]
    answer = [client.get("/native?who=b") for _ in range(2)][1]
    assert (answer.status_code, answer.json) == (429, {"error": "No more."})
    assert int(answer.headers["Retry-After"]) >= 59
    assert statuses(client, "/plain?who=c", 4) == [200, 200, 200, 429]
    assert [client.options("/native").status_code for _ in range(9)] == [200] * 9
    paths = [
        "/ours?who=d",
        "/plain?who=d",
        "/ours?who=d",
        "/plain?who=d",
        "/plain?who=d",
        "/native?who=d",
        "/native?who=d",
    ]
    assert [client.get(path).status_code for path in paths] == [200] * 6 + [429], (
        "the application limit counts each once"
    )


def test_two_limiters_of_the_author_are_both_kept(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, "5/minute")
    limiters = [
        Limiter(get_remote_address, default_limits=[limit], storage_uri="memory://")
        for limit in ("2/minute", "9/minute")
    ]
    for limiter in limiters:
        limiter.init_app(app)
    assert app.extensions["limiter"] == set(limiters)
    assert statuses(app.test_client(), "/free", 3) == [200, 200, 429]


def test_a_limiter_of_the_author_replaces_ours_that_the_configuration_made(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = limited_app(
        make_app,
        "5/minute",
        errors,
        RATELIMIT_DEFAULT="2/minute",
        RATELIMIT_STORAGE_URI="memory://",
    )
    limiter = Limiter(get_remote_address)
    limiter.init_app(app)
    assert app.extensions["limiter"] == {limiter}
    client = app.test_client()
    assert statuses(client, "/free", 3) == [200, 200, 429], "counted once, not by both"
    assert statuses(client, "/limited", 6) == [200] * 5 + [429]


def test_an_authors_limiter_that_is_switched_off_limits_nothing() -> None:
    app = Flask(__name__)
    limiter = Limiter(
        get_remote_address, app=app, default_limits=["1/minute"], storage_uri="memory://"
    )
    limiter.enabled = False
    ApiErrors(app)
    app.add_url_rule("/x", view_func=rate_limit("1/minute")(lambda: "x"))
    assert statuses(app.test_client(), "/x", 3) == [200, 200, 200]


def test_a_limiter_may_limit_another_app_too_that_has_no_contract(
    make_app: Callable[..., Flask],
) -> None:
    ours, other = make_app(), Flask("other")
    limiter = Limiter(get_remote_address, default_limits=["1/minute"], storage_uri="memory://")
    for app in (ours, other):
        app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")
        limiter.init_app(app)
    assert ours.test_client().get("/x").status_code == 200
    answer = other.test_client().get("/x")
    assert (answer.status_code, answer.content_type) == (429, "text/html; charset=utf-8")


def test_a_limiter_is_told_of_once_and_ours_never() -> None:
    first, second, ours = (Limiter(get_remote_address, storage_uri="memory://") for _ in range(3))
    told: list[Limiter] = []
    limiters = Limiters([first], told.append)
    limiters.add_ours(ours)
    for limiter in (first, second, second, ours):
        limiters.add(limiter)
    assert told == [second]
    assert limiters == {first, second, ours}


def test_the_remote_storage_of_an_author_is_guarded_once_and_memory_never() -> None:
    pytest.importorskip("redis")
    remote, memory = (
        Limiter(get_remote_address, storage_uri=uri) for uri in ("redis://127.0.0.1:1", "memory://")
    )
    app = Flask(__name__)
    for limiter in (remote, memory):
        limiter.init_app(app)
    driver = remote.limiter.storage
    for _ in range(2):
        guard_storage(remote, app, 30)
        guard_storage(memory, app, 30)
    assert isinstance(remote.limiter.storage, GuardedStorage)
    assert remote.limiter.storage.remote is driver
    assert isinstance(memory.limiter.storage, MemoryStorage)


# -- what is relied on in Flask-Limiter: a new version that moves it fails here


def test_a_limiter_that_the_app_knows_already_leaves_its_hooks_out(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(RATELIMIT_STORAGE_URI="memory://")
    assert not app.before_request_funcs
    assert not app.teardown_request_funcs
    assert [function.__name__ for function in app.after_request_funcs[None]] == ["finish"]


def test_a_limiter_has_the_attributes_that_are_read() -> None:
    limiter = Limiter(
        get_remote_address, storage_uri="memory://", key_prefix="shop", default_limits=["1/hour"]
    )
    limiter.init_app(Flask(__name__))
    names = (
        "_key_prefix",
        "_on_breach",
        "_on_meta_breach",
        "_fail_on_first_breach",
        "_swallow_errors",
        "_headers_enabled",
    )
    assert [getattr(limiter, name) for name in names] == ["shop", None, None, True, False, False]
    assert limiter.limiter.storage is limiter.storage
    assert [str(limit.limit) for limit in limiter.limit_manager.default_limits] == ["1 per 1 hour"]
    assert limiter.limit_manager.application_limits == []


def test_a_limit_gives_its_parsed_limits_with_all_options() -> None:
    limiter = Limiter(get_remote_address, storage_uri="memory://")
    first, second = limiter.limit(
        "1/second; 5/hour", per_method=True, scope="x", cost=2, methods=["GET"]
    )
    assert (str(first.limit), str(second.limit)) == ("1 per 1 second", "5 per 1 hour")
    assert first.scope_for("ships", "GET") == "ships:x:GET"
    assert (first.key_func, first.deduction_amount, first.methods) == (
        get_remote_address,
        2,
        ("get",),
    )
    (shared,) = limiter.shared_limit("1/second", scope="all")
    assert shared.scope_for("ships", "GET") == "all"
