"""One call of each client API that asks for the same translations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from loadtests.overhead.echo import TRANSLATOR

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, ready to be sent again and again."""

    path: str
    body: bytes
    content_type: str = _JSON


def calls(texts: Sequence[str]) -> Mapping[str, Call]:
    """Return the calls, by the name of the client API; the native one first."""
    name = TRANSLATOR.name
    listed = list(texts)
    one_or_list = texts[0] if len(texts) == 1 else listed
    kserve = {
        "inputs": [
            {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": listed},
        ],
        "parameters": {"source_lang": "en", "target_lang": "de"},
    }
    return {
        NATIVE: _json(
            "/v1/translate", {"text": one_or_list, "source_lang": "en", "target_lang": "de"}
        ),
        "DeepL, JSON": _json(
            "/v2/translate", {"text": listed, "source_lang": "EN", "target_lang": "DE"}
        ),
        "DeepL, form": _form(
            "/v2/translate",
            [*(("text", text) for text in texts), ("source_lang", "EN"), ("target_lang", "DE")],
        ),
        "LibreTranslate, JSON": _json(
            "/translate", {"q": one_or_list, "source": "en", "target": "de"}
        ),
        "LibreTranslate, form": _form(
            "/translate",
            [*(("q", text) for text in texts), ("source", "en"), ("target", "de")],
        ),
        "Hugging Face": _json(
            f"/models/{name}",
            {"inputs": one_or_list, "parameters": {"src_lang": "en", "tgt_lang": "de"}},
        ),
        "KServe": _json(f"/v2/models/{name}/infer", kserve),
        "nllb-serve": _json(
            "/nllb/translate",
            {"source": listed, "src_lang": "eng_Latn", "tgt_lang": "deu_Latn"},
        ),
    }


def _json(path: str, body: Mapping[str, object]) -> Call:
    return Call(path=path, body=json.dumps(body).encode())


def _form(path: str, fields: Sequence[tuple[str, str]]) -> Call:
    return Call(path=path, body=urlencode(fields).encode(), content_type=_FORM)
