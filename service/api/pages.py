"""Pages for people: a start page to try the service, and the API's documentation.

Both work on a machine without a network: the documentation's scripts come with a package. A
content security policy lets each run the scripts that it was written with, and no others.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_ASSETS = "docs/assets"  # relative, so that the pages work behind a path prefix too
_START_PAGE = Path(str(files("service.api") / "web" / "index.html"))

_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' {styles}; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
_HEADERS = {"referrer-policy": "no-referrer", "x-frame-options": "SAMEORIGIN"}


def add_pages(app: FastAPI) -> None:
    """Add `/` and `/docs` to the application."""
    scripts = Path(str(files("fastapi_offline") / "static"))
    app.mount(f"/{_ASSETS}", StaticFiles(directory=scripts), name="docs-assets")
    app.add_api_route("/", start_page, include_in_schema=False)
    app.add_api_route("/docs", docs_page, include_in_schema=False)


async def start_page() -> HTMLResponse:
    """Answer with the page on which to try the service."""
    return _page(_read_start_page())


async def docs_page(request: Request) -> HTMLResponse:
    """Answer with the API's documentation."""
    swagger = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{request.app.title} API",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    return _page(bytes(swagger.body).decode())


def _page(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers={**_HEADERS, "content-security-policy": _policy(html)})


@cache
def _policy(html: str) -> str:
    """Return the policy that allows the scripts and styles inside a page, by their hashes."""
    return _POLICY.format(scripts=_hashes("script", html), styles=_hashes("style", html)).strip()


def _hashes(tag: str, html: str) -> str:
    inside = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digests = (hashlib.sha256(each.encode()).digest() for each in inside)
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)


@cache
def _read_start_page() -> str:
    return _START_PAGE.read_text(encoding="utf-8")
