"""The catalogue: a YAML file that names the models to serve and how to run them."""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from model.engine.params import GenerationParams
from model.errors import ConfigError, InvalidParamsError

DEFAULT_CATALOGUE = Path(str(files("service") / "dragoman.yaml"))
BUNDLED = "bundled/"

_CODE = r"[A-Za-z]{2,3}(?:_[A-Za-z]{4})?"
_PAIR = re.compile(rf"({_CODE})-({_CODE})")
_PARAMS = TypeAdapter(GenerationParams)
_PER_REQUEST = {"target_prefix_ids", "return_scores", "num_return", "seed"}


class CatalogueError(ConfigError):
    """A catalogue that cannot be served; says which file, field and value."""


def _parse_pair(value: object) -> object:
    """`en-de` as (`en`, `de`); anything else as it is."""
    if not isinstance(value, str):
        return value
    match = _PAIR.fullmatch(value)
    if match is None:
        raise ValueError("a pair is written source-target, such as en-de")
    return match.groups()


Pair = Annotated[tuple[str, str], BeforeValidator(_parse_pair)]


class ModelEntry(BaseModel):
    """One model of the catalogue.

    `pairs` are (source, target) language codes; the file may give `source` and `target` lists
    instead, which stand for every combination of two different languages.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200, pattern=r"^\w[\w.-]*(?:/\w[\w.-]*)*$")
    path: str = Field(min_length=1)  # a folder, or bundled/NAME
    task: Literal["translation", "summarization"]
    pairs: tuple[Pair, ...] = ()
    styles: tuple[str, ...] = ()  # the first is the default
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    defaults: Mapping[str, Any] = Field(default_factory=dict)  # fields of GenerationParams
    max_running_rows: PositiveInt | None = None  # decoder rows of one step
    kv_cache_bytes: PositiveInt | None = None

    @model_validator(mode="before")
    @classmethod
    def _combine_languages(cls, data: object) -> object:
        if not isinstance(data, dict) or not ({"source", "target"} & data.keys()):
            return data
        rest = dict(data)
        sources, targets = rest.pop("source", None), rest.pop("target", None)
        if not isinstance(sources, list) or not isinstance(targets, list):
            raise ValueError("source and target are two lists of language codes")  # noqa: TRY004
        if "pairs" in rest:
            raise ValueError("give either pairs, or source and target")
        return {**rest, "pairs": [f"{s}-{t}" for s in sources for t in targets if s != t]}

    @field_validator("defaults")
    @classmethod
    def _check_defaults(cls, defaults: Mapping[str, Any]) -> Mapping[str, Any]:
        allowed = GenerationParams.__dataclass_fields__.keys() - _PER_REQUEST
        unknown = sorted(defaults.keys() - allowed)
        if unknown:
            raise ValueError(f"no generation default {unknown[0]!r}; known: {sorted(allowed)}")
        try:
            params = _PARAMS.validate_python(dict(defaults))
        except ValidationError as error:
            raise ValueError(_first_problem(error)) from error
        except InvalidParamsError as error:
            raise ValueError(str(error)) from error
        return {name: getattr(params, name) for name in defaults}

    @model_validator(mode="after")
    def _check_task(self) -> Self:
        if self.task == "translation" and not self.pairs:
            raise ValueError("a translation model needs pairs, or source and target")
        if self.task == "summarization" and self.pairs:
            raise ValueError("a summarization model has no language pairs")
        if self.task == "translation" and self.styles:
            raise ValueError("a translation model has no styles")
        return self

    def folder(self) -> Path:
        """The folder of the model's files.

        Raises:
            CatalogueError: There is no such folder.
        """
        folder = Path(self.path).expanduser()
        if self.path.startswith(BUNDLED):
            folder = Path(str(files("model"))) / self.path
        if not folder.is_dir():
            raise CatalogueError(f"model {self.name!r}: there is no folder {folder}")
        return folder


class Catalogue(BaseModel):
    """The models to serve, in order: the first that fits a request is its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[ModelEntry, ...] = Field(min_length=1)

    @field_validator("models")
    @classmethod
    def _check_names(cls, models: tuple[ModelEntry, ...]) -> tuple[ModelEntry, ...]:
        names = [entry.name for entry in models]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two models are called {repeated[0]!r}")
        return models


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The catalogue in a YAML file; the bundled models where none is named.

    A relative model path is relative to the file's folder.

    Raises:
        CatalogueError: The file cannot be read, or describes no catalogue.
    """
    path = DEFAULT_CATALOGUE if path is None else path
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"cannot read the catalogue {path}: {error}") from error
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path} is not YAML: {error}") from error
    try:
        catalogue = Catalogue.model_validate(data)
    except ValidationError as error:
        raise CatalogueError(f"{path}: {_first_problem(error)}") from error
    return Catalogue(models=tuple(_anchor(entry, path.parent) for entry in catalogue.models))


def _anchor(entry: ModelEntry, folder: Path) -> ModelEntry:
    """The entry with its relative path resolved against the catalogue's folder."""
    if entry.path.startswith(BUNDLED):
        return entry
    return entry.model_copy(update={"path": str(folder / Path(entry.path).expanduser())})


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    message = problem["msg"].removeprefix("Value error, ")
    field = _dotted(problem["loc"]) or "the file"
    shown = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
    return f"{field}: {message}{shown}"


def _dotted(location: Sequence[str | int]) -> str:
    """('models', 0, 'dtype') as `models[0].dtype`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
