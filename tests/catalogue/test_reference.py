"""Promises of the reference page: clients find every error explained, in three formats."""

from __future__ import annotations

import base64
import gc
import hashlib
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any, NoReturn
from urllib.parse import unquote

import pytest
from flask import Flask, abort, request
from flask_limiter import Limiter
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError
from werkzeug.exceptions import Conflict, ImATeapot, NotFound, ServiceUnavailable
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client, TestResponse, create_environ, run_wsgi_app

from flask_apierrors import (
    ApiError,
    ApiErrors,
    consumes,
    current_principal,
    produces,
    raises,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors._catalogue import reference
from flask_apierrors._catalogue.catalogue import catalogue

MakeApp = Callable[..., Flask]
PROBLEM = {"Accept": "application/problem+json"}


class VesselNotFound(ApiError, NotFound):
    """No vessel with this `IMO` number | <b>is</b> registered.

    Look it up in ``GET /vessels``.
    """

    title = "<i>Vessel</i> not [found]"


class Quota(ApiError, Conflict):
    """All berths are taken."""

    type = "https://example.org/problems#berths-taken"


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    errors = ApiErrors()
    errors.verify_token(lambda token: {"permissions": []} if token == "poor" else None)
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors", MAX_CONTENT_LENGTH=100)

    @app.get("/vessels/<int:imo>")
    @requires_auth
    @produces("application/json", "text/csv")
    @requires_permissions("vessels:read", "vessels:list")
    @raises(VesselNotFound)
    def vessel(imo: int) -> str:
        """One <u>vessel</u>."""
        return ""

    @app.post("/vessels")
    @requires_json
    @raises(Quota)
    def register() -> str:
        return ""

    @app.put("/notes")
    @consumes("text/csv", "text/plain", "text/html")
    def note() -> str:
        return ""

    @app.get("/raise/<name>")
    def fail(name: str) -> str:
        raise RAISED[name]

    return app


RAISED: dict[str, Exception] = {
    "class": VesselNotFound("text"),
    "uri": Quota(),
    "validation": ValidationError({"a": ["b"]}),
    "status": ApiError(status=499),
    "bare": ApiError(status=402),
    "instance": ApiError("text", status=410),
    "crash": ZeroDivisionError(),
}


def get(app: Flask, path: str = "/errors", accept: str | None = None) -> TestResponse:
    return app.test_client().get(path, headers={"Accept": accept} if accept else {})


class Page(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, answer: TestResponse) -> None:
        super().__init__()
        assert answer.status_code == 200
        assert answer.mimetype == "text/html"
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += " " if tag in ("td", "samp", "li") else ""

    def handle_data(self, data: str) -> None:
        self.text += data if self.elements[-1:] != [("style", {})] else ""

    def all(self, *tags: str) -> Iterator[dict[str, str | None]]:
        return (attributes for tag, attributes in self.elements if tag in tags)


# -- the pages


def test_there_is_no_page_by_default(make_app: MakeApp) -> None:
    app = make_app()
    assert [rule.rule for rule in app.url_map.iter_rules()] == ["/static/<path:filename>"]
    assert get(app).status_code == 404


@pytest.mark.parametrize("path", ["/errors", "/errors/"])
def test_the_overview_lists_each_error_and_each_endpoint(app: Flask, path: str) -> None:
    page = Page(get(app, path))
    for status in ("400", "401", "403", "404", "405", "406", "409", "413", "415", "500"):
        assert status in page.text
    for endpoint in ("GET /vessels/{imo}", "POST /vessels", "PUT /notes"):
        assert endpoint in page.text
    assert "Needs a Bearer token with the permissions vessels:read and vessels:list." in page.text
    assert "Needs a Bearer token." not in page.text
    assert "Accepts a body of text/csv, text/plain or text/html." in page.text
    assert "Answers with application/json or text/csv." in page.text


def test_every_link_leads_to_a_page(app: Flask) -> None:
    left, seen = ["/errors"], set()
    while left:
        path = left.pop()
        page = Page(get(app, path))
        seen.add(path)
        targets = {f"#{attributes['id']}" for _, attributes in page.elements if "id" in attributes}
        for link in page.all("a"):
            href = link["href"] or ""
            if href.startswith("#"):
                assert href in targets
            elif (target := href.partition("#")[0]) not in seen:
                left.append(target)
    assert len(seen) > 12
    assert {"/errors/berths-taken", "/errors/vessel-not-found"} < seen


def test_the_page_of_an_error_shows_the_whole_entry(app: Flask) -> None:
    text = " ".join(Page(get(app, "/errors/unauthorized")).text.split())
    for part in (
        "401 Unauthorized",
        "This endpoint requires authentication",
        "Send the header Authorization: Bearer <token>",
        "Do not send the same request again",
        '"error": "Authentication failed: the Authorization header is missing."',
        '"type": "/errors/unauthorized"',
        "WWW-Authenticate How to authenticate",
        'Bearer realm="api"',
        "GET /vessels/{imo} No",
        "Other errors with this status 401 Invalid token",
    ):
        assert part in text


@pytest.mark.standard("type-documented")
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (
            "service-unavailable",
            "Wait for the number of seconds in the `Retry-After` header first.",
        ),
        ("internal-server-error", "A `POST` or `PATCH` may have taken effect before it failed"),
        ("locked", "Wait one second at first, and double the delay after each attempt."),
        ("conflict", "Do not send the same request again"),
    ],
)
def test_the_page_of_an_error_says_whether_to_retry(app: Flask, name: str, rule: str) -> None:
    assert rule in get(app, f"/errors/{name}", "application/json").get_json()["retry_rule"]


def test_the_429_has_the_title_of_the_registry_and_a_heading_for_people(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors", RATELIMIT_DEFAULT="1/day")
    app.add_url_rule("/x", view_func=lambda: "")
    page = get(app, "/errors/quota-exceeded", "application/json").get_json()
    assert (
        page["title"]
        == page["problem_example"]["title"]
        == "Request cannot be satisfied as assigned quota has been exceeded"
    )
    assert page["heading"] == "Too Many Requests"
    assert page["meaning"].startswith("You sent more requests")
    assert "429 Too Many Requests" in Page(get(app, "/errors/quota-exceeded")).text


def test_the_page_of_an_error_says_where_it_occurs(app: Flask) -> None:
    assert (
        "No endpoint is documented to return this error." in Page(get(app, "/errors/locked")).text
    )
    assert "can occur at every URL" in Page(get(app, "/errors/not-found")).text


def test_the_body_is_described_in_its_own_shape(make_app: MakeApp) -> None:
    errors = ApiErrors()
    errors.format(lambda problem: {"fault": problem.status})
    page = get(
        make_app(errors, APIERRORS_REFERENCE_URL="/errors"), accept="application/json"
    ).get_json()
    assert (page["body"], page["example"]) == ("Every error is a JSON object.", {"fault": 404})


def test_an_api_without_endpoints_has_a_page(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors")
    assert "Endpoints" not in Page(get(app)).text
    assert "## Endpoints" not in get(app, accept="text/markdown").text


# -- the pages of types


@pytest.mark.standard("type-documented")
@pytest.mark.parametrize("name", RAISED)
def test_the_type_of_each_problem_is_explained(app: Flask, name: str) -> None:
    problem = app.test_client().get(f"/raise/{name}", headers=PROBLEM).get_json()
    documented = problem["type"] if problem["type"].startswith("/") else "/errors/berths-taken"
    page = get(app, documented, "application/json").get_json()
    assert (page["status"], page["title"], page["type"]) == (
        problem["status"],
        problem["title"],
        problem["type"],
    )


@pytest.mark.standard("problem-type-page")
def test_the_type_of_each_status_is_explained(app: Flask) -> None:
    @app.get("/status/<int:status>")
    def status(status: int) -> NoReturn:
        raise ApiError(status=status)

    for code in range(400, 600):
        problem = app.test_client().get(f"/status/{code}", headers=PROBLEM).get_json()
        assert get(app, problem["type"]).status_code == 200, problem["type"]


def test_the_type_of_each_refusal_is_explained(app: Flask) -> None:
    client = app.test_client()
    poor = {"Authorization": "Bearer poor"}
    bad = {"Authorization": "Bearer bad"}
    for answer in (
        client.get("/nowhere", headers=PROBLEM),
        client.post("/notes", headers=PROBLEM),
        client.get("/vessels/1", headers=PROBLEM),
        client.get("/vessels/1", headers=PROBLEM | poor),
        client.get("/vessels/1", headers=PROBLEM | bad),
        client.post("/vessels", headers=PROBLEM),
        client.post("/vessels", headers=PROBLEM, data="{", content_type="application/json"),
        client.post("/vessels", headers=PROBLEM, data="x" * 101, content_type="application/json"),
    ):
        page = get(app, answer.get_json()["type"], "application/json").get_json()
        assert page["status"] == answer.status_code
        assert page["title"] == answer.get_json()["title"]


def test_a_type_in_any_script_is_explained(app: Flask) -> None:
    class GrößeFehlt(ApiError, NotFound):
        """No size."""

    @app.get("/size")
    def size() -> NoReturn:
        raise GrößeFehlt

    problem = app.test_client().get("/size", headers=PROBLEM).get_json()
    assert (problem["code"], problem["type"]) == ("größe-fehlt", "/errors/gr%C3%B6%C3%9Fe-fehlt")
    assert get(app, problem["type"], "application/json").get_json()["title"] == "Größe fehlt"


def test_the_documentation_member_is_the_url_of_the_page(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors", APIERRORS_MEMBERS=("error", "documentation"))

    @app.get("/full")
    def full() -> NoReturn:
        raise Quota

    assert get(app, "/full").get_json()["documentation"] == "/errors/berths-taken"


def test_an_unknown_type_is_a_404_of_the_contract(app: Flask) -> None:
    answer = get(app, "/errors/nonsense")
    assert answer.status_code == 404
    assert answer.get_json() == {"error": "No error of this type is known."}
    assert (
        get(app, "/errors/nonsense", "application/problem+json").get_json()["type"]
        == "/errors/not-found"
    )


def test_an_unknown_type_is_a_404_of_the_contract_outside_the_api_too(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors", APIERRORS_URL_PREFIXES=("/api",))
    assert get(app).status_code == 200
    assert get(app, "/errors/nonsense").get_json() == {"error": "No error of this type is known."}


@pytest.mark.parametrize(
    ("status", "name"),
    [("404", "not-found"), ("503", "service-unavailable"), ("499", "status-499")],
)
def test_a_status_redirects_to_its_page(app: Flask, status: str, name: str) -> None:
    answer = get(app, f"/errors/{status}")
    assert (answer.status_code, answer.location) == (302, f"/errors/{name}")


@pytest.mark.parametrize("status", ["200", "600", "4040", "40", "٤٠٤", "404x"])
def test_a_name_that_is_no_error_status_does_not_redirect(app: Flask, status: str) -> None:
    assert get(app, f"/errors/{status}").status_code == 404


# -- three formats


@pytest.mark.standard("vary-accept", "problem-type-page")
@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/json"),
        ("text/markdown", "text/markdown"),
        ("text/markdown, text/html;q=0.9", "text/markdown"),
        ("application/problem+json", "application/json"),
        ("image/png", "text/html"),
        ("nonsense", "text/html"),
    ],
)
@pytest.mark.parametrize("path", ["/errors", "/errors/not-found"])
def test_the_accept_header_chooses_the_format(
    app: Flask, path: str, accept: str | None, media_type: str
) -> None:
    answer = get(app, path, accept)
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_formats_have_the_same_content(app: Flask) -> None:
    members = get(app, accept="application/json").get_json()
    html, markdown = Page(get(app)).text, get(app, accept="text/markdown").text
    for error in members["errors"]:
        assert f"]({error['url']})" in markdown
        assert error["heading"] in html
    for endpoint in members["endpoints"]:
        line = f"{endpoint['method']} {endpoint['path']}"
        assert line in html
        assert f"### `{line}`" in markdown


def test_markdown_is_well_formed(app: Flask) -> None:
    for path in (
        "/errors",
        "/errors/vessel-not-found",
        "/errors/forbidden",
        "/errors/not-found",
        "/errors/locked",
    ):
        text = get(app, path, "text/markdown").text
        assert text.count("```") % 2 == 0
        assert "\n\n\n" not in text
        check_tables(text)


def check_tables(markdown: str) -> None:
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in block.split("\n")[:-1]}
        assert len(columns) == 1, block


# -- texts of authors


@pytest.mark.standard("page-escapes")
def test_html_escapes_the_texts_of_authors(app: Flask) -> None:
    for path in ("/errors", "/errors/vessel-not-found"):
        answer = get(app, path)
        page = Page(answer)
        assert "<i>Vessel</i> not [found]" in page.text
        assert "<b>is</b> registered" in page.text
        assert not {"i", "b", "u"} & {tag for tag, _ in page.elements}
        assert "<code>IMO</code>" in answer.text


def test_markdown_escapes_the_texts_of_authors(app: Flask) -> None:
    text = get(app, "/errors/vessel-not-found", "text/markdown").text
    assert r"\<i\>Vessel\</i\> not \[found\]" in text
    assert r"this `IMO` number \| \<b\>is\</b\> registered" in text
    assert "Look it up in `GET /vessels`." in text


@pytest.mark.standard("page-escapes")
@given(st.text(), st.text(st.sampled_from("`<>&|[]_*\\\n #\"'-:!")))
@example("\ud800", "`` ``` ` |")
@example("", "`a\\|b`")
def test_no_text_of_an_author_breaks_a_page(title: str, text: str) -> None:
    class Odd(ApiError, NotFound):
        pass

    Odd.title, Odd.__doc__ = title, f"{text}\n\n{title}"
    app = Flask(__name__)
    app.config["APIERRORS_REFERENCE_URL"] = "/errors"
    ApiErrors(app)

    @app.get("/x")
    @raises(Odd)
    def view() -> str:
        return ""

    view.__doc__ = text
    plain_tags = tags_of("/errors", make_plain())
    assert tags_of("/errors", app) - {"code"} == plain_tags - {"code"}
    for path in ("/errors", "/errors/odd"):
        assert get(app, path, "application/json").get_json()
        check_tables(get(app, path, "text/markdown").text)


def tags_of(path: str, app: Flask) -> set[str]:
    return {tag for tag, _ in Page(get(app, path)).elements}


def make_plain() -> Flask:
    app = Flask(__name__)
    app.config["APIERRORS_REFERENCE_URL"] = "/errors"
    ApiErrors(app)
    app.add_url_rule("/x", "x", raises(NotFound)(view_with_docstring))
    return app


def view_with_docstring() -> str:
    """Say something."""
    return ""


def test_pages_have_no_names_from_python(app: Flask) -> None:
    for accept in ("text/html", "application/json", "text/markdown"):
        text = get(app, accept=accept).text
        for name in ("requires_permissions", "MAX_CONTENT_LENGTH", "VesselNotFound", "<int:"):
            assert name not in text


# -- a safe and accessible page


@pytest.mark.standard("page-policy")
def test_a_page_loads_nothing_and_runs_nothing(app: Flask) -> None:
    for path in ("/errors", "/errors/not-found"):
        answer = get(app, path)
        page = Page(answer)
        assert not list(page.all("script", "img", "iframe", "object", "form", "base"))
        assert [link["href"] for link in page.all("link")] == ["data:,"]
        assert not any(
            name.startswith("on") or name == "style"
            for _, attributes in page.elements
            for name in attributes
        )
        style = re.search("<style>(.*?)</style>", answer.text, re.DOTALL)
        assert style is not None
        assert "url(" not in style[1]
        assert "@import" not in style[1]
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert answer.headers["Content-Security-Policy"].split("; ") == [
            "default-src 'none'",
            f"style-src 'sha256-{digest}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]


@pytest.mark.parametrize(
    "path", ["/errors", "/errors/forbidden", "/errors/not-found", "/errors/vessel-not-found"]
)
def test_a_page_has_structure(app: Flask, path: str) -> None:
    page = Page(get(app, path))
    tags = [tag for tag, _ in page.elements]
    assert (tags.count("h1"), tags.count("main"), tags.count("title")) == (1, 1, 1)
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(header.get("scope") in ("row", "col") for header in page.all("th"))
    assert tags.count("caption") == tags.count("table")
    assert [attributes.get("lang") for attributes in page.all("html")] == ["en"]
    assert all(attributes.get("aria-label") for attributes in page.all("nav"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = [
        attributes["aria-labelledby"]
        for _, attributes in page.elements
        if "aria-labelledby" in attributes
    ]
    assert set(labels) <= set(ids)


# -- the page in an app


def test_a_page_tells_nothing_of_who_asked_first(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    errors.verify_token(lambda token: {"sub": "ann@example.org"})
    errors.format(lambda problem: {"error": request.url, "who": str(current_principal)})
    for path in ("/errors", "/errors/not-found", "/errors/conflict"):
        for accept in ("text/html", "application/json", "text/markdown"):
            headers = {"Accept": accept, "Host": "evil.example", "Authorization": "Bearer t"}
            first = app.test_client().get(f"{path}?token=s3cret", headers=headers).text
            assert not [word for word in ("ann", "s3cret", "evil.example") if word in first]
            assert get(app, path, accept).text == first


def test_a_page_is_translated_for_no_visitor(make_app: MakeApp) -> None:
    class Lazy:
        def __str__(self) -> str:
            language = request.accept_languages.best_match(["en", "de"], "en")
            return {"en": "Gone.", "de": "Weg."}[language]

    app = make_app(APIERRORS_REFERENCE_URL="/errors", APIERRORS_MESSAGES={410: Lazy()})
    page = app.test_client().get("/errors/gone", headers={"Accept-Language": "de"})
    assert "Gone." in page.text


@pytest.mark.parametrize("prefix", ["//evil.example", "///evil.example/", "/\\evil.example"])
def test_a_forged_prefix_leads_to_no_other_host(app: Flask, prefix: str) -> None:
    client = Client(ProxyFix(app.wsgi_app, x_prefix=1))
    headers = {"X-Forwarded-Prefix": prefix, "Accept": "application/problem+json"}
    urls = [client.get("/errors/404", headers=headers).headers["Location"]]
    problem = client.get("/nowhere", headers=headers).get_json()
    page = client.get("/errors/not-found", headers=headers).get_json()
    urls += [problem["type"], problem["instance"], page["type"], page["overview"]]
    assert [url for url in urls if not re.match(r"/[a-z%]", url)] == []


@pytest.mark.parametrize("prefix", ["/é", "/порт", "/a b", "/%"])
def test_an_app_can_be_mounted_below_any_text(app: Flask, prefix: str) -> None:
    client = app.test_client()
    environ = {"SCRIPT_NAME": prefix.encode().decode("latin-1")}
    page = client.get(
        "/errors/not-found", headers={"Accept": "application/json"}, environ_overrides=environ
    )
    problem = client.get("/nowhere", headers=PROBLEM, environ_overrides=environ).get_json()
    assert page.get_json()["type"] == problem["type"]
    assert unquote(problem["type"]) == f"{prefix}/errors/not-found"


def test_pages_that_do_not_exist_take_no_memory(app: Flask) -> None:
    # Without the test client, which keeps the URLs that it asked for.
    environs = [create_environ(path=f"/errors/{'a' * 100_000}{number}") for number in range(100)]
    get(app)
    tracemalloc.start()
    try:
        for environ in environs:
            response = run_wsgi_app(app, environ)
            assert response[1].startswith("404")
        gc.collect()
        # All of them would be 20 MB. A monitor of another test may keep the last few requests.
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def test_many_first_visitors_make_a_page_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogues: list[Any] = []

    def count(*args: Any, **options: Any) -> Any:
        catalogues.append(args)
        time.sleep(0.05)
        return catalogue(*args, **options)

    monkeypatch.setattr(reference, "catalogue", count)
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: get(app).text, range(4)))
    assert len(set(pages)) == len(catalogues) == 1


def test_the_urls_of_a_page_start_with_the_mount_point(app: Flask) -> None:
    client = Client(DispatcherMiddleware(Flask("other"), {"/v 1": app.wsgi_app}))
    page = client.get("/v%201/errors/not-found", headers={"Accept": "application/json"}).get_json()
    assert (page["type"], page["overview"]) == ("/v%201/errors/not-found", "/v%201/errors")
    overview = client.get("/v%201/errors", headers={"Accept": "application/json"}).get_json()
    assert {error["url"].rpartition("/")[0] for error in overview["errors"]} == {"/v%201/errors"}
    assert (
        get(app, "/errors/not-found", "application/json").get_json()["type"] == "/errors/not-found"
    )


def test_an_unchanged_page_is_not_sent_again(app: Flask) -> None:
    first = get(app)
    assert first.headers["Cache-Control"] == "no-cache"
    again = app.test_client().get("/errors", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    other = app.test_client().get(
        "/errors", headers={"If-None-Match": first.headers["ETag"], "Accept": "text/markdown"}
    )
    assert other.status_code == 200


def test_the_page_allows_head_and_refuses_post(app: Flask) -> None:
    assert app.test_client().head("/errors").status_code == 200
    refused = app.test_client().post("/errors")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_the_page_is_available_during_maintenance(make_app: MakeApp) -> None:
    errors = ApiErrors()
    errors.unavailable_when(lambda: 60)
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    problem = app.test_client().get("/nowhere", headers=PROBLEM)
    assert problem.status_code == 503
    assert get(app, problem.get_json()["type"]).status_code == 200


def test_the_page_has_no_rate_limit(make_app: MakeApp) -> None:
    app = make_app(
        APIERRORS_REFERENCE_URL="/errors", RATELIMIT_DEFAULT="1/day", RATELIMIT_APPLICATION="2/day"
    )
    assert [get(app).status_code for _ in range(4)] == [200] * 4
    assert [get(app, "/nowhere").status_code for _ in range(4)] == [404, 404, 429, 429]
    assert get(app, "/errors/quota-exceeded").status_code == 200


def test_the_authors_own_limiter_does_not_limit_the_page() -> None:
    app = Flask(__name__)
    Limiter(lambda: "all", app=app, default_limits=["1/day"], storage_uri="memory://")
    app.config["APIERRORS_REFERENCE_URL"] = "/errors"
    ApiErrors(app)
    assert [get(app).status_code for _ in range(3)] == [200] * 3


def test_an_author_can_restrict_the_page(app: Flask) -> None:
    @app.before_request
    def only_inside() -> None:
        if request.endpoint == "apierrors_reference":
            abort(403)

    assert get(app).status_code == 403


@pytest.mark.parametrize("guard", [requires_auth, requires_permissions("admin")])
@pytest.mark.parametrize("token", [None, "x", "bad", "guest"])
def test_a_guard_of_the_whole_app_leaves_the_page_open(
    guard: Any, token: str | None, make_app: MakeApp
) -> None:
    errors = ApiErrors()
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    errors.verify_token({"guest": {"sub": "guest"}}.get)
    app.before_request(guard(lambda: None))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    assert client.get("/errors/unauthorized", headers=headers).status_code == 200
    expected = (404 if guard is requires_auth else 403) if token == "guest" else 401
    assert client.get("/nowhere", headers=headers).status_code == expected


def test_hidden_endpoints_are_on_no_page(make_app: MakeApp) -> None:
    errors = ApiErrors()
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/secret", "internal.secret", raises(ImATeapot)(lambda: ""))
    errors.hide("internal.*")
    for accept in ("text/html", "application/json", "text/markdown"):
        assert "secret" not in get(app, accept=accept).text
        assert "teapot" not in get(app, accept=accept).text
        assert "secret" not in get(app, "/errors/im-a-teapot", accept).text


def test_the_templates_and_filters_of_the_app_do_not_matter(app: Flask) -> None:
    app.jinja_env.filters["prose"] = app.jinja_env.filters["json"] = lambda value: "broken"
    app.jinja_env.globals["page"] = None
    app.context_processor(lambda: {"page": "broken"})
    for path in ("/errors", "/errors/not-found"):
        assert "broken" not in get(app, path).text


def test_two_apps_have_two_pages(make_app: MakeApp) -> None:
    errors = ApiErrors()
    first = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    second = make_app(errors, APIERRORS_REFERENCE_URL="/failures")
    first.add_url_rule("/a", view_func=lambda: "")
    second.add_url_rule("/b", view_func=lambda: "")
    errors.convert(LookupError, to=ServiceUnavailable)
    pages: list[dict[str, Any]] = [
        get(first, accept="application/json").get_json(),
        get(second, "/failures", "application/json").get_json(),
    ]
    assert [[endpoint["path"] for endpoint in page["endpoints"]] for page in pages] == [
        ["/a"],
        ["/b"],
    ]


@pytest.mark.parametrize("accept", ["text/html", "text/markdown"])
def test_an_app_that_only_sends_problem_json_shows_no_other_body(
    make_app: MakeApp, accept: str
) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors", APIERRORS_FORMAT="problem")
    page = get(app, "/errors/not-found", accept).text
    assert "application/problem+json" in page
    assert "Response body as <code>application/json" not in page
    assert "Response body as `application/json`" not in page
    overview = get(app, "/errors", accept).text
    assert "members of problem details" in overview
    assert "to get problem details" not in overview


def test_a_status_leads_to_what_the_app_answers_with_it(make_app: MakeApp) -> None:
    app = make_app(
        APIERRORS_REFERENCE_URL="/errors",
        APIERRORS_VALIDATION_STATUS=422,
        RATELIMIT_DEFAULT="1/second",
    )
    app.add_url_rule("/x", view_func=raises(ValidationError)(lambda: ""))
    client = app.test_client()
    for status, code in ((422, "validation-failed"), (429, "quota-exceeded"), (418, "im-a-teapot")):
        response = client.get(f"/errors/{status}")
        assert response.location == f"/errors/{code}"
        assert client.get(response.location).status_code == 200


def test_the_page_does_not_say_where_the_source_raises_an_error(make_app: MakeApp) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors")

    @app.get("/x")
    def x(code: int = 404) -> str:
        if code == 404:
            abort(409)
        abort(code)

    client = app.test_client()
    for accept in ("text/html", "application/json", "text/markdown"):
        for url in ("/errors", "/errors/conflict"):
            text = client.get(url, headers={"Accept": accept}).text
            assert "Conflict" in text
            assert ".py" not in text


def test_a_body_that_is_no_object_is_shown_as_it_is(make_app: MakeApp) -> None:
    errors = ApiErrors()
    errors.format(lambda problem: [problem.detail])
    client = make_app(errors, APIERRORS_REFERENCE_URL="/errors").test_client()
    overview: Any = client.get("/errors", headers={"Accept": "application/json"}).json
    assert overview["body"] == "Every error looks like this one."
    assert overview["example"] == ["The requested resource does not exist."]
