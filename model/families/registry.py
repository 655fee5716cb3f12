"""Every family, found by the `model_type` of a checkpoint."""

from model.errors import UnsupportedModelError
from model.families.bart import BART
from model.families.family import Family, HfConfig
from model.families.m2m100 import M2M100
from model.families.marian import MARIAN
from model.families.mbart import MBART
from model.families.mt5 import MT5
from model.families.pegasus import PEGASUS
from model.families.plbart import PLBART
from model.families.t5 import T5
from model.families.t5gemma import T5GEMMA
from model.families.umt5 import UMT5

FAMILIES: tuple[Family, ...] = (
    MARIAN,
    BART,
    MBART,
    PEGASUS,
    M2M100,
    T5,
    MT5,
    UMT5,
    T5GEMMA,
    PLBART,
)


def family_of(hf: HfConfig) -> Family:
    """Return the family of a config.json.

    Raises:
        UnsupportedModelError: No family has that model_type; the message names the known ones.
    """
    model_type = hf.get("model_type")
    for family in FAMILIES:
        if model_type in family.model_types:
            return family
    known = ", ".join(name for family in FAMILIES for name in family.model_types)
    raise UnsupportedModelError(f"config.json: model_type {model_type!r} is not one of {known}")
