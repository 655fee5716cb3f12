"""Measures ROUGE and faithfulness of a summarization checkpoint, decoded by the serving engine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer

from model.engine.params import GenerationParams
from model.load import LoadedModel
from model.tokenizer.prompt import Summarization
from model.training.corpus import Pair
from model.training.decoding import decode_all
from model.training.summarization.corpus import SummaryFile
from model.training.summarization.decoding import describe
from model.training.summarization.sentences import split_sentences

# Runs of letters and digits, lower-cased; those above three characters as their Porter stems.
_tokenize: Callable[[str], list[str]] = DefaultTokenizer(use_stemmer=True).tokenize
_ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=DefaultTokenizer(use_stemmer=True))
_STOP_WORDS = frozenset(
    _tokenize(
        "a about above after all also although among an and any are as at be because been before "
        "being between both but by can cannot could did do does doing done during each either et "
        "for from further had has have having here how however i if in into is it its itself many "
        "may might more most much must no nor not of off on once only or other our out over own s "
        "same should since so some such t than that the their them then there these they this "
        "those through thus to too under until up us very via was we were what when where whether "
        "which while who whose why will with within without would yet you your"
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Scores of the summaries of one data set."""

    data_set: str
    style: str
    output: str  # the source of the summaries: a search, `first sentence` or `reference`
    num_lines: int
    rouge_1: float  # F of the stemmed words, 0 to 100, mean over lines; so the next two
    rouge_2: float
    rouge_l: float
    faithfulness: float  # mean over lines
    num_words: float  # mean over lines


def faithfulness(text: str, output: str) -> float:
    """Return the share of an output's content words (no stop words) that occur in the text.

    Words are compared by their stems. A false sentence made of the text's words still has 1.0. An
    output without content words has 0.0.
    """
    known = set(_tokenize(text))
    content = [word for word in _tokenize(output) if word not in _STOP_WORDS]
    return sum(word in known for word in content) / max(1, len(content))


def cut_to_fit(text: str, loaded: LoadedModel, *, task: Summarization) -> str:
    """Return the text up to the last sentence, or else the last word, that fits the model."""
    limit = loaded.config.max_positions

    def fits(parts: Sequence[str]) -> bool:
        return len(loaded.prompt(" ".join(parts), task).encoder_ids) <= limit

    parts: list[str] = []
    for parts in (split_sentences(text), text.split()):
        while len(parts) > 1 and not fits(parts):
            parts.pop()
        if fits(parts):
            break
    return " ".join(parts)


def summarize_all(
    loaded: LoadedModel, texts: Sequence[str], *, style: str, params: GenerationParams
) -> list[str]:
    """Return summaries of many texts, in order; a text that is too long is cut.

    Args:
        loaded: A summarization checkpoint.
        texts: Scientific abstracts or the like.
        style: The style of all summaries.
        params: The search.
    """
    task = Summarization(style)
    fitting = [cut_to_fit(text, loaded, task=task) for text in texts]
    return decode_all(loaded, fitting, task=task, params=params)


def evaluate(
    loaded: LoadedModel,
    file: SummaryFile,
    pairs: Sequence[Pair],
    *,
    decodings: Sequence[GenerationParams],
) -> Iterator[Score]:
    """Yield scores of first sentences, of each search, and of the references.

    Args:
        loaded: A summarization checkpoint.
        file: The file of the pairs.
        pairs: At least one.
        decodings: The searches.
    """
    texts = [pair.source for pair in pairs]
    first_sentences = [split_sentences(text)[0] for text in texts]
    yield score(file, pairs, first_sentences, output="first sentence")
    for params in decodings:
        outputs = summarize_all(loaded, texts, style=file.style, params=params)
        yield score(file, pairs, outputs, output=describe(params))
    yield score(file, pairs, [pair.target for pair in pairs], output="reference")


def score(
    file: SummaryFile, pairs: Sequence[Pair], outputs: Sequence[str], *, output: str
) -> Score:
    """Return the score of one output for each pair."""
    rouge = [_ROUGE.score(pair.target, found) for pair, found in zip(pairs, outputs, strict=True)]
    return Score(
        data_set=file.name,
        style=file.style,
        output=output,
        num_lines=len(pairs),
        rouge_1=100 * fmean(line["rouge1"].fmeasure for line in rouge),
        rouge_2=100 * fmean(line["rouge2"].fmeasure for line in rouge),
        rouge_l=100 * fmean(line["rougeL"].fmeasure for line in rouge),
        faithfulness=fmean(
            faithfulness(pair.source, found) for pair, found in zip(pairs, outputs, strict=True)
        ),
        num_words=fmean(len(found.split()) for found in outputs),
    )


SCORE_HEADER = """\
| set | style | lines | output | ROUGE-1 | ROUGE-2 | ROUGE-L | words from the text | words |
|---|---|---:|---|---:|---:|---:|---:|---:|"""


def score_row(score: Score) -> str:
    """Return a score as a line of the Markdown table below `SCORE_HEADER`."""
    return (
        f"| {score.data_set} | {score.style} | {score.num_lines:,} | {score.output} "
        f"| {score.rouge_1:.1f} | {score.rouge_2:.1f} | {score.rouge_l:.1f} "
        f"| {score.faithfulness:.1%} | {score.num_words:.1f} |"
    )
