import pytest
import torch
from torch import nn

from model.training.network import Shape, fresh_network
from model.training.optimizer import OptimizerSettings, Schedule, build_optimizers, lr_factor
from model.training.translation.form import marian_config


def test_every_parameter_has_exactly_one_optimizer_and_tables_are_no_matrices() -> None:
    network = fresh_network(marian_config(Shape(d_model=16), vocab_size=20))
    muon, adamw = build_optimizers(network, OptimizerSettings())
    matrices, others = (
        {id(p) for group in optimizer.param_groups for p in group["params"]}
        for optimizer in (muon, adamw)
    )
    assert matrices | others == {id(p) for p in network.parameters()}
    assert not matrices & others
    assert id(network.embedding.weight) in others


@pytest.mark.parametrize(
    ("step", "progress", "factor"),
    [
        pytest.param(0, 0.0, 0.1, id="first step"),
        pytest.param(9, 0.0, 1.0, id="peak"),
        pytest.param(100, 0.75, 0.25, id="falling"),
        pytest.param(500, 1.0, 0.0, id="end"),
    ],
)
def test_the_learning_rate_rises_shortly_and_falls_to_zero(
    step: int, progress: float, factor: float
) -> None:
    assert lr_factor(step, progress=progress, warmup_steps=10) == pytest.approx(factor)


def test_the_schedule_keeps_each_optimizers_own_peak() -> None:
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=peak) for peak in (4.0, 2.0)
    ]
    schedule = Schedule(optimizers, warmup_steps=1)
    schedule.set(5, progress=0.9)
    schedule.set(6, progress=0.5)
    assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers] == [2.0, 1.0]
