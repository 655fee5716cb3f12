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

    @property
    def cache_use(self) -> float:
        """Part of the rows that is taken, 0 to 1."""
        return min(1.0, self.num_rows / self.max_rows)
