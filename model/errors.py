"""The errors a caller can act on: each says what was wrong, how much, and the limit."""


class ModelError(Exception):
    """Anything that `model` refuses to do, with a sentence that says why."""


class ConfigError(ModelError):
    """A configuration that describes no possible model, or an option out of range."""


class CheckpointError(ModelError):
    """A checkpoint that cannot be read, or does not hold what the model needs."""


class UnsupportedModelError(CheckpointError):
    """A checkpoint of a kind that no family here describes."""


class UnsupportedTaskError(ModelError):
    """A task or language that this model was not made for."""


class InvalidParamsError(ModelError):
    """A generation parameter out of range, or two that exclude each other."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class InputTooLongError(ModelError):
    """The encoder input exceeds what the model can read."""

    def __init__(self, *, num_tokens: int, limit_tokens: int) -> None:
        super().__init__(
            f"the input has {num_tokens} tokens; this model reads at most {limit_tokens}"
        )
        self.num_tokens = num_tokens
        self.limit_tokens = limit_tokens


class QueueFullError(ModelError):
    """The engine's queue holds as many waiting requests as it may."""

    def __init__(self, *, num_waiting: int, limit: int) -> None:
        super().__init__(f"{num_waiting} requests are waiting; the queue holds at most {limit}")


class DeadlineExceededError(ModelError):
    """The request's deadline passed before its answer was complete."""

    def __init__(self, *, timeout_ms: float) -> None:
        super().__init__(f"no complete answer within the timeout of {timeout_ms:.0f} ms")


class NoTokenError(ModelError):
    """An output that cannot go on, and has not ended either."""

    def __init__(self) -> None:
        super().__init__(
            "no token can follow: the request's rules exclude all of them, "
            "or the network's scores are not numbers"
        )


class NoMemoryError(ModelError):
    """A request that the device has too little memory for, even with nothing else to do."""

    def __init__(self) -> None:
        super().__init__(
            "the device ran out of memory, although this request was alone on it; "
            "it may need fewer beams, or a shorter text"
        )


class EngineStoppedError(ModelError):
    """The engine was shut down, or failed, before it could answer."""
