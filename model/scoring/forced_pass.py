"""Teacher forcing: the encoder reads the source once, and the decoder the whole output once.

The network is the one that generates, in the layout that it serves in, so log-probabilities are
those of generation up to rounding: its cache has a type of its own, and attention adds in another
order.

A probability is the network's own, over all tokens, before any parameter of a request. The rules of
the checkpoint apply as they do to generation, but exclude nothing that is given:

- A forced first token has the log-probability 0.
- Where the rules renormalize, probabilities sum to 1 over the tokens that are not suppressed. A
  suppressed token that is given nevertheless has its probability among all tokens.
- The end is the most probable of the tokens that end an output. It is never forced.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from model.engine.config import EngineConfig, TokenRules
from model.engine.search.make_search import forced_first_id
from model.engine.transfer import to_device, to_host
from model.errors import InputTooLongError, InvalidParamsError, NoTokenError, OutputTooLongError
from model.scoring.given import Given, Reading
from model.scoring.kept_weights import KeptWeights
from model.transformer.masks import MASKED
from model.transformer.seq2seq import Seq2SeqTransformer
from model.transformer.stacks import DecoderWatch

# Numbers at once: they stay in the processor's cache, and a large vocabulary's take little memory.
LOGITS_AT_ONCE = 1 << 19
_LEAST_ROWS = 32  # at once: the output projection's weights are read for each part
_PADDING_ID = 0  # any token will do: it is masked

Scored = tuple[tuple[int, ...], tuple[float, ...]]  # tokens and their log-probabilities


class ForcedPass:
    """Reads given outputs of one network; not thread-safe, but for `check`."""

    def __init__(
        self, network: Seq2SeqTransformer, rules: TokenRules, limits: EngineConfig
    ) -> None:
        self._network = network
        self._rules = rules
        self._limits = limits
        self._end_ids = to_device(sorted(rules.eos_ids), network.device)
        suppressed = torch.zeros(network.config.target_vocab_size, dtype=torch.bool)
        suppressed[list(rules.suppressed_ids)] = True
        self._is_suppressed = suppressed.to(network.device)

    @property
    def max_source_tokens(self) -> int:
        """The most tokens of a prompt."""
        return self._limits.max_source_tokens

    def check(self, given: Given) -> None:
        """Check that the network can read a given output; callable in any thread.

        Raises:
            InputTooLongError: The source exceeds `max_source_tokens`.
            OutputTooLongError: The output exceeds `max_target_tokens`, its prefix included.
            InvalidParamsError: A token of the output, or a wanted layer, does not exist.
        """
        config, limits, wanted = self._network.config, self._limits, given.wanted
        num_tokens = len(given.prompt.encoder_ids)
        if num_tokens > limits.max_source_tokens:
            raise InputTooLongError(num_tokens=num_tokens, limit_tokens=limits.max_source_tokens)
        num_tokens = len(given.output_ids)
        room = limits.max_target_tokens - (len(self._decoder_ids(given)) - num_tokens)
        if num_tokens > room:
            raise OutputTooLongError(num_tokens=num_tokens, limit_tokens=room)
        _check_range("output", given.output_ids, config.target_vocab_size)
        _check_range("layers", (*wanted.cross, *wanted.decoder), config.decoder.num_layers)
        _check_range("layers", wanted.encoder, config.encoder.num_layers)

    def num_tokens(self, batch: Sequence[Given]) -> int:
        """Return the tokens that `read` computes for a batch, padding included."""
        longest_source = max(len(given.prompt.encoder_ids) for given in batch)
        longest_target = max(len(self._decoder_ids(given)) for given in batch)
        return len(batch) * (longest_source + longest_target)

    @torch.inference_mode()
    def read(self, batch: Sequence[Given]) -> list[Reading | NoTokenError]:
        """Read outputs that passed `check`, all in one pass.

        Returns:
            For each its reading, or an error if the network's scores are not numbers.
        """
        encoder_ids, mask = self._padded([given.prompt.encoder_ids for given in batch])
        decoder_ids, _ = self._padded([self._decoder_ids(given) for given in batch])
        cross = KeptWeights(layer for given in batch for layer in given.wanted.cross)
        encoder = KeptWeights(layer for given in batch for layer in given.wanted.encoder)
        decoder = KeptWeights(layer for given in batch for layer in given.wanted.decoder)
        hidden = self._network.decode_hidden(
            encoder_ids,
            decoder_ids,
            encoder_mask=mask,
            encoder_watch=encoder.watch,
            decoder_watch=DecoderWatch(own=decoder.watch, cross=cross.watch),
        )
        readings: list[Reading | NoTokenError] = []
        for row, (given, scored) in enumerate(zip(batch, self._score(hidden, batch), strict=True)):
            token_ids, log_probs = scored
            if not all(map(math.isfinite, log_probs)):
                readings.append(NoTokenError())
                continue
            source, target = len(given.prompt.encoder_ids), len(self._decoder_ids(given))
            reading = Reading(
                prefix_ids=given.prompt.decoder_prefix_ids,
                token_ids=token_ids,
                log_probs=log_probs,
                cross=cross.of(row, given.wanted.cross, num_queries=target, num_keys=source),
                encoder=encoder.of(row, given.wanted.encoder, num_queries=source, num_keys=source),
                decoder=decoder.of(row, given.wanted.decoder, num_queries=target, num_keys=target),
            )
            readings.append(reading)
        return readings

    def _forced_ids(self, given: Given) -> tuple[int, ...]:
        forced = forced_first_id(given.prompt, self._rules)
        return () if forced is None else (forced,)

    def _decoder_ids(self, given: Given) -> tuple[int, ...]:
        """Return all that the decoder reads: its prefix, and the output without the end."""
        prefix_ids = given.prompt.decoder_prefix_ids
        return (*prefix_ids, *self._forced_ids(given), *given.output_ids)

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor | None]:
        """Return the ids, (rows, longest), and a mask, True for tokens, if some are shorter."""
        longest, device = max(map(len, rows)), self._network.device
        ids = to_device([[*row, *[_PADDING_ID] * (longest - len(row))] for row in rows], device)
        if all(len(row) == longest for row in rows):
            return ids, None
        lengths = to_device(list(map(len, rows)), device)
        return ids, torch.arange(longest, device=device) < lengths[:, None]

    def _score(self, hidden: Tensor, batch: Sequence[Given]) -> list[Scored]:
        """Return the generated tokens of each output; hidden: (batch, queries, d_model)."""
        device = hidden.device
        rows: list[Tensor] = []  # the hidden states that predict a token, and that token
        token_ids: list[int] = []
        is_end: list[bool] = []
        for states, given in zip(hidden, batch, strict=True):
            ids = (*self._forced_ids(given), *given.output_ids)
            rows.append(states[len(given.prompt.decoder_prefix_ids) - 1 :][: len(ids) + 1])
            token_ids += [*ids, _PADDING_ID]  # the end is chosen below
            is_end += [*[False] * len(ids), True]
        targets, ends = to_device(token_ids, device), to_device(is_end, device, dtype=torch.bool)
        num_at_once = max(_LEAST_ROWS, LOGITS_AT_ONCE // len(self._is_suppressed))
        parts = [
            self._log_probs(*part)
            for part in zip(
                torch.cat(rows).split(num_at_once),
                targets.split(num_at_once),
                ends.split(num_at_once),
                strict=True,
            )
        ]
        chosen, log_probs = to_host(*map(torch.cat, zip(*parts, strict=True)))
        found: list[Scored] = []
        at = 0
        for given, own in zip(batch, rows, strict=True):
            stop, num_forced = at + len(own), len(self._forced_ids(given))
            of_forced = [0.0] * num_forced
            found.append((tuple(chosen[at:stop]), (*of_forced, *log_probs[at + num_forced : stop])))
            at = stop
        return found

    def _log_probs(self, hidden: Tensor, targets: Tensor, is_end: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's token and its log-probability, both (rows,).

        Args:
            hidden: (rows, d_model).
            targets: (rows,) int64.
            is_end: (rows,) bool, True where the most probable end replaces the target.
        """
        logits = self._network.logits(hidden).float()
        best_ends = self._end_ids[logits[:, self._end_ids].argmax(dim=-1)]
        chosen = torch.where(is_end, best_ends, targets)
        normalizers = logits.logsumexp(dim=-1)
        if self._rules.renormalizes:
            allowed = logits.masked_fill(self._is_suppressed, MASKED).logsumexp(dim=-1)
            normalizers = torch.where(self._is_suppressed[chosen], normalizers, allowed)
        return chosen, logits.gather(1, chosen[:, None])[:, 0] - normalizers


def _check_range(field: str, numbers: Iterable[int], count: int) -> None:
    unknown = next((number for number in numbers if not 0 <= number < count), None)
    if unknown is not None:
        raise InvalidParamsError(field, f"{unknown} is not between 0 and {count - 1}")
