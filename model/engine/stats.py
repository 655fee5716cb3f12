"""Numbers of an engine for metrics and autoscaling."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """State of an engine after a step."""

    num_waiting: int  # requests
    num_running: int  # requests
    num_rows: int  # cache rows taken, one per live hypothesis
    num_decoded: int  # hypotheses that the last step advanced
    num_steps: int  # decode steps within the last `Engine.step`; above 1 if the runner chose tokens
    max_rows: int  # rows that may be taken
    num_blocks: int  # cache blocks of 16 tokens taken, of sources and of hypotheses
    max_blocks: int  # cache blocks in all
    num_preempted: int  # times that a running request was put back for lack of blocks

    @property
    def cache_use(self) -> float:
        """Part of the rows, or if it is more, of the blocks that is taken, 0 to 1."""
        return min(1.0, max(self.num_rows / self.max_rows, self.num_blocks / self.max_blocks))
