"""Tables that config.json says are shared, or not: copies, and outputs of their own."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from model.families.registry import family_of
from tests.support.checkpoints.factories import (
    fresh_network,
    marian_config,
    t5_config,
    tensors_of,
)
from tests.support.checkpoints.weights import (
    DECODER_TABLE,
    ENCODER_TABLE,
    OUTPUT,
    SHARED,
    TWO_TABLES,
    UNTIED,
    load_tensors,
    marian_tensors,
    problems_of,
)


@pytest.mark.parametrize("name", [SHARED, ENCODER_TABLE, DECODER_TABLE, OUTPUT])
def test_a_shared_table_is_found_under_any_of_its_names(tmp_path: Path, name: str) -> None:
    tensors = marian_tensors()
    tensors[name] = table = tensors.pop(SHARED)
    loaded = load_tensors(tmp_path, marian_config(), tensors)
    assert torch.equal(loaded.embedding.weight, table)
    assert loaded.output_weight is loaded.embedding.weight


def test_equal_copies_of_a_shared_table_are_no_matter(tmp_path: Path) -> None:
    tensors = marian_tensors()
    tensors |= {name: tensors[SHARED].clone() for name in (ENCODER_TABLE, DECODER_TABLE, OUTPUT)}
    assert torch.equal(
        load_tensors(tmp_path, marian_config(), tensors).embedding.weight, tensors[SHARED]
    )


def test_a_copy_that_differs_is_not_dropped_in_silence(tmp_path: Path) -> None:
    """If two tables that should be one differ, neither is ignored."""
    tensors = marian_tensors()
    tensors[OUTPUT] = tensors[SHARED] + 1
    assert problems_of(tmp_path, marian_config(), tensors) == [
        f"untied: {OUTPUT} differs from {SHARED}, though config.json ties them"
    ]


def t5_tensors() -> dict[str, Tensor]:
    """Return tensors of a family whose config.json does not tell whether the output is tied."""
    return tensors_of(fresh_network(t5_config()), family_of(t5_config()))


def test_an_output_with_other_numbers_is_one_of_its_own_where_only_the_file_can_tell(
    tmp_path: Path,
) -> None:
    tensors = t5_tensors()
    tensors[OUTPUT] = tensors["shared.weight"] + 1
    loaded = load_tensors(tmp_path, t5_config(), tensors)
    assert not loaded.config.tied_output
    assert torch.equal(loaded.embedding.weight, tensors["shared.weight"])
    assert torch.equal(loaded.output_weight, tensors[OUTPUT])


def test_an_output_with_the_same_numbers_is_a_copy(tmp_path: Path) -> None:
    tensors = t5_tensors()
    tensors[OUTPUT] = tensors["shared.weight"].clone()
    loaded = load_tensors(tmp_path, t5_config(), tensors)
    assert loaded.config.tied_output
    assert loaded.output_weight is loaded.embedding.weight


def test_an_output_of_its_own_must_fit(tmp_path: Path) -> None:
    tensors = t5_tensors() | {OUTPUT: torch.zeros(29, 16)}
    assert problems_of(tmp_path, t5_config(), tensors) == [
        f"misshapen: {OUTPUT} (29, 16), where (30, 16) is needed"
    ]


def test_an_untied_output_is_a_table_of_its_own(tmp_path: Path) -> None:
    tensors = marian_tensors(**UNTIED) | {SHARED: torch.zeros(30, 12)}
    loaded = load_tensors(tmp_path, marian_config(**UNTIED), tensors)
    assert torch.equal(loaded.embedding.weight, tensors[ENCODER_TABLE])
    assert torch.equal(loaded.target_embedding.weight, tensors[DECODER_TABLE])
    assert torch.equal(loaded.output_weight, tensors[OUTPUT])


def test_an_untied_output_cannot_stand_for_the_decoders_table(tmp_path: Path) -> None:
    tensors = marian_tensors(**UNTIED)
    del tensors[DECODER_TABLE]
    assert problems_of(tmp_path, marian_config(**UNTIED), tensors) == [f"missing: {DECODER_TABLE}"]


def test_an_older_untied_checkpoint_has_one_table_for_both_sides(tmp_path: Path) -> None:
    tensors = marian_tensors(**UNTIED)
    tensors[SHARED] = tensors.pop(ENCODER_TABLE)
    del tensors[DECODER_TABLE]
    loaded = load_tensors(tmp_path, marian_config(**UNTIED), tensors)
    assert torch.equal(loaded.target_embedding.weight, loaded.embedding.weight)


def test_separate_tables_of_two_vocabularies(tmp_path: Path) -> None:
    tensors = marian_tensors(**TWO_TABLES)
    loaded = load_tensors(tmp_path, marian_config(**TWO_TABLES), tensors)
    assert loaded.embedding.weight.shape == (30, 12)
    assert torch.equal(loaded.output_weight, tensors[DECODER_TABLE])
