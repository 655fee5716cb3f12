"""The output projection in PyTorch: from hidden states to scores of tokens."""

import torch
from torch import Tensor

from model.engine.choosing.logits import MASKED
from model.engine.choosing.ranking import top_tokens
from model.engine.config import TokenRules
from model.engine.runner import Best, Top
from model.engine.runners.shortlist import Shortlist
from model.engine.transfer import to_host
from model.transformer.seq2seq import Seq2SeqTransformer


class OutputHead:
    """A network's output projection, with its checkpoint's rules for tokens applied."""

    def __init__(self, network: Seq2SeqTransformer, rules: TokenRules) -> None:
        self._network = network
        self._suppressed = torch.tensor(
            rules.suppressed_ids, dtype=torch.int64, device=network.device
        )
        self._renormalizes = rules.renormalizes
        self._shortlist = None
        if network.rough_output is not None:
            self._shortlist = Shortlist(
                network.output_weight,
                network.output_bias,
                rough=network.rough_output,
                suppressed=list(rules.suppressed_ids),
            )

    def logits(self, hidden: Tensor) -> Tensor:
        """Return logits, (rows, vocab) float32, suppressed ones too; hidden: (rows, d_model)."""
        return self._network.logits(hidden).float()

    def quick_best(self, hidden: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return `best` without computing all logits; None without a shortlist.

        hidden: (rows, d_model).
        """
        return None if self._shortlist is None else self._shortlist.best(hidden)

    def best(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the largest logits and their tokens, both (rows,).

        logits: (rows, vocab), changed in place.
        """
        values, token_ids = top_tokens(self.suppress(logits), 1)
        return values[:, 0], token_ids[:, 0]

    def top(self, logits: Tensor, num_tokens: int) -> tuple[Tensor, Tensor]:
        """Return the largest log-probabilities of each row, as `Scores.top`.

        Args:
            logits: (rows, vocab).
            num_tokens: Log-probabilities per row.

        Returns:
            Log-probabilities and token ids, both (rows, num_tokens).
        """
        normalizers = logits.logsumexp(dim=-1, keepdim=True)
        allowed = self.suppress(logits.clone())
        if self._renormalizes:
            normalizers = allowed.logsumexp(dim=-1, keepdim=True)
        values, token_ids = top_tokens(allowed, min(num_tokens, allowed.shape[-1]))
        return values - normalizers, token_ids

    def suppress(self, scores: Tensor) -> Tensor:
        """Mask the suppressed tokens; scores: (rows, vocab), changed in place and returned."""
        return scores.index_fill_(1, self._suppressed, MASKED)


class TorchScores:
    """The `Scores` of a step, computed from its hidden states.

    Attributes:
        hidden: (rows, d_model), the decoder's hidden state of each row's last token.
    """

    def __init__(self, head: OutputHead, hidden: Tensor) -> None:
        self._head = head
        self.hidden = hidden

    @torch.inference_mode()
    def best(self) -> Best:
        found = self._head.quick_best(self.hidden)
        values, token_ids = to_host(*(found or self._head.best(self.logits())))
        return values, token_ids

    @torch.inference_mode()
    def top(self, num_tokens: int) -> Top:
        values, token_ids = to_host(*self._head.top(self.logits(), num_tokens))
        return values, token_ids

    @torch.inference_mode()
    def logits(self) -> Tensor:
        return self._head.logits(self.hidden)
