"""Reads the JSON files of a checkpoint."""

import json
from pathlib import Path
from typing import Any

from model.errors import CheckpointError


def read_json_object(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        CheckpointError: The file is missing, is not JSON, or its top level is no object.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: must be a JSON object, is a {type(content).__name__}")
    return content
