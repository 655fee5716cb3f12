"""Find a glossary of the catalogue, and check that it is for a request's languages."""

from collections.abc import Mapping

from service.errors import InvalidFieldError, listing, show
from service.text.glossary import Glossary
from service.text.languages import base_code

NO_GLOSSARIES: Mapping[str, Glossary] = {}


def named_glossary(name: str, glossaries: Mapping[str, Glossary]) -> Glossary:
    """Return the glossary of that name.

    Raises:
        InvalidFieldError: there is none.
    """
    found = glossaries.get(name)
    if found is None:
        about = f"is {show(name)}; the glossaries are {listing(list(glossaries))}"
        raise InvalidFieldError("glossary", about)
    return found


def check_pair(glossary: Glossary, source: str, target: str, *, detected: bool) -> None:
    """Check that a text's languages are those that the glossary is for, whatever the region.

    Raises:
        InvalidFieldError: they are not.
    """
    if glossary.pair is None:
        return
    if tuple(map(base_code, glossary.pair)) == (base_code(source), base_code(target)):
        return
    how = " (source detected; `source_lang` overrides that)" if detected else ""
    raise InvalidFieldError(
        "glossary",
        f"is {show(glossary.name)}, which is for {'-'.join(glossary.pair)}, "
        f"not for {source}-{target}{how}",
    )
