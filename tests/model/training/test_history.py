from pathlib import Path

from model.training.history import Stage, read_stages, stage_of, write_stages
from model.training.state import Position


def make_stage() -> Stage:
    position = Position(step=1200, tokens=2_345_678, elapsed_s=605.0)
    return stage_of(position, data="en-de", hardware="an abacus")


def test_a_stage_reads_as_a_sentence_of_a_card() -> None:
    assert str(make_stage()) == (
        "en-de: 1,200 steps, 2.3 million source and target tokens, 10 minutes on an abacus"
    )


def test_a_stage_says_whether_its_weights_are_averaged() -> None:
    position = Position(step=1, num_averaged=3)
    stage = stage_of(position, data="en-de", hardware="an abacus")
    assert str(stage).endswith("on an abacus. The weights are the mean over its last part")


def test_stages_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_stages(tmp_path, [make_stage(), make_stage()])
    assert read_stages(tmp_path) == [make_stage(), make_stage()]


def test_a_checkpoint_that_says_nothing_has_no_stages(tmp_path: Path) -> None:
    assert read_stages(tmp_path) == []
