"""The output projection by our own kernels says what `OutputHead` does, however it is asked."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from model.engine.config import TokenRules
from model.engine.runners.kernel_scores import KernelHead, KernelScores
from model.engine.runners.output_head import OutputHead, TorchScores
from model.kernels.library import library
from model.kernels.linear import KernelOutput, packed
from model.kernels.network import KernelNetwork
from model.kernels.packing import KernelPacking
from model.transformer.packing import pack
from model.transformer.seq2seq import Seq2SeqTransformer
from tests.support.engine.factories import make_config, make_network, make_rules
from tests.support.service.machines import needs_kernels

pytestmark = [needs_kernels, pytest.mark.usefixtures("every_width")]

DTYPES = (torch.float32, torch.bfloat16, torch.int8)
VOCAB_SIZE = 1_499  # no multiple of 16; a slice and a half
LARGE, D_MODEL = 16_400, 64  # from which on int8 proposes
SUPPRESSED = (0, 7, 1_024, 1_498)


def network_of(*, vocab_size: int = VOCAB_SIZE, d_model: int = 32) -> Seq2SeqTransformer:
    return make_network(config=make_config(vocab_size=vocab_size, d_model=d_model))


def packed_network(network: Seq2SeqTransformer, dtype: torch.dtype) -> Seq2SeqTransformer:
    other = copy.deepcopy(network)
    pack(other, KernelPacking(dtype))
    return other


class Heads:
    """A network's two heads over the same packed weights."""

    def __init__(self, network: Seq2SeqTransformer, rules: TokenRules, *, num_rows: int) -> None:
        loaded = library()
        assert loaded is not None
        self._kept = KernelNetwork(network, max_tokens=8)
        self._ours = KernelHead(
            loaded,
            self._kept.head,
            rules,
            workspace=loaded.workspace(),
            num_rows=num_rows,
            vocab_size=network.config.target_vocab_size,
        )
        self._theirs = OutputHead(network, rules)

    def scores(self, hidden: Tensor) -> tuple[KernelScores, TorchScores]:
        ours = KernelScores(self._ours, hidden, num_rows=len(hidden))
        return ours, TorchScores(self._theirs, hidden)


def hidden_states(num_rows: int, d_model: int = 32, *, seed: int = 0) -> Tensor:
    return torch.randn(num_rows, d_model, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def set_threads() -> Iterator[None]:
    """Restore the number of threads after the test."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("suppressed", [(), SUPPRESSED], ids=["all", "some suppressed"])
@pytest.mark.parametrize("renormalizes", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_each_way_to_ask_agrees_with_pytorchs_over_the_same_weights(
    dtype: torch.dtype, suppressed: tuple[int, ...], *, renormalizes: bool
) -> None:
    rules = make_rules(suppressed_ids=suppressed, renormalizes=renormalizes)
    hidden = hidden_states(9)
    heads = Heads(packed_network(network_of(), dtype), rules, num_rows=9)
    ours, theirs = heads.scores(hidden)
    torch.testing.assert_close(ours.logits(), theirs.logits())
    values, token_ids = ours.best()
    expected_values, expected_ids = theirs.best()
    assert token_ids == expected_ids
    assert values == pytest.approx(expected_values, abs=1e-4)
    for num_tokens in (1, 8, 3, 40):
        log_probs, tops = ours.top(num_tokens)
        expected, expected_tops = theirs.top(num_tokens)
        assert tops == expected_tops
        assert [row[0] for row in tops] == token_ids
        for row, expected_row in zip(log_probs, expected, strict=True):
            assert row == pytest.approx(expected_row, abs=1e-4)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_bit_of_a_row_depends_on_the_rows_beside_it(dtype: torch.dtype) -> None:
    heads = Heads(packed_network(network_of(), dtype), make_rules(), num_rows=33)
    hidden = hidden_states(33)
    scores, _ = heads.scores(hidden)
    best, top, logits = scores.best(), scores.top(5), scores.logits().clone()
    for row in (0, 15, 16, 32):
        alone, _ = heads.scores(hidden[row : row + 1])
        assert alone.best() == ([best[0][row]], [best[1][row]])
        assert alone.top(5) == ([top[0][row]], [top[1][row]])
        assert torch.equal(alone.logits()[0], logits[row])


@pytest.mark.usefixtures("set_threads")
@pytest.mark.parametrize("vocab_size", [17, 160, VOCAB_SIZE])
def test_tokens_are_the_same_however_many_threads_look_for_them(vocab_size: int) -> None:
    """Parts of the vocabulary may hold fewer tokens than are asked for, or none."""
    rules = make_rules(suppressed_ids=(3,), eos_ids=frozenset([0]))
    heads = Heads(packed_network(network_of(vocab_size=vocab_size), torch.int8), rules, num_rows=3)
    hidden = hidden_states(3)
    expected = heads.scores(hidden)[0].top(16)
    for num_threads in (5, 3, 2, 1, 5):
        torch.set_num_threads(num_threads)
        log_probs, token_ids = heads.scores(hidden)[0].top(16)
        assert token_ids == expected[1]
        assert log_probs == expected[0]
        best = heads.scores(hidden)[0].best()[1]
        assert best == [row[0] for row in expected[1]]


@pytest.mark.usefixtures("set_threads")
@pytest.mark.parametrize("renormalizes", [False, True])
@pytest.mark.parametrize("levels", [(0, 300), (300, 0), (-600, -900), (-900, 900), (700, 700)])
def test_logits_may_be_as_far_apart_as_they_like(
    levels: tuple[float, float], *, renormalizes: bool
) -> None:
    """The first slice of 1,024 tokens is at one level, the rest at another, on any threads."""
    network = network_of()
    assert network.output_bias is not None
    network.output_bias[:1024] += levels[0]
    network.output_bias[1024:] += levels[1]
    rules = make_rules(suppressed_ids=tuple(range(1024)), renormalizes=renormalizes)
    heads = Heads(packed_network(network, torch.float32), rules, num_rows=40)
    hidden = hidden_states(40)
    for num_threads in (2, 1):
        torch.set_num_threads(num_threads)
        ours, theirs = heads.scores(hidden)
        for row, expected in zip(ours.top(3)[0], theirs.top(3)[0], strict=True):
            assert row == pytest.approx(expected, abs=3e-4)


def test_of_equal_logits_the_first_token_is_the_best() -> None:
    network = network_of(vocab_size=50)
    assert network.output is not None
    network.output.weight.zero_()
    assert network.output_bias is not None
    network.output_bias.fill_(1.0)
    heads = Heads(packed_network(network, torch.int8), make_rules(suppressed_ids=(0,)), num_rows=1)
    ours, _ = heads.scores(hidden_states(1))
    assert ours.best() == ([1.0], [1])
    assert ours.top(4)[1] == [[1, 2, 3, 4]]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_row_that_is_no_number_has_no_finite_answer_and_disturbs_no_other(
    dtype: torch.dtype, bad: float
) -> None:
    heads = Heads(packed_network(network_of(), dtype), make_rules(), num_rows=6)
    hidden = hidden_states(6)
    clean = [heads.scores(hidden[row : row + 1])[0].top(4) for row in range(6)]
    hidden[2, 5] = bad
    scores, _ = heads.scores(hidden)
    log_probs, token_ids = scores.top(4)
    assert not torch.tensor(log_probs[2]).isfinite().any()
    assert not torch.tensor(scores.best()[0][2]).isfinite()
    assert not scores.logits()[2].isfinite().any()
    for row in (0, 1, 3, 4, 5):
        assert ([log_probs[row]], [token_ids[row]]) == clean[row]


@pytest.mark.parametrize("token_ids", [[3], [1_023], [1_490], list(range(1_008, 1_024))], ids=str)
def test_with_one_token_that_is_no_number_no_log_probability_is_one(token_ids: list[int]) -> None:
    """Wherever it stands: the largest of a slice's logits may be none or a number."""
    network = network_of()
    assert network.output_bias is not None
    network.output_bias[token_ids] = torch.nan
    heads = Heads(packed_network(network, torch.float32), make_rules(), num_rows=2)
    ours, _ = heads.scores(hidden_states(2))
    assert torch.tensor(ours.top(4)[0]).isnan().all()


@pytest.fixture(scope="module")
def network() -> Seq2SeqTransformer:
    """In bfloat16, int8 proposes the best token of a large vocabulary, and bfloat16 decides."""
    network = network_of(vocab_size=LARGE, d_model=D_MODEL)
    assert network.output is not None
    network.output.weight.mul_(0.3)
    return packed_network(network, torch.bfloat16)


def test_tokens_are_proposed_only_from_some_size_on_and_in_bfloat16(
    network: Seq2SeqTransformer,
) -> None:
    assert isinstance(network.packed_output, KernelOutput)
    assert network.packed_output.rough is not None
    for vocab_size, dtype in ((16_383, torch.bfloat16), (LARGE, torch.int8)):
        other = packed_network(network_of(vocab_size=vocab_size), dtype)
        assert isinstance(other.packed_output, KernelOutput)
        assert other.packed_output.rough is None


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_the_best_tokens_are_those_of_the_whole_product(
    network: Seq2SeqTransformer, scale: float
) -> None:
    """Each as good as the best to the whole product, that rounds its rows to bfloat16."""
    heads = Heads(network, make_rules(suppressed_ids=(5,)), num_rows=100)
    hidden = (hidden_states(100, D_MODEL) * scale).bfloat16().float()
    scores, _ = heads.scores(hidden)
    values, token_ids = scores.best()
    assert token_ids == [row[0] for row in scores.top(1)[1]]
    logits = scores.logits()
    expected = logits.gather(1, torch.tensor(token_ids)[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(values), expected)


def test_what_is_suppressed_is_not_proposed(network: Seq2SeqTransformer) -> None:
    hidden = hidden_states(20, D_MODEL).bfloat16().float()
    free, _ = Heads(network, make_rules(suppressed_ids=()), num_rows=20).scores(hidden)
    winners = tuple(sorted(set(free.best()[1])))
    held, _ = Heads(network, make_rules(suppressed_ids=winners), num_rows=20).scores(hidden)
    token_ids = held.best()[1]
    assert not set(token_ids) & set(winners)
    assert token_ids == [row[0] for row in held.top(1)[1]]


def test_a_copy_that_proposes_nonsense_still_gets_exact_values(network: Seq2SeqTransformer) -> None:
    """Values come from the exact weights, not from those that propose."""
    assert isinstance(network.packed_output, KernelOutput)
    exact = network.packed_output
    wrong = packed(torch.zeros(LARGE, D_MODEL), torch.int8)
    other = packed_network(network_of(vocab_size=LARGE, d_model=D_MODEL), torch.bfloat16)
    bias = other.output_bias
    other.packed_output = KernelOutput(exact.packed, bias, rough=wrong)
    hidden = hidden_states(4, D_MODEL).bfloat16().float()
    scores, _ = Heads(other, make_rules(), num_rows=4).scores(hidden)
    values, token_ids = scores.best()
    chosen = scores.logits().gather(1, torch.tensor(token_ids)[:, None])[:, 0]
    torch.testing.assert_close(torch.tensor(values), chosen)


def test_a_row_wider_than_a_slice_of_the_vocabulary_has_room() -> None:
    """A buffer was once as long as a slice's logits, although weights may be wider."""
    network = network_of(vocab_size=LARGE, d_model=2_048)
    assert network.output is not None
    network.output.weight.mul_(0.05)
    heads = Heads(packed_network(network, torch.bfloat16), make_rules(), num_rows=1)
    ours, _ = heads.scores(hidden_states(1, 2_048).bfloat16().float())
    values, token_ids = ours.best()
    assert values == pytest.approx([ours.logits()[0, token_ids[0]].item()], rel=1e-4)
