"""A step started before the one ahead of it was looked at, so that the device need not wait.

Greedy decoding goes on from the best token, which the device knows before the host does. So it can
have the next step while the host still writes down what the last one brought:

    device   step 7 | step 8 | step 9 | ...
    host            | book 7 | book 8 | ...

Whoever turns out to have ended in step 7 is in step 8 all the same; what it got there is dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from model.engine.batch import Batch
from model.engine.choosing.chooser import is_plain
from model.engine.choosing.logits import forced_token
from model.engine.config import TokenRules
from model.engine.request import Request, RequestStatus
from model.engine.runner import Progress, Scores


@dataclass(frozen=True, slots=True)
class Step:
    """What was started, and what it will bring.

    Attributes:
        batch: Who is in it.
        progress: What it will bring, or brought.
        is_whole: Nobody has left since it was started.
    """

    batch: Batch
    progress: Progress
    is_whole: bool = True

    @property
    def scores(self) -> Scores | None:
        """None where nobody depends on them."""
        return self.progress.scores

    def of_living(self) -> "Step | None":
        """Without those that have ended since it was started; None when nobody is left."""
        living = [r for r in self.batch.decode if r.status is RequestStatus.RUNNING]
        if not living:
            return None
        is_whole = len(living) == len(self.batch.decode)
        return Step(Batch(decode=living), self.progress, is_whole)


def goes_on_from_best(requests: Sequence[Request], rules: TokenRules) -> bool:
    """Whether everybody's next token is the best one, and one more comes after it.

    Asked before the step's scores are known: unless a row ends by itself, the next step is certain.
    """
    return all(
        request.wants_logits
        and is_plain(request)
        and forced_token(request.search, rules) is None
        and _generates_more_than_one(request)
        for request in requests
    )


def _generates_more_than_one(request: Request) -> bool:
    frame = request.search.frame
    return frame.num_generated(request.search.sequences[0]) + 1 < frame.max_new_tokens
