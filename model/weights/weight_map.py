"""Maps each of our parameters to the checkpoint tensors that make it up; strings only.

It starts from our parameters: the rule for each gives its names in a checkpoint. So both missing
and unused tensors are known exactly.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WeightMap:
    """The names of our parameters in a checkpoint.

    Attributes:
        rules: From a module name of ours, with `{}` for its layer number, to its names in the
            checkpoint; several are concatenated along the first dimension.
        tables: From a full parameter name of ours to its possible names in the checkpoint, by
            preference: tied tables are saved once, under any one of their names.
        tied: Names of one table that config.json says is shared; where a checkpoint holds it under
            several of them, all must be equal.
        ignored: Checkpoint names (regular expressions) that are known and not needed.
        own_output: The name of an output projection that is used if it differs from the
            embedding; None where config.json says whether the output is tied.
        prefix: The beginning of all names in `rules`, which a checkpoint of the two stacks alone
            leaves out.
        can_lack_output_bias: Whether a checkpoint without the output's bias is complete.
    """

    rules: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tied: tuple[tuple[str, ...], ...] = ()
    ignored: tuple[str, ...] = ()
    own_output: str | None = None
    prefix: str = ""
    can_lack_output_bias: bool = False

    def sources(self, parameter: str, available: Collection[str]) -> tuple[str, ...]:
        """Return the checkpoint names whose tensors, concatenated, are this parameter.

            sources("decoder.layers.3.cross_attention.kv.bias", ...)
            -> ("model.decoder.layers.3.encoder_attn.k_proj.bias",
                "model.decoder.layers.3.encoder_attn.v_proj.bias")

        Raises:
            KeyError: No rule covers the parameter, which is an error in the family's table.
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
        """Return checkpoint names that are not used, not ignored and no copy of a tied table."""
        copies = {name for names in self.tied for name in names} | {self.own_output}
        unasked = set(available).difference(used, copies)
        return sorted(name for name in unasked if not self._is_ignored(name))

    def _as_saved(self, name: str, available: Collection[str]) -> str:
        bare = name.removeprefix(self.prefix)
        return bare if bare in available else name

    def _is_ignored(self, name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in self.ignored)
