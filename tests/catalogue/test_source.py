"""Promises of the source: which errors have another shape, and on which line they are."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import flask
import pytest
from flask import Response, current_app, jsonify, make_response
from hypothesis import example, given
from hypothesis import strategies as st

from flask_apierrors import rate_limit, requires_auth
from flask_apierrors._catalogue.source import (
    ForeignBody,
    foreign_bodies,
    page_in,
    parse,
    place_of,
)

ALWAYS = bool(__name__)


def line_of(function: Any) -> int:
    return int(function.__code__.co_firstlineno)


def view_from(source: str) -> Callable[..., Any]:
    """The function ``view`` of a source. ``inspect`` finds its source as if it were in a file."""
    name = "<source>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    namespace: dict[str, Any] = {}
    exec(compile(source, name, "exec"), namespace)
    view: Callable[..., Any] = namespace["view"]
    return view


# -- other shapes


def views() -> Iterator[tuple[Callable[[], Any], int]]:
    def literal() -> Any:
        return {"message": "no"}, 404

    def called() -> Any:
        return jsonify({"message": "no"}), 404

    def keywords() -> Any:
        return jsonify(message="no"), HTTPStatus.CONFLICT

    def text() -> Any:
        return "no", 410, {"X-Own": "1"}

    def formatted() -> Any:
        return f"no {1}", "410 GONE"

    def listed() -> Any:
        return ["no"], 410

    def returned_later() -> Any:
        response = make_response(jsonify(message="no"), 409)
        return response

    def response() -> Any:
        return Response("no", status=503)

    async def asynchronous() -> Any:
        if ALWAYS:
            return {"message": "no"}, HTTPStatus.NOT_FOUND.value
        return {}

    def mapped() -> Any:
        return flask.jsonify(dict(message="no")), 400  # noqa: C408

    def configured() -> Any:
        return current_app.response_class(b"no", 599)

    statuses = (404, 404, 409, 410, 410, 410, 409, 503, 404, 400, 599)
    functions = (
        literal,
        called,
        keywords,
        text,
        formatted,
        listed,
        returned_later,
        response,
        asynchronous,
        mapped,
        configured,
    )
    yield from zip(functions, statuses, strict=True)


@pytest.mark.parametrize(
    ("view", "status"), list(views()), ids=lambda value: getattr(value, "__name__", "")
)
def test_an_error_in_another_shape_is_found(view: Callable[[], Any], status: int) -> None:
    (body,) = foreign_bodies(rate_limit("5/second")(view))
    assert body.status == status
    assert "test_source.py:" in body.place


def test_an_error_in_another_shape_is_found_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Things:
        @requires_auth
        def post(self) -> Any:
            message = {"message": "no"}
            if message:
                return {"message": "no"}, 404
            return {}

    monkeypatch.chdir(Path(__file__).parent)
    first = line_of(Things.post.__wrapped__)  # type: ignore[attr-defined]
    assert list(foreign_bodies(Things.post)) == [ForeignBody(f"test_source.py:{first + 4}", 404)]


def test_all_errors_of_a_function_are_found_in_the_order_of_its_lines() -> None:
    def view(number: int) -> Any:
        if number > 1:
            return "many", 409
        try:
            return "one", 410
        finally:
            make_response("none", 404)

    assert [body.status for body in foreign_bodies(view)] == [409, 410, 404]


@given(
    st.dictionaries(
        st.sampled_from(["error", "message"]) | st.text(), st.none() | st.text(), max_size=3
    ),
    st.integers(390, 610),
)
@example({}, 399)
@example({}, 400)
@example({}, 599)
@example({}, 600)
def test_a_literal_is_found_only_if_it_is_an_error_without_the_member(
    body: dict[str, Any], status: int
) -> None:
    view = view_from(f"def view():\n    return {body!r}, {status}\n")
    is_foreign = 400 <= status <= 599 and "error" not in body
    assert [body.status for body in foreign_bodies(view)] == ([status] if is_foreign else [])


# -- the expected shape, and unknown shapes


def fine_views() -> Iterator[Callable[..., Any]]:
    def computed(body: Any = None) -> Any:
        return body, 404

    def spread(body: Any = None) -> Any:
        return {"message": "no", **(body or {})}, 404

    def empty() -> Any:
        return "", 404

    def success() -> Any:
        return {"message": "yes"}, 201

    def positional(body: Any = None) -> Any:
        return jsonify(body, "no"), 404

    def ours() -> Any:
        return dict(error="no", reason=1), 404  # noqa: C408

    def inner() -> Any:
        def other() -> Any:
            return {"message": "no"}, 404

        return {"inner": str(other)}

    namespace: dict[str, Any] = {}
    exec("def without_source():\n    return {'message': 'no'}, 404", namespace)
    yield from (
        computed,
        spread,
        positional,
        empty,
        success,
        ours,
        inner,
        namespace["without_source"],
    )


@pytest.mark.parametrize("view", list(fine_views()), ids=lambda view: view.__name__)
def test_an_expected_or_unknown_shape_is_not_found(view: Callable[..., Any]) -> None:
    assert list(foreign_bodies(view)) == []


def test_an_answer_within_an_expression_is_unknown() -> None:
    view = view_from(
        "views = {\n    'x': lambda: ({'message': 'no'}, 404),\n}\nview = views['x']\n"
    )
    assert list(foreign_bodies(view)) == []


# -- places


def test_the_place_of_a_function_is_relative_to_the_working_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def view() -> Any:
        return {}

    monkeypatch.chdir(Path(__file__).parent)
    assert place_of(view) == f"test_source.py:{line_of(view)}"
    monkeypatch.chdir(Path(__file__).parent.parent)
    assert place_of(view) == f"{Path('catalogue', 'test_source.py')}:{line_of(view)}"


def test_the_place_of_a_function_outside_the_working_folder_is_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of(line_of) == f"{line_of.__code__.co_filename}:{line_of(line_of)}"


def test_the_place_of_a_decorated_function_is_that_of_the_function_itself() -> None:
    def view() -> Any:
        return {}

    assert place_of(requires_auth(rate_limit("5/second")(view))) == place_of(view)


def test_the_place_of_a_callable_without_code_is_its_name() -> None:
    assert place_of(dict.fromkeys) == "dict.fromkeys"
    nameless: Callable[..., Any] = partial(dict, x=1)
    assert place_of(nameless) == repr(nameless)


def test_the_place_of_a_function_without_a_file_is_named_as_python_does() -> None:
    assert place_of(view_from("\ndef view():\n    pass\n")) == "<source>:2"


def test_a_function_that_wraps_itself_has_a_place() -> None:
    def view() -> Any:
        return {}, 404

    view.__wrapped__ = view  # type: ignore[attr-defined]
    assert place_of(view).endswith(f"test_source.py:{line_of(view)}")
    assert [body.status for body in foreign_bodies(view)] == [404]


def test_nothing_is_found_in_a_file_that_was_edited_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("def view():\n    return {}, 404\n")
    names: dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    path.write_text("\n\nfoo(\n")
    names["view"].__code__ = names["view"].__code__.replace(co_firstlineno=3)
    assert list(foreign_bodies(names["view"])) == []


def test_a_place_is_absolute_if_the_working_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert place_of(line_of) == f"{__file__}:{line_of(line_of)}"


def test_a_json_text_with_the_member_is_not_found() -> None:
    def fine() -> Any:
        return Response('{"error": "no"}', 404, mimetype="application/json")

    def other() -> Any:
        return Response('{"message": "no"}', status="9" * 5000), Response('["error"]', 410)

    assert list(foreign_bodies(fine)) == []
    assert [body.status for body in foreign_bodies(other)] == [410]


@pytest.mark.parametrize("text", ["def", "\0", "(" * 100_000, "-" * 100_000 + "1"])
def test_what_is_no_python_has_no_tree(text: str) -> None:
    assert parse(text) is None


def test_a_text_that_another_thread_disturbs_is_parsed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, failures = ast.parse, [SystemError("AST constructor recursion depth mismatch")]

    def disturbed(text: str) -> ast.Module:
        if failures:
            raise failures.pop()
        return real(text)

    monkeypatch.setattr(ast, "parse", disturbed)
    tree = parse("x = 1")
    assert tree is not None
    assert isinstance(tree.body[0], ast.Assign)
    failures += [SystemError() for _ in range(100)]
    assert parse("x = 1") is None


# -- pages


@pytest.mark.parametrize(
    ("answer", "is_page"),
    [
        ('render_template("404.html")', True),
        ('render_template("404.html", path=path), 404', True),
        ('flask.render_template("404.html.j2")', True),
        ('render_template("feed.xml")', False),
        ("render_template(name)", False),
        ('send_from_directory("dist", "index.html")', True),
        ('send_from_directory("dist", path)', False),
        ('current_app.send_static_file("index.html")', True),
        ('make_response("<h1>No</h1>", 404)', True),
        ('Response(render_template("404.html"), 404)', True),
        ('" <p>No"', True),
        ('"<?xml?>"', False),
        ('"No", 404', False),
        ('{"error": "No"}, 404', False),
        ("make_response()", False),
        ("render_template(404)", False),
        ("", False),
    ],
)
def test_a_page_is_known_by_its_template_its_file_or_its_first_tag(
    answer: str, is_page: bool
) -> None:
    view = view_from(f"def view(path, name):\n    return {answer}\n")
    assert page_in(view) == ("<source>:2" if is_page else None)


def test_a_function_without_a_source_shows_no_page() -> None:
    assert page_in(len) is None
