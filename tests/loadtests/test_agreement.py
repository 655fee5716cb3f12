"""Translations of different types are compared sentence by sentence and by BLEU."""

import gzip
import json
from pathlib import Path

import pytest

pytest.importorskip("sacrebleu")

from loadtests import agreement

EXACT = ["Der Hund schläft auf dem Sofa.", "Guten Morgen, wie geht es dir heute?"]


def test_equal_translations_agree_wholly() -> None:
    found = agreement.compare(EXACT, EXACT, None, dtype="int8", num_beams=1)
    assert found.equal == 1.0
    assert found.bleu_to_float32 == pytest.approx(100)
    assert found.bleu is None


def test_a_changed_sentence_counts_once() -> None:
    outputs = [EXACT[0], "Guten Abend, wie geht es dir heute?"]
    found = agreement.compare(outputs, EXACT, outputs, dtype="int8", num_beams=4)
    assert found.equal == 0.5
    assert 40 < found.bleu_to_float32 < 100
    assert found.bleu == pytest.approx(100)


def test_the_command_compares_a_file_with_references(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pairs.tsv.gz"
    lines = ["Good morning.\tGuten Morgen.\n", "See you tomorrow!\tBis morgen!\n", "Yes.\tJa.\n"]
    path.write_bytes(gzip.compress("".join(lines).encode()))
    result = tmp_path / "result.json"
    files = ["--sentences", str(path), "--json", str(result)]
    assert agreement.main([*files, "--limit", "2", "--beams", "1", "--threads", "1"]) == 0
    assert "2 sentences, en to de" in capsys.readouterr().out
    written = json.loads(result.read_text())
    assert [entry["dtype"] for entry in written] == ["float32", "bfloat16", "int8"]
    assert written[0]["equal"] == 1.0
    assert all(0.0 <= entry["bleu"] <= 100.0 for entry in written)
