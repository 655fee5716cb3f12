"""A set of language pairs: listed one by one, or all combinations of two sets of languages.

A model of 200 languages has 39,800 pairs; they are counted and looked up without being stored.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

Pair = tuple[str, str]


@dataclass(frozen=True)
class Pairs:
    """Ordered (source, target) pairs of two different languages.

    Use `of` or `between` to make one. If `listed` is None, every combination of `sources` and
    `targets` is a pair. Only iteration takes time proportional to the number of pairs.
    """

    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    listed: tuple[Pair, ...] | None = None

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Pairs":
        """Return a set of the given pairs, in order."""
        listed = tuple(dict.fromkeys(pairs))
        return cls(
            sources=tuple(dict.fromkeys(source for source, _ in listed)),
            targets=tuple(dict.fromkeys(target for _, target in listed)),
            listed=listed,
        )

    @classmethod
    def between(cls, sources: Sequence[str], targets: Sequence[str]) -> "Pairs":
        """Return all combinations of a source and a different target."""
        return cls(sources=tuple(dict.fromkeys(sources)), targets=tuple(dict.fromkeys(targets)))

    def __contains__(self, pair: object) -> bool:
        if self.listed is not None:
            return pair in self._listed_set
        match pair:
            case (source, target):
                is_known = source in self._source_set and target in self._target_set
                return is_known and source != target
            case _:
                return False

    def __iter__(self) -> Iterator[Pair]:
        if self.listed is not None:
            return iter(self.listed)
        return ((a, b) for a in self.sources for b in self.targets if a != b)

    def __len__(self) -> int:
        if self.listed is not None:
            return len(self.listed)
        num_same = len(self._source_set & self._target_set)
        return len(self.sources) * len(self.targets) - num_same

    def targets_of(self, source: str) -> tuple[str, ...]:
        """Return the languages that `source` is translated to."""
        if self.listed is not None:
            return self._listed_targets.get(source, ())
        if source not in self._source_set:
            return ()
        return tuple(target for target in self.targets if target != source)

    def sources_of(self, target: str) -> tuple[str, ...]:
        """Return the languages that are translated to `target`."""
        if self.listed is not None:
            return tuple(a for a, b in self.listed if b == target)
        if target not in self._target_set:
            return ()
        return tuple(source for source in self.sources if source != target)

    @cached_property
    def _listed_set(self) -> frozenset[Pair]:
        return frozenset(self.listed or ())

    @cached_property
    def _listed_targets(self) -> dict[str, tuple[str, ...]]:
        targets: dict[str, list[str]] = {source: [] for source in self.sources}
        for source, target in self.listed or ():
            targets[source].append(target)
        return {source: tuple(found) for source, found in targets.items()}

    @cached_property
    def _source_set(self) -> frozenset[str]:
        return frozenset(self.sources)

    @cached_property
    def _target_set(self) -> frozenset[str]:
        return frozenset(self.targets)


NO_PAIRS = Pairs()
