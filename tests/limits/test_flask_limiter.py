"""Promises of the adapter: what it relies on is there, and mistakes are explained at start."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from flask_apierrors._core.first_request import at_first_request
from flask_apierrors._limits import flask_limiter
from flask_apierrors._limits.flask_limiter import Limiters
from tests.conftest import view_of
from tests.limits.samples import quota

# -- mistakes fail at start


@pytest.mark.parametrize(
    ("config", "message"),
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
    make_app: Callable[..., Flask], config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
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
    """Pretends that a package is not installed."""

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


# -- what a new version of Flask-Limiter or limits may move

#: What the adapter relies on although no documentation promises it: owners, and their names.
UNDOCUMENTED = {
    "flask_limiter.Limiter": """
        _check_request_limit _fail_on_first_breach _header_mapping _headers_enabled
        _in_memory_fallback _key_func _key_prefix _marked_for_limiting _meta_limits _on_breach
        _on_meta_breach _request_filters _request_identifier _storage _storage_options _storage_uri
        _swallow_errors limit_manager
    """,
    "flask_limiter.Limiter.limit_manager": """
        _application_limits _blueprint_exemptions _blueprint_limits _decorated_limits
        _default_limits _endpoint_hints _route_exemptions application_limits decorated_limits
        exemption_scope resolve_limits
    """,
    "flask_limiter.Limiter.limit": "limit_provider",
    "flask_limiter._limits": "RuntimeLimit",
    "flask_limiter._limits.RuntimeLimit": """
        cost deduct_when error_message exempt_when is_exempt key_func limit meta_limits methods
        on_breach scope scope_for shared
    """,
    "flask_limiter.util": "get_qualified_name",
    "a view that a Limiter wrapped": "__wrapper-limiter-instance",
    "app.extensions": "limiter",
    "limits.strategies.RateLimiter": "storage",
}


def import_module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@pytest.fixture(scope="module")
def owners() -> dict[str, Any]:
    app = Flask(__name__)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    (limit,) = limiter.limit("1/hour")
    return {
        "flask_limiter.Limiter": limiter,
        "flask_limiter.Limiter.limit_manager": getattr(limiter, "limit_manager", None),
        "flask_limiter.Limiter.limit": limiter.limit("1/hour"),
        "flask_limiter._limits": import_module("flask_limiter._limits"),
        "flask_limiter._limits.RuntimeLimit": limit,
        "flask_limiter.util": import_module("flask_limiter.util"),
        "a view that a Limiter wrapped": limiter.limit("1/hour")(view_of()),
        "app.extensions": SimpleNamespace(**app.extensions),
        "limits.strategies.RateLimiter": limiter.limiter,
    }


@pytest.mark.parametrize(
    ("owner", "name"),
    [(owner, name) for owner, names in UNDOCUMENTED.items() for name in names.split()],
)
def test_each_undocumented_name_is_still_there(
    owners: dict[str, Any], owner: str, name: str
) -> None:
    assert hasattr(owners[owner], name), (
        f"{owner} has no {name} any more, and {flask_limiter.__name__} relies on it."
    )


def test_no_other_module_uses_an_undocumented_name() -> None:
    names = {name for names in UNDOCUMENTED.values() for name in names.split()}
    # Options have their documented names, and quotas and storages members of the same names.
    names -= {*signature(Limiter.limit).parameters, *vars(quota())}
    names -= {"limiter", "storage", "_storage"}
    names.remove("RuntimeLimit")  # others need it as a type
    adapter = Path(flask_limiter.__file__)
    for path in adapter.parents[1].rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        used |= {node.name for node in nodes if isinstance(node, ast.alias)}
        used |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
        if path == adapter:
            assert names <= used
        else:
            assert not names & used, path


def test_an_authors_limiter_is_reported_once_and_ours_never() -> None:
    first, second, ours = (Limiter(get_remote_address, storage_uri="memory://") for _ in range(3))
    reported: list[Limiter] = []
    app = Flask(__name__)
    app.extensions["limiter"] = {first}
    limiters = Limiters(app, reported.append)
    set.add(limiters, ours)
    for limiter in (first, second, second, ours):
        limiters.add(limiter)
    assert reported == [second]
    assert app.extensions["limiter"] == limiters == {first, second, ours}


def test_a_limiter_that_the_app_already_has_installs_no_hooks(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(RATELIMIT_STORAGE_URI="memory://")
    assert app.before_request_funcs == {None: [at_first_request]}
    assert not app.teardown_request_funcs
    assert not app.after_request_funcs


def test_the_attributes_of_a_limiter_have_the_expected_values() -> None:
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
