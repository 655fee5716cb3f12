"""Pages for people, on a machine without a network."""

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
