"""Scores of given outputs: from a request to what the network reads, and from that to text."""

from collections.abc import Callable

from model.alignment.aligner import Aligner
from model.alignment.heads import PROBES, Head, choose_heads
from model.alignment.word_weights import CrossWeights, TokenizedText
from model.errors import InputTooLongError, OutputTooLongError, UnsupportedTaskError
from model.load import LoadedModel
from model.scoring.forced_pass import ForcedPass
from model.scoring.given import NO_WEIGHTS, Given, Reading, WantedWeights
from model.tokenizer.prompt import Prompt, Task
from service.catalogue.catalogue import ModelEntry
from service.hosting.fitting import fitted
from service.hosting.score_queue import ScoreJob
from service.scores import OnOverflow, Scored, ScoredToken, ScoreRequest
from service.spans import Link, Span


class Scorer:
    """One model's tokens and words around its forced pass; runs the network only when it is made.

    Args:
        loaded: The model.
        entry: Its prefixes, and its alignment heads if they are known.
        forced: Its pass, which no other thread uses yet.
        prompt_of: Tokenizes a text for a task.
        task: One of its tasks, for the outputs that it reads to find alignment heads.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        entry: ModelEntry,
        forced: ForcedPass,
        *,
        prompt_of: Callable[[str, Task], Prompt],
        task: Task,
    ) -> None:
        self._loaded = loaded
        self._entry = entry
        self._forced = forced
        self._prompt_of = prompt_of
        known = tuple(Head(*head) for head in entry.alignment_heads or ())
        self._aligner = Aligner(known or self._find_heads(task))

    def job(self, request: ScoreRequest) -> ScoreJob:
        """Return what the network is to read, for whom and by when.

        Raises:
            ModelError: As `Backend.score`, for a text or an output that cannot be read.
        """
        wanted = WantedWeights(cross=self._aligner.layers) if request.with_links else NO_WEIGHTS
        return ScoreJob(
            given=self._given(
                request.text,
                request.task,
                self._ids(request.output),
                wanted,
                on_overflow=request.on_overflow,
            ),
            priority=request.priority,
            group=request.request_id,
            deadline=request.deadline,
        )

    def scored(self, request: ScoreRequest, given: Given, reading: Reading) -> Scored:
        """Return the scores of the output's tokens, and the links if they were asked for."""
        output = self._output(request.output)
        end = len(output.text)
        num_forced = len(reading.token_ids) - len(output.tokens) - 1
        spans = [*[(0, 0)] * num_forced, *output.tokens, (end, end)]
        return Scored(
            text=output.text,
            tokens=tuple(
                ScoredToken(Span(*span), log_prob)
                for span, log_prob in zip(spans, reading.log_probs, strict=True)
            ),
            confidence=self._loaded.confidence(
                request.text, output.text, reading.log_probs[num_forced:]
            ),
            links=self._links(request, output, reading),
            input_tokens=len(given.prompt.encoder_ids),
        )

    def _links(
        self, request: ScoreRequest, output: TokenizedText, reading: Reading
    ) -> tuple[Link, ...]:
        if not request.with_links:
            return ()
        links = self._aligner.links(self._weights(request.text, request.task, output, reading))
        return tuple(Link(Span(*a), Span(*b), weight) for a, b, weight in links)

    def _find_heads(self, task: Task) -> tuple[Head, ...]:
        config, read = self._loaded.config, []
        every_layer = WantedWeights(cross=tuple(range(config.decoder.num_layers)))
        for source, output in PROBES:
            try:
                given = self._given(source, task, self._ids(output), every_layer)
            except (InputTooLongError, OutputTooLongError, UnsupportedTaskError):
                continue  # a model for less, or one that does not say for what
            (reading,) = self._forced.read([given])
            if isinstance(reading, Reading):
                read.append(self._weights(source, task, self._output(output), reading))
        return choose_heads(read, config)

    def _given(
        self,
        text: str,
        task: Task,
        output_ids: tuple[int, ...],
        wanted: WantedWeights,
        *,
        on_overflow: OnOverflow = "error",
    ) -> Given:
        prompt = self._prompt_of(text, task)
        prompt, _ = fitted(prompt, self._forced.max_source_tokens, on_overflow=on_overflow)
        given = Given(prompt=prompt, output_ids=output_ids, wanted=wanted)
        self._forced.check(given)
        return given

    def _weights(
        self, text: str, task: Task, output: TokenizedText, reading: Reading
    ) -> CrossWeights:
        assert reading.cross is not None  # noqa: S101 - wanted whenever this is called
        tokens = self._loaded.source_spans(text, task, prefix=self._entry.prefix_for(task))
        num_read = reading.cross.shape[-1]
        if num_read < len(tokens):
            tokens = [*tokens[: num_read - 1], tokens[-1]]  # as `fitted` cut them
        return CrossWeights(TokenizedText(text, tokens), output, reading.cross)

    def _ids(self, output: str | tuple[int, ...]) -> tuple[int, ...]:
        if isinstance(output, str):
            return tuple(self._loaded.tokenizer.encode_target(output))
        return output

    def _output(self, output: str | tuple[int, ...]) -> TokenizedText:
        tokenizer = self._loaded.tokenizer
        if isinstance(output, str):
            return TokenizedText(output, tokenizer.target_spans(output))
        return TokenizedText(tokenizer.decode(output), tokenizer.decoded_spans(output))
