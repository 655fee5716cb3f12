"""The largest step that an engine may ever have to do, made up, to see what memory it takes."""

from model.engine.batch import Batch
from model.engine.choosing.chooser import Chooser
from model.engine.choosing.sampler import Sampler
from model.engine.config import EngineConfig, TokenRules
from model.engine.params import GenerationParams
from model.engine.request import Request
from model.engine.runner import Runner
from model.engine.search.search import Frame, IndependentSearch
from model.tokenizer.prompt import Prompt

# Sources are padded to at most twice their length, and to at most twice as many.
_MOST_PADDING = 4


def rehearse(runner: Runner, rules: TokenRules, config: EngineConfig) -> None:
    """Encodes as much as one step may, decodes every row at its longest, and samples in all.

    Sampling from the whole vocabulary takes the most: it is sorted, row by row.
    """
    longest = _longest_requests(runner.num_rows, config)
    num_encoded = _MOST_PADDING * max(1, config.max_encode_tokens // config.max_source_tokens)
    scores = runner.run(Batch(encode=longest[:num_encoded], decode=longest)).scores
    assert scores is not None
    samplers = {request.request_id: Sampler(request.params) for request in longest}
    Chooser(rules).choose(scores, longest, samplers)


def _longest_requests(num_rows: int, config: EngineConfig) -> list[Request]:
    """One for each row: its source is as long as any, and of its target one token is missing."""
    prompt = Prompt((0,) * config.max_source_tokens, (0,))
    params = GenerationParams(seed=0)
    frame = Frame(
        prefix_ids=(0,) * config.max_target_tokens,
        num_hidden=1,
        max_new_tokens=2,  # not the last: in some checkpoints that is forced, and costs nothing
        eos_ids=frozenset(),
    )
    return [
        Request(
            request_id=str(row),
            prompt=prompt,
            params=params,
            search=IndependentSearch(frame),
            rows=[row],
            slot=row,
            num_computed=config.max_target_tokens - 1,
        )
        for row in range(num_rows)
    ]
