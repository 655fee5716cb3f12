"""Which checkpoint tensors make up each of our parameters; pure strings.

The walk goes target-first: for every parameter of ours, the rule that covers it says under which
names a checkpoint holds it. So what is missing, and what nobody asked for, are both known exactly.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WeightMap:
    """Where each of our parameters lies in a checkpoint.

    Attributes:
        rules: A module name of ours, with `{}` for its layer number, to the checkpoint's names of
            it; several are concatenated along the first dimension.
        tables: A full parameter name of ours to the names a checkpoint may give it, by preference:
            tied tables are saved once, under any one of their names.
        tied: Names of one table that config.json says is shared; where a checkpoint holds it under
            several of them, all must be equal.
        ignored: Checkpoint names (regular expressions) that are known and not needed.
        own_output: The name of an output projection that counts where its numbers are others than
            those of the embedding; None where config.json says whether there is one.
        prefix: What all names in `rules` begin with, but in a checkpoint of the two stacks alone.
        can_lack_output_bias: Whether a checkpoint without one has none, and is not broken.
    """

    rules: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tied: tuple[tuple[str, ...], ...] = ()
    ignored: tuple[str, ...] = ()
    own_output: str | None = None
    prefix: str = ""
    can_lack_output_bias: bool = False

    def sources(self, parameter: str, available: Collection[str]) -> tuple[str, ...]:
        """The checkpoint names whose tensors, concatenated, are this parameter.

            sources("decoder.layers.3.cross_attention.kv.bias", ...)
            -> ("model.decoder.layers.3.encoder_attn.k_proj.bias",
                "model.decoder.layers.3.encoder_attn.v_proj.bias")

        Raises:
            KeyError: No rule covers the parameter: a fault of the family, not of the checkpoint.
        """
        if parameter in self.tables:
            names = self.tables[parameter]
            return (next((name for name in names if name in available), names[0]),)
        module, _, kind = parameter.rpartition(".")
        layer = re.search(r"\d+", module)
        if layer is None:
            names = self.rules[module]
        else:
            rule = self.rules[module.replace(layer[0], "{}", 1)]
            names = tuple(name.format(layer[0]) for name in rule)
        return tuple(self._as_saved(f"{name}.{kind}", available) for name in names)

    def unused(self, available: Iterable[str], used: Iterable[str]) -> list[str]:
        """Checkpoint names that nothing of ours asked for, but copies and ignored ones."""
        copies = {name for names in self.tied for name in names} | {self.own_output}
        unasked = set(available).difference(used, copies)
        return sorted(name for name in unasked if not self._is_ignored(name))

    def _as_saved(self, name: str, available: Collection[str]) -> str:
        bare = name.removeprefix(self.prefix)
        return bare if bare in available else name

    def _is_ignored(self, name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in self.ignored)
