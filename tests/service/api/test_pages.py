"""Pages for people, on a machine without a network, which run no scripts but their own."""

import base64
import hashlib
import re

import pytest

from tests.support.service.clients import client_of


def test_the_documentation_needs_no_network() -> None:
    client = client_of()
    page = client.get("/docs").text
    assert "https://" not in page
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        assert f"docs/assets/{asset}" in page
        assert client.get(f"/docs/assets/{asset}").status_code == 200


def test_the_start_page_loads_nothing_from_elsewhere() -> None:
    page = client_of().get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_documentation_s_files_say_that_they_are_only_read() -> None:
    response = client_of().post("/docs/assets/favicon.png")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_allows_the_scripts_that_it_has_and_no_others(path: str) -> None:
    page = client_of().get(path)
    rules = dict(
        rule.strip().split(" ", 1) for rule in page.headers["content-security-policy"].split(";")
    )
    scripts = re.findall("<script>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()) for each in scripts]
    assert rules["script-src"].split() == [
        "'self'",
        *(f"'sha256-{each.decode()}'" for each in digests),
    ]
    assert rules["default-src"] == "'none'"
    assert not re.search(r"<[^>]+\s(on\w+|style)=", page.text)  # which no hash would allow


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_a_page_cannot_be_framed_by_others_and_tells_nobody_where_a_visitor_was(path: str) -> None:
    headers = client_of().get(path).headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/assets/favicon.png", "/health", "/nowhere"])
def test_no_browser_guesses_what_an_answer_is(path: str) -> None:
    assert client_of().get(path).headers["x-content-type-options"] == "nosniff"
