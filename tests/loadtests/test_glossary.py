"""The benchmark of glossaries: its cases, and the ways to have a term come out."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("sacrebleu")

from loadtests import glossary

PAIRS = [("The file is new.", "Die Datei ist neu."), ("Nothing here.", "Hier ist keine Datei.")]


def cases(*, leave: bool = False) -> list[glossary.Case]:
    return list(glossary.cases(PAIRS, [("file", "Datei")], leave=leave))


def test_a_case_has_the_term_and_its_translation() -> None:
    (case,) = cases()

    assert (case.source, case.reference) == PAIRS[0]
    assert case.is_met_by("Eine Datei")
    assert not case.is_met_by("Eine Akte")


def test_a_term_that_is_left_is_in_the_reference_as_well() -> None:
    (case,) = cases(leave=True)

    assert case.reference == "Die file ist neu."
    assert case.is_met_by("Das file")


@pytest.mark.parametrize(
    ("answers", "output"),
    [
        ({"The file is new.": ["Akte", "Datei"]}, "Datei"),
        ({"The Datei is new.": ["Die Datei!"]}, "Die Datei!"),
        ({"The X1 is new.": ["Das X1."]}, "Das Datei."),
        ({"The file is new.": ["Die Akte"]}, "Die Akte"),
    ],
)
def test_the_first_way_that_works_is_taken(answers: dict[str, list[str]], output: str) -> None:
    def translate(texts: Sequence[str]) -> list[list[str]]:
        return [answers.get(text, ["?"]) for text in texts]

    ways = glossary.WAYS["hypotheses, target, stand-ins"]

    assert glossary.outputs_of(cases(), ways, translate) == [output]


def test_the_table_has_a_line_for_each_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gzip.open(tmp_path / "a.en-de.valid.tsv.gz", "wt", encoding="utf-8") as lines:
        lines.writelines(f"{a}\t{b}\n" for a, b in PAIRS)

    assert glossary.main([str(tmp_path)]) == 0

    printed = capsys.readouterr().out
    assert all(printed.count(f"  {name} ") == 2 for name in glossary.WAYS)
