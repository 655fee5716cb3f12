"""The catalogue: a YAML file that names the models to serve, how to run them, and glossaries."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.catalogue.entry import CatalogueError, ModelEntry, Place
from service.catalogue.fields import (
    DefaultKey,
    Name,
    Violation,
    nearest,
    parse_pair,
    validation_error,
)
from service.catalogue.glossaries import NamedGlossary, filled
from service.catalogue.messages import sentences
from service.yaml_file import YamlError, YamlFile, parse_yaml

__all__ = ["DEFAULT_CATALOGUE", "Catalogue", "CatalogueError", "ModelEntry", "load_catalogue"]

DEFAULT_CATALOGUE = Path(str(files("service.catalogue") / "dragoman.yaml"))


class Catalogue(BaseModel):
    """The models to serve, in order.

    A request that names no model is answered by the model of `defaults` for its language pair
    (`en-de`), else by that for its task, else by the first of `models` that fits. A translation may
    name one of `glossaries`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: tuple[ModelEntry, ...]
    defaults: Mapping[DefaultKey, str] = Field(default_factory=dict)
    glossaries: Mapping[Name, NamedGlossary] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        violations = [*self._name_violations(), *self._default_violations()]
        if violations:
            raise validation_error(*violations)
        return self

    def _name_violations(self) -> Iterator[Violation]:
        if not self.models:
            yield Violation(("models",), "there is no model in it")
        names: set[str] = set()
        for index, entry in enumerate(self.models):
            if entry.name in names:
                sentence = f"two models are called {entry.name!r}"
                yield Violation(("models", index, "name"), sentence)
            names.add(entry.name)

    def _default_violations(self) -> Iterator[Violation]:
        entries = {entry.name: entry for entry in self.models}
        for key, name in self.defaults.items():
            entry, pair = entries.get(name), parse_pair(key)
            task = key if pair is None else "translation"
            sentence = None
            if entry is None:
                sentence = f"there is no such model{nearest(name, entries)}"
            elif task not in entry.tasks:
                sentence = f"{name} is not made for {task}"
            elif pair is not None and entry.languages != "all" and pair not in entry.pairs:
                sentence = f"{name} does not translate {key}"
            if sentence is not None:
                yield Violation(("defaults", key), sentence, name)


def load_catalogue(path: Path | None = None) -> Catalogue:
    """Read a catalogue from a YAML file.

    Args:
        path: The file; relative folders in it are relative to its own. None: the bundled models.

    Raises:
        CatalogueError: The file cannot be read, or is not a catalogue; a line for each mistake.
    """
    path = DEFAULT_CATALOGUE if path is None else path
    try:
        file = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"cannot read the catalogue {path}: {error}") from error
    except YamlError as error:
        raise CatalogueError(f"{path}:{error.line}: {error}") from error
    try:
        catalogue = Catalogue.model_validate(file.data, context={"folder": path.parent})
    except ValidationError as error:
        found = sentences(error, file, schema_at=_schema_at)
        lines = [f"{path}:{line}: {sentence}" for line, sentence in found]
        raise CatalogueError("\n".join(lines)) from error
    return catalogue.model_copy(
        update={
            "models": tuple(_placed(catalogue, path, file)),
            "glossaries": filled(catalogue.glossaries, path, file),
        }
    )


def _schema_at(location: Sequence[str | int]) -> type[BaseModel]:
    if len(location) == 1:
        return Catalogue
    return ModelEntry if location[0] == "models" else NamedGlossary


def _placed(catalogue: Catalogue, path: Path, file: YamlFile) -> Iterator[ModelEntry]:
    """Yield the catalogue's entries with their lines in the file and what they are default for."""
    for index, entry in enumerate(catalogue.models):
        place = Place(
            name=f"{path}:{file.line(('models', index))}",
            keys={
                key: f"{path}:{file.line(('models', index, key))}" for key in entry.model_fields_set
            },
            default_for=tuple(k for k, name in catalogue.defaults.items() if name == entry.name),
        )
        yield entry.placed(place)
