"""The example API: its endpoints, and the commands that it prints."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

pytest.importorskip("apispec")
pytest.importorskip("jwt")
pytest.importorskip("pydantic")

import jwt

from example_app import create_app, store
from example_app.__main__ import ENVIRONMENT
from example_app.commands import commands, in_locked_store
from flask_apierrors import catalogue
from flask_apierrors.testing import assert_error, audit, record
from tests.conftest import serving

ID = "00000000-0000-4000-8000-000000000000"
RPM = "/measurements/engine/aurora/port/rpm"
Query = Callable[..., TestResponse]


@pytest.fixture(autouse=True)
def error_receivers() -> None:
    """Keep the receiver of the test kit, which all other tests disconnect."""


@pytest.fixture(scope="module")
def filled_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "telemetry.sqlite"
    store.create(path)
    return path


@pytest.fixture
def app(filled_store: Path, tmp_path: Path) -> Iterator[Flask]:
    """Make the example with a copy of the store, and without limits. It declares all errors."""
    database = shutil.copy(filled_store, tmp_path)
    app = create_app({"DATABASE": str(database), "RATELIMIT_ENABLED": False})
    with record(app) as recording:
        yield app
    assert recording.undeclared == []


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def token(client: FlaskClient, name: str = "bridge") -> str:
    response = client.post(
        "/token", auth=(name, f"{name}-secret"), headers={"Accept": "text/plain"}
    )
    assert response.status_code == 200
    return response.text


@pytest.fixture
def get(client: FlaskClient) -> Query:
    """``get(url, **headers)`` sends the token of the bridge."""
    bearer = f"Bearer {token(client)}"
    return lambda url, **headers: client.get(url, headers={"Authorization": bearer} | headers)


@pytest.fixture
def annotate(client: FlaskClient) -> Query:
    """``annotate(**members)`` posts a valid annotation with these members replaced."""
    bearer = f"Bearer {token(client)}"
    valid = {
        "series": "engine/aurora/port/rpm",
        "time": "2025-05-21T10:00:00+02:00",
        "text": "Pilot on board",
    }

    def post(**members: Any) -> TestResponse:
        body = {name: value for name, value in (valid | members).items() if value is not None}
        return client.post("/annotations", json=body, headers={"Authorization": bearer})

    return post


def error(response: TestResponse) -> str:
    body = response.get_json()
    assert list(body) == ["error"]
    return str(body["error"])


# -- the store


def test_the_first_start_fills_the_store_and_the_second_one_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "telemetry.sqlite"
    create_app({"DATABASE": str(path)})
    before = path.stat()
    create_app({"DATABASE": str(path)})
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert list(path.parent.iterdir()) == [path]


def test_the_store_has_a_week_of_50_000_measurements_of_several_vessels(filled_store: Path) -> None:
    with sqlite3.connect(filled_store) as opened:
        count, first, last = opened.execute(
            "SELECT count(*), min(time), max(time) FROM measurements"
        ).fetchone()
        names = [name for (name,) in opened.execute("SELECT name FROM series")]
    opened.close()
    assert count >= 50_000
    assert last - first > 6 * 86_400
    assert len({name.split("/")[1] for name in names}) == 5


def test_every_new_store_has_the_same_measurements(filled_store: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.sqlite"
    store.create(second)
    dumps = []
    for path in (filled_store, second):
        opened = sqlite3.connect(path)
        dumps.append(list(opened.iterdump()))
        opened.close()
    assert dumps[0] == dumps[1]


def test_an_unfinished_store_is_created_again(tmp_path: Path) -> None:
    unfinished = tmp_path / f"telemetry.sqlite.{os.getpid()}"
    unfinished.write_text("half")
    create_app({"DATABASE": str(tmp_path / "telemetry.sqlite")})
    assert not unfinished.exists()


def test_git_ignores_the_default_store() -> None:
    root = Path(__file__).parent.parent
    assert (
        Path(Flask("example_app", root_path=str(root / "example_app")).instance_path)
        == root / "instance"
    )
    assert "instance/" in (root / ".gitignore").read_text().splitlines()


# -- tokens


def test_a_token_has_the_client_and_its_scope_and_lasts_an_hour(
    client: FlaskClient, app: Flask
) -> None:
    response = client.post("/token", auth=("bridge", "bridge-secret"))
    body = response.get_json()
    claims = jwt.decode(
        body.pop("access_token"), app.config["SECRET_KEY"], ["HS256"], audience="telemetry"
    )
    assert body == {
        "token_type": "Bearer",
        "expires_in": 3600,
        "scope": "measurements:read annotations:write",
    }
    assert (claims["sub"], claims["scope"]) == ("bridge", "measurements:read annotations:write")
    assert 3590 < claims["exp"] - time.time() <= 3600
    assert response.headers["Cache-Control"] == "no-store"


def basic(text: bytes) -> str:
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Basic",
        "Basic !!!",
        "Basic \xed",
        "Bearer bridge",
        basic(b""),
        basic(b"bridge"),
        basic(b"bridge:"),
        basic(b"bridge:wrong"),
        basic(b"nobody:"),
        basic(b"nobody:bridge-secret"),
        basic(b"\xff:\xff"),
        basic("brücke:schlüssel".encode()),
        basic(b"bridge:bridge-secret\x00"),
        "Digest username=bridge",
    ],
)
def test_wrong_credentials_are_a_401_with_a_basic_challenge(
    client: FlaskClient, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = client.post("/token", headers=headers)
    assert response.status_code == 401
    challenge = 'Basic realm="api", charset="UTF-8"'
    assert response.headers.getlist("WWW-Authenticate") == [challenge]
    assert error(response)


def test_an_expired_token_and_a_forged_one_say_so(client: FlaskClient, app: Flask) -> None:
    claims = {"sub": "bridge", "scope": "measurements:read", "aud": "telemetry", "exp": 1}
    for key, exp, reason in (
        (app.config["SECRET_KEY"], 1, "expired"),
        ("f" * 32, 2**33, "signature does not match"),
    ):
        bad = jwt.encode(claims | {"exp": exp}, key, algorithm="HS256")
        response = client.get(RPM, headers={"Authorization": f"Bearer {bad}"})
        assert response.status_code == 401
        assert reason in error(response)
        assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_a_token_for_another_audience_is_refused(client: FlaskClient, app: Flask) -> None:
    billing_token = jwt.encode(
        {"sub": "bridge", "aud": "billing", "exp": 2**33},
        app.config["SECRET_KEY"],
        algorithm="HS256",
    )
    response = client.get(RPM, headers={"Authorization": f"Bearer {billing_token}"})
    assert (
        error(response) == "Authentication failed: the Bearer token is meant for another audience."
    )


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", RPM),
        ("GET", "/statistics/engine/aurora/port/rpm"),
        ("GET", "/annotations"),
        ("POST", "/annotations"),
        ("DELETE", f"/annotations/{ID}"),
    ],
)
def test_every_endpoint_requires_a_token_and_its_permission(
    client: FlaskClient, method: str, url: str
) -> None:
    missing = client.open(url, method=method)
    challenges = missing.headers.getlist("WWW-Authenticate")
    assert (missing.status_code, challenges) == (401, ['Bearer realm="api"', 'ApiKey realm="api"'])
    response = client.open(
        url, method=method, headers={"Authorization": f"Bearer {token(client, 'kiosk')}"}
    )
    permission = "measurements:read" if method == "GET" else "annotations:write"
    assert response.status_code == 403
    assert (
        response.headers["WWW-Authenticate"]
        == f'Bearer realm="api", error="insufficient_scope", scope="{permission}"'
    )


def test_a_client_that_can_read_cannot_write(client: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {token(client, 'office')}"}
    assert client.get("/annotations", headers=headers).status_code == 200
    assert client.post("/annotations", json={}, headers=headers).status_code == 403


def test_an_api_key_does_what_its_client_may_do(client: FlaskClient) -> None:
    headers = {"X-API-Key": "buoy-key"}
    annotation = {"series": "weather/aurora/wind/speed", "time": "2025-05-21T10:00:00Z"}
    created = client.post("/annotations", json=annotation | {"text": "Gust"}, headers=headers)
    assert (created.status_code, created.get_json()["author"]) == (201, "buoy")
    assert_error(client.get(RPM, headers=headers), 403, "forbidden")
    forged = client.get(RPM, headers={"X-API-Key": "guessed"})
    assert_error(
        forged, 401, "invalid-credentials", headers={"WWW-Authenticate": re.compile("ApiKey")}
    )


def test_a_secret_is_only_good_for_a_token(client: FlaskClient) -> None:
    response = client.get(RPM, auth=("bridge", "bridge-secret"))
    assert response.status_code == 401
    assert "Basic" not in str(response.headers.getlist("WWW-Authenticate"))


def test_only_what_is_named_is_open(app: Flask) -> None:
    openings = {operation.rule for operation in catalogue(app).operations if not operation.guards}
    assert openings == {"/", "/health", "/openapi.json"}


# -- measurements


def test_a_query_returns_the_measurements_of_a_window(get: Query) -> None:
    response = get(f"{RPM}?from=2025-05-21&to=2025-05-21T01:00:00Z")
    measurements = response.get_json()["measurements"]
    assert [measurement["time"] for measurement in measurements] == [
        f"2025-05-21T00:{minute:02}:00Z" for minute in range(0, 60, 10)
    ]
    assert {(measurement["series"], measurement["unit"]) for measurement in measurements} == {
        ("engine/aurora/port/rpm", "1/min")
    }
    assert all(70 < measurement["value"] < 120 for measurement in measurements)
    assert response.headers["Vary"] == "Accept"


def test_an_offset_is_understood(get: Query) -> None:
    utc = get(f"{RPM}?from=2025-05-21T00:00:00Z&limit=1").get_json()
    assert get(f"{RPM}?from=2025-05-21T02:00:00%2B02:00&limit=1").get_json() == utc


def test_a_star_matches_one_level(get: Query) -> None:
    def names(path: str) -> set[str]:
        response = get(f"/measurements/{path}?to=2025-05-20T00:01:00Z")
        return {measurement["series"] for measurement in response.get_json()["measurements"]}

    assert len(names("engine/*/port/rpm")) == 5
    assert len(names("engine/aurora/*/*")) == 4
    assert len(names("*/aurora/*/*")) == 7
    assert len(names("navigation/*/*")) == 15


@pytest.mark.parametrize(
    "path",
    [
        "engine/titanic/port/rpm",
        "engine/*",
        "engine/aurora/port/rp*",
        "engine/aurora/port/%25",
        "engine/aurora/port/rpm/",
        "engine/aurora/port/rpm'--",
        "engine/aurora/%00",
        "%ff/%ed%a0%80",
        "engine/" + "*/" * 3_000,
        "engine/" + "a" * 8_000,
        "Engine/aurora/port/rpm",
    ],
)
def test_a_query_for_an_unknown_series_is_a_404(get: Query, path: str) -> None:
    for resource in ("measurements", "statistics"):
        assert get(f"/{resource}/{path}").status_code == 404


def test_the_404_explains_the_star(get: Query) -> None:
    assert error(get("/measurements/engine/titanic/port/rpm")) == (
        "No series is named engine/titanic/port/rpm. A * matches one level."
    )
    problem = get(
        "/measurements/engine/titanic/port/rpm", Accept="application/json, application/problem+json"
    ).get_json()
    assert (problem["title"], problem["status"]) == ("Series not found", 404)


def test_csv_has_the_same_values_as_json(get: Query) -> None:
    response = get(f"{RPM}?limit=5", Accept="text/csv")
    assert response.mimetype == "text/csv"
    rows = [
        row | {"value": float(row["value"])} for row in csv.DictReader(io.StringIO(response.text))
    ]
    assert rows == get(f"{RPM}?limit=5").get_json()["measurements"]


def test_an_empty_window_gives_an_empty_list(get: Query) -> None:
    assert get(f"{RPM}?from=2030-01-01").get_json() == {"measurements": []}
    assert get(f"{RPM}?from=2030-01-01", Accept="text/csv").text == "series,time,value,unit\r\n"


def test_the_limit_bounds_the_answer(get: Query) -> None:
    assert len(get("/measurements/*/*/*/*?limit=7").get_json()["measurements"]) == 7
    assert len(get("/measurements/*/*/*/*").get_json()["measurements"]) == 1_000
    assert len(get("/measurements/*/*/*/*?limit=10000").get_json()["measurements"]) == 10_000


def test_a_time_without_an_offset_gets_the_sentence_of_the_contract(get: Query) -> None:
    response = get(f"{RPM}?to=2025-05-25T09:41:00")
    assert response.status_code == 400
    assert response.get_json() == {
        "error": "Invalid 'to' timestamp: Invalid timestamp or format: 2025-05-25T09:41:00, "
        "valid formats are ISO8601 or YYYY-MM-DD"
    }


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("limit=ten", "Invalid 'limit': Not a valid integer."),
        (
            "limit=0",
            "Invalid 'limit': Must be greater than or equal to 1 and less than or equal to 10000.",
        ),
        ("limit=" + "9" * 5_000, "Invalid 'limit': Not a valid integer."),
        ("limit=", "Invalid 'limit': Not a valid integer."),
        ("form=2025-05-21", "Invalid 'form': Unknown field."),
        ("from=2025-05-22&to=2025-05-21", "'from' must be earlier than 'to'."),
        ("from=2025-05-21&to=2025-05-21", "'from' must be earlier than 'to'."),
    ],
)
def test_a_wrong_parameter_is_a_400_that_names_it(get: Query, query: str, sentence: str) -> None:
    response = get(f"{RPM}?{query}")
    assert (response.status_code, error(response)) == (400, sentence)


@pytest.mark.parametrize(
    "bad",
    ["", "0", "now", "%00", "2025-02-30", "0001-01-01T00:00:00%2B14:00", "9" * 5_000, "%ff", "{}"],
)
def test_a_wrong_time_is_a_400(get: Query, bad: str) -> None:
    for resource in (RPM, "/statistics/engine/aurora/port/rpm", "/annotations"):
        response = get(f"{resource}?from={bad}")
        assert response.status_code == 400
        assert error(response).startswith("Invalid 'from' timestamp: ")


def test_a_window_can_be_all_of_time(get: Query) -> None:
    assert get(f"{RPM}?from=0001-01-01&to=9999-12-31T23:59:59.999999Z&limit=1").status_code == 200


def test_another_media_type_is_a_406(get: Query) -> None:
    response = get(RPM, Accept="application/xml")
    assert response.status_code == 406
    assert error(response).endswith("Available: application/json, text/csv.")


@pytest.fixture(scope="module")
def unlimited(filled_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Query:
    """``unlimited(url, data=...)`` sends a request without limits, always as the same client."""
    database = shutil.copy(filled_store, tmp_path_factory.mktemp("unlimited"))
    client = create_app({"DATABASE": str(database), "RATELIMIT_ENABLED": False}).test_client()
    headers = {"Authorization": f"Bearer {token(client)}"}
    return lambda url, **body: client.open(
        url, method="POST" if body else "GET", headers=headers, **body
    )


@given(query=st.text(max_size=40), path=st.text(min_size=1, max_size=40))
def test_every_query_is_answered(unlimited: Query, query: str, path: str) -> None:
    for resource in ("measurements", "statistics"):
        response = unlimited(f"/{resource}/engine/{quote(path)}?{quote(query, safe='&=')}")
        assert response.status_code in (308, 400, 404)


# -- statistics


def test_statistics_are_right(get: Query) -> None:
    window = "from=2025-05-21&to=2025-05-22"
    measurements = get(f"{RPM}?{window}").get_json()["measurements"]
    values = [measurement["value"] for measurement in measurements]
    (row,) = get(f"/statistics/engine/aurora/port/rpm?{window}").get_json()["statistics"]
    mean = sum(values) / len(values)
    deviation = (sum((value - mean) ** 2 for value in values) / (len(values) - 1)) ** 0.5
    assert (row["count"], row["minimum"], row["maximum"]) == (144, min(values), max(values))
    assert (row["mean"], row["deviation"]) == (
        pytest.approx(mean, abs=0.001),
        pytest.approx(deviation, abs=0.001),
    )


def test_statistics_include_all_measurements(get: Query) -> None:
    rows = get("/statistics/engine/*/port/*").get_json()["statistics"]
    assert [row["count"] for row in rows] == [1_008] * 10
    assert error(get("/statistics/engine/*/port/*?limit=5")) == "Invalid 'limit': Unknown field."


def test_a_series_without_measurements_has_no_statistics(get: Query) -> None:
    assert get("/statistics/engine/aurora/port/rpm?from=2030-01-01").get_json() == {
        "statistics": []
    }


def test_the_bug_of_the_example_is_a_500_that_hides_its_cause(
    get: Query, caplog: pytest.LogCaptureFixture
) -> None:
    response = get("/statistics/engine/aurora/port/rpm?from=2025-05-21&to=2025-05-21T00:01:00Z")
    assert response.status_code == 500
    assert error(response).startswith("Internal server error.")
    assert [
        record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"
    ] == [True]


# -- annotations


def test_an_annotation_is_created_listed_and_deleted(
    annotate: Query, get: Query, client: FlaskClient
) -> None:
    created = annotate()
    annotation = created.get_json()
    assert created.status_code == 201
    assert annotation == {
        "id": annotation["id"],
        "series": "engine/aurora/port/rpm",
        "time": "2025-05-21T08:00:00Z",
        "author": "bridge",
        "text": "Pilot on board",
    }
    assert get("/annotations").get_json() == {"annotations": [annotation]}
    assert get("/annotations?to=2025-05-21").get_json() == {"annotations": []}
    headers = {"Authorization": f"Bearer {token(client)}"}
    assert client.delete(created.headers["Location"], headers=headers).status_code == 204
    gone = client.delete(created.headers["Location"], headers=headers)
    assert (gone.status_code, error(gone)) == (404, f"There is no annotation {annotation['id']}.")
    assert get("/annotations").get_json() == {"annotations": []}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"series": None}, "Invalid 'series': Field required."),
        ({"series": "engine/*/port/rpm"}, "Invalid 'series': No series has this name."),
        ({"series": "\ud800"}, "Malformed JSON: a text holds half a surrogate pair."),
        ({"series": ""}, "Invalid 'series': No series has this name."),
        ({"series": 5}, "Invalid 'series': Input should be a valid string."),
        ({"time": 1747785600}, "Invalid 'time': Input should be a valid datetime."),
        ({"time": "2025-05-25T09:41:00"}, "Invalid 'time': Input should have timezone info."),
        ({"text": ""}, "Invalid 'text': String should have at least 1 character."),
        ({"text": "a" * 501}, "Invalid 'text': String should have at most 500 characters."),
        ({"text": "\ud800"}, "Malformed JSON: a text holds half a surrogate pair."),
        ({"text": "a\x00b"}, "Invalid 'text': Write one line of printable text."),
        ({"text": ["a"]}, "Invalid 'text': Input should be a valid string."),
        ({"author": "captain"}, "Invalid 'author': Extra inputs are not permitted."),
    ],
)
def test_a_wrong_annotation_is_a_400_that_names_the_field(
    annotate: Query, members: Any, sentence: str
) -> None:
    response = annotate(**members)
    assert response.status_code == 400
    assert error(response).startswith(sentence)


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=30)
    | st.sampled_from(["engine/aurora/port/rpm", "2025-05-21"])
)
MEMBERS = st.sampled_from(["series", "time", "text"])


@given(
    VALUES
    | st.lists(VALUES, max_size=3)
    | st.dictionaries(MEMBERS, VALUES | st.dictionaries(MEMBERS, VALUES))
)
def test_every_annotation_is_answered(unlimited: Query, body: Any) -> None:
    response = unlimited("/annotations", data=json.dumps(body), content_type="application/json")
    assert response.status_code in (201, 400)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{}", "text/plain", 415),
        ("{}", None, 415),
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ("null", "application/json", 400),
        ("[]", "application/json", 400),
        ("[" * 60_000, "application/json", 400),
        ('{"time": NaN}', "application/json", 400),
        ("9" * 5_000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (" " * 70_000, "application/json", 413),
    ],
)
def test_a_hostile_body_is_a_4xx_with_a_sentence(
    client: FlaskClient, body: Any, content_type: str | None, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token(client)}"}
    response = client.post("/annotations", data=body, content_type=content_type, headers=headers)
    assert response.status_code == status
    assert error(response)


@pytest.mark.parametrize(
    "id", ["1", "9" * 5_000, "'", "%00", "00000000-0000-0000-0000-00000000000g"]
)
def test_an_invalid_id_is_a_404(client: FlaskClient, id: str) -> None:
    response = client.delete(
        f"/annotations/{id}", headers={"Authorization": f"Bearer {token(client)}"}
    )
    assert response.status_code == 404


def test_another_method_is_a_405_with_allow(client: FlaskClient) -> None:
    response = client.put("/annotations")
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


# -- health


def test_health_needs_no_token(client: FlaskClient) -> None:
    assert client.get("/health").get_json() == {"status": "ok", "measurements": 50_400}


def test_a_missing_store_is_a_503_until_it_is_back(
    client: FlaskClient, app: Flask, get: Query
) -> None:
    path = Path(app.config["DATABASE"])
    away = path.rename(path.with_name("away"))
    for response in (client.get("/health"), get(RPM)):
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "10"
        assert error(response).startswith("The service is temporarily unavailable.")
    assert not path.exists()
    away.rename(path)
    assert client.get("/health").status_code == 200


def test_a_damaged_store_is_a_503(client: FlaskClient, app: Flask) -> None:
    Path(app.config["DATABASE"]).write_bytes(b"not a database" * 1_000)
    assert client.get("/health").status_code == 503


# -- the whole API


def test_the_api_keeps_its_promises(app: Flask) -> None:
    report = audit(app)
    assert not report, report


def test_the_first_page_leads_to_the_errors_and_to_openapi(client: FlaskClient) -> None:
    page = client.get("/")
    assert page.mimetype == "text/html"
    for link in re.findall(r'href="([^"]+)"', page.text):
        assert client.get(f"/{link}").status_code == 200
    assert 'href="errors"' in page.text
    assert 'href="openapi.json"' in page.text


def test_the_log_has_each_error_with_its_code_and_its_id(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.get("/nowhere", headers={"X-Request-ID": "quoted"})
    client.delete(f"/annotations/{ID}", headers={"X-API-Key": "buoy-key", "X-Request-ID": "r2"})
    assert [record.getMessage() for record in caplog.records if record.name == "example_app"] == [
        "404 not-found: /nowhere#quoted",
        f"404 annotation-not-found: /annotations/{ID}#r2",
    ]


# -- rate limits


@pytest.fixture
def limited(filled_store: Path) -> FlaskClient:
    return create_app({"DATABASE": str(filled_store)}).test_client()


def test_the_eleventh_query_of_a_second_is_a_429(limited: FlaskClient) -> None:
    headers = {"Authorization": f"Bearer {token(limited)}"}
    responses = [limited.get(f"{RPM}?limit=1", headers=headers) for _ in range(40)]
    assert responses[0].status_code == 200
    refused = next(response for response in responses if response.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert (
        error(refused) == "Too many requests: the limit is 10 per 1 second. Retry after 1 second."
    )


def test_health_has_no_limit(limited: FlaskClient) -> None:
    assert {limited.get("/health").status_code for _ in range(120)} == {200}


# -- the printed commands


@pytest.fixture(scope="module")
def served(
    filled_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Flask, str]]:
    """Run the example with its limits. The name of its folder needs quotes in a shell."""
    database = shutil.copy(filled_store, tmp_path_factory.mktemp("it's here"))
    app = create_app({"DATABASE": str(database)})
    with serving(app) as address:
        yield app, address


def statuses(output: str) -> list[int]:
    return [int(status) for status in re.findall(r"^HTTP/1\.[01] (\d+)", output, re.MULTILINE)]


def test_every_printed_command_gets_the_status_in_its_comment(served: tuple[Flask, str]) -> None:
    app, url = served
    get_token, *requests = commands(app, url)
    bearer = shell(get_token.line + '; echo "$TOKEN"').strip()
    assert bearer.count(".") == 2
    for command in requests:
        output = shell(command.line, TOKEN=bearer)
        assert command.status in statuses(output), (command, output)
        assert command.status < 400 or '{"error":' in output or '"type":' in output
    assert {command.status for command in (get_token, *requests)} == {
        200,
        400,
        401,
        403,
        404,
        405,
        406,
        415,
        429,
        500,
        503,
    }


def shell(line: str, **environment: str) -> str:
    """Run a line in ``sh``. Return what it prints."""
    run = subprocess.run(
        ["sh", "-c", line],
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": os.environ["PATH"]} | environment,
    )
    return run.stdout


def test_nothing_is_broken_if_the_command_for_the_lock_is_killed(served: tuple[Flask, str]) -> None:
    app, _ = served
    shell(in_locked_store(app, "kill -9 $PPID"))
    assert app.test_client().get("/health").status_code == 200


def test_the_example_prints_the_commands_for_its_port_and_serves(tmp_path: Path) -> None:
    database = str(tmp_path / "telemetry.sqlite")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with run_example(str(port), TELEMETRY_DATABASE=database) as process:
        assert process.stdout is not None
        lines = read_until("Running on", process.stdout)
        health = shell(f"curl -s http://127.0.0.1:{port}/health")
        process.terminate()
    text = "".join(lines)
    for status, title, line in commands(
        create_app({"DATABASE": database}), f"http://127.0.0.1:{port}"
    ):
        assert (f"# {status}: {title}\n{line}\n" in text) or "expired" in title
    assert f"http://127.0.0.1:{port}/errors" in text
    assert f"http://127.0.0.1:{port}/openapi.json" in text
    assert '"measurements":50400' in health


def run_example(port: str, **environment: str) -> subprocess.Popen[str]:
    """Start the example as ``make run`` does."""
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "example_app", port],
        cwd=Path(__file__).parent.parent,
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_the_printed_environment_variable_limits_queries_and_nothing_else(
    filled_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (assignment,) = [line for line in ENVIRONMENT.splitlines() if not line.startswith("#")]
    name, value = shlex.split(assignment)[0].split("=", 1)
    monkeypatch.setenv(name, value)
    client = create_app({"DATABASE": str(filled_store)}).test_client()
    headers = {"Authorization": f"Bearer {token(client)}"}
    assert [client.get(RPM, headers=headers).status_code for _ in range(3)] == [200, 200, 429]
    assert {client.get("/health").status_code for _ in range(120)} == {200}


def test_a_busy_port_is_one_line_that_says_what_to_write() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with run_example(str(port)) as process:
            output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert (
        output == f"Port {port}: Address already in use. Choose another: make run PORT={port + 1}\n"
    )


@pytest.mark.parametrize("port", ["abc", "80000", "0", "-1", "65536", "٣", "5000 ", "9" * 5_000])
def test_a_bad_port_is_one_line_that_says_what_to_write(port: str) -> None:
    with run_example(port) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert output == (f"{port!r} is not a port. Choose one from 1 to 65535: make run PORT=5001\n")


def read_until(words: str, stream: IO[str]) -> list[str]:
    """Read the lines of a stream up to the one with these words."""
    lines = []
    for line in stream:
        lines.append(line)
        if words in line:
            break
    return lines
