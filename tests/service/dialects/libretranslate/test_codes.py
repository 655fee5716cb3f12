"""Codes of languages, as LibreTranslate writes them and as the models do."""

import pytest

from model.tokenizer.prompt import Translation
from tests.support.service.clients import client_of
from tests.support.service.fakes import FakeBackend
from tests.support.service.libretranslate import backend_of

SETS = [
    pytest.param("en de pt zh no he sr", id="as M2M-100"),
    pytest.param(
        "eng_Latn arb_Arab ary_Arab nob_Latn nno_Latn zho_Hant zho_Hans por_Latn prs_Arab pes_Arab "
        "kor_Hang heb_Hebr tgl_Latn ace_Arab ace_Latn zsm_Latn als_Latn azj_Latn lvs_Latn srp_Cyrl",
        id="as NLLB",
    ),
    pytest.param("en_XX de_DE zh_CN pt_XX ur_PK he_IL tl_XX", id="as mBART"),
    pytest.param("en pt-BR pt zh-TW zh_CN iw nb", id="with regions"),
]
DOUBLED = [  # one language by several codes, as two models may be served
    pytest.param("zh zh-Hans zho_Hans zh_CN no nb nob_Latn", id="doubled"),
    pytest.param("zho_Hans zh en eng_Latn en-GB", id="doubled, in another order"),
]


def asked(backend: FakeBackend, source: str, target: str) -> Translation:
    """Return the languages that the model is asked for."""
    body = {"q": "Good morning", "source": source, "target": target}
    response = client_of(backend).post("/translate", json=body)
    assert response.status_code == 200, response.text
    task = backend.requests[-1].task
    assert isinstance(task, Translation)
    return task


@pytest.mark.parametrize("served", [*SETS, *DOUBLED])
def test_every_listed_code_is_taken_for_the_language_that_it_was_listed_for(served: str) -> None:
    codes = served.split()
    backend = backend_of(*codes)
    listed = [each["code"] for each in client_of(backend).get("/languages").json()]
    assert len({code.lower() for code in listed}) == len(codes)
    for write in (str, str.upper):
        for i, code in enumerate(listed):
            task = asked(backend, write(code), write(listed[i - 1]))
            assert (task.source_lang, task.target_lang) == (codes[i], codes[i - 1])


@pytest.mark.parametrize("served", SETS)
def test_every_code_of_a_model_is_taken_for_itself(served: str) -> None:
    codes = served.split()
    backend = backend_of(*codes)
    for i, code in enumerate(codes):
        task = asked(backend, code, codes[i - 1])
        assert (task.source_lang, task.target_lang) == (code, codes[i - 1])


@pytest.mark.parametrize(
    ("served", "listed"),
    [
        ("zh", "zh-Hans"),
        ("zh_CN", "zh-Hans"),
        ("zho_Hans", "zh-Hans"),
        ("zho_Hant", "zh-Hant"),
        ("zh-TW", "zh-Hant"),
        ("pt", "pt"),
        ("pt-BR", "pt-BR"),
        ("no", "nb"),
        ("nob_Latn", "nb"),
        ("iw", "he"),
        ("heb_Hebr", "he"),
        ("arb_Arab", "ar"),
        ("tgl_Latn", "tl"),
        ("kor_Hang", "ko"),
        ("de_DE", "de"),
        ("deu_Latn", "de"),
    ],
)
def test_a_language_is_listed_by_libretranslate_s_code(served: str, listed: str) -> None:
    languages = client_of(backend_of("en", served)).get("/languages").json()
    assert [each["code"] for each in languages] == ["en", listed]
    assert [each["targets"] for each in languages] == [[listed], ["en"]]


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        ("pb", "pt-BR"),
        ("PB", "pt-BR"),
        ("pb", "pt"),
        ("pt-br", "pt"),
        ("zh", "zho_Hans"),
        ("zt", "zho_Hant"),
        ("ZT", "zh"),
        ("zh-hant", "zho_Hant"),
        ("zh-TW", "zho_Hant"),
        ("no", "nob_Latn"),
        ("nb", "no"),
        ("iw", "heb_Hebr"),
        ("he", "iw"),
        ("ar", "arb_Arab"),
        ("de-CH", "deu_Latn"),
        ("deu", "de"),
        ("tl", "tgl_Latn"),
    ],
)
def test_a_code_finds_the_nearest_served_language(sent: str, served: str) -> None:
    assert asked(backend_of("en", served), "en", sent).target_lang == served


def test_chinese_is_simplified_unless_it_is_called_traditional() -> None:
    backend = backend_of("en", "zho_Hant", "zho_Hans")
    for sent, expected in {"zh": "zho_Hans", "zt": "zho_Hant", "zh-Hans": "zho_Hans"}.items():
        assert asked(backend, "en", sent).target_lang == expected


def test_a_detected_language_has_the_code_that_it_is_listed_by() -> None:
    client = client_of(backend_of("en", "zh", "no"))
    body = {"q": ["火车站在哪里", "Hvor er togstasjonen? Vi skal hjem."], "source": "auto"}
    answer = client.post("/translate", json={**body, "target": "en"}).json()
    assert [each["language"] for each in answer["detectedLanguage"]] == ["zh-Hans", "nb"]
    assert client.post("/detect", json={"q": body["q"][0]}).json()[0]["language"] == "zh-Hans"


def test_an_unknown_code_is_told_with_those_that_are_listed() -> None:
    body = {"q": "Hi", "source": "en", "target": "zz"}
    answer = client_of(backend_of("en", "zh")).post("/translate", json=body)
    assert answer.json()["error"] == (
        "zz is not supported; `target` must be one of the languages served, en, zh-Hans"
    )
