"""Promises of the contract file: the same API gives the same file, and each change is told for what it does to clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Conflict, NotFound

from flask_apierrors import (
    ApiError,
    ApiErrors,
    consumes,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._catalogue.catalogue import catalogue
from flask_apierrors._cli.lock import Change, compare, contract, dumps, implies, loads
from tests.conftest import parse_strictly


class VesselNotFound(ApiError, NotFound):
    """No vessel has this number."""


class VesselSunk(ApiError, NotFound):
    """The vessel is at the bottom of the sea."""

    type = "vessel-not-found"
    code = 410


Decorator = Callable[[Any], Any]


def plain(view: Any) -> Any:
    return view


def frozen(
    *decorators: Decorator, rule: str = "/vessels/<int:number>", prepare: Any = None, **config: Any
) -> Any:
    """The contract of an app with one view."""
    app = Flask(__name__)
    app.config.update(config)
    errors = ApiErrors(app)
    errors.verify_token(lambda token: token)

    def view(**_: Any) -> Any:
        return {}

    decorated: Any = view
    for decorator in decorators:
        decorated = decorator(decorated)
    app.add_url_rule(rule, "vessel", decorated)
    if prepare is not None:
        prepare(app, errors)
    return loads(dumps(contract(catalogue(app))))


def changes(old: Any, new: Any) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {"breaking": set(), "compatible": set()}
    for change in compare(old, new):
        told[change.effect].add(f"{change.where}: {change.what}")
    return told


def one_change(old: Any, new: Any) -> tuple[set[str], set[str]]:
    told = changes(old, new)
    return told["breaking"], told["compatible"]


WHERE = "GET /vessels/<int:number>"

# -- the file


def test_the_same_api_gives_the_same_file_whatever_the_order_of_its_parts() -> None:
    def first(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/a", "a", requires_auth(lambda: ""), methods=["POST"])
        app.add_url_rule("/b", "b", raises(VesselNotFound, Conflict)(lambda: ""))

    def second(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/b", "other", raises(Conflict, VesselNotFound)(lambda: ""))
        app.add_url_rule("/a", "name", requires_auth(lambda: ""), methods=["POST"])

    decorators = (requires_permissions("b", "a"), rate_limit("1/second"))
    assert dumps(frozen(*decorators, prepare=first)) == dumps(
        frozen(*decorators[::-1], prepare=second)
    )


def test_the_file_is_json_with_a_line_for_each_thing_that_can_change() -> None:
    text = dumps(frozen(requires_permissions("read", "write"), raises(VesselNotFound)))
    assert parse_strictly(text) == json.loads(text)
    lines = text.splitlines()
    assert '      "guards": {' in lines
    assert '        "requires_permissions": ["read", "write"]' in lines
    assert '        "raises": ["vessel-not-found"],' in lines
    assert text.endswith("}\n")


def test_the_file_does_not_tell_of_hidden_endpoints() -> None:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/secret", "hidden", lambda: "")
        errors.hide("hidden")

    text = dumps(frozen(prepare=prepare))
    assert "secret" not in text
    assert "hidden" not in text


def test_an_app_does_not_differ_from_its_own_file() -> None:
    old = frozen(requires_json, rate_limit("5/minute"), raises(VesselNotFound))
    assert compare(old, frozen(requires_json, rate_limit("5/minute"), raises(VesselNotFound))) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "1",
        "null",
        "{}",
        '{"version": 2}',
        '{"version": 1}',
        "[" * 100_000,
        "<<<<<<< HEAD\n{}",
    ],
    ids=lambda text: text[:10],
)
def test_what_is_no_contract_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="this"):
        loads(text)


WHOLE = frozen(requires_permissions("read"), rate_limit("5/minute"), raises(VesselNotFound))


def nodes(value: Any) -> list[tuple[Any, Any]]:
    """Each place in the file, as what holds it and its name there."""
    if not isinstance(value, dict):
        return []
    return [(value, name) for name in value] + [
        place for member in value.values() for place in nodes(member)
    ]


@given(
    st.sampled_from(range(len(nodes(WHOLE)))),
    st.sampled_from([None, 1, "x", [], ["x"], [1], {}, {"x": 1}, {"x": []}, {"x": {}}]),
)
def test_a_damaged_contract_is_refused_or_compared_but_never_fails(index: int, value: Any) -> None:
    damaged = json.loads(dumps(WHOLE))
    holder, name = nodes(damaged)[index]
    holder[name] = value
    try:
        read = loads(json.dumps(damaged))
    except ValueError:
        return
    assert all(isinstance(change, Change) for change in compare(read, WHOLE) + compare(WHOLE, read))


# -- errors


def test_an_error_that_is_removed_breaks_and_one_that_is_added_does_not() -> None:
    without, declared = frozen(), frozen(raises(VesselNotFound))
    told = f"{WHERE}: can answer vessel-not-found"
    assert one_change(without, declared) == (set(), {"vessel-not-found: error added (404)", told})
    told = f"{WHERE}: no longer answers vessel-not-found"
    assert one_change(declared, without) == ({"vessel-not-found: error removed (404)"}, {told})


def test_a_status_that_changes_breaks() -> None:
    breaking, compatible = one_change(frozen(raises(VesselNotFound)), frozen(raises(VesselSunk)))
    assert breaking == {"vessel-not-found: status changed from 404 to 410"}
    assert compatible == {
        "vessel-not-found: title changed from 'Vessel not found' to 'Vessel sunk'"
    }


def test_the_status_of_validation_is_a_part_of_the_contract() -> None:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        from marshmallow import ValidationError

        app.add_url_rule("/x", "x", raises(ValidationError)(lambda: ""))

    breaking, _ = one_change(
        frozen(prepare=prepare), frozen(prepare=prepare, APIERRORS_VALIDATION_STATUS=422)
    )
    assert "validation-failed: status changed from 400 to 422" in breaking


def test_a_member_that_is_removed_from_all_bodies_breaks_and_is_told_once() -> None:
    more, less = frozen(APIERRORS_MEMBERS=["error", "status"]), frozen()
    assert one_change(more, less) == ({"every error: member 'status' removed"}, set())
    assert one_change(less, more) == (set(), {"every error: member 'status' added"})


def test_a_member_of_an_own_format_that_is_removed_breaks() -> None:
    def own(**more: str) -> Any:
        return lambda app, errors: errors.format(
            lambda problem: {"message": problem.detail, **more}
        )

    breaking, compatible = one_change(frozen(prepare=own(hint="x")), frozen(prepare=own()))
    assert (breaking, compatible) == ({"every error: member 'hint' removed"}, set())


def test_a_header_that_is_removed_breaks() -> None:
    breaking, _ = one_change(frozen(), frozen(APIERRORS_REQUEST_ID_HEADER=None))
    assert breaking == {
        "every error: header X-Request-ID removed",
        "every error: problem+json member 'request_id' removed",
    }


# -- endpoints


def test_an_endpoint_that_is_removed_breaks_and_one_that_is_added_does_not() -> None:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/x", "x", lambda: "", methods=["GET", "DELETE"])

    assert one_change(frozen(prepare=prepare), frozen()) == (
        {"DELETE /x: endpoint removed", "GET /x: endpoint removed"},
        set(),
    )
    assert one_change(frozen(), frozen(prepare=prepare)) == (
        set(),
        {"DELETE /x: endpoint added", "GET /x: endpoint added"},
    )


def test_the_name_of_a_variable_is_no_part_of_the_contract_and_its_converter_is() -> None:
    old = frozen(rule="/vessels/<name>")
    assert compare(old, frozen(rule="/vessels/<imo>")) == ()
    assert compare(old, frozen(rule="/vessels/<string:imo>")) == ()
    assert changes(old, frozen(rule="/vessels/<int:name>"))["breaking"] == {
        "GET /vessels/<name>: endpoint removed"
    }


@pytest.mark.parametrize(
    ("guard", "name"),
    [
        (requires_auth, "requires_auth"),
        (requires_json, "requires_json"),
        (consumes("text/csv"), "consumes (text/csv)"),
        (produces("text/csv", "text/plain"), "produces (text/csv, text/plain)"),
    ],
)
def test_a_guard_that_is_added_breaks_and_one_that_is_removed_does_not(
    guard: Decorator, name: str
) -> None:
    breaking, _ = one_change(frozen(), frozen(guard))
    assert breaking == {f"{WHERE}: guard added: {name}"}
    breaking, compatible = one_change(frozen(guard), frozen())
    assert breaking == set()
    assert f"{WHERE}: guard removed: {name.partition(' ')[0]}" in compatible


def test_a_permission_that_is_added_breaks_and_one_that_is_removed_does_not() -> None:
    one, two = frozen(requires_permissions("read")), frozen(requires_permissions("read", "write"))
    assert one_change(one, two) == ({f"{WHERE}: requires_permissions: write added"}, set())
    assert one_change(two, one) == (set(), {f"{WHERE}: requires_permissions: write removed"})


def test_permissions_instead_of_authentication_are_one_guard_more_and_not_one_less() -> None:
    auth, permissions = frozen(requires_auth), frozen(requires_permissions("read"))
    breaking, compatible = one_change(auth, permissions)
    assert breaking == {f"{WHERE}: guard added: requires_permissions (read)"}
    assert compatible == {"forbidden: error added (403)"}


@pytest.mark.parametrize("guard", [consumes, produces])
def test_a_media_type_that_is_removed_breaks_and_one_that_is_added_does_not(
    guard: Callable[..., Decorator],
) -> None:
    one, two = frozen(guard("text/csv")), frozen(guard("text/csv", "text/plain"))
    assert one_change(one, two) == (set(), {f"{WHERE}: {guard.__name__}: text/plain added"})
    assert one_change(two, one) == ({f"{WHERE}: {guard.__name__}: text/plain removed"}, set())


# -- limits


@pytest.mark.parametrize(
    ("old", "new", "breaks"),
    [
        ("10/second", "5/second", True),
        ("10/second", "10/minute", True),
        ("10/second", "10/second; 100/day", True),
        ("5/second", "10/second", False),
        ("10/minute", "10/second", False),
        ("10/second; 100/day", "10/second", False),
        ("10/second", "600/minute", False),
    ],
)
def test_a_limit_that_is_lowered_breaks_and_one_that_is_raised_does_not(
    old: str, new: str, breaks: bool
) -> None:
    (change,) = compare(frozen(rate_limit(old)), frozen(rate_limit(new)))
    assert (change.effect == "breaking") is breaks
    assert change.what.startswith("limit lowered from" if breaks else "limit changed from")


def test_a_limit_that_is_added_breaks_and_one_that_is_removed_does_not() -> None:
    breaking, _ = one_change(frozen(), frozen(rate_limit("5/second")))
    assert len(breaking) == 1
    assert breaking.pop().startswith(f"{WHERE}: limit added: 5")
    assert changes(frozen(rate_limit("5/second")), frozen())["breaking"] == set()


LIMITS = st.builds(
    "{}/{} {}s".format,
    st.integers(1, 60),
    st.integers(1, 9),
    st.sampled_from(["second", "minute", "hour"]),
)


@given(LIMITS, LIMITS, LIMITS)
def test_a_limit_implies_itself_and_what_it_implies_implies(one: str, two: str, three: str) -> None:
    assert implies(one, one)
    assert implies(f"{one}; {two}", one)
    if implies(one, two) and implies(two, three):
        assert implies(one, three)


def test_a_limit_that_cannot_be_read_implies_itself_alone() -> None:
    assert implies("<function>", "<function>")
    assert not implies("<function>", "5/minute")
    assert not implies("5/minute", "<function>")
