"""What an engine tells about itself: plain numbers for metrics and autoscaling."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStats:
    """The state of an engine after a step."""

    num_waiting: int  # requests
    num_running: int  # requests
    num_rows: int  # hypotheses that hold a row
    num_decoded: int  # hypotheses that the last step advanced
    num_steps: int  # tokens that it gave each of them: several where a runner went on by itself
    max_rows: int

    @property
    def cache_use(self) -> float:
        """The part of the decoder rows that is taken, 0 to 1."""
        return min(1.0, self.num_rows / self.max_rows)
