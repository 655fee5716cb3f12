"""Find a served model: by name, by language pair, by style of summary."""

from collections.abc import Callable, Iterable, Sequence

from model.errors import UnsupportedTaskError
from service.backend import ModelInfo, TaskName
from service.errors import (
    InvalidFieldError,
    ModelNotFoundError,
    TaskNotServedError,
    UnknownLanguageError,
    UnsupportedPairError,
    listing,
    show,
)
from service.text.languages import resolve

Models = Sequence[ModelInfo]


class ModelRegistry:
    """The models that are served now, indexed anew when they change.

    Without a name, a request goes to the default model of its pair or task, else to the first of
    the catalogue that fits. Models that could not be loaded come last.
    """

    def __init__(self, models: Callable[[], Models]) -> None:
        """Take `models`, which returns them in the catalogue's order, as `Backend.models` does."""
        self._current = models
        self._index = _Index(())

    @property
    def models(self) -> Models:
        return self._indexed().models

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of all source languages, then of those that are targets only."""
        return self._indexed().languages

    def targets(self, source: str) -> tuple[str, ...]:
        """Return the languages that `source` can be translated to."""
        return self._indexed().targets_of.get(source, ())

    def language(self, field: str, code: str) -> str:
        """Return the served code for a client's code (`pt-BR` may be served as `pt`).

        Raises:
            UnknownLanguageError: no served language matches.
        """
        index = self._indexed()
        served = code if code in index.language_set else resolve(code, index.languages)
        if served is None:
            raise UnknownLanguageError(field, code, served=index.languages)
        return served

    def named(self, name: str) -> ModelInfo:
        """Return the model of that name.

        Raises:
            ModelNotFoundError: no such model.
        """
        by_name = self._indexed().by_name
        if name not in by_name:
            raise ModelNotFoundError(name, served=list(by_name))
        return by_name[name]

    def only_languages(self, name: str | None) -> tuple[str | None, str | None]:
        """Return the source and the target that all pairs have; None where there are several.

        Of the named model's pairs; without a name, of all.

        Raises:
            ModelNotFoundError, UnsupportedTaskError, TaskNotServedError: as in `translators`.
        """
        models = self.translators(name)
        sources = _unique(model.pairs.sources for model in models)
        targets = _unique(model.pairs.targets for model in models)
        return (
            sources[0] if len(sources) == 1 else None,
            targets[0] if len(targets) == 1 else None,
        )

    def translators(self, name: str | None) -> Models:
        """Return the models that translate; only the named one, if a name is given.

        Raises:
            ModelNotFoundError, UnsupportedTaskError: no such model, or it does not translate.
            TaskNotServedError: no model translates.
        """
        return self._offering("translation", name)

    def for_pair(self, source: str, target: str, *, among: Models) -> ModelInfo:
        """Return the preferred model for the pair.

        Raises:
            UnsupportedPairError: none of them translates it.
        """
        fitting = [model for model in among if (source, target) in model.pairs]
        if fitting:
            return _preferred(fitting, (f"{source}-{target}", "translation"))
        raise UnsupportedPairError(
            source,
            target,
            sources=sources_of(target, among=among),
            targets=_targets(source, among=among),
        )

    def summarizer(self, name: str | None, style: str | None) -> ModelInfo:
        """Return the preferred model that summarizes in the style.

        Raises:
            ModelNotFoundError, UnsupportedTaskError: the named model does not summarize.
            TaskNotServedError: no model does.
            InvalidFieldError: none has the style.
        """
        models = self._offering("summarization", name)
        fitting = [model for model in models if style is None or style in model.styles]
        if fitting:
            return _preferred(fitting, ("summarization",))
        styles = list(dict.fromkeys(s for model in models for s in model.styles))
        raise InvalidFieldError("style", f"is {show(style)}; the styles are {listing(styles)}")

    def _indexed(self) -> "_Index":
        models = self._current()
        if models is not self._index.models:
            self._index = _Index(models)
        return self._index

    def _offering(self, task: TaskName, name: str | None) -> Models:
        if name is None:
            models = self._indexed().by_task.get(task)
            if models is None:
                raise TaskNotServedError(task)
            return models
        model = self.named(name)
        if task not in model.tasks:
            raise UnsupportedTaskError(f"{name} is made for {model.tasks[0]}, not for {task}")
        return (model,)


class _Index:
    """Lookup tables over one state of the models."""

    def __init__(self, models: Models) -> None:
        self.models = models
        offered = [model for model in models if model.is_offered]
        self.by_name = {model.name: model for model in offered}
        self.by_task: dict[TaskName, Models] = {}
        for model in offered:
            for task in model.tasks:
                self.by_task[task] = (*self.by_task.get(task, ()), model)
        sources = _unique(model.pairs.sources for model in offered)
        targets = _unique(model.pairs.targets for model in offered)
        self.targets_of = {source: _targets(source, among=offered) for source in sources}
        self.languages = _unique((sources, targets))
        self.language_set = frozenset(self.languages)


def sources_of(target: str, *, among: Models) -> tuple[str, ...]:
    """Return the languages that some of the models translate to `target`."""
    return _unique(model.pairs.sources_of(target) for model in among)


def _targets(source: str, *, among: Models) -> tuple[str, ...]:
    return _unique(model.pairs.targets_of(source) for model in among)


def _unique(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for group in groups for value in group))


def _preferred(models: Models, wanted: Sequence[str]) -> ModelInfo:
    """Return a loadable model, a default for `wanted` if any; its first entry counts most."""
    return min(
        models,
        key=lambda model: (
            model.state == "failed",
            *(what not in model.default_for for what in wanted),
        ),
    )
