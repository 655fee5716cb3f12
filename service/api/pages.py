"""Pages for people: a start page to try the service, and the API's documentation.

Both work on a machine without a network: the documentation's scripts come with a package.
"""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_ASSETS = "docs/assets"  # relative, so that the pages work behind a path prefix too


def add_pages(app: FastAPI) -> None:
    """Add `/` and `/docs`."""
    start_page = Path(str(files("service.api") / "web" / "index.html")).read_text(encoding="utf-8")
    assets = Path(str(files("fastapi_offline") / "static"))
    app.mount(f"/{_ASSETS}", StaticFiles(directory=assets), name="docs-assets")

    @app.get("/", include_in_schema=False)
    async def start() -> HTMLResponse:
        return HTMLResponse(start_page)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=f"{app.title} API",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{_ASSETS}/favicon.png",
        )
