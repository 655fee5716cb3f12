"""Compare a model's files with the hashes that its catalogue entry gives."""

import hashlib

from service.catalogue.catalogue import CatalogueError, ModelEntry
from service.sources.locate import ModelSource


def check_hashes(source: ModelSource, entry: ModelEntry) -> None:
    """Raise CatalogueError for a file that is not what the catalogue says."""
    for name, expected in entry.sha256.items():
        path = source.folder / name
        if not path.is_file():
            raise CatalogueError(f"{entry.at('sha256')}: there is no file {path}")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise CatalogueError(f"{entry.at('sha256')}: {name} has {found}, not {expected}")
