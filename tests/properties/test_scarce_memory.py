"""A cache with few blocks changes the time that requests take, and nothing else.

The runner is PyTorch's, whose rows have their maximal length: only the scheduler counts blocks.
"""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.engine import block_pool
from model.engine.block_pool import most_blocks
from model.engine.config import TokenRules
from model.engine.engine import Engine
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import make_engine, scarce
from tests.support.engine.jobs import Job, jobs, networks, rules, run_together, unshrunk


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Iterator[None]:
    """Make short requests take several blocks, and expect of their outputs a step only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_pool, "TOKENS_PER_BLOCK", 2)
        patch.setattr(block_pool, "MAX_STEPS", 1)
        yield


def engine_of(num_blocks: int, network: Seq2SeqTransformer, token_rules: TokenRules) -> Engine:
    return make_engine(network=network, rules=token_rules, max_rows=20, make=scarce(num_blocks))


@unshrunk
@given(networks, rules, jobs(abortable=True), st.integers(0, 6))
def test_scarce_blocks_change_no_answer(
    network: Seq2SeqTransformer, token_rules: TokenRules, todo: list[Job], spare: int
) -> None:
    least = max(
        most_blocks(
            num_source_tokens=len(job.prompt.encoder_ids),
            # One more: some checkpoints force the first token after the start.
            num_target_tokens=len(job.prompt.decoder_prefix_ids)
            + len(job.params.target_prefix_ids)
            + job.params.max_new_tokens
            + 1,
            num_rows=job.params.num_rows,
        )
        for job in todo
    )
    found = run_together(engine_of(least + spare, network, token_rules), todo)
    expected = run_together(engine_of(10_000, network, token_rules), todo)
    for number, job in enumerate(todo):
        if job.aborted_at is not None:
            continue
        last, other = found[number][-1], expected[number][-1]
        assert last.finish_reason == other.finish_reason
        assert [h.token_ids for h in last.hypotheses] == [h.token_ids for h in other.hypotheses]
        tokens = [token_id for output in expected[number] for token_id in output.new_token_ids]
        assert [id_ for output in found[number] for id_ in output.new_token_ids] == tokens
