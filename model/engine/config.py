"""Limits of an engine, and the token rules of its checkpoint."""

from dataclasses import dataclass, fields

from model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """Special tokens of a checkpoint, from its `generation_config.json`.

    Attributes:
        eos_ids: Tokens that end an output (`eos_token_id`).
        suppressed_ids: Tokens that are never generated (`bad_words_ids` of one token,
            `suppress_tokens`).
        forced_bos_id: The first generated token, regardless of the logits (`forced_bos_token_id`).
        forced_eos_id: The token at the maximal length of an unfinished output
            (`forced_eos_token_id`).
        renormalizes: Whether probabilities sum to 1 over the tokens that are not excluded
            (`renormalize_logits`). Marian's networks were converted with a padding token whose
            logit is always 0; without this it often has most of the probability.
    """

    eos_ids: frozenset[int]
    suppressed_ids: tuple[int, ...] = ()
    forced_bos_id: int | None = None
    forced_eos_id: int | None = None
    renormalizes: bool = False


@dataclass(frozen=True, slots=True)
class MemoryFraction:
    """The part of a GPU's memory, 0 to 1, that weights, steps and cache may take together.

    The share of the cache is measured when an engine is created.

    Raises:
        ConfigError: The fraction is not above 0 and at most 1.
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise ConfigError(f"memory_fraction: {self.fraction} is not above 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Limits of an engine.

    Attributes:
        max_source_tokens: The longest encoder input.
        max_target_tokens: The longest decoder sequence, its prefix included.
        max_rows: Hypotheses decoded together; a request takes one row per beam.
        max_waiting: Requests that may wait; one more raises `QueueFullError`.
        max_encode_tokens: Source tokens encoded in one step, so that many arrivals do not stall
            running requests; a single longer request is encoded alone.
        kv_cache_bytes: Budget of all keys and values. With our own kernels it is given out in
            blocks of tokens, as sources and outputs have them; otherwise in rows of maximal length.
            On a GPU it can be measured.
        run_on_s: Seconds for which a runner that can choose tokens itself may take steps before it
            returns them; streamed tokens come that much later. Runs end early at the nearest
            deadline and when a request is added. 0: one step per run. Five times as long while no
            running request streams, as in beam search.
    """

    max_source_tokens: int
    max_target_tokens: int
    max_rows: int = 128
    max_waiting: int = 1024
    max_encode_tokens: int = 2048
    kv_cache_bytes: int | MemoryFraction = 1 << 30
    run_on_s: float = 0.02

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            least = 0 if limit.name == "run_on_s" else 1
            if isinstance(value, int | float) and not value >= least:
                raise ConfigError(f"{limit.name}: {value} is below {least}")

    def bytes_per_row(self, *, bytes_per_token: int) -> int:
        """Return the cache bytes of one hypothesis and one source of maximal length.

        Args:
            bytes_per_token: Of keys and values in all decoder layers.
        """
        return bytes_per_token * (self.max_source_tokens + self.max_target_tokens)

    def num_rows(self, *, bytes_per_token: int) -> int:
        """Return how many rows of maximal length fit the budget, each with a source of its own.

        Args:
            bytes_per_token: Of keys and values in all decoder layers.

        Raises:
            ConfigError: No row fits, or the budget is an unmeasured fraction.
        """
        return self._fitting(self.bytes_per_row(bytes_per_token=bytes_per_token))

    def num_blocks(self, *, bytes_per_token: int, tokens_per_block: int) -> int:
        """Return how many blocks of tokens fit the budget, at most those that all rows can fill.

        Args:
            bytes_per_token: Of keys and values in all decoder layers.
            tokens_per_block: Of a source or of a hypothesis.

        Raises:
            ConfigError: As `num_rows`, for a row of whole blocks.
        """
        lengths = self.max_source_tokens, self.max_target_tokens
        per_row = sum(-(-length // tokens_per_block) for length in lengths)
        return self._fitting(bytes_per_token * tokens_per_block, per_row=per_row)

    def _fitting(self, bytes_each: int, *, per_row: int = 1) -> int:
        """Return how many pieces of memory fit the budget; `per_row` are a row of maximal length.

        Raises:
            ConfigError: As `num_rows`.
        """
        if isinstance(self.kv_cache_bytes, MemoryFraction):
            raise ConfigError(
                f"memory_fraction: {self.kv_cache_bytes.fraction} is a part of a GPU's memory; "
                "without a GPU, give kv_cache_bytes"
            )
        if self.kv_cache_bytes < per_row * bytes_each:
            raise ConfigError(
                f"kv_cache_bytes: {self.kv_cache_bytes} is below the {per_row * bytes_each} bytes "
                f"of one row, {self.max_source_tokens} tokens read and {self.max_target_tokens} "
                "written"
            )
        return min(self.max_rows * per_row, self.kv_cache_bytes // bytes_each)
