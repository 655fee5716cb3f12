"""Steps started before the scores of the step ahead of them are read, so the device never idles.

Greedy decoding continues from the best token, which the device knows before the host does. The
device can therefore compute the next step while the host processes the scores of the last one:

    device   step 7 | step 8 | step 9 | ...
    host            | read 7 | read 8 | ...

A request that ends in step 7 is still computed in step 8; its scores there are dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.engine.batch import Batch
from model.engine.choosing.chooser import is_plain_greedy
from model.engine.choosing.logits import forced_token
from model.engine.config import TokenRules
from model.engine.request import Request, RequestStatus
from model.engine.runner import RunnerOutput, Scores


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was started.

    Attributes:
        batch: Its requests.
        output: The runner's output, whose scores may still be on their way to the host.
        is_whole: Whether all requests that were in the batch at its start are still running.
    """

    batch: Batch
    output: RunnerOutput
    is_whole: bool = True

    @property
    def scores(self) -> Scores | None:
        """Scores of the last tokens; None if no request depends on them."""
        return self.output.scores

    def without_finished(self) -> "Step | None":
        """Return the step without requests that ended after its start; None if all of them did."""
        running = [r for r in self.batch.decode if r.status is RequestStatus.RUNNING]
        if not running:
            return None
        is_whole = len(running) == len(self.batch.decode)
        return Step(Batch(decode=running), self.output, is_whole)


def continues_from_best(requests: Sequence[Request], rules: TokenRules) -> bool:
    """Return whether each request's next token is the one with the largest logit, and not its last.

    The scores of the step need not be known: unless an end-of-sentence token ends a request, the
    step after it is certain.
    """
    return all(
        request.wants_logits
        and is_plain_greedy(request)
        and forced_token(request.search, rules) is None
        and _generates_more_than_one(request)
        for request in requests
    )


def _generates_more_than_one(request: Request) -> bool:
    config = request.search.config
    return config.num_generated(request.search.sequences[0]) + 1 < config.max_new_tokens
