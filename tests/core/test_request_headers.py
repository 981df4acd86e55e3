from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from flask import Flask, Request, request
from marshmallow import EXCLUDE, Schema, fields
from werkzeug.datastructures import EnvironHeaders, Headers
from werkzeug.test import EnvironBuilder

from flask_apierrors import ApiErrors
from flask_apierrors._core.request_headers import ALL, HeadersRequest, RequestHeaders


class Tenant(Schema):
    class Meta:
        unknown = EXCLUDE

    tenant = fields.Integer(data_key="X-Tenant", required=True)


def headers_of(**fields_: str) -> RequestHeaders:
    headers = [(name.replace("_", "-"), value) for name, value in fields_.items()]
    request = HeadersRequest(EnvironBuilder(headers=headers).get_environ())
    assert isinstance(request.headers, RequestHeaders)
    return request.headers


def test_a_schema_loads_the_headers_of_a_request(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.add_url_rule("/", view_func=lambda: Tenant().load(request.headers))  # type: ignore[arg-type]
    client = app.test_client()
    assert client.get("/", headers={"X-Tenant": "5"}).get_json() == {"tenant": 5}
    response = client.get("/", headers={"Accept": "application/problem+json"})
    assert response.get_json()["errors"] == [
        {"detail": "Missing data for required field.", "parameter": "X-Tenant", "in": "header"}
    ]


def test_headers_that_a_schema_does_not_know_are_named_without_their_values(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    app.add_url_rule("/", view_func=lambda: Schema().load(request.headers))  # type: ignore[arg-type]
    response = app.test_client().get("/", headers={"Authorization": "Bearer hunter2"})
    assert response.status_code == 400
    assert "Invalid 'Authorization': Unknown field." in response.get_json()["error"]
    assert "'X-Tenant'" not in response.get_json()["error"]
    assert "hunter2" not in response.text


def test_they_are_werkzeugs_headers_and_a_mapping() -> None:
    headers = headers_of(X_Tenant="5")
    assert isinstance(headers, EnvironHeaders)
    assert isinstance(headers, Mapping)
    assert ("X-Tenant", "5") in list(headers)
    assert headers["x-tenant"] == headers.get("X-TENANT") == "5"
    assert headers.getlist("X-Tenant") == ["5"]
    assert headers.get("X-Other", "none") == "none"
    assert headers.get("X-Tenant", type=int) == 5
    with pytest.raises(KeyError):
        headers["X-Other"]


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (lambda headers: headers["X-Tenant"], "x-tenant"),
        (lambda headers: headers.get("X-Missing"), "x-missing"),
        (lambda headers: headers.getlist("X-Tenant"), "x-tenant"),
        (list, ALL),
        (dict, ALL),
    ],
)
def test_they_know_which_fields_the_app_read(
    read: Callable[[RequestHeaders], object], name: str
) -> None:
    headers = headers_of(X_Tenant="5")
    assert not headers.names_read
    read(headers)
    assert name in headers.names_read


def test_to_read_one_field_is_not_to_read_all() -> None:
    app = Flask(__name__)
    app.secret_key = "key"
    app.request_class = HeadersRequest
    with app.test_request_context(json={}, headers={"Cookie": "a=b"}):
        assert request.get_json() == {}
        assert request.cookies["a"] == "b"
        assert isinstance(request.headers, RequestHeaders)
        assert request.headers.names_read == {"cookie", "content-type"}


def test_an_apps_own_request_class_stays_a_part_of_the_requests(
    make_app: Callable[..., Flask],
) -> None:
    class Own(Request):
        tenant = "mine"

    app = Flask(__name__)
    app.request_class = Own
    ApiErrors(app)

    @app.get("/own")
    def own() -> str:
        assert isinstance(request, Own)
        return f"{request.tenant} {isinstance(request.headers, RequestHeaders)}"

    assert app.test_client().get("/own").text == "mine True"


def test_headers_that_somebody_sets_are_kept() -> None:
    req = HeadersRequest(EnvironBuilder().get_environ())
    own = Headers({"X-Tenant": "5"})
    req.headers = own
    assert req.headers is own
