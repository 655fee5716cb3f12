"""Every family whose networks are compared with those of `transformers`."""

from tests.parity import references_bart, references_t5, references_t5gemma
from tests.parity.references import ReferenceFamily

FAMILIES: tuple[ReferenceFamily, ...] = (
    *references_bart.FAMILIES,
    *references_t5.FAMILIES,
    *references_t5gemma.FAMILIES,
)
