"""One request to an engine, and what its caller gets of the engine's outputs."""

from dataclasses import dataclass

from model.engine.params import FinishReason, GenerationParams, Priority
from model.engine.request import RequestOutput
from model.errors import NoMemoryError, NoTokenError
from model.tokenizer.prompt import Prompt
from service.deadline import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRequest:
    """One tokenized request, as the event loop hands it to the engine's thread."""

    request_id: str
    prompt: Prompt
    params: GenerationParams
    priority: Priority
    group: str  # names the client's request, whose segments take turns with those of others
    deadline: Deadline
    stream: bool  # send tokens before the end


def output_or_error(message: RequestOutput | Exception, request: EngineRequest) -> RequestOutput:
    """Return the output, or raise its failure."""
    if isinstance(message, Exception):
        raise message
    if message.finish_reason is FinishReason.DEADLINE:
        raise request.deadline.exceeded()
    if message.finish_reason is FinishReason.OUT_OF_MEMORY:
        raise NoMemoryError
    if message.finish_reason is FinishReason.ERROR:
        raise NoTokenError
    return message
