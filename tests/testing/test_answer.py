from __future__ import annotations

import httpx
import pytest
import requests
from flask import Flask, Response, request

from flask_apierrors._testing.answer import Answer, answer_of


def make() -> Flask:
    app = Flask("app")

    @app.post("/x")
    def view() -> Response:
        response = Response(f"got {request.get_data(as_text=True)}", 418)
        response.headers.add("X-Twice", "1")
        response.headers.add("X-Twice", "2")
        return response

    return app


def check(answer: Answer) -> None:
    assert (answer.method, answer.status, answer.body) == ("POST", 418, b"got it's")
    assert answer.fields("x-twice") == ["1", "2"]
    assert answer.field("X-None") is None
    assert answer.media_type == "text/html"
    assert not answer.is_json
    assert answer.sent_body == b"it's"
    assert "-h 'x-sent: 1'" in answer.curl.lower()
    assert "--data-binary 'it'\"'\"'s' 'http://" in answer.curl
    assert answer.curl.endswith("/x?a=1'")


def test_a_response_of_flasks_client_is_read() -> None:
    client = make().test_client()
    response = client.post("/x?a=1", data="it's", headers={"X-Sent": "1"})
    answer = answer_of(response)
    check(answer)
    assert answer_of(answer) is answer


def test_a_response_of_httpx_is_read() -> None:
    with httpx.Client(transport=httpx.WSGITransport(make()), base_url="http://api") as client:
        check(answer_of(client.post("/x?a=1", content="it's", headers={"X-Sent": "1"})))


def test_a_response_of_requests_is_read() -> None:
    response = requests.Response()
    response.status_code, response._content = 418, b"{}"
    response.headers["Content-Type"] = "application/problem+json; charset=utf-8"
    response.request = requests.Request(
        "POST", "http://api/x?a=1", headers={"X-Sent": "1"}, data="it's"
    ).prepare()
    answer = answer_of(response)
    assert answer.is_json
    assert answer.json() == {}
    assert "-H 'X-Sent: 1' --data-binary" in answer.curl


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_json_is_read_strictly(constant: str) -> None:
    answer = Answer("GET", "/", (), b"", 200, (), constant.encode())
    with pytest.raises(ValueError, match="is no JSON"):
        answer.json()


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Give a response of .*, not tuple"):
        answer_of(("body", 404))
