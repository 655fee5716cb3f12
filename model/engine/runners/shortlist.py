"""The best next token without computing every logit in full precision.

Half of a small model's decoding step goes into its vocabulary: tens of thousands of rows of weights
to read. Read as int8 they are a quarter or half of the bytes, and good enough to say which few
tokens can be the best; those few are then computed again with the weights as they are.
"""

import torch
from torch import Tensor, nn

from model.engine.choosing.ranking import top_tokens

NUM_PROPOSED = 8
_SUPPRESSED = -1e9


class Shortlist:
    """A rough product proposes, full precision decides.

    `rough` computes nearly the logits, bias included; `suppressed` are token ids that are never the
    answer.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, *, rough: nn.Module, suppressed: list[int]
    ) -> None:
        self._suppressed = torch.tensor(suppressed, dtype=torch.int64)
        full_bias = torch.zeros(len(weight)) if bias is None else bias.detach().float()
        self._bias = full_bias.index_fill(0, self._suppressed, _SUPPRESSED)
        self._weight = weight.detach()
        self._rough = rough

    def best(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The token with the largest logit of each row.

        Args:
            hidden: (rows, d_model), of the weight's dtype.

        Returns:
            Logits in float32 and token ids, both (rows,).
        """
        hidden = hidden.float()
        rough = self._rough(hidden).index_fill_(1, self._suppressed, _SUPPRESSED)
        _, proposed = top_tokens(rough, NUM_PROPOSED)
        weights = self._weight[proposed].float()  # (rows, proposed, d_model)
        logits = (weights @ hidden[:, :, None])[:, :, 0] + self._bias[proposed]
        values, winners = logits.max(dim=-1)
        return values, proposed.gather(1, winners[:, None])[:, 0]
