"""One text on its way to the engine, and its output on the way back."""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypedDict

from model.config import TransformerConfig
from model.engine.checks import check_request
from model.engine.config import EngineConfig
from model.engine.params import FinishReason, GenerationParams
from model.engine.request import RequestOutput
from model.engine.search.search import Hypothesis
from model.engine.stats import EngineStats
from model.errors import InvalidParamsError, NoMemoryError, NoTokenError
from model.load import LoadedModel
from model.request_params import default_max_new_tokens, merge_params
from model.tokenizer.prompt import Prompt, Task
from model.tokenizer.tokenizer import Tokenizer


class GenerationOptions(TypedDict, total=False):
    """Options of one call: the fields of `GenerationParams`, and text for the prompt.

    One that is absent is the checkpoint's own default. An option of sampling turns beams off.

    Attributes:
        prefix: Text in front of the source that names the task; absent is the checkpoint's own.
        target_prefix: Forced beginning of the output.
    """

    prefix: str
    target_prefix: str
    max_new_tokens: int
    min_new_tokens: int
    num_beams: int
    num_return: int
    length_penalty: float
    early_stopping: bool | Literal["never"]
    repetition_penalty: float
    no_repeat_ngram_size: int
    max_repeats: int
    temperature: float | None
    top_k: int | None
    top_p: float | None
    seed: int | None
    return_scores: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutput:
    """The output for one text.

    Attributes:
        text: Without special tokens.
        token_ids: Of the text, without special tokens.
        score: The mean log-probability of a generated token, at most 0. None where it was not
            computed: with one beam, unless `return_scores` is set.
        finish_reason: STOP, or LENGTH where `max_new_tokens` cut the text off.
        num_input_tokens: Tokens the encoder read, special ones included.
        num_output_tokens: Tokens the decoder generated, special ones included.
        alternatives: The other outputs of `num_return`, best first.
    """

    text: str
    token_ids: tuple[int, ...]
    score: float | None
    finish_reason: FinishReason
    num_input_tokens: int
    num_output_tokens: int
    alternatives: tuple["TextOutput", ...] = ()


@dataclass(frozen=True, slots=True)
class TextJob:
    """The engine's request for one text: its prompt and its parameters."""

    prompt: Prompt
    params: GenerationParams

    def check(self, *, config: TransformerConfig, limits: EngineConfig, stats: EngineStats) -> None:
        """Check as the engine will, so that a list is refused before any of it is queued.

        Raises:
            InputTooLongError, InvalidParamsError: As `check_request`.
        """
        check_request(
            self.prompt,
            self.params,
            config=config,
            limits=limits,
            num_rows=stats.max_rows,
            num_blocks=stats.max_blocks,
        )

    def result(self, output: RequestOutput, tokenizer: Tokenizer) -> TextOutput:
        """Return the text of the request's last output.

        Raises:
            NoMemoryError: The device has too little memory for this text alone.
            NoTokenError: No token could follow.
        """
        if output.finish_reason is FinishReason.OUT_OF_MEMORY:
            raise NoMemoryError
        if not output.hypotheses:
            raise NoTokenError
        best, *others = [self._text_output(found, tokenizer) for found in output.hypotheses]
        return replace(best, alternatives=tuple(others))

    def _text_output(self, hypothesis: Hypothesis, tokenizer: Tokenizer) -> TextOutput:
        has_score = self.params.return_scores or self.params.num_beams > 1
        return TextOutput(
            text=tokenizer.decode(hypothesis.token_ids),
            token_ids=tuple(i for i in hypothesis.token_ids if i not in tokenizer.special_ids),
            score=hypothesis.score if has_score else None,
            finish_reason=hypothesis.finish_reason,
            num_input_tokens=len(self.prompt.encoder_ids),
            num_output_tokens=hypothesis.num_generated,
        )


def make_job(
    text: str,
    task: Task,
    options: GenerationOptions,
    *,
    defaults: GenerationOptions,
    loaded: LoadedModel,
    max_target_tokens: int,
) -> TextJob:
    """Return the prompt and the parameters of one text.

    Args:
        text: The source.
        task: What to make of it.
        options: Of the call; they go before the checkpoint's own, and those before `defaults`.
        defaults: For options that neither the call nor the checkpoint gives.
        loaded: The checkpoint.
        max_target_tokens: The engine's limit of an output, its prefix included.

    Raises:
        InvalidParamsError: An option is out of range, or the text is no string.
        UnsupportedTaskError: The vocabulary has no tag for a language or a style.
    """
    if not isinstance(text, str):
        raise InvalidParamsError("text", f"{text!r} is not a string")
    prompt = loaded.prompt(text, task, prefix=options.get("prefix"))
    given: dict[str, Any] = {name: value for name, value in options.items() if name != "prefix"}
    prefix_ids = tuple(loaded.tokenizer.encode_target(given.pop("target_prefix", "")))
    fields = merge_params({**defaults, **loaded.generation_for(task)}, given)
    if "max_new_tokens" not in given:
        fields["max_new_tokens"] = default_max_new_tokens(
            fields.get("max_new_tokens", GenerationParams().max_new_tokens),
            prompt,
            task,
            num_prefix_tokens=len(prefix_ids),
            max_target_tokens=max_target_tokens,
        )
    params = GenerationParams(**fields, target_prefix_ids=prefix_ids)
    return TextJob(prompt, params)
