"""One model of the catalogue: what it is, where it lies, and how it is run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from model.errors import ConfigError, UnsupportedTaskError
from model.tokenizer.prompt import Summarization, Task
from service.backend import TaskName
from service.catalogue.fields import (
    Code,
    Count,
    Defaults,
    Device,
    FileName,
    Languages,
    ListedPair,
    Name,
    PlainPairs,
    PrefixText,
    Problem,
    Sha256,
    WarmUp,
    filled,
    nearest,
    placeholders,
    refusal,
)
from service.pairs import NO_PAIRS, Pairs
from service.sources.locate import Origin, SourceError, origin_of
from service.text.languages import name_of

_LISTED = TypeAdapter(tuple[ListedPair, ...])
_WAYS = {  # of saying what a model translates, by key
    "pairs": "pairs",
    "source": "source and target",
    "target": "source and target",
    "languages": "languages",
}


class CatalogueError(ConfigError):
    """A catalogue that cannot be served; says which file, line, field and value."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the file around an entry says of it.

    Attributes:
        name: The file and the line of the entry, such as `dragoman.yaml:12`.
        keys: Likewise of each of its keys.
        default_for: The tasks and pairs (`en-de`) that the file's `defaults` give to the model.
    """

    name: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    default_for: tuple[str, ...] = ()


class ModelEntry(BaseModel):
    """One model of the catalogue.

    Attributes:
        name: What requests call it.
        path: `bundled/NAME`, a folder (absolute, or relative to the catalogue's), or a hub's id.
        revision: Commit or tag, of a model from a hub.
        sha256: What the hashes of files must be.
        task: Short for `tasks` with this one.
        source, target: Stand for every combination of two different languages.
        languages: Likewise, each with each; `all` are those that the model's vocabulary has.
        pairs: The pairs of all the above; none for `languages: all`, which only a tokenizer knows.
        styles: The first is the default.
        prefix: Put before a text, by task or style; see `prefix_for`.
        quantize: The other way to say `dtype: int8`; `dtype` is int8 then, too.
        load: `lazy`: at the first request.
        warm_up: Whether to run a sentence once loaded, or which.
        defaults: Fields of `GenerationParams` for requests that name none of their own.
        max_running_rows: Decoder rows of one step.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    path: str = Field(min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    sha256: Mapping[FileName, Sha256] = Field(default_factory=dict)
    task: TaskName | None = None
    tasks: tuple[TaskName, ...] = Field(default=(), validate_default=True)
    source: tuple[Code, ...] = ()
    target: tuple[Code, ...] = ()
    languages: Languages | None = None
    pairs: Annotated[Pairs, PlainPairs] = Field(default=NO_PAIRS, validate_default=True)
    styles: tuple[str, ...] = ()
    prefix: Mapping[str, PrefixText] = Field(default_factory=dict)
    quantize: Literal["int8"] | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16", "int8"] = Field(
        default="auto", validate_default=True
    )
    device: Device = "auto"
    load: Literal["eager", "lazy"] = "eager"
    warm_up: WarmUp = True
    max_input_tokens: Count | None = None
    max_new_tokens: Count | None = None
    max_waiting: Count | None = None
    max_running_rows: Count | None = None
    kv_cache_bytes: Count | None = None
    defaults: Defaults = Field(default_factory=dict)
    _place: Place = PrivateAttr(default=Place())

    def placed(self, place: Place) -> "ModelEntry":
        """The same entry, which knows where it is."""
        copy = self.model_copy()
        copy._place = place  # noqa: SLF001 - this class's own
        return copy

    @property
    def default_for(self) -> tuple[str, ...]:
        """The tasks and pairs (`en-de`) of which the catalogue makes this model the default."""
        return self._place.default_for

    @property
    def origin(self) -> str:
        """`bundled/NAME` or a hub's id; of a folder only that it is one, for clients to see."""
        return "folder" if _origin(self.path, Path()) == "folder" else self.path

    def prefix_for(self, task: Task) -> str | None:
        """What goes before a text of the task; None: whatever the model's family puts there.

        Raises:
            UnsupportedTaskError: The prefix names a language that is not known.
        """
        if isinstance(task, Summarization):
            return self.prefix.get(task.style or "", self.prefix.get("summarization"))
        prefix = self.prefix.get("translation")
        if prefix is None:
            return None
        if "source" in placeholders(prefix) and task.source_lang is None:
            raise UnsupportedTaskError(f"{self.name} must be told the language of the text")
        source, target = name_of(task.source_lang or ""), name_of(task.target_lang)
        return filled(prefix, {"source": source, "target": target})

    def at(self, key: str = "") -> str:
        """Where the entry, or a key of it, is, for the beginning of an error's sentence."""
        line = self._place.keys.get(key, self._place.name)
        return "".join(
            [f"{line}: " if line else "", f"model {self.name!r}", f", {key}" if key else ""]
        )

    @field_validator("path")
    @classmethod
    def _anchor(cls, path: str, info: ValidationInfo) -> str:
        """A folder of a catalogue's file, absolute; and nothing that no model can have."""
        if info.context is None:
            return path
        folder: Path = info.context["folder"]
        is_folder = _origin(path, folder) == "folder"
        return str(folder / Path(path).expanduser()) if is_folder else path

    @field_validator("revision")
    @classmethod
    def _check_revision(cls, revision: str | None, info: ValidationInfo) -> str | None:
        path: str | None = info.data.get("path")
        if revision is not None and path is not None and _origin(path, Path()) != "hub":
            raise ValueError("only a model from a hub has revisions")
        return revision

    @field_validator("tasks")
    @classmethod
    def _take_task(cls, tasks: tuple[TaskName, ...], info: ValidationInfo) -> tuple[TaskName, ...]:
        task = info.data.get("task")
        if tasks and task is not None:
            raise ValueError("give either task or tasks")
        return tuple(dict.fromkeys(tasks)) if task is None else (task,)

    @field_validator("pairs", mode="plain")
    @classmethod
    def _combine(cls, pairs: object, info: ValidationInfo) -> Pairs:
        if not isinstance(pairs, Pairs):
            return Pairs.of(_LISTED.validate_python(pairs))
        languages = info.data.get("languages")
        if isinstance(languages, tuple):
            return Pairs.between(languages, languages)
        return Pairs.between(info.data.get("source", ()), info.data.get("target", ()))

    @field_validator("prefix", mode="before")
    @classmethod
    def _spread(cls, prefix: object, info: ValidationInfo) -> object:
        """One prefix for all tasks as one for each."""
        if not isinstance(prefix, str):
            return prefix
        return dict.fromkeys(info.data.get("tasks", ()), prefix)

    @field_validator("dtype")
    @classmethod
    def _quantize(cls, dtype: str, info: ValidationInfo) -> str:
        if info.data.get("quantize") is None:
            return dtype
        if dtype not in {"auto", "int8"}:
            raise ValueError("quantize: int8 contradicts this")
        return "int8"

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*self._language_problems(), *self._other_problems()]
        if problems:
            raise refusal(*problems)
        return self

    def _language_problems(self) -> Iterator[Problem]:
        given = [key for key in _WAYS if key in self.model_fields_set]
        ways = list(dict.fromkeys(_WAYS[key] for key in given))
        if not self.tasks:
            yield (), "this has no task; give task or tasks", None
        elif "translation" not in self.tasks:
            for key in given:
                yield (key,), "a summarization model has no language pairs", None
        elif not ways:
            known = ", or ".join(dict.fromkeys(_WAYS.values()))
            yield (), f"a translation model needs {known}", None
        elif len(ways) > 1:
            yield (given[-1],), f"give either {' or '.join(ways)}", None
        elif len({"source", "target"} & set(given)) == 1:
            yield (given[0],), "source and target are given together", None
        elif not self.pairs and self.languages != "all":
            yield (given[0],), "there is no pair of two different languages", None

    def _other_problems(self) -> Iterator[Problem]:
        if self.styles and "summarization" not in self.tasks:
            yield ("styles",), "a translation model has no styles", None
        known = [*self.tasks, *self.styles]
        for key, prefix in self.prefix.items():
            if key not in known:
                sentence = f"this is no task or style of the model{nearest(key, known)}"
                yield ("prefix", key), sentence, None
            elif key != "translation" and placeholders(prefix):
                sentence = "only a prefix for translation has {source} or {target}"
                yield ("prefix", key), sentence, prefix
        asked, most = self.defaults.get("max_new_tokens", 0), self.max_new_tokens
        if most is not None and asked > most:
            yield ("defaults", "max_new_tokens"), f"max_new_tokens allows {most} at most", asked


def _origin(path: str, folder: Path) -> Origin:
    try:
        return origin_of(path, base=folder)
    except SourceError as error:
        raise ValueError(str(error)) from error
