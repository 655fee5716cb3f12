import torch
from torch import nn

from model.training.dropout import ByteDropout, use_byte_dropout


def test_the_asked_share_becomes_zero_and_the_expectation_stays() -> None:
    torch.manual_seed(1)
    dropped = ByteDropout(0.25)(torch.ones(501, 401))
    assert 0.245 < (dropped == 0).float().mean() < 0.255
    assert 0.99 < dropped.mean() < 1.01


def test_rows_are_dropped_independently() -> None:
    torch.manual_seed(1)
    rows = ByteDropout(0.5)(torch.ones(2, 20_000)) == 0
    assert 0.48 < (rows[0] == rows[1]).float().mean() < 0.52


def test_the_gradient_passes_where_the_numbers_did() -> None:
    x = torch.ones(1000, requires_grad=True)
    dropped = ByteDropout(0.5)(x)
    dropped.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, dropped.detach())


def test_nothing_is_dropped_outside_training_or_at_rate_0() -> None:
    x = torch.randn(100)
    assert ByteDropout(0.5).eval()(x) is x
    assert ByteDropout(0.0)(x) is x


def test_every_dropout_of_a_network_is_replaced() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.5)))
    use_byte_dropout(network)
    assert not [module for module in network.modules() if isinstance(module, nn.Dropout)]
    replaced = [module for module in network.modules() if isinstance(module, ByteDropout)]
    assert [module.num_dropped for module in replaced] == [128]
