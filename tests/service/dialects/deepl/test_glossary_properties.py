"""Entries come out as they went in, and the list is of what is there, for any terms."""

import csv
import io
from collections.abc import Iterator

import deepl
import pytest
from deepl.api_data import MultilingualGlossaryDictionaryEntries as Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from service.text.glossary import parts_of
from tests.support.service.glossary_services import deepl_client, serving

_SEPARATORS = ["\u2028", "\u2029"]
CHARACTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=_SEPARATORS)
TERMS = st.text(CHARACTERS, min_size=1, max_size=12).map(str.strip).filter(parts_of)
DICTIONARIES = st.dictionaries(TERMS, TERMS, min_size=1, max_size=6)


@pytest.fixture(scope="module")
def client() -> Iterator[deepl.DeepLClient]:
    with serving() as url, deepl_client(url) as found:
        yield found


def as_csv(entries: dict[str, str]) -> str:
    with io.StringIO(newline="") as text:
        csv.writer(text).writerows(entries.items())
        return text.getvalue()


@given(entries=DICTIONARIES)
def test_entries_of_a_glossary_with_one_pair_come_out_as_they_went_in(
    client: deepl.DeepLClient, entries: dict[str, str]
) -> None:
    for made in (
        client.create_glossary("n", "EN", "DE", entries),
        client.create_glossary_from_csv("n", "EN", "DE", as_csv(entries)),
    ):
        assert made.entry_count == len(entries)
        found = client.get_glossary_entries(made)
        assert list(found.items()) == list(entries.items())
        client.delete_glossary(made)


@given(first=DICTIONARIES, then=DICTIONARIES, other=DICTIONARIES)
def test_entries_of_a_dictionary_are_those_that_were_given_last(
    client: deepl.DeepLClient,
    first: dict[str, str],
    then: dict[str, str],
    other: dict[str, str],
) -> None:
    made = client.create_multilingual_glossary(
        "n", [Dictionary("EN", "DE", first), Dictionary("DE", "EN", other)]
    )

    def found(source: str, target: str) -> dict[str, str]:
        answer = client.get_multilingual_glossary_entries(made, source, target)
        return deepl.convert_tsv_to_dict(str(answer.dictionaries[0].entries))

    assert found("EN", "DE") == first
    client.update_multilingual_glossary_dictionary(made, Dictionary("EN", "DE", then))
    assert found("EN", "DE") == {**first, **then}
    client.replace_multilingual_glossary_dictionary(made, Dictionary("EN", "DE", then))
    assert found("EN", "DE") == then
    assert found("DE", "EN") == other
    client.delete_multilingual_glossary(made)


def test_the_list_is_what_was_made_and_not_deleted(client: deepl.DeepLClient) -> None:
    class Machine(RuleBasedStateMachine):
        kept = Bundle("kept")

        def __init__(self) -> None:
            super().__init__()
            self.names: dict[str, str] = {}

        @initialize()
        def empty(self) -> None:
            for each in client.list_glossaries():
                client.delete_glossary(each)

        @rule(target=kept, name=TERMS)
        def make(self, name: str) -> str:
            made = client.create_glossary(name, "EN", "DE", {"a": "b"})
            self.names[made.glossary_id] = name
            return made.glossary_id

        @rule(id_=kept, name=TERMS)
        def rename(self, id_: str, name: str) -> None:
            client.update_multilingual_glossary_name(id_, name)
            self.names[id_] = name

        @rule(id_=consumes(kept))
        def delete(self, id_: str) -> None:
            client.delete_glossary(id_)
            del self.names[id_]

        @invariant()
        def lists_agree(self) -> None:
            old = {each.glossary_id: each.name for each in client.list_glossaries()}
            new = {each.glossary_id: each.name for each in client.list_multilingual_glossaries()}
            assert old == new == self.names

    run_state_machine_as_test(Machine, settings=settings(max_examples=15, stateful_step_count=15))
