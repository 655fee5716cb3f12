"""Which served model does what: by name, by language pair, by summary style."""

from collections.abc import Sequence

from model.errors import UnsupportedTaskError
from service.backend import ModelInfo
from service.errors import (
    InvalidFieldError,
    ModelNotFoundError,
    TaskNotServedError,
    UnknownLanguageError,
    UnsupportedPairError,
    listing,
    show,
)
from service.languages import resolve

Pair = tuple[str, str]


class Directory:
    """The served models, in the catalogue's order; the first that fits a request takes it."""

    def __init__(self, models: Sequence[ModelInfo]) -> None:
        self.models = tuple(models)
        self._pairs = {m.name: frozenset(m.pairs) for m in self.models}
        pairs = [pair for m in self.models for pair in m.pairs]
        sources = dict.fromkeys(source for source, _ in pairs)
        self._targets = {s: tuple(dict.fromkeys(b for a, b in pairs if a == s)) for s in sources}
        self.languages = tuple(dict.fromkeys([*sources, *(target for _, target in pairs)]))

    def targets(self, source: str) -> tuple[str, ...]:
        """What `source` can be translated to."""
        return self._targets.get(source, ())

    def language(self, field: str, code: str) -> str:
        """The served code that a client's code means.

        Raises:
            UnknownLanguageError: no served language is meant.
        """
        served = resolve(code, self.languages)
        if served is None:
            raise UnknownLanguageError(field, code, served=self.languages)
        return served

    def translators(self, name: str | None) -> tuple[ModelInfo, ...]:
        """The models that a request may be given to.

        Raises:
            ModelNotFoundError, UnsupportedTaskError: the named model is none of them.
            TaskNotServedError: there is none.
        """
        return self._offering("translation", name)

    def for_pair(
        self, source: str, target: str, *, among: Sequence[ModelInfo], detected: bool
    ) -> ModelInfo:
        """The first model for the pair.

        Raises:
            UnsupportedPairError: none of them translates it.
        """
        for model in among:
            if (source, target) in self._pairs[model.name]:
                return model
        served = list(dict.fromkeys(pair for model in among for pair in model.pairs))
        raise UnsupportedPairError(source, target, served=served, detected=detected)

    def summarizer(self, name: str | None, style: str | None) -> ModelInfo:
        """The first model that summarizes in the style.

        Raises:
            ModelNotFoundError, UnsupportedTaskError: the named model does not summarize.
            TaskNotServedError: no model does.
            InvalidFieldError: none has the style.
        """
        models = self._offering("summarization", name)
        for model in models:
            if style is None or style in model.styles:
                return model
        styles = list(dict.fromkeys(s for model in models for s in model.styles))
        raise InvalidFieldError(f"`style` is {show(style)}; the styles are {listing(styles)}")

    def _offering(self, task: str, name: str | None) -> tuple[ModelInfo, ...]:
        if name is not None:
            return (self._named(name, task),)
        models = tuple(m for m in self.models if m.task == task)
        if not models:
            raise TaskNotServedError(task)
        return models

    def _named(self, name: str, task: str) -> ModelInfo:
        for model in self.models:
            if model.name == name:
                if model.task != task:
                    raise UnsupportedTaskError(f"{name} is made for {model.task}, not for {task}")
                return model
        raise ModelNotFoundError(name, served=[m.name for m in self.models])
