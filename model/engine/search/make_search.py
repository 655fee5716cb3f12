"""The choice of a request's search."""

from model.engine.config import TokenRules
from model.engine.params import GenerationParams
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import IndependentSearch, Search, SearchConfig
from model.tokenizer.prompt import Prompt


def make_search(prompt: Prompt, params: GenerationParams, rules: TokenRules) -> Search:
    """Return the search of a request before its first token."""
    prompt_ids, forced = prompt.decoder_prefix_ids, prompt.forced_bos_id
    if forced is None:
        forced = rules.forced_bos_id
    if params.target_prefix_ids and len(prompt_ids) == 1 and forced is not None:
        prompt_ids = (*prompt_ids, forced)
    config = SearchConfig(
        prefix_ids=(*prompt_ids, *params.target_prefix_ids),
        num_prompt_ids=len(prompt_ids),
        max_new_tokens=params.max_new_tokens,
        eos_ids=rules.eos_ids,
        forces_end=rules.forced_eos_id is not None,
        forced_bos_id=forced,
    )
    if params.num_beams == 1:
        return IndependentSearch(config, num_hypotheses=params.num_rows)
    return BeamSearch(
        config,
        num_beams=params.num_beams,
        num_return=params.num_return,
        length_penalty=params.length_penalty,
        early_stopping=params.early_stopping,
    )
