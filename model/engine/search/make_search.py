"""The choice of a request's search."""

from model.engine.config import TokenRules
from model.engine.params import GenerationParams
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import IndependentSearch, Search, SearchConfig
from model.tokenizer.prompt import Prompt


def make_search(prompt: Prompt, params: GenerationParams, rules: TokenRules) -> Search:
    """Return the search of a request before its first token."""
    prompt_ids, forced = prompt.decoder_prefix_ids, forced_first_id(prompt, rules)
    if params.target_prefix_ids and forced is not None:
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


def forced_first_id(prompt: Prompt, rules: TokenRules) -> int | None:
    """Return the forced first token after the decoder's start; None if none is forced.

    A prefix of more than the start already holds what would be forced.
    """
    if len(prompt.decoder_prefix_ids) > 1:
        return None
    return rules.forced_bos_id if prompt.forced_bos_id is None else prompt.forced_bos_id
