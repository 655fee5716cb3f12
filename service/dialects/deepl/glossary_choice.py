"""Find the glossaries that a translation names."""

from collections.abc import Sequence
from functools import partial

from service.access.clients import Client
from service.dialects.dialect import Services
from service.tasks.service import LoadGlossary


def glossary_of(
    services: Services, client: Client, ids: Sequence[str], source: str, target: str
) -> LoadGlossary | None:
    """Return a function that loads the client's glossaries for a pair as one; None without ids.

    Where they have the same source, the entry of the first glossary counts. The function raises
    GlossaryNotFoundError if the client has no glossary of an id, and InvalidFieldError if one is
    not for the pair, or they are too large together.
    """
    if not ids:
        return None
    return partial(services.stored_glossaries.ready, client.id, ids, source, target)
