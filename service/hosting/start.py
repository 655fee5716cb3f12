"""Load a model and let it answer its first requests."""

import gc
import time

from model.errors import ModelError
from service.catalogue.catalogue import CatalogueError, ModelEntry
from service.hosting.model_host import ModelHost
from service.hosting.profile import errors_naming
from service.settings import Settings
from service.telemetry.log import get_logger

FEW_ROWS = 16  # hypotheses; 4 requests with 4 beams each

logger = get_logger(__name__)


def start_host(entry: ModelEntry, settings: Settings) -> ModelHost:
    """Return a model that is loaded and has answered its warm-up requests; log how long that took.

    Must not be called where an event loop runs.

    Raises:
        CatalogueError: It cannot be loaded, or cannot answer; names the model.
    """
    begin_s = time.monotonic()
    with errors_naming(entry):
        host = ModelHost(entry, settings)
    loaded_s = time.monotonic()
    if entry.warm_up:
        try:
            host.warm_up(entry.warm_up if isinstance(entry.warm_up, tuple) else ())
            host.find_stand_ins()
        except Exception as error:
            host.stop()
            name = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
            sentence = f"{entry.at()} is loaded, but cannot answer: {name}{error}"
            raise CatalogueError(sentence) from error
    # These objects live as long as the model: the collector need not go through them again.
    gc.collect()
    gc.freeze()
    logger.info(
        "model loaded",
        model=entry.name,
        family=host.info.family,
        dtype=host.info.quantize or host.info.dtype,
        dtype_reason=host.dtype_reason or "asked for",
        kernels=host.info.kernels,
        load_s=round(loaded_s - begin_s, 2),
        warm_up_s=round(time.monotonic() - loaded_s, 2),
        bytes=host.info.weights_bytes,
        rows=host.engine.stats.max_rows,
        stand_ins=host.info.stand_ins,
        cache_blocks=host.engine.stats.max_blocks,
    )
    if host.num_longest_rows < FEW_ROWS:
        logger.warning(
            "few outputs fit into the cache at once",
            model=entry.name,
            rows=host.num_longest_rows,
            hint="raise kv_cache_bytes, or lower max_input_tokens and max_new_tokens",
        )
    return host
