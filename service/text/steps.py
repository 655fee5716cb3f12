"""Make a segment ready for a model, and undo that in the model's output.

`STEPS` lists what is done, in order; an output goes back through them, the last one first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from service.spans import Span
from service.text.capitals import is_shouted, lowered, raised
from service.text.edits import Chain, Edit, Edited
from service.text.masking import Masked, Protected, mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The facts that steps decide by.

    Attributes:
        protected: Spans of the segment that must come back, in order and without overlap.
        names: Stand-ins that the model copies, best first.
        terms: Edits that write translations of terms into the segment, clear of `protected`.
        language: Code of the segment's language; None if nobody knows it.
    """

    protected: Sequence[Protected] = ()
    names: Sequence[str] = ()
    terms: Sequence[Edit] = ()
    language: str | None = None


class Step(Protocol):
    """One change of a segment, which can be undone in an output."""

    @property
    def edited(self) -> Edited:
        """The segment's text, changed."""
        ...

    def restore(self, output: str) -> Edited | None:
        """Return the output without the change; None if it lost something that must be there."""
        ...


@dataclass(frozen=True, slots=True)
class TermsWritten:
    """A segment with translations of terms in it, which the model is to copy."""

    edited: Edited

    def restore(self, output: str) -> Edited:
        """Return the output as it is."""
        return Edited.of(output)


@dataclass(frozen=True, slots=True)
class Lowered:
    """A segment in capitals, written as a sentence; its output is put in capitals again.

    Attributes:
        edited: The sentence.
        names: Stand-ins, whose letters stay as they are.
    """

    edited: Edited
    names: tuple[str, ...]

    def restore(self, output: str) -> Edited:
        """Return the output in capitals."""
        starts = sorted((output.find(name), len(name)) for name in self.names if name in output)
        return raised(output, kept=[Span(start, start + length) for start, length in starts])


class NoStandInError(Exception):
    """The model copies fewer stand-ins than the segment has protected spans."""


@dataclass(frozen=True, slots=True)
class Restored:
    """An output after all steps were undone.

    Attributes:
        chain: From the model's output to the answer.
        kept: Where in the answer the replacement of each protected span is.
    """

    chain: Chain
    kept: tuple[Span, ...]

    @property
    def text(self) -> str:
        """The answer."""
        return self.chain.text


@dataclass(frozen=True, slots=True)
class Prepared:
    """A segment after all steps.

    Attributes:
        chain: From the segment's text to what the model reads.
        steps: Those that changed something.
        protected: The spans of the segment that stand-ins stand for.
    """

    chain: Chain
    steps: tuple[Step, ...]
    protected: Sequence[Protected]

    @property
    def text(self) -> str:
        """The text that the model reads."""
        return self.chain.text

    def prefix(self, prefix: str | None) -> str | None:
        """Return a forced beginning of the output with stand-ins for what it has of the segment."""
        for step in self.steps:
            if prefix is None or not isinstance(step, Masked):
                continue
            for name, protected in zip(step.names, step.protected, strict=True):
                if protected.replacement:
                    prefix = prefix.replace(protected.replacement, name, 1)
        return prefix

    def restore(self, output: str) -> Restored | None:
        """Undo the steps in an output; None if it lacks a protected span, or has it twice."""
        rounds: list[Edited] = []
        kept: tuple[Span, ...] = ()
        text = output
        for step in reversed(self.steps):
            edited = step.restore(text)
            if edited is None:
                return None
            rounds.append(edited)
            kept = step.places(edited) if isinstance(step, Masked) else kept
            text = edited.text
        return Restored(Chain(output, rounds), kept)


def prepare(text: str, context: Context) -> Prepared:
    """Do the steps that the segment needs.

    Raises:
        NoStandInError: The segment has too many protected spans.
    """
    done: list[Step] = []
    changed = text
    for make_step in STEPS:
        step = make_step(changed, context, done)
        if step is not None:
            done.append(step)
            changed = step.edited.text
    chain = Chain(text, [step.edited for step in done])
    return Prepared(chain, tuple(done), context.protected)


def unprepared(text: str) -> Prepared:
    """Return the segment as it is."""
    return Prepared(Chain(text), (), ())


def _write_terms(text: str, context: Context, done: Sequence[Step]) -> TermsWritten | None:  # noqa: ARG001
    """Write translations of terms into the segment."""
    return TermsWritten(Edited.of(text, context.terms)) if context.terms else None


def _protect(text: str, context: Context, done: Sequence[Step]) -> Masked | None:
    """Put a stand-in in place of each protected span."""
    if not context.protected:
        return None
    protected = context.protected
    for step in done:
        spans = (step.edited.to_result(Span(p.start, p.stop)) for p in protected)
        protected = [
            replace(p, start=s.start, stop=s.stop) for p, s in zip(protected, spans, strict=True)
        ]
    masked = mask(text, protected, context.names)
    if masked is None:
        raise NoStandInError
    return masked


def _lower(text: str, context: Context, done: Sequence[Step]) -> Lowered | None:
    """Write a segment in capitals as a sentence; stand-ins stay as they are."""
    masks = [step for step in done if isinstance(step, Masked)]
    kept = [span for masked in masks for span in masked.edited.replaced]
    if not is_shouted(text, language=context.language, kept=kept):
        return None
    names = tuple(name for masked in masks for name in masked.names)
    return Lowered(lowered(text, language=context.language, kept=kept), names)


STEPS: tuple[Callable[[str, Context, Sequence[Step]], Step | None], ...] = (
    _write_terms,
    _protect,
    _lower,
)
