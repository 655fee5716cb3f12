"""Errors that a caller can act on; each message names the fault, the number and the limit."""


class ModelError(Exception):
    """Base class of the errors of `model`; the message is a sentence."""


class ConfigError(ModelError):
    """A configuration that describes no possible model, or an option out of range."""


class CheckpointError(ModelError):
    """A checkpoint that cannot be read, or lacks files, tensors or settings."""


class UnsupportedModelError(CheckpointError):
    """A checkpoint of an unsupported architecture."""


class UnsupportedTaskError(ModelError):
    """A task or language that the model was not trained for."""


class InvalidParamsError(ModelError):
    """A generation parameter out of range, or two that exclude each other."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class InputTooLongError(ModelError):
    """The encoder input is longer than the model's limit."""

    def __init__(self, *, num_tokens: int, limit_tokens: int) -> None:
        super().__init__(
            f"the input has {num_tokens} tokens; this model reads at most {limit_tokens}"
        )
        self.num_tokens = num_tokens
        self.limit_tokens = limit_tokens


class OutputTooLongError(ModelError):
    """A given output is longer than the model's limit."""

    def __init__(self, *, num_tokens: int, limit_tokens: int) -> None:
        super().__init__(
            f"the output has {num_tokens} tokens; this model writes at most {limit_tokens}"
        )


class QueueFullError(ModelError):
    """The engine's queue is full."""

    def __init__(self, *, num_waiting: int, limit: int) -> None:
        super().__init__(f"{num_waiting} requests are waiting; the queue holds at most {limit}")


class DeadlineExceededError(ModelError):
    """The request's deadline passed before its output was complete."""

    def __init__(self, *, timeout_ms: float) -> None:
        super().__init__(f"no complete answer within the timeout of {timeout_ms:.0f} ms")


class NoTokenError(ModelError):
    """An unfinished output has no possible next token."""

    def __init__(self) -> None:
        super().__init__(
            "no token can follow: the request's rules exclude all of them, "
            "or the network's scores are not numbers"
        )


class NoMemoryError(ModelError):
    """The device has too little memory for the request, even as the only one."""

    def __init__(self) -> None:
        super().__init__(
            "the device ran out of memory, although this request was alone on it; "
            "it may need fewer beams, or a shorter text"
        )


class EngineStoppedError(ModelError):
    """The engine was shut down, or failed, before the request finished."""
