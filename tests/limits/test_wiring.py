"""Promises of the Limiter of an app: ours or the author's, and one for each app."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable

import pytest
from flask import Blueprint, Flask, request
from flask_limiter import HeaderNames, Limiter
from flask_limiter.util import get_remote_address

from flask_apierrors import ApiErrors, rate_limit
from tests.conftest import Clock, limited_app, statuses, view_of


def test_flask_limiter_is_not_imported_before_an_app_needs_it() -> None:
    code = """
        import sys
        from flask import Flask
        from flask_apierrors import ApiErrors
        app = Flask("x")
        errors = ApiErrors(app)
        client = app.test_client()
        client.get("/")
        assert not {"flask_limiter", "limits"} & set(sys.modules)
    """
    subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)], check=True, timeout=60
    )


def test_ratelimit_enabled_turns_everything_off(make_app: Callable[..., Flask]) -> None:
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


def test_the_configuration_of_flask_limiter_is_respected(
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
    storage = app.extensions["apierrors"].rate_limits.counters.strategy.storage
    assert any(key.startswith("LIMITER/shop/127.0.0.1/free:GET/") for key in storage.storage)


def test_the_limiter_needs_an_app_with_the_contract(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    with Flask(__name__).app_context(), pytest.raises(RuntimeError, match="no ApiErrors"):
        _ = errors.limiter


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


def test_a_disabled_limiter_of_the_author_limits_nothing() -> None:
    app = Flask(__name__)
    limiter = Limiter(
        get_remote_address, app=app, default_limits=["1/minute"], storage_uri="memory://"
    )
    limiter.enabled = False
    ApiErrors(app)
    app.add_url_rule("/x", view_func=rate_limit("1/minute")(lambda: "x"))
    assert statuses(app.test_client(), "/x", 3) == [200, 200, 200]


def test_a_limiter_may_also_limit_an_app_without_the_contract(
    make_app: Callable[..., Flask],
) -> None:
    ours, other = make_app(), Flask("other")
    limiter = Limiter(get_remote_address, default_limits=["1/minute"], storage_uri="memory://")
    for app in (ours, other):
        app.add_url_rule("/x", view_func=lambda: "x", endpoint="x")
        limiter.init_app(app)
    assert ours.test_client().get("/x").status_code == 200
    client = other.test_client()
    answer = [client.get("/x") for _ in range(2)][1]
    assert (answer.status_code, answer.content_type) == (429, "text/html; charset=utf-8")


# -- apps of one process


def test_apps_of_one_instance_share_no_limits_storages_or_switches(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    decorate = rate_limit("1/minute")
    apps = [
        make_app(errors, RATELIMIT_DEFAULT="1/minute"),
        make_app(errors, RATELIMIT_DEFAULT="3/minute"),
        make_app(errors, RATELIMIT_ENABLED=False, RATELIMIT_DEFAULT="1/minute"),
        make_app(errors),
    ]
    for app in apps:
        app.add_url_rule("/plain", "plain", lambda: {})
        app.add_url_rule("/decorated", "decorated", decorate(lambda: {}))
    plain = [statuses(app.test_client(), "/plain", 4) for app in apps]
    assert plain == [[200, 429, 429, 429], [200, 200, 200, 429], [200] * 4, [200] * 4]
    decorated = [statuses(app.test_client(), "/decorated", 2) for app in apps]
    assert decorated == [[200, 429], [200, 429], [200, 200], [200, 429]]
    limiters = []
    for app in apps:
        with app.app_context():
            limiters.append(errors.limiter)
    assert len(set(limiters)) == 4


def test_an_app_with_limits_is_freed_with_its_last_reference(
    make_app: Callable[..., Flask],
) -> None:
    gc.collect()
    app = limited_app(make_app, RATELIMIT_DEFAULT="1/minute")
    assert statuses(app.test_client(), "/limited", 1) == [200]
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None


def test_a_limiter_of_the_author_keeps_what_its_constructor_says(
    make_app: Callable[..., Flask],
) -> None:
    limiter = Limiter(
        get_remote_address,
        storage_uri="redis://127.0.0.1:1",
        default_limits=["5/minute"],
        in_memory_fallback=["1/minute"],
        in_memory_fallback_enabled=True,
        request_identifier=lambda: "all",
        headers_enabled=True,
        header_name_mapping={HeaderNames.REMAINING: "X-Left"},
        meta_limits=["9/hour"],
    )
    pytest.importorskip("redis")
    app = make_app()
    limiter.init_app(app)
    app.add_url_rule("/a", "a", lambda: {})
    app.add_url_rule("/b", "b", lambda: {})
    client = app.test_client()
    # The first request finds out that the storage is away.
    answers = [client.get(path) for path in ("/a", "/b", "/a")]
    assert [answer.status_code for answer in answers] == [200, 429, 429], "one for both endpoints"
    assert answers[0].headers["X-Left"] == "0"
    reader = app.extensions["apierrors"].rate_limits.active().limiter
    assert len(reader.meta_limits) == 1


# -- before there is an app


def test_decorators_of_a_module_hold_for_each_app(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    mail = errors.limiter.shared_limit("2/day", scope="mail")
    shop = Blueprint("shop", __name__)
    errors.limiter.limit("1/day")(shop)
    views = {name: mail(view_of()) for name in "ab"}
    shop.add_url_rule("/shop", "shop", lambda: "shop")
    errors.limiter.request_filter(lambda: "internal" in request.args)
    for keys in ({}, {"RATELIMIT_KEY_FUNC": lambda: "all"}):
        app = make_app(errors, **keys)
        app.register_blueprint(shop)
        for name, view in views.items():
            app.add_url_rule(f"/{name}", name, view)
        client = app.test_client()
        addresses = ["10.0.0.1", "10.0.0.1" if not keys else "10.0.0.2", "10.0.0.1"]
        answers = [
            client.get(path, environ_base={"REMOTE_ADDR": address}).status_code
            for path, address in zip(("/a", "/b", "/a"), addresses, strict=True)
        ]
        assert answers == [200, 200, 429]
        assert client.get("/a?internal").status_code == 200
        assert statuses(client, "/shop", 2) == [200, 429]
        with app.app_context():
            assert errors.limiter is app.extensions["apierrors"].rate_limits.limiter


def test_outside_an_app_context_the_limiter_is_that_of_the_only_app(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    limiter = errors.limiter
    assert limiter is app.extensions["apierrors"].rate_limits.limiter
    other = make_app(errors)
    with pytest.raises(RuntimeError, match=r"Use errors\.limiter in an app context"):
        _ = errors.limiter
    assert other.extensions["apierrors"].rate_limits.limiter is not limiter


def test_a_limiter_that_is_asked_for_late_still_counts_its_decorators(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    app = make_app(errors)
    client = app.test_client()

    @app.get("/late")
    def late() -> str:
        with errors.limiter.limit("1/day"):
            return "ok"

    client.get("/nowhere")
    assert statuses(client, "/late", 2) == [200, 429]


def test_a_limiter_of_the_author_counts_in_each_of_its_apps(make_app: Callable[..., Flask]) -> None:
    limiter = Limiter(get_remote_address, default_limits=["1/minute"], storage_uri="memory://")
    for _ in range(2):
        app = make_app()
        app.add_url_rule("/x", "x", lambda: "x")
        limiter.init_app(app)
        assert statuses(app.test_client(), "/x", 2) == [200, 429]


def test_a_limited_function_of_one_app_lifts_no_default_of_another(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    limiter = errors.limiter
    first, second = make_app(errors), make_app(errors, RATELIMIT_DEFAULT="1/minute")
    with first.app_context():

        @errors.limiter.limit("5/minute")
        def helper() -> str:
            return "ok"

    first.add_url_rule("/", "index", lambda: helper())
    second.add_url_rule("/", "index", lambda: "ok")
    assert limiter is not first.extensions["apierrors"].rate_limits.limiter
    assert statuses(first.test_client(), "/", 1) == [200]
    assert statuses(second.test_client(), "/", 2) == [200, 429]


def test_decorators_still_count_if_a_limiter_of_the_author_follows(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    assert errors.limiter.enabled, "a Limiter for modules"
    app = make_app(errors)
    with app.app_context():
        app.add_url_rule("/x", "x", errors.limiter.limit("1/minute")(lambda: "ok"))
    Limiter(get_remote_address, app=app, storage_uri="memory://")
    assert statuses(app.test_client(), "/x", 2) == [200, 429]


def test_limits_that_are_off_are_not_checked(make_app: Callable[..., Flask]) -> None:
    limits = {"nope": "1/minute", "index": "bad"}
    app = make_app(RATELIMIT_ENABLED=False, RATELIMIT_DEFAULT="bad", APIERRORS_RATE_LIMITS=limits)
    app.add_url_rule("/", "index", lambda: "ok")
    assert statuses(app.test_client(), "/", 2) == [200, 200]


def test_of_two_limiters_each_may_have_the_fields(make_app: Callable[..., Flask]) -> None:
    first = Limiter(get_remote_address, key_prefix="1", storage_uri="memory://")
    second = Limiter(
        get_remote_address, key_prefix="2", storage_uri="memory://", headers_enabled=True
    )
    app = make_app()
    for limiter in (first, second):
        limiter.init_app(app)
    app.add_url_rule("/x", "x", first.limit("5/minute")(second.limit("9/minute")(lambda: "ok")))
    assert "RateLimit" in app.test_client().get("/x").headers
