"""A backend that answers every segment with its own text at once; and a server over it."""

import argparse
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import uvicorn

from model.engine.params import FinishReason
from model.tokenizer.prompt import Task
from service.api.create import create_api
from service.backend import Event, FinishedEvent, GenerateRequest, ModelInfo, Output
from service.pairs import Pairs
from service.scores import Scored, ScoreRequest
from service.settings import Settings
from service.spans import Span
from service.telemetry.log import configure_logging

TRANSLATOR = ModelInfo(
    name="echo/translate",
    tasks=("translation",),
    pairs=Pairs.between(("en", "de", "fr"), ("en", "de", "fr")),
    max_input_tokens=512,
    max_new_tokens=512,
    default_num_beams=1,
    family="echo",
    num_parameters=0,
    dtype="float32",
    device="cpu",
)
_MODELS = (TRANSLATOR,)


class EchoBackend:
    """Implements `Backend` without a model; a token is a character."""

    def models(self) -> Sequence[ModelInfo]:
        return _MODELS

    def hold(self, models: Iterable[ModelInfo]) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[Event, None]:
        yield FinishedEvent(
            outputs=(Output(request.text, (), 0.0),),
            finish_reason=FinishReason.STOP,
            input_tokens=len(request.text),
            output_tokens=len(request.text),
            truncated=False,
            queue_s=0.0,
            inference_s=0.0,
        )

    async def score(self, request: ScoreRequest) -> Scored:
        raise NotImplementedError  # no request of the benchmark asks for one

    async def count_tokens(self, model: str, text: str, task: Task) -> int:  # noqa: ARG002
        return len(text)

    def unknown_spans(self, model: str, text: str) -> tuple[Span, ...]:  # noqa: ARG002
        return ()

    def num_free_places(self, model: str) -> int:  # noqa: ARG002
        return 1_000

    def is_alive(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return True


def main() -> None:
    """Serve on `--port` until the process is ended; logs as a replica does, at level warning."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    configure_logging(level="warning", fmt="json")
    app = create_api(EchoBackend(), Settings())
    uvicorn.run(app, host="127.0.0.1", port=options.port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()
