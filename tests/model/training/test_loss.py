import pytest
import torch
import torch.nn.functional as F

from model.training.loss import smoothed_cross_entropy


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_loss_and_gradient_are_those_of_pytorch(smoothing: float) -> None:
    torch.manual_seed(1)
    labels = torch.randint(0, 50, (600,))
    ours = (torch.randn(600, 50) * 3).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    loss = smoothed_cross_entropy(ours, labels, smoothing=smoothing)
    expected = F.cross_entropy(theirs, labels, label_smoothing=smoothing, reduction="sum")
    (2 * loss).backward()
    (2 * expected).backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_bfloat16_logits_are_summed_in_float32() -> None:
    logits = torch.zeros(3000, 40, dtype=torch.bfloat16)
    loss = smoothed_cross_entropy(logits, torch.zeros(3000, dtype=torch.int64), smoothing=0.1)
    torch.testing.assert_close(loss, 3000 * torch.tensor(40.0).log())
