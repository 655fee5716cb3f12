"""How an engine is sized, and the token rules of the checkpoint it runs."""

from dataclasses import dataclass, fields

from model.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What generation must know of a vocabulary; the field's names in `generation_config.json`.

    Attributes:
        eos_ids: Any of these ends an output.
        suppressed_ids: Never generated (`bad_words_ids` of one token, `suppress_tokens`).
        forced_bos_id: The first generated token, whatever the logits say.
        forced_eos_id: The last allowed token, if an output is still unfinished by then.
        renormalizes: Whether what is left once tokens are excluded shares all of the probability
            (`renormalize_logits`). Marian's networks were converted with a padding whose logit is
            always 0, which is often most of it.
    """

    eos_ids: frozenset[int]
    suppressed_ids: tuple[int, ...] = ()
    forced_bos_id: int | None = None
    forced_eos_id: int | None = None
    renormalizes: bool = False


@dataclass(frozen=True, slots=True)
class MemoryFraction:
    """The part of a GPU's memory, 0 to 1, that weights, steps and cache may take together.

    What the cache gets of it is measured when an engine is made.
    """

    fraction: float

    def __post_init__(self) -> None:
        if not 0.0 < self.fraction <= 1.0:
            raise ConfigError(f"memory_fraction: {self.fraction} is not above 0 and at most 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How much an engine may hold and do at once.

    Attributes:
        max_source_tokens: The longest encoder input.
        max_target_tokens: The longest decoder sequence, its prefix included.
        max_rows: Hypotheses decoded together; a request takes one per beam.
        max_waiting: Requests that may queue before `QueueFullError`.
        max_encode_tokens: Source tokens encoded in one step, so that a burst of arrivals does not
            stall those who are decoding; one longer request still goes alone.
        kv_cache_bytes: Budget of all keys and values; the number of rows follows from it. On a GPU
            it can be measured.
        run_on_s: Seconds for which steps may follow each other unseen, where a runner can choose
            tokens itself. Streamed tokens may be that much late; new requests are not, as they
            interrupt, nor are deadlines. 0: every step is seen. Five times as many where nobody
            has tokens to show before the end, as beam searches have not.
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
        """Of the cache, for one hypothesis and one source as long as any.

        Args:
            bytes_per_token: Keys and values of one token in all decoder layers.
        """
        return bytes_per_token * (self.max_source_tokens + self.max_target_tokens)

    def num_rows(self, *, bytes_per_token: int) -> int:
        """Rows that fit the budget, each with a memory of its own.

        Args:
            bytes_per_token: Keys and values of one token in all decoder layers.

        Raises:
            ConfigError: Not even one row fits, or nobody has measured what there is.
        """
        bytes_per_row = self.bytes_per_row(bytes_per_token=bytes_per_token)
        if isinstance(self.kv_cache_bytes, MemoryFraction):
            raise ConfigError(
                f"memory_fraction: {self.kv_cache_bytes.fraction} is a part of a GPU's memory; "
                "without a GPU, give kv_cache_bytes"
            )
        fitting = self.kv_cache_bytes // bytes_per_row
        if fitting < 1:
            raise ConfigError(
                f"kv_cache_bytes: {self.kv_cache_bytes} is below the {bytes_per_row} bytes "
                f"of one row, {self.max_source_tokens} tokens read and {self.max_target_tokens} "
                "written"
            )
        return min(self.max_rows, fitting)
