"""Every setting of the service: its name, default, limits and meaning.

Each is read from the environment variable `DRAGOMAN_` + its name in capitals. The command that
starts the service makes one `Settings` and passes it on; there is no global.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1 << 20
MIN_KEY_CHARACTERS = 16


class Settings(BaseSettings):
    """The operator's settings, checked."""

    model_config = SettingsConfigDict(
        env_prefix="DRAGOMAN_",
        env_ignore_empty=True,  # an empty path would be the current folder
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # which may be the admin key
    )

    host: str = Field(
        default="127.0.0.1", description="Address the API listens on; loopback by default."
    )
    port: int = Field(default=8000, ge=1, le=65_535, description="Port of the API.")
    catalogue: Path | None = Field(
        default=None,
        description="YAML file that names the models to serve; the bundled ones if unset.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description="Key for `POST /admin/models`, of 16 or more characters of ASCII without "
        "blanks; there is no such route if unset.",
    )
    offline: bool = Field(
        default=False,
        description="Load models of a hub from its cache only; HF_HUB_OFFLINE=1 does the same.",
    )
    cache_folder: Path | None = Field(
        default=None,
        description="Where files of a hub are kept; the hub's own cache (HF_HOME) if unset.",
    )

    max_text_characters: int = Field(
        default=50_000,
        ge=1,
        description="Characters (code points) of all texts of a request together.",
    )
    max_items: int = Field(default=128, ge=1, description="Texts in one request.")
    max_body_bytes: int = Field(default=MIB, ge=1_024, description="Bytes of a request's body.")
    default_timeout_ms: int = Field(
        default=30_000, ge=1, description="Time a request has when it names none."
    )
    max_timeout_ms: int = Field(
        default=120_000, ge=1, description="Longest time a request may ask for."
    )
    max_waiting: int = Field(
        default=1_024,
        ge=1,
        description="Segments that may wait in one model's queue; more get a 503.",
    )
    max_segments_in_flight: int = Field(
        default=64, ge=1, description="Segments of one request that are queued or decoded at once."
    )
    retry_after_s: int = Field(
        default=1, ge=1, description="`Retry-After` of an answer with 429 or 503."
    )
    ping_interval_s: float = Field(
        default=10.0, gt=0, description="Silence on a stream before a comment keeps it alive."
    )

    metrics_host: str = Field(
        default="127.0.0.1", description="Address the metrics listener binds."
    )
    metrics_port: int = Field(
        default=9464,
        ge=0,
        le=65_535,
        description="Port of the metrics listener; 0 takes a free one.",
    )
    metrics_folder: Path | None = Field(
        default=None,
        description="Where the engine processes of a node count together; `serve` sets it.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    log_format: Literal["json", "console"] = Field(
        default="console", description="One JSON object a line, or lines for people."
    )

    num_replicas: int = Field(default=1, ge=1, description="Engine processes on start-up.")
    num_threads: int | None = Field(
        default=None,
        ge=1,
        description="CPU threads of each engine; the cores divided by replicas if unset.",
    )
    device: str = Field(
        default="auto", description="`cpu`, `cuda`, `cuda:N`, or `auto`: a GPU if any."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        default="auto",
        description="Type of the weights; `auto` is bfloat16 where the device is good at it; "
        "on a CPU that is measured.",
    )
    kv_cache_bytes: int | None = Field(
        default=None,
        ge=MIB,
        description="Most memory of each model's cached keys and values. If unset, 2 GiB on a CPU, "
        "touched as it is needed, and on a GPU what `memory_fraction` leaves.",
    )
    memory_fraction: float = Field(
        default=0.9,
        gt=0.0,
        le=1.0,
        description="Part of a GPU's memory that a model's weights, steps and cache may fill, "
        "together with all that is there before it is loaded.",
    )

    @field_validator("admin_key")
    @classmethod
    def _can_be_sent(cls, key: SecretStr | None) -> SecretStr | None:
        """Check the key's characters; strip it, as its file may end in a newline."""
        if key is None:
            return None
        text = key.get_secret_value().strip()
        if len(text) < MIN_KEY_CHARACTERS:
            raise ValueError(f"has {len(text)} characters, must have {MIN_KEY_CHARACTERS} or more")
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError("must be of printable ASCII characters, without blanks")
        return SecretStr(text)

    @model_validator(mode="after")
    def _timeouts_agree(self) -> Self:
        if self.default_timeout_ms > self.max_timeout_ms:
            raise ValueError(
                f"default_timeout_ms is {self.default_timeout_ms}; "
                f"it must not exceed max_timeout_ms, {self.max_timeout_ms}"
            )
        return self
