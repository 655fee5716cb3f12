"""The schema of one catalogue entry: a model's name, files, tasks, limits and defaults."""

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
    AlignmentHeads,
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
    Sha256,
    StandIns,
    Violation,
    WarmUp,
    filled,
    nearest,
    placeholders,
    validation_error,
)
from service.pairs import NO_PAIRS, Pairs
from service.sources.locate import Origin, SourceError, origin_of
from service.text.languages import name_of

_LISTED = TypeAdapter(tuple[ListedPair, ...])
_LANGUAGE_KEYS = {  # the keys that give a model's languages, and the choice each belongs to
    "pairs": "pairs",
    "source": "source and target",
    "target": "source and target",
    "languages": "languages",
}


class CatalogueError(ConfigError):
    """A catalogue that cannot be served; names file, line, field and value."""


@dataclass(frozen=True, slots=True)
class Place:
    """An entry's place in its catalogue file.

    Attributes:
        name: File and line of the entry, such as `dragoman.yaml:12`.
        keys: File and line of each of its keys.
        default_for: Tasks and pairs (`en-de`) for which the file's `defaults` name the model.
    """

    name: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    default_for: tuple[str, ...] = ()


class ModelEntry(BaseModel):
    """One model of the catalogue.

    Attributes:
        name: The `model` of requests.
        path: `bundled/NAME`, a folder (absolute, or relative to the catalogue's), or a hub's id.
        revision: Commit or tag, of a model from a hub.
        sha256: Expected hashes of files.
        task: Short for `tasks` with one task.
        source, target: Languages; every combination of two different ones is a pair.
        languages: Languages, each translated to each; `all`: every one with a vocabulary tag.
        pairs: The pairs given, or those that follow from the three above; empty for
            `languages: all`, as only the tokenizer knows them.
        styles: Styles of summaries; the first is the default.
        prefix: Text put before the source, by task or style; see `prefix_for`.
        quantize: `int8` is the same as `dtype: int8`.
        load: `eager`: at the start; `lazy`: at the first request.
        warm_up: Whether to answer requests once loaded, or their texts.
        stand_ins: Strings that the model copies; None: find some by trying, once it is loaded.
        defaults: Fields of `GenerationParams` for requests that do not set them.
        max_running_rows: Decoder rows of one step, at most.
        alignment_heads: Layer and head of the cross-attention that aligns words; None: found by
            trying.
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
    stand_ins: StandIns | None = None
    max_input_tokens: Count | None = None
    max_new_tokens: Count | None = None
    max_waiting: Count | None = None
    max_running_rows: Count | None = None
    kv_cache_bytes: Count | None = None
    alignment_heads: AlignmentHeads | None = None
    defaults: Defaults = Field(default_factory=dict)
    _place: Place = PrivateAttr(default=Place())

    def placed(self, place: Place) -> "ModelEntry":
        """Return the entry with its place in a file, for errors to name."""
        copy = self.model_copy()
        copy._place = place  # noqa: SLF001 - this class's own
        return copy

    @property
    def default_for(self) -> tuple[str, ...]:
        """Tasks and pairs (`en-de`) for which the catalogue's `defaults` name this model."""
        return self._place.default_for

    @property
    def origin(self) -> str:
        """`bundled/NAME`, a hub's id, or `folder`: clients do not see a folder's path."""
        return "folder" if _origin(self.path, Path()) == "folder" else self.path

    def prefix_for(self, task: Task) -> str | None:
        """Return the text to put before a source; None: the prefix of the model's family.

        Raises:
            UnsupportedTaskError: The prefix names the source language, which is not given.
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
        """Return the beginning of an error message: file, line, model, and key if given."""
        line = self._place.keys.get(key, self._place.name)
        return "".join(
            [f"{line}: " if line else "", f"model {self.name!r}", f", {key}" if key else ""]
        )

    @field_validator("path")
    @classmethod
    def _anchor(cls, path: str, info: ValidationInfo) -> str:
        """Make a folder of a catalogue file absolute; reject a path that cannot hold a model."""
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
        """Turn one prefix for all tasks into one for each task."""
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
        violations = [*self._language_violations(), *self._other_violations()]
        if violations:
            raise validation_error(*violations)
        return self

    def _language_violations(self) -> Iterator[Violation]:
        given = [key for key in _LANGUAGE_KEYS if key in self.model_fields_set]
        choices = list(dict.fromkeys(_LANGUAGE_KEYS[key] for key in given))
        if not self.tasks:
            yield Violation((), "this has no task; give task or tasks")
        elif "translation" not in self.tasks:
            for key in given:
                yield Violation((key,), "a summarization model has no language pairs")
        elif not choices:
            known = ", or ".join(dict.fromkeys(_LANGUAGE_KEYS.values()))
            yield Violation((), f"a translation model needs {known}")
        elif len(choices) > 1:
            yield Violation((given[-1],), f"give either {' or '.join(choices)}")
        elif len({"source", "target"} & set(given)) == 1:
            yield Violation((given[0],), "source and target are given together")
        elif not self.pairs and self.languages != "all":
            yield Violation((given[0],), "there is no pair of two different languages")

    def _other_violations(self) -> Iterator[Violation]:
        if self.styles and "summarization" not in self.tasks:
            yield Violation(("styles",), "a translation model has no styles")
        if self.stand_ins and "translation" not in self.tasks:
            yield Violation(("stand_ins",), "a summarization model has no stand-ins")
        known = [*self.tasks, *self.styles]
        for key, prefix in self.prefix.items():
            if key not in known:
                sentence = f"this is no task or style of the model{nearest(key, known)}"
                yield Violation(("prefix", key), sentence)
            elif key != "translation" and placeholders(prefix):
                sentence = "only a prefix for translation has {source} or {target}"
                yield Violation(("prefix", key), sentence, prefix)
        default, limit = self.defaults.get("max_new_tokens", 0), self.max_new_tokens
        if limit is not None and default > limit:
            sentence = f"max_new_tokens allows {limit} at most"
            yield Violation(("defaults", "max_new_tokens"), sentence, default)


def _origin(path: str, folder: Path) -> Origin:
    try:
        return origin_of(path, base=folder)
    except SourceError as error:
        raise ValueError(str(error)) from error
