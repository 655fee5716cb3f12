"""Translate one segment: what must not change comes back, terms are kept, numbers are checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, repeat

from model.engine.params import GenerationParams
from service.spans import Link, Span
from service.tasks.attempts import Attempt, Attempts, placed
from service.tasks.generation import OnText, all_or_nothing
from service.tasks.records import Rendition, SegmentAnswer, mean
from service.text.around import pieces_around
from service.text.capitals import is_shouted
from service.text.edits import Edit, Edited
from service.text.glossary import Glossary, Match
from service.text.masking import Protected, by_precedence, outside
from service.text.protection.digits import lost_numbers
from service.text.protection.find import find_protected
from service.text.source_text import PlainText, SourceText
from service.text.steps import Context
from service.text.terms import clear_of, missing, stand_ins_for, uncovered, written_in

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTranslator:
    """Translates the segments of one text.

    Attributes:
        attempts: Generates them.
        params: The parameters that the model will use.
        glossary: Terms with their translations; None for none.
    """

    attempts: Attempts
    params: GenerationParams
    glossary: Glossary | None

    @property
    def streams_tokens(self) -> bool:
        """True if a segment without anything special is streamed as its tokens come."""
        return self.params.num_rows == 1

    async def answer(
        self, source: SourceText, *, prefix: str | None = None, on_text: OnText | None = None
    ) -> SegmentAnswer:
        """Return the segment's translations, and pass the best one to `on_text`, if it streams.

        Where nothing must be checked it comes in pieces, otherwise at the end.
        """
        protected, terms = self._protected(source)
        needs_check = bool(protected or terms) or _DIGIT.search(source.text) is not None
        if not needs_check and self._is_plain(source):
            return await self.attempts.answer_plain(source.text, prefix=prefix, on_text=on_text)
        write = None if needs_check else source.writes_pieces
        has_streamed = False

        def pass_on(piece: str) -> None:
            nonlocal has_streamed
            has_streamed = True
            if on_text is not None and write is not None:
                on_text(write(piece))

        streams = on_text is not None and write is not None
        found = await self._translated(
            source, protected, terms, prefix=prefix, on_text=pass_on if streams else None
        )
        if on_text is not None and self.streams_tokens and not has_streamed:
            on_text(found.outputs[0].rendered)
        return found

    def _is_plain(self, source: SourceText) -> bool:
        """Return whether a segment without anything to be checked is all that the answer needs."""
        return (
            isinstance(source, PlainText)
            and not source.needs_links
            and not self.attempts.needs_scores
            and not is_shouted(source.text, language=self.attempts.task.source_lang)
        )

    def _protected(self, source: SourceText) -> tuple[tuple[Protected, ...], tuple[Match, ...]]:
        """Return the spans that must come back, and the terms to be translated as is said.

        A term that is all of a span, or more, goes before it: `R&D`, a word that nobody knows.
        """
        text, attempts = source.text, self.attempts
        protected = find_protected(text, apart=source.tag_positions)
        unknown = attempts.generation.unknown_spans(attempts.model, text)
        if unknown or source.opaque:
            copied = [Protected(s.start, s.stop, text[s.start : s.stop]) for s in unknown]
            found, protected = protected, tuple(source.opaque)
            for spans in (found, copied):
                protected = by_precedence(protected, outside(spans, protected))
        if self.glossary is None:
            return protected, ()
        matches = self.glossary.find(text)
        elements = set(source.opaque)
        others = [span for span in protected if span not in elements]
        matches = clear_of(matches, by_precedence(source.opaque, uncovered(others, matches)))
        named = [Protected(match.start, match.stop, match.target) for match in matches]
        protected = by_precedence(source.opaque, outside(others, named))
        left = stand_ins_for(text, [m for m in matches if m.entry.is_left_as_it_is])
        terms = tuple(match for match in matches if not match.entry.is_left_as_it_is)
        return by_precedence(protected, left), terms

    async def _translated(
        self,
        source: SourceText,
        protected: Sequence[Protected],
        terms: Sequence[Match],
        *,
        prefix: str | None,
        on_text: OnText | None,
    ) -> SegmentAnswer:
        """Return translations with every protected span, enforced term and number.

        Each is given a stand-in if nothing else helps; if that does not come through the model,
        the pieces around the spans are translated.
        """
        if protected and not pieces_around(source.text, protected):
            return await self._around(source, protected, prefix=prefix)  # there is nothing else
        context = Context(protected=protected)
        attempt = await self._generated(source, context, terms, prefix=prefix, on_text=on_text)
        if attempt is not None and terms:
            context, attempt = await self._with_terms(
                source, context, attempt, terms=terms, prefix=prefix
            )
        if attempt is not None and not attempt.is_cut:
            lost = lost_numbers(source.text, attempt.text)
            if lost:
                spans = by_precedence(context.protected, clear(lost, context.terms))
                context = replace(context, protected=spans)
                attempt = await self.attempts.generate(source, context, prefix=prefix)
                if attempt is not None and lost_numbers(source.text, attempt.text):
                    attempt = None  # another number is beside it, or was lost instead
        if attempt is None:
            spans = by_precedence(context.protected, stand_ins_for(source.text, terms))
            return await self._around(source, spans, prefix=prefix)
        return await self.attempts.answer(source, attempt, num_return=self.params.num_return)

    async def _generated(
        self,
        source: SourceText,
        context: Context,
        terms: Sequence[Match],
        *,
        prefix: str | None,
        on_text: OnText | None = None,
    ) -> Attempt | None:
        """Return an attempt; of all beams, those that lack the fewest terms come first."""
        num_return = self.params.num_rows if terms else None
        attempt = await self.attempts.generate(
            source, context, prefix=prefix, on_text=on_text, num_return=num_return
        )
        if attempt is None or not terms:
            return attempt
        ranked = sorted(attempt.outputs, key=lambda output: len(missing(terms, output[1].text)))
        return replace(attempt, outputs=tuple(ranked))

    async def _with_terms(
        self,
        source: SourceText,
        context: Context,
        attempt: Attempt,
        *,
        terms: Sequence[Match],
        prefix: str | None,
    ) -> tuple[Context, Attempt | None]:
        """Return an attempt that has all terms to be enforced, and how it was made.

        None if not even their stand-ins came through. As `service.text.terms` says.
        """
        lacking = missing(terms, attempt.text)
        if not lacking or attempt.is_cut:
            return context, attempt
        written = replace(context, terms=written_in(lacking))
        again = await self._generated(source, written, terms, prefix=prefix)
        if again is not None and len(missing(terms, again.text)) < len(lacking):
            context, attempt = written, again
        if all(match.entry.mode == "prefer" for match in missing(terms, attempt.text)):
            return context, attempt
        enforced = by_precedence(context.protected, stand_ins_for(source.text, terms))
        context = Context(protected=enforced)
        return context, await self.attempts.generate(source, context, prefix=prefix)

    async def _around(
        self, source: SourceText, protected: Sequence[Protected], *, prefix: str | None
    ) -> SegmentAnswer:
        """Translate the pieces between the protected spans, and put the spans between them."""
        pieces = pieces_around(source.text, protected)
        work = [
            self._piece(source, piece, prefix=None if i else prefix)
            for i, piece in enumerate(pieces)
        ]
        answers = await all_or_nothing(work)
        best = [answer.outputs[0] for answer in answers]
        edits = [Edit(p.start, p.stop, p.replacement) for p in protected]
        edits += [Edit(s.start, s.stop, o.text) for s, o in zip(pieces, best, strict=True)]
        whole = Edited.of(source.text, sorted(edits, key=lambda edit: edit.start))
        kept = [whole.to_result(Span(p.start, p.stop)) for p in protected]
        links = [
            Link(link.source + piece.start, link.target + whole.to_result(piece).start, link.weight)
            for piece, output in zip(pieces, best, strict=True)
            for link in output.links
        ]
        if source.needs_links or self.attempts.with_links:
            links += map(Link, (Span(p.start, p.stop) for p in protected), kept, repeat(1.0))
            links.sort(key=lambda link: (link.source, link.target))
        joined = Rendition(
            text=whole.text,
            rendered=whole.text,
            token_ids=tuple(chain.from_iterable(output.token_ids for output in best)),
            num_tokens=sum(output.num_tokens for output in best),
            score=mean([output.score for output in best], best) or 0.0,
            confidence=mean([o.confidence for o in best if o.confidence is not None], best),
        )
        found = placed(
            source,
            joined,
            text=whole.text,
            links=links,
            kept=zip(protected, kept, strict=True),
        )
        return SegmentAnswer(
            outputs=(found,), truncated=any(answer.truncated for answer in answers)
        )

    async def _piece(self, source: SourceText, piece: Span, *, prefix: str | None) -> SegmentAnswer:
        """Translate a piece of a segment that has no protected span; link it if need be."""
        text = source.text[piece.start : piece.stop]
        plain = PlainText(text, needs_links=source.needs_links)
        attempt = await self.attempts.generate(plain, Context(), prefix=prefix)
        assert attempt is not None  # noqa: S101 - nothing was protected, so nothing was lost
        return await self.attempts.answer(plain, attempt, num_return=1)


def clear(spans: Sequence[Protected], edits: Sequence[Edit]) -> list[Protected]:
    """Return the spans that no edit touches."""
    return [s for s in spans if all(s.stop <= e.start or e.stop <= s.start for e in edits)]
