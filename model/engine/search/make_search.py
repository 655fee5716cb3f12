"""Which search a request asks for."""

from model.engine.config import TokenRules
from model.engine.params import GenerationParams
from model.engine.search.beam_search import BeamSearch
from model.engine.search.search import Frame, IndependentSearch, Search
from model.tokenizer.prompt import Prompt


def make_search(prompt: Prompt, params: GenerationParams, rules: TokenRules) -> Search:
    """The search of one request, at its beginning."""
    hidden, forced = prompt.decoder_prefix_ids, prompt.forced_bos_id
    if forced is None:
        forced = rules.forced_bos_id
    if params.target_prefix_ids and len(hidden) == 1 and forced is not None:
        hidden = (*hidden, forced)
    frame = Frame(
        prefix_ids=(*hidden, *params.target_prefix_ids),
        num_hidden=len(hidden),
        max_new_tokens=params.max_new_tokens,
        eos_ids=rules.eos_ids,
        forces_end=rules.forced_eos_id is not None,
        forced_bos_id=forced,
    )
    if params.num_beams == 1:
        return IndependentSearch(frame, num_hypotheses=params.num_rows)
    return BeamSearch(
        frame,
        num_beams=params.num_beams,
        num_return=params.num_return,
        length_penalty=params.length_penalty,
        early_stopping=params.early_stopping,
    )
