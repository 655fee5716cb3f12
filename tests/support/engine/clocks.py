"""A clock that tests set."""


class FakeClock:
    """Call it for the time in seconds; calling `tick` also advances it by a second."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def tick(self) -> float:
        self.now_s += 1.0
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
