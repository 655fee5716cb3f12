"""The start page in a real browser: a visitor's steps, taken by a script in a page around it."""

import asyncio
import html
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.responses import HTMLResponse

from model.tokenizer.prompt import Summarization
from service.api.create import create_api
from service.pairs import Pairs
from service.settings import Settings
from tests.support.service.clients import server_running
from tests.support.service.fakes import SUMMARIZER, TRANSLATOR, FakeBackend
from tests.support.service.keys import make_key

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
# The browser's clock runs ahead while nothing but a timer is due, faster than a busy machine can
# answer; so it has much time, which costs none once the steps have come to their end.
CLOCK = "--virtual-time-budget=2000000"
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", CLOCK)
KEY = "0123456789abcdef"
AROUND = """<!doctype html><pre id="log"></pre><iframe id="page" src="/%s"></iframe><script>
const $ = (id) => document.getElementById("page").contentDocument.getElementById(id);
const pause = () => new Promise((resume) => setTimeout(resume, 5));
const seen = (element) => element.checkVisibility();
const codes = (id) => [...$(id).options].map((option) => option.value);
const styles = () => [...$("styles").querySelectorAll("input")].map((input) => input.value);
const press = (value) => $("form").querySelector(`[value=${value}]`).click();
const isAsked = () => $("access") && seen($("access")); // for a key
async function loaded() { while (!$("target")?.options.length && !isAsked()) await pause(); }
async function told(part) { while (!$("status").textContent.includes(part)) await pause(); }
const isBusy = () => $("answer").ariaBusy === "true" || !$("status").textContent;
async function answered() { while (isBusy()) await pause(); }
function enter(key) { $("key").value = key; $("key").dispatchEvent(new Event("change")); }
function choose(id, value) { $(id).value = value; $(id).dispatchEvent(new Event("change")); }
(async () => {
  await loaded();
  %s
})().then((found) => { document.getElementById("log").textContent = JSON.stringify(found); });
</script>"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")


async def visit(
    backend: FakeBackend, steps: str, *, tmp_path: Path, fragment: str = "", **settings: Any
) -> Any:
    """Return the value of the steps, the body of a JavaScript function."""
    app = create_api(backend, Settings(**settings))

    @app.get("/around")
    async def around() -> HTMLResponse:
        return HTMLResponse(AROUND % (fragment, steps))

    async with server_running(app) as client:
        browser = await asyncio.create_subprocess_exec(
            *(str(BROWSER), *OPTIONS, f"--user-data-dir={tmp_path}", "--dump-dom"),
            f"{client.base_url}/around",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        out, _ = await browser.communicate()
    log = re.search('<pre id="log">(.*?)</pre>', out.decode(), re.DOTALL)
    assert log is not None
    assert log[1], "the steps did not come to their end"
    return json.loads(html.unescape(log[1]))


def both() -> FakeBackend:
    return FakeBackend(served=(TRANSLATOR, SUMMARIZER))


async def test_only_pairs_that_are_served_can_be_chosen(tmp_path: Path) -> None:
    steps = """
      const any = codes("target");
      choose("source", "fr");
      return { from: codes("source"), any, fromFrench: codes("target") };
    """
    assert await visit(both(), steps, tmp_path=tmp_path) == {
        "from": ["", "en", "de", "fr", "es"],
        "any": ["de", "fr", "es", "en"],
        "fromFrench": ["en"],
    }


async def test_a_model_of_many_languages_offers_each_with_each(tmp_path: Path) -> None:
    many = tuple(f"{a}{b}{c}" for a in "abc" for b in "abc" for c in "abc")
    served = replace(TRANSLATOR, pairs=Pairs.between(many, many))
    steps = """
      choose("source", "abc");
      return { from: codes("source"), fromOne: codes("target") };
    """
    assert await visit(FakeBackend(served=(served,)), steps, tmp_path=tmp_path) == {
        "from": ["", *many],
        "fromOne": [code for code in many if code != "abc"],
    }


async def test_a_translation_is_shown_and_can_be_sent_back(tmp_path: Path) -> None:
    steps = """
      $("go").click();
      await answered();
      const answer = $("answer").textContent, status = $("status").textContent;
      $("swap").click();
      return [answer, status, $("source").value, $("target").value, $("text").value];
    """
    answer, status, *swapped = await visit(both(), steps, tmp_path=tmp_path)
    assert answer == "WHEN DOES THE NEXT TRAIN LEAVE?"
    assert status.startswith("fake/translate, detected en, ")
    assert swapped == ["de", "en", answer]


async def test_a_text_is_summarized_in_the_chosen_style(tmp_path: Path) -> None:
    backend = both()
    steps = """
      const offered = styles();
      press("tldr");
      $("go").click();
      await answered();
      return [offered, seen($("target")), $("go").textContent, $("answer").textContent];
    """
    assert await visit(backend, steps, tmp_path=tmp_path, fragment="#summarize") == [
        ["headline", "tldr"],
        False,
        "Summarize",
        "Wind farms lose.",
    ]
    assert backend.requests[-1].task == Summarization("tldr")


async def test_the_parts_of_a_long_text_are_counted_while_they_are_summarized(
    tmp_path: Path,
) -> None:
    steps = """
      const told = [];
      new MutationObserver(() => told.push($("status").textContent))
        .observe($("status"), { childList: true });
      $("text").value = "One thing is here. ".repeat(30);
      $("go").click();
      await answered();
      return told.filter((sentence) => sentence.startsWith("read "));
    """
    told = await visit(both(), steps, tmp_path=tmp_path, fragment="#summarize")
    assert told
    assert all(re.fullmatch(r"read \d+ of \d+ parts", sentence) for sentence in told)


async def test_each_task_keeps_its_own_text(tmp_path: Path) -> None:
    steps = """
      $("text").value = "Good morning.";
      press("summarize");
      const other = $("text").value;
      press("translate");
      return [other.split(" ")[0], $("text").value];
    """
    assert await visit(both(), steps, tmp_path=tmp_path) == ["Wind", "Good morning."]


async def test_where_no_summaries_are_offered_there_is_no_choice(tmp_path: Path) -> None:
    steps = 'return [seen($("tasks")), seen($("styles")), seen($("target"))];'
    assert await visit(FakeBackend(), steps, tmp_path=tmp_path, fragment="#summarize") == [
        False,
        False,
        True,
    ]


async def test_a_refusal_is_shown_in_its_own_words(tmp_path: Path) -> None:
    steps = """
      $("text").value = "Où est la gare de Lyon ?";
      $("go").click();
      await answered();
      return [$("answer").textContent, $("status").textContent];
    """
    answer, status = await visit(both(), steps, tmp_path=tmp_path)
    assert answer == ""
    assert status.startswith("`text` is detected to be in French, and no model translates fr-de")


async def test_a_visitor_is_asked_for_a_key_where_one_is_needed(tmp_path: Path) -> None:
    steps = f"""
      await told("an API key is required");
      enter("wrong");
      await told("not valid");
      const stillAsked = isAsked();
      enter("{KEY}");
      while (!codes("target").length) await pause();
      $("go").click();
      await answered();
      return [stillAsked, isAsked(), seen($("lists")), $("answer").textContent];
    """
    found = await visit(both(), steps, tmp_path=tmp_path, api_keys=SecretStr(KEY))
    assert found == [True, False, False, "WHEN DOES THE NEXT TRAIN LEAVE?"]


async def test_a_visitor_without_the_scope_is_asked_for_another_key(tmp_path: Path) -> None:
    one = make_key(tmp_path / "keys.yaml", "one", "--scope", "summarize")
    two = make_key(tmp_path / "keys.yaml", "two")
    steps = f"""
      enter("{one}");
      while (!codes("target").length) await pause();
      const first = isAsked();
      $("go").click();
      await told("lacks the scope translate");
      const second = isAsked();
      enter("{two}");
      $("go").click();
      await told("tokens in");
      return [first, second, isAsked()];
    """
    file = tmp_path / "keys.yaml"
    found = await visit(both(), steps, tmp_path=tmp_path / "browser", keys_file=file)
    assert found == [False, True, False]


async def test_where_no_key_is_needed_none_is_asked_for(tmp_path: Path) -> None:
    steps = 'return [isAsked(), seen($("lists"))];'
    assert await visit(both(), steps, tmp_path=tmp_path) == [False, True]
