"""The bundled models and `transformers` read a look-alike as what it looks like."""

from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, MarianTokenizer

from model.families.bart import BART
from model.families.marian import MARIAN
from model.load import BUNDLED
from model.tokenizer.tokenizer import Tokenizer

TEXTS = {
    "Die Über\u00adset\u00adzung ist gut.": "Die Übersetzung ist gut.",
    "Gu\u200bten Mor\u200bgen": "Guten Morgen",
    "C\u2019est l\u2019été !": "C'est l'été !",
    "Don\u2011t open the non\u2011existent file.": "Don-t open the non-existent file.",
    "I don\u2018t know.": "I don't know.",
    "Wait\u2026 what is it?": "Wait... what is it?",
    "Le cafe\u0301 est bon.": "Le café est bon.",
    "\ufeffGuten Morgen": "Guten Morgen",
    "It is a co\u00adop\u00aderation.": "It is a cooperation.",
    "The \ufb01le \ufb02ows \uff26\uff35\uff2c\uff2c": "The file flows FULL",
    "a\u2009b\u202fc\u00a0d\u3000e\u2007f": "a b c d e f",
    "\u202bA\u200eb\u2060\u200dc\u202c": "Abc",
    "It is \u22125 degrees, \u00b4so\u00b4.": "It is -5 degrees, 'so'.",
}

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture(scope="module", params=["translate", "summarize"])
def pair(request: pytest.FixtureRequest) -> tuple[Tokenizer, Any]:
    folder: Path = BUNDLED / request.param
    if request.param == "translate":
        return MARIAN.load_tokenizer(folder), MarianTokenizer.from_pretrained(folder)
    return BART.load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("text", TEXTS)
def test_a_look_alike_has_the_ids_of_what_it_looks_like(
    pair: tuple[Tokenizer, Any], text: str
) -> None:
    ours, theirs = pair
    expected = ours.encode(TEXTS[text])
    assert ours.encode(text) == expected
    assert theirs(text, add_special_tokens=False)["input_ids"] == expected
