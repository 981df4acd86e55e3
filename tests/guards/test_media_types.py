from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from hypothesis import example, given
from hypothesis import strategies as st

from flask_apierrors import consumes, negotiated_type, produces, requires_json
from flask_apierrors._core.marks import Mark, marks_of

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
TOKENS = st.from_regex(r"[a-z0-9.+-]{1,12}", fullmatch=True)


def app_with(make_app: Callable[..., Flask], view: Any, **config: Any) -> Flask:
    app = make_app(**config)
    app.add_url_rule(
        "/", view_func=view, methods=METHODS, endpoint="view", provide_automatic_options=False
    )
    return app


# -- requires_json


def echo() -> Any:
    return jsonify(request.get_json())


@pytest.fixture(scope="module")
def json_app(make_app: Callable[..., Flask]) -> Flask:
    return app_with(make_app, requires_json(echo))


@pytest.fixture(scope="module")
def csv_app(make_app: Callable[..., Flask]) -> Flask:
    return app_with(make_app, produces("text/csv")(lambda: "ok"))


@pytest.mark.standard("media-type-case", "json-suffix")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=iso-8859-1",
        "application/vnd.api+json",
        "application/merge-patch+json; a=b",
        "Model/GLTF+JSON",
        " application/json ",
    ],
)
def test_json_is_accepted_whatever_the_case_and_parameters_of_its_type(
    make_app: Callable[..., Flask], content_type: str
) -> None:
    response = (
        app_with(make_app, requires_json(echo))
        .test_client()
        .post("/", data=b'{"a":1}', content_type=content_type)
    )
    assert (response.status_code, response.get_json()) == (200, {"a": 1})


@pytest.mark.standard("accept-on-415")
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "json",
        "+json",
        "application/jsonx",
        "application/xjson",
        "application",
        "application/",
        "application/json, text/plain",
        "application/pdf; a=+json",
        "text/plain; a=application/json",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        ";;;",
        "application/json\x00",
        "é/ü",
    ],
)
def test_another_media_type_is_a_415_that_names_json(
    make_app: Callable[..., Flask], content_type: str | None
) -> None:
    app = app_with(make_app, requires_json(echo))
    for body in (b"{}", b""):
        environ = {"CONTENT_TYPE": content_type} if content_type is not None else {}
        response = app.test_client().post("/", data=body, environ_overrides=environ)
        assert response.status_code == 415
        assert response.get_json() == {
            "error": "Unsupported media type. Send Content-Type: application/json."
        }
        assert response.headers["Accept"] == "application/json"
        assert "Accept-Patch" not in response.headers


@pytest.mark.standard("accept-patch")
def test_a_415_for_a_patch_has_accept_patch(make_app: Callable[..., Flask]) -> None:
    response = (
        app_with(make_app, requires_json(echo))
        .test_client()
        .patch("/", data=b"x", content_type="text/plain")
    )
    assert response.status_code == 415
    assert response.headers["Accept"] == response.headers["Accept-Patch"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_a_request_without_a_body_is_not_checked(
    make_app: Callable[..., Flask], method: str
) -> None:
    app = app_with(make_app, requires_json(lambda: "ok"))
    assert app.test_client().open("/", method=method).status_code == 200
    assert (
        app.test_client().open("/", method=method, headers={"Content-Length": "0"}).status_code
        == 200
    )
    assert (
        app.test_client().open("/", method=method, content_type="application/json").status_code
        == 200
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_a_body_is_checked_whatever_the_method(make_app: Callable[..., Flask], method: str) -> None:
    client = app_with(make_app, requires_json(lambda: "ok")).test_client()
    assert client.open("/", method=method, data=b"x", content_type="text/plain").status_code == 415
    assert (
        client.open("/", method=method, data=b"{", content_type="application/json").status_code
        == 400
    )
    assert (
        client.open("/", method=method, data=b"{}", content_type="application/json").status_code
        == 200
    )
    assert (
        client.open("/", method=method, headers={"Transfer-Encoding": "chunked"}).status_code == 415
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_an_empty_body_is_malformed_where_one_is_needed(
    make_app: Callable[..., Flask], method: str
) -> None:
    response = (
        app_with(make_app, requires_json(echo))
        .test_client()
        .open("/", method=method, content_type="application/json")
    )
    assert (response.status_code, response.get_json()) == (
        400,
        {"error": "Malformed JSON: the body is empty."},
    )


def test_a_truncated_body_is_a_400(make_app: Callable[..., Flask]) -> None:
    # If a connection ends early, gunicorn passes on what it received.
    app = app_with(make_app, requires_json(echo))
    environ = {"CONTENT_LENGTH": "500", "wsgi.input_terminated": True}
    response = app.test_client().post(
        "/", data=b'{"a":1}', content_type="application/json", environ_overrides=environ
    )
    assert response.status_code == 400
    assert response.get_json() == {"error": "The request body is shorter than its Content-Length."}


def test_the_view_gets_the_value_that_the_guard_parsed(make_app: Callable[..., Flask]) -> None:
    app = app_with(
        make_app, requires_json(lambda: {"same": request.get_json() is request.get_json()})
    )
    response = app.test_client().post("/", data=b"{}", content_type="model/gltf+json")
    assert response.get_json() == {"same": True}


@given(
    content_type=st.text(alphabet=st.characters(max_codepoint=255))
    | st.builds("{}/{}+json;{}".format, TOKENS, TOKENS, TOKENS)
)
@example(content_type="application/json")
@example(content_type="multipart/form-data; boundary=" + "x" * 65_536)
def test_every_content_type_is_answered(
    content_type: str, json_app: Flask, strict_json: Callable[[bytes], Any]
) -> None:
    response = json_app.test_client().post(
        "/", data=b"{}", environ_overrides={"CONTENT_TYPE": content_type}
    )
    media_type = content_type.partition(";")[0].strip().lower()
    is_json = media_type == "application/json" or (
        "/" in media_type and media_type.endswith("+json")
    )
    assert response.status_code == (200 if is_json else 415)
    strict_json(response.data)


# -- consumes


@pytest.mark.standard("media-type-case", "json-suffix")
def test_only_the_named_media_types_are_accepted(make_app: Callable[..., Flask]) -> None:
    client = app_with(
        make_app, consumes("text/csv", "Application/JSON; charset=utf-8")(lambda: "ok")
    ).test_client()
    for content_type in ("text/csv", "TEXT/CSV; header=present", "application/json"):
        assert client.post("/", data=b"x", content_type=content_type).status_code == 200
    for refused in ("text/plain", "application/vnd.api+json", "text/csvx", None):
        response = client.post("/", data=b"x", content_type=refused)
        assert response.status_code == 415
        assert response.get_json() == {
            "error": "Unsupported media type. Send Content-Type: one of text/csv, "
            "Application/JSON; charset=utf-8."
        }
        assert response.headers["Accept"] == "text/csv, Application/JSON; charset=utf-8"
    assert client.delete("/").status_code == 200
    assert client.post("/").status_code == 415


def test_an_administrator_can_replace_the_sentences_of_the_guards(
    make_app: Callable[..., Flask],
) -> None:
    view = produces("text/csv")(requires_json(lambda: "ok"))
    client = app_with(
        make_app, view, APIERRORS_MESSAGES={415: "Send JSON.", 406: "Take CSV."}
    ).test_client()
    assert client.post("/", data=b"x").get_json() == {"error": "Send JSON."}
    assert client.post("/", json={}, headers={"Accept": "image/png"}).get_json() == {
        "error": "Take CSV."
    }


# -- produces


def chosen() -> Response:
    return Response(str(negotiated_type), content_type=str(negotiated_type))


@pytest.mark.standard("no-accept", "vary-accept")
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/*", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv"),
        ("text/csv, */*;q=0.1", "text/csv"),
        ("application/json;q=0, */*", "text/csv"),
        ("nonsense", "application/json"),
        ("image/png, nonsense, */*;q=0.1", "application/json"),
    ],
)
def test_a_client_gets_the_type_that_it_prefers(
    make_app: Callable[..., Flask], accept: str | None, media_type: str
) -> None:
    app = app_with(make_app, produces("application/json", "text/csv")(chosen))
    response = app.test_client().get("/", headers={} if accept is None else {"Accept": accept})
    assert (response.status_code, response.text, response.mimetype) == (200, media_type, media_type)
    assert response.headers["Vary"] == "Accept"


@pytest.mark.standard("406-lists-types")
@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "*/*;q=0",
        "application/json;q=0",
        "text/html, image/*",
        "application/problem+json",
    ],
)
def test_a_client_that_accepts_no_offer_gets_a_406_that_lists_the_offers(
    make_app: Callable[..., Flask], accept: str
) -> None:
    app = app_with(make_app, produces("application/json", "text/csv")(chosen))
    response = app.test_client().get("/", headers={"Accept": accept})
    assert response.status_code == 406
    body = response.get_json(force=True)
    sentence = body.get("error") or body.get("detail")
    assert sentence == (
        "The server cannot produce a response matching the Accept header. "
        "Available: application/json, text/csv."
    )
    assert response.headers["Vary"] == "Accept"


def test_a_vary_of_the_view_is_kept(make_app: Callable[..., Flask]) -> None:
    app = app_with(
        make_app, produces("text/csv")(lambda: Response("x", headers={"Vary": "Cookie, accept"}))
    )
    assert app.test_client().get("/").headers["Vary"] == "Cookie, accept"


def test_an_error_after_the_negotiation_is_json(
    make_app: Callable[..., Flask],
) -> None:
    def view() -> str:
        raise KeyError

    response = (
        app_with(make_app, produces("text/csv")(view))
        .test_client()
        .get("/", headers={"Accept": "text/csv"})
    )
    assert (response.status_code, response.mimetype) == (500, "application/json")
    assert response.headers["Vary"] == "Accept"


def test_without_produces_there_is_no_negotiated_type(make_app: Callable[..., Flask]) -> None:
    app = app_with(make_app, lambda: {"negotiated": bool(negotiated_type)})
    assert app.test_client().get("/").get_json() == {"negotiated": False}


@given(accept=st.text(alphabet=st.characters(max_codepoint=255)))
@example(accept="text/csv," * 7_000)
def test_every_accept_header_is_answered(
    accept: str, make_app: Callable[..., Flask], strict_json: Callable[[bytes], Any]
) -> None:
    app = app_with(make_app, produces("text/csv")(lambda: "ok"))
    response = app.test_client().get("/", environ_overrides={"HTTP_ACCEPT": accept})
    assert response.status_code in (200, 406)
    if response.status_code == 406:
        assert json.loads(response.data) == strict_json(response.data)


# -- the decorators


@pytest.mark.parametrize("decorator", [consumes, produces])
@pytest.mark.parametrize(
    "media_types",
    [(), ("json",), (5,), ("text/csv", None), (lambda: "view",), ("image/*",), ("*/*",)],
)
def test_invalid_media_types_fail_where_the_decorator_stands(
    decorator: Any, media_types: Any
) -> None:
    with pytest.raises(TypeError, match=f'@{decorator.__name__}\\("application/json"\\)'):
        decorator(*media_types)


def test_every_decorator_leaves_its_mark() -> None:
    view = consumes("text/csv")(produces("text/html")(requires_json(lambda: "ok")))
    assert marks_of(view) == (
        Mark("requires_json"),
        Mark("produces", ("text/html",)),
        Mark("consumes", ("text/csv",)),
    )
