"""Every family, found by the `model_type` of a checkpoint."""

from model.errors import UnsupportedModelError
from model.families.bart import BART
from model.families.family import Family, HfConfig
from model.families.marian import MARIAN

FAMILIES: tuple[Family, ...] = (MARIAN, BART)


def family_of(hf: HfConfig) -> Family:
    """The family that a config.json belongs to.

    Raises:
        UnsupportedModelError: No family has that model_type; names those that are known.
    """
    model_type = hf.get("model_type")
    for family in FAMILIES:
        if model_type in family.model_types:
            return family
    known = ", ".join(name for family in FAMILIES for name in family.model_types)
    raise UnsupportedModelError(f"config.json: model_type {model_type!r} is not one of {known}")
