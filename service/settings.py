"""Every setting of the service: its name, default, limits and meaning.

Each is read from the environment variable `DRAGOMAN_` + its name in capitals. The command that
starts the service makes one `Settings` and passes it on; there is no global.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MIB = 1 << 20
MIN_KEY_CHARACTERS = 16


def _separated(value: object) -> object:
    """Return the parts of a string that commas separate; a list of a serve config as it is."""
    if isinstance(value, str):
        return tuple(part for part in map(str.strip, value.split(",")) if part)
    return value


_BY_COMMAS = (NoDecode, BeforeValidator(_separated))
Names = Annotated[tuple[str, ...], *_BY_COMMAS]
NamesIfSet = Annotated[tuple[str, ...] | None, *_BY_COMMAS]


class Settings(BaseSettings):
    """The operator's settings, checked."""

    model_config = SettingsConfigDict(
        env_prefix="DRAGOMAN_",
        env_ignore_empty=True,  # an empty path would be the current folder
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # which may be a key
    )

    host: str = Field(
        default="127.0.0.1", description="Address the API listens on; loopback by default."
    )
    port: int = Field(default=8000, ge=1, le=65_535, description="Port of the API.")
    catalogue: Path | None = Field(
        default=None,
        description="YAML file that names the models to serve; the bundled ones if unset.",
    )
    insecure: bool = Field(
        default=False,
        description="Answer anybody who reaches the service, also on an address that is not "
        "loopback; without it, that takes keys.",
    )
    keys_file: Path | None = Field(
        default=None,
        description="YAML file of the API keys, written by `dragoman keys`; a change counts "
        "within two seconds.",
    )
    api_keys: SecretStr | None = Field(
        default=None,
        description="API keys that may translate and summarize without limit, separated by "
        "commas, each of 16 or more characters of ASCII without blanks.",
    )
    admin_key: SecretStr | None = Field(
        default=None,
        description="Key for `POST /admin/models` alone, of 16 or more characters of ASCII "
        "without blanks; without it that takes a key of `keys_file` with the scope admin.",
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
    body_timeout_s: float = Field(
        default=10.0, gt=0, description="Time in which a request's body must arrive."
    )
    allowed_hosts: NamesIfSet = Field(
        default=None,
        description="Hosts that requests may ask, without ports, separated by commas; `*` is any. "
        "If unset, any; but `serve` on loopback and without keys takes localhost, 127.0.0.1 and "
        "[::1] only, as a web page could have its own name point there.",
    )
    allowed_origins: Names = Field(
        default=(),
        description="Origins of web pages that may call the API (CORS), such as "
        "`https://example.com`, separated by commas; `*` is any.",
    )
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

    state_store: SecretStr | None = Field(
        default=None,
        description="Where usage, limits and clients' glossaries are kept: the path of a SQLite "
        "file, or `redis://[:PASSWORD@]HOST:PORT/DB` (`rediss://` with TLS) for several nodes. If "
        "unset: with API keys `~/.local/state/dragoman/state.sqlite`, else until the service ends.",
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

    @property
    def has_keys(self) -> bool:
        """True if a request needs an API key."""
        return self.keys_file is not None or self.api_keys is not None

    @property
    def can_be_administered(self) -> bool:
        """True if some key may change the served models, now or after a change of the file."""
        return self.keys_file is not None or self.admin_key is not None

    @field_validator("keys_file")
    @classmethod
    def _found_from_any_folder(cls, path: Path | None) -> Path | None:
        """Make the path absolute, as replicas need not run in the folder of the command."""
        return None if path is None else path.absolute()

    @field_validator("admin_key")
    @classmethod
    def _admin_key_can_be_sent(cls, key: SecretStr | None) -> SecretStr | None:
        return None if key is None else SecretStr(checked_key(key.get_secret_value()))

    @field_validator("api_keys")
    @classmethod
    def _api_keys_can_be_sent(cls, keys: SecretStr | None) -> SecretStr | None:
        """Check each key; naming it by its place."""
        if keys is None:
            return None
        found: list[str] = []
        for place, text in enumerate(split_keys(keys), start=1):
            try:
                found.append(checked_key(text))
            except ValueError as error:
                raise ValueError(f"key {place} {error}") from None
        if not found:
            raise ValueError("holds no key")
        if len(set(found)) < len(found):
            raise ValueError("holds a key twice")
        return SecretStr(",".join(found))

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        if self.admin_key is None or self.api_keys is None:
            return self
        if self.admin_key.get_secret_value() in split_keys(self.api_keys):
            raise ValueError("admin_key is one of api_keys; the two must differ")
        return self

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Check that each is a name or an address alone; bring it to lower case."""
        for host in hosts or ():
            if not re.fullmatch(r"\*|[\w.-]+|\[[0-9a-fA-F:.]+\]", host):
                raise ValueError(f"holds {host!r}, which is no host without a port")
        return hosts and tuple(host.lower().rstrip(".") for host in hosts)

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """Check that each is a scheme and a host, as browsers send it."""
        for origin in origins:
            if not re.fullmatch(r"\*|[a-z][a-z0-9+.-]*://[^\s/?#]+", origin):
                raise ValueError(
                    f"holds {origin!r}, which is no origin such as https://example.com"
                )
        return origins

    @model_validator(mode="after")
    def _timeouts_agree(self) -> Self:
        if self.default_timeout_ms > self.max_timeout_ms:
            raise ValueError(
                f"default_timeout_ms is {self.default_timeout_ms}; "
                f"it must not exceed max_timeout_ms, {self.max_timeout_ms}"
            )
        return self


def split_keys(keys: SecretStr) -> list[str]:
    """Return the keys of a list that is separated by commas."""
    return [key.strip() for key in keys.get_secret_value().split(",") if key.strip()]


def checked_key(text: str) -> str:
    """Return a key without the white space around it, as its file may end in a newline.

    Raises:
        ValueError: No header could carry it, or it is too short; does not show it.
    """
    key = text.strip()
    if len(key) < MIN_KEY_CHARACTERS:
        raise ValueError(f"has {len(key)} characters, must have {MIN_KEY_CHARACTERS} or more")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("must be of printable ASCII characters, without blanks")
    return key
