"""A step as large as any may be, to measure the memory that steps take."""

from model.engine.batch import Batch
from model.engine.choosing.chooser import Chooser
from model.engine.choosing.sampler import Sampler
from model.engine.config import EngineConfig, TokenRules
from model.engine.params import GenerationParams
from model.engine.request import Request
from model.engine.runner import Runner
from model.engine.search.search import IndependentSearch, SearchConfig
from model.tokenizer.prompt import Prompt

# Sources are padded to at most twice their length, and to at most twice as many.
_MOST_PADDING = 4


def rehearse(runner: Runner, rules: TokenRules, config: EngineConfig) -> None:
    """Encode the most tokens of a step, decode every row at its maximal length, and sample in all.

    Sampling from the whole vocabulary takes more memory than any other choice: it sorts every row.
    """
    longest = _longest_requests(runner.num_rows, config)
    num_encoded = _MOST_PADDING * max(1, config.max_encode_tokens // config.max_source_tokens)
    scores = runner.run(Batch(encode=longest[:num_encoded], decode=longest)).scores
    assert scores is not None
    samplers = {request.request_id: Sampler(request.params) for request in longest}
    Chooser(rules).choose(scores, longest, samplers)


def _longest_requests(num_rows: int, config: EngineConfig) -> list[Request]:
    """Return a request per row, with the longest source and one token missing of the target."""
    prompt = Prompt((0,) * config.max_source_tokens, (0,))
    params = GenerationParams(seed=0)
    search_config = SearchConfig(
        prefix_ids=(0,) * config.max_target_tokens,
        num_prompt_ids=1,
        max_new_tokens=2,  # the last token is forced in some checkpoints, without a choice
        eos_ids=frozenset(),
    )
    return [
        Request(
            request_id=str(row),
            prompt=prompt,
            params=params,
            search=IndependentSearch(search_config),
            rows=[row],
            slot=row,
            num_computed=config.max_target_tokens - 1,
        )
        for row in range(num_rows)
    ]
