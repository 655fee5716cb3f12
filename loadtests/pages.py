"""An English web page of any length, for tests and measurements, and the tags of a page."""

from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

_PAGE = Path(__file__).with_name("page.html")
_START, _STOP = "<!-- section -->", "<!-- /section -->"


def page(num_sections: int = 1) -> str:
    """Return the page with its section repeated: 2.3 kB each, 2.0 kB around; 20 make 49 kB."""
    text = _PAGE.read_text(encoding="utf-8")
    before, rest = text.split(_START)
    section, after = rest.split(_STOP)
    return before + section * num_sections + after


def tags_of(source: str) -> Counter[str]:
    """Count the tags of a page, as they are written, its comments and its declaration.

    The parser is Python's own, so that it can check the service's.
    """
    parser = _TagParser()
    parser.feed(source)
    parser.close()
    return parser.found


class _TagParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.found[str(self.get_starttag_text())] += 1

    def handle_endtag(self, tag: str) -> None:
        self.found[f"</{tag}>"] += 1

    def handle_comment(self, data: str) -> None:
        self.found[f"<!--{data}-->"] += 1

    def handle_decl(self, decl: str) -> None:
        self.found[f"<!{decl}>"] += 1
