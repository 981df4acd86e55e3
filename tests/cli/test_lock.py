"""Promises of the lock file: one API gives one file, and a change is breaking or compatible."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from flask import Flask, abort
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import Conflict, NotFound, Unauthorized

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
from flask_apierrors._cli.lock import (
    Change,
    compare_locks,
    dump_lock,
    implies,
    load_lock,
    lock_of,
)
from tests.conftest import parse_strictly


class VesselNotFound(ApiError, NotFound):
    """No vessel has this number."""


class VesselSunk(ApiError, NotFound):
    """The vessel is at the bottom of the sea."""

    type = "vessel-not-found"
    code = 410


Decorator = Callable[[Any], Any]


def make_lock(
    *decorators: Decorator, rule: str = "/vessels/<int:number>", prepare: Any = None, **config: Any
) -> Any:
    """The lock file of an app with one view, as it is read."""
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
    return load_lock(dump_lock(lock_of(catalogue(app))))


def changes(old: Any, new: Any) -> tuple[set[str], set[str]]:
    """The breaking changes and the compatible ones."""
    texts: dict[str, set[str]] = {"breaking": set(), "compatible": set()}
    for change in compare_locks(old, new):
        texts[change.effect].add(f"{change.where}: {change.what}")
    return texts["breaking"], texts["compatible"]


WHERE = "GET /vessels/<int:number>"

# -- the file


def test_the_same_api_gives_the_same_file_in_any_order_of_its_parts() -> None:
    def first(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/a", "a", requires_auth(lambda: ""), methods=["POST"])
        app.add_url_rule("/b", "b", raises(VesselNotFound, Conflict)(lambda: ""))

    def second(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/b", "other", raises(Conflict, VesselNotFound)(lambda: ""))
        app.add_url_rule("/a", "name", requires_auth(lambda: ""), methods=["POST"])

    decorators = (requires_permissions("b", "a"), rate_limit("1/second"))
    assert dump_lock(make_lock(*decorators, prepare=first)) == dump_lock(
        make_lock(*decorators[::-1], prepare=second)
    )


def test_the_file_is_json_with_a_line_for_each_thing_that_can_change() -> None:
    text = dump_lock(make_lock(requires_permissions("read", "write"), raises(VesselNotFound)))
    assert parse_strictly(text) == json.loads(text)
    lines = text.splitlines()
    assert '      "guards": {' in lines
    assert '        "requires_permissions": ["read", "write"]' in lines
    assert '        "raises": ["vessel-not-found"],' in lines
    assert text.endswith("}\n")


def test_the_file_leaves_out_hidden_endpoints() -> None:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/secret", "hidden", lambda: "")
        errors.hide("hidden")

    text = dump_lock(make_lock(prepare=prepare))
    assert "secret" not in text
    assert "hidden" not in text


def test_an_app_does_not_differ_from_its_own_file() -> None:
    old = make_lock(requires_json, rate_limit("5/minute"), raises(VesselNotFound))
    assert (
        compare_locks(old, make_lock(requires_json, rate_limit("5/minute"), raises(VesselNotFound)))
        == ()
    )


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
def test_a_text_that_is_no_lock_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^This"):
        load_lock(text)


WHOLE = make_lock(requires_permissions("read"), rate_limit("5/minute"), raises(VesselNotFound))


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
def test_a_damaged_lock_file_is_refused_or_compared_but_never_fails(index: int, value: Any) -> None:
    damaged = json.loads(dump_lock(WHOLE))
    holder, name = nodes(damaged)[index]
    holder[name] = value
    try:
        read = load_lock(json.dumps(damaged))
    except ValueError:
        return
    assert all(
        isinstance(change, Change)
        for change in compare_locks(read, WHOLE) + compare_locks(WHOLE, read)
    )


# -- errors


def test_a_removed_error_breaks_and_an_added_one_does_not() -> None:
    without, declared = make_lock(), make_lock(raises(VesselNotFound))
    assert changes(without, declared) == (
        set(),
        {"vessel-not-found: error added (404)", f"{WHERE}: can answer vessel-not-found"},
    )
    assert changes(declared, without) == (
        {"vessel-not-found: error removed (404)"},
        {f"{WHERE}: no longer answers vessel-not-found"},
    )


def test_a_changed_status_breaks() -> None:
    breaking, compatible = changes(make_lock(raises(VesselNotFound)), make_lock(raises(VesselSunk)))
    assert breaking == {"vessel-not-found: status changed from 404 to 410"}
    assert compatible == {
        "vessel-not-found: title changed from 'Vessel not found' to 'Vessel sunk'"
    }


def test_a_new_status_of_validation_errors_breaks() -> None:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        from marshmallow import ValidationError

        app.add_url_rule("/x", "x", raises(ValidationError)(lambda: ""))

    breaking, _ = changes(
        make_lock(prepare=prepare), make_lock(prepare=prepare, APIERRORS_VALIDATION_STATUS=422)
    )
    assert "validation-failed: status changed from 400 to 422" in breaking


def test_a_member_that_is_removed_from_all_bodies_is_one_breaking_change() -> None:
    more, less = make_lock(APIERRORS_MEMBERS=["error", "status"]), make_lock()
    assert changes(more, less) == ({"every error: member 'status' removed"}, set())
    assert changes(less, more) == (set(), {"every error: member 'status' added"})


def test_a_removed_member_of_an_own_format_breaks() -> None:
    def own(**more: str) -> Any:
        return lambda app, errors: errors.format(
            lambda problem: {"message": problem.detail, **more}
        )

    breaking, compatible = changes(make_lock(prepare=own(hint="x")), make_lock(prepare=own()))
    assert (breaking, compatible) == ({"every error: member 'hint' removed"}, set())


def test_a_removed_header_breaks() -> None:
    breaking, _ = changes(make_lock(), make_lock(APIERRORS_REQUEST_ID_HEADER=None))
    assert breaking == {
        "every error: header X-Request-ID removed",
        "every error: problem+json member 'request_id' removed",
    }


# -- endpoints


def test_a_removed_endpoint_breaks_and_an_added_one_does_not() -> None:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        app.add_url_rule("/x", "x", lambda: "", methods=["GET", "DELETE"])

    assert changes(make_lock(prepare=prepare), make_lock()) == (
        {"DELETE /x: endpoint removed", "GET /x: endpoint removed"},
        set(),
    )
    assert changes(make_lock(), make_lock(prepare=prepare)) == (
        set(),
        {"DELETE /x: endpoint added", "GET /x: endpoint added"},
    )


def test_a_variable_may_change_its_name_but_not_its_converter() -> None:
    old = make_lock(rule="/vessels/<name>")
    assert compare_locks(old, make_lock(rule="/vessels/<imo>")) == ()
    assert compare_locks(old, make_lock(rule="/vessels/<string:imo>")) == ()
    assert changes(old, make_lock(rule="/vessels/<int:name>"))[0] == {
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
def test_an_added_guard_breaks_and_a_removed_one_does_not(guard: Decorator, name: str) -> None:
    breaking, _ = changes(make_lock(), make_lock(guard))
    assert breaking == {f"{WHERE}: guard added: {name}"}
    breaking, compatible = changes(make_lock(guard), make_lock())
    assert breaking == set()
    assert f"{WHERE}: guard removed: {name.partition(' ')[0]}" in compatible


def test_an_added_permission_breaks_and_a_removed_one_does_not() -> None:
    read = make_lock(requires_permissions("read"))
    both = make_lock(requires_permissions("read", "write"))
    assert changes(read, both) == ({f"{WHERE}: requires_permissions: write added"}, set())
    assert changes(both, read) == (set(), {f"{WHERE}: requires_permissions: write removed"})


def test_permissions_in_place_of_authentication_add_a_guard_and_remove_none() -> None:
    auth, permissions = make_lock(requires_auth), make_lock(requires_permissions("read"))
    breaking, compatible = changes(auth, permissions)
    assert breaking == {f"{WHERE}: guard added: requires_permissions (read)"}
    assert compatible == {"forbidden: error added (403)"}


@pytest.mark.parametrize("guard", [consumes, produces])
def test_a_removed_media_type_breaks_and_an_added_one_does_not(
    guard: Callable[..., Decorator],
) -> None:
    csv, both = make_lock(guard("text/csv")), make_lock(guard("text/csv", "text/plain"))
    assert changes(csv, both) == (set(), {f"{WHERE}: {guard.__name__}: text/plain added"})
    assert changes(both, csv) == ({f"{WHERE}: {guard.__name__}: text/plain removed"}, set())


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
def test_a_lowered_limit_breaks_and_a_raised_one_does_not(old: str, new: str, breaks: bool) -> None:
    (change,) = compare_locks(make_lock(rate_limit(old)), make_lock(rate_limit(new)))
    assert (change.effect == "breaking") is breaks
    assert change.what.startswith("limit lowered from" if breaks else "limit changed from")


def test_an_added_limit_breaks_and_a_removed_one_does_not() -> None:
    breaking, _ = changes(make_lock(), make_lock(rate_limit("5/second")))
    assert len(breaking) == 1
    assert breaking.pop().startswith(f"{WHERE}: limit added: 5")
    assert changes(make_lock(rate_limit("5/second")), make_lock())[0] == set()


LIMITS = st.builds(
    "{}/{} {}s".format,
    st.integers(1, 60),
    st.integers(1, 9),
    st.sampled_from(["second", "minute", "hour"]),
)


@given(LIMITS, LIMITS, LIMITS)
def test_implication_of_limits_is_reflexive_and_transitive(one: str, two: str, three: str) -> None:
    assert implies(one, one)
    assert implies(f"{one}; {two}", one)
    if implies(one, two) and implies(two, three):
        assert implies(one, three)


def test_a_limit_that_cannot_be_parsed_implies_only_itself() -> None:
    assert implies("<function>", "<function>")
    assert not implies("<function>", "5/minute")
    assert not implies("5/minute", "<function>")


def test_the_reference_page_changes_a_type_and_no_code() -> None:
    before = make_lock(raises(VesselNotFound))
    after = make_lock(raises(VesselNotFound), APIERRORS_REFERENCE_URL="/errors")
    (change,) = [
        change for change in compare_locks(before, after) if change.where == "vessel-not-found"
    ]
    assert change.effect == "compatible"
    assert change.what == "type changed from 'about:blank' to '/errors/vessel-not-found'"
    (change,) = [
        change for change in compare_locks(after, before) if change.where == "vessel-not-found"
    ]
    assert change.effect == "breaking"


def test_a_member_that_one_error_loses_is_named_with_its_error() -> None:
    before = make_lock(raises(VesselNotFound), APIERRORS_MEMBERS=("error", "status"))
    after = json.loads(json.dumps(before))
    after["errors"]["vessel-not-found"]["members"].pop("status")
    assert changes(before, after) == ({"vessel-not-found: member 'status' removed"}, set())


# -- what a client sees besides


def app_of(view: Any = None, **config: Any) -> Any:
    def prepare(app: Flask, errors: ApiErrors) -> None:
        app.config.update(config)
        if view is not None:
            app.add_url_rule("/x", "x", view)

    return make_lock(prepare=prepare)


def test_a_member_of_another_type_breaks() -> None:
    old = make_lock(APIERRORS_MEMBERS={"error": "error", "code": "status"})
    new = make_lock(APIERRORS_MEMBERS={"error": "error", "code": "code"})
    breaking, compatible = changes(old, new)
    assert breaking == {"every error: member 'code' changed from integer to string"}
    assert compatible == set()


def test_another_default_format_breaks() -> None:
    breaking, _ = changes(make_lock(), make_lock(APIERRORS_FORMAT="problem"))
    text = "the media type changed from application/json to application/problem+json"
    assert f"every error: {text}" in breaking
    assert "every error: member 'error' removed" in breaking


def test_a_body_that_is_no_object_any_more_breaks() -> None:
    def listed(app: Flask, errors: ApiErrors) -> None:
        errors.format(lambda problem: [problem.detail, 1.5, None])

    breaking, compatible = changes(make_lock(), make_lock(prepare=listed))
    assert breaking == {
        "every error: member 'error' removed",
        "every error: the body changed from object to array",
    }
    assert compatible == set()


def test_a_removed_challenge_breaks_and_an_added_one_does_not() -> None:
    class LoginNeeded(ApiError, Unauthorized):
        """Only known clients may do this."""

        challenges: ClassVar[tuple[str, ...]] = ("Basic",)

        def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
            return [("WWW-Authenticate", f'{name} realm="a, b"') for name in self.challenges]

    basic = make_lock(raises(LoginNeeded))
    LoginNeeded.challenges = ("Basic", "Negotiate")
    both = make_lock(raises(LoginNeeded))
    assert changes(basic, both) == (set(), {"login-needed: challenge Negotiate added"})
    assert changes(both, basic) == ({"login-needed: challenge Negotiate removed"}, set())


def test_an_error_in_the_source_is_a_change_that_breaks_nothing() -> None:
    def before() -> None:
        abort(403)

    def after() -> None:
        abort(410)

    breaking, compatible = changes(app_of(before), app_of(after))
    assert breaking == set()
    assert compatible == {
        "forbidden: error removed (403)",
        "gone: error added (410)",
        "GET /x: can answer gone",
        "GET /x: no longer answers forbidden",
    }


def test_a_limit_by_a_function_in_place_of_a_limit_breaks() -> None:
    old = make_lock(rate_limit("10/second"))
    new = make_lock(rate_limit(lambda: "10/second"))
    breaking, _ = changes(old, new)
    assert f"{WHERE}: limit changed from 10 per 1 second to depends on who asks" in breaking


def test_a_retry_rule_and_a_title_break_nothing() -> None:
    class Full(ApiError, Conflict):
        """Nothing is left."""

    old = make_lock(raises(Full))
    Full.retry, Full.title = "after-delay", "No room"
    breaking, compatible = changes(old, make_lock(raises(Full)))
    assert breaking == set()
    assert compatible == {
        "full: retry changed from 'never' to 'after-delay'",
        "full: title changed from 'Full' to 'No room'",
    }


def test_another_type_uri_breaks_and_a_first_one_does_not() -> None:
    class Full(ApiError, Conflict):
        """Nothing is left."""

    bare = make_lock(raises(Full))
    first = make_lock(raises(Full), APIERRORS_TYPE_BASE="https://a.example/")
    second = make_lock(raises(Full), APIERRORS_TYPE_BASE="https://b.example/")
    assert changes(bare, first)[0] == set()
    breaking, _ = changes(first, second)
    assert (
        "full: type changed from 'https://a.example/full' to 'https://b.example/full'" in breaking
    )
