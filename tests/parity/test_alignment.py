"""Every kind of published checkpoint aligns words, as far as random weights can."""

from itertools import pairwise
from pathlib import Path

import pytest

from model.alignment.aligner import Aligner
from model.alignment.heads import check_heads
from model.load import load_model
from model.tokenizer.prompt import Summarization, Task, Translation
from tests.parity.checkpoint_kinds import KINDS
from tests.support.engine.readings import heads_of, read_output

SOURCE, OUTPUT = "The reader's book, don't open  17 doors.", "Das Buch des Lesers: öffne nicht 17!"


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
@pytest.mark.parametrize("name", KINDS)
def test_links_are_of_words_of_both_texts(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    loaded = load_model(kind.write(tmp_path), dtype="float32", device="cpu")
    task: Task = Translation("de", "en") if kind.options else Summarization()
    if name == "PLBART":
        task = Translation("en", "python")
    heads = heads_of(loaded, task)
    check_heads(heads, loaded.config)
    aligner = Aligner(heads)
    read = read_output(loaded, task, SOURCE, OUTPUT, layers=aligner.layers)
    assert read.weights.shape[-1] == len(read.source.tokens)
    links = aligner.links(read)
    assert links
    for text, spans in (
        (SOURCE, {link.source for link in links}),
        (OUTPUT, {link.target for link in links}),
    ):
        assert all(text[start:stop].strip() == text[start:stop] != "" for start, stop in spans)
        assert all(first[1] <= second[0] for first, second in pairwise(sorted(spans)))
    assert all(0 < link.weight <= 1 for link in links)
