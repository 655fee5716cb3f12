"""nllb-api's API, with the requests that SubtitleEdit sends to it."""

from typing import Any

import httpx
import pytest

from tests.support.service.clients import client_of, refusal
from tests.support.service.sync_clients import ask

PATH = "/nllb/translator"
BODY = {"text": "Hello", "source": "eng_Latn", "target": "deu_Latn"}
FROM_SUBTITLE_EDIT = (
    b'{ "text": "Good morning.\\r\\n\\"You\\"",  "source": "eng_Latn", "target": "deu_Latn" }'
)


async def test_a_request_of_subtitle_edit_is_answered_over_a_socket() -> None:
    def call(url: str) -> httpx.Response:
        headers = {"content-type": "application/json; charset=utf-8"}
        return httpx.post(f"{url}{PATH}", content=FROM_SUBTITLE_EDIT, headers=headers)

    answer = (await ask(call)).raise_for_status().json()
    assert answer == {"result": 'GOOD MORNING.\r\n"YOU"'}


def test_a_query_has_the_same_answer_and_a_language_is_detected() -> None:
    client = client_of()
    assert client.get(PATH, params=BODY).json() == {"result": "HELLO"}
    detected = {"text": "Where is the train station?", "target": "de"}
    assert client.get(PATH, params=detected).json() == {"result": "WHERE IS THE TRAIN STATION?"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"text": ["a"]}, "`text` must be a string"),
        ({"source": 5}, "`source` is 5; it must be a string"),
        ({"source": "xx"}, "`source` is 'xx'; the languages served are"),
        ({"target": "xx"}, "`target` is 'xx'; the languages served are"),
        ({"target": ""}, "`target` is ''"),
        ({"language": "de"}, "`language` is not a field of this request"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], told: str) -> None:
    status, _, sentence = refusal(client_of(), PATH, {**BODY, **change})
    assert status == 400
    assert sentence.startswith(told)
