"""Runs one scenario: makes its checkpoint, starts its contenders, and measures them."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

from loadtests.corpus import SENTENCES
from loadtests.engine.capacity import Capacity, find_capacity
from loadtests.engine.checkpoints import make_checkpoint
from loadtests.engine.contenders import Contender, Dragoman
from loadtests.engine.isolation import Isolated, PeakMemory, Place, apart
from loadtests.engine.network import Network
from loadtests.engine.peers import CTranslate2, Transformers, convert
from loadtests.engine.plan import BUNDLED, BUNDLED_CHECKPOINT, NETWORKS, Scenario
from loadtests.engine.turns import Timing, Turns, best, library_of
from loadtests.engine.workload import Workload, poisson_load, random_workload, real_workload
from model.json_file import read_json_object
from model.load import load_model
from model.tokenizer.prompt import Translation

Say = Callable[[str], None]
PACKAGES = {"ctranslate2": "ctranslate2", "transformers": "transformers"}
_NUM_ALONE = 40  # sentences translated one at a time, for the bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The results of one scenario."""

    scenario: Scenario
    network: Network
    timings: list[Timing]
    served: dict[int, Capacity]  # by beams
    memory: dict[str, PeakMemory]  # by contender

    def workloads(self) -> list[Workload]:
        return list(dict.fromkeys(timing.workload for timing in self.timings))

    def at(self, workload: Workload) -> list[Timing]:
        return [timing for timing in self.timings if timing.workload == workload]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRunner:
    """Runs scenarios at one place, with a cache of checkpoints, and reports its progress."""

    place: Place
    cache: Path
    say: Say

    def run(self, scenario: Scenario) -> Found:
        network, checkpoint = self._prepare(scenario.model)
        workloads = _workloads(scenario, network)
        sources = _served_sources(scenario, network) if scenario.served_beams else []
        longest = max(map(len, [*sources, *(s for w in workloads for s in w.sources)]))
        timings: list[Timing] = []
        with self._contenders(scenario, checkpoint, max_source_tokens=longest) as contenders:
            turns = Turns(
                num_rounds=scenario.num_rounds,
                drop_at=scenario.drop_at,
                budget_s=scenario.budget_s,
            )
            for workload in workloads:
                self.say(f"{scenario.model}: batch {workload.batch}, {workload.num_beams} beams")
                timings += turns.measure(contenders, workload)
            served = {
                beams: self._serve(scenario, contenders, timings, sources, num_beams=beams)
                for beams in scenario.served_beams
            }
            memory = {contender.name: contender.memory() for contender in contenders}
        return Found(
            scenario=scenario, network=network, timings=timings, served=served, memory=memory
        )

    def _prepare(self, model: str) -> tuple[Network, Path]:
        if model == BUNDLED:
            return Network.of(read_json_object(BUNDLED_CHECKPOINT / "config.json")), (
                BUNDLED_CHECKPOINT
            )
        self.say(f"{model}: checkpoint")
        network = NETWORKS[model]
        return network, apart(partial(make_checkpoint, network, self.cache), place=self.place)

    @contextmanager
    def _contenders(
        self, scenario: Scenario, checkpoint: Path, *, max_source_tokens: int
    ) -> Iterator[list[Isolated]]:
        """Yield the contenders that can be started here, loaded in parallel; end them at exit."""
        started: dict[str, Isolated] = {}
        for name in scenario.contenders:
            library, _, dtype = name.partition("-")
            reason = self._missing(library, dtype)
            if reason is not None:
                self.say(f"{name} is left out: {reason}")
                continue
            make: Callable[[], Contender]
            if library == "dragoman":
                make = partial(
                    Dragoman,
                    checkpoint,
                    max_rows=scenario.max_rows,
                    max_tokens=(max_source_tokens, scenario.new_tokens),
                )
            elif library == "ctranslate2":
                make = partial(
                    CTranslate2,
                    self._convert(scenario.model, checkpoint, dtype),
                    num_threads=self.place.num_threads,
                )
            else:
                make = partial(Transformers, checkpoint)
            make = partial(make, dtype=dtype, device=self.place.device)
            started[name] = Isolated(make, place=self.place)
        try:
            self.say(f"{scenario.model}: loading")
            yield list(self._ready(started))
        finally:
            for contender in started.values():
                contender.close()

    def _ready(self, started: dict[str, Isolated]) -> Iterator[Isolated]:
        for name, contender in started.items():
            try:
                contender.wait()
            except RuntimeError as error:
                if name.startswith("dragoman"):
                    raise
                self.say(f"{name} is left out: {error}")
            else:
                yield contender

    def _missing(self, library: str, dtype: str) -> str | None:
        package = PACKAGES.get(library)
        if package is not None and importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
        if library == "ctranslate2" and dtype not in CTranslate2.types(self.place.device):
            return f"it does not compute in {dtype} on this {self.place.device}"
        return None

    def _convert(self, model: str, checkpoint: Path, dtype: str) -> Path:
        folder = self.cache / BUNDLED if model == BUNDLED else checkpoint
        folder.mkdir(parents=True, exist_ok=True)
        converted = folder / f"ctranslate2-{dtype}"
        if not (converted / "model.bin").exists():
            self.say(f"{model}: conversion to CTranslate2's {dtype}")
            apart(partial(convert, checkpoint, converted, dtype=dtype), place=self.place)
        return converted

    def _serve(
        self,
        scenario: Scenario,
        contenders: Sequence[Isolated],
        timings: Sequence[Timing],
        sources: Sequence[tuple[int, ...]],
        *,
        num_beams: int,
    ) -> Capacity:
        """Find the capacity of each library in its type that was fastest with static batches."""
        fastest = {
            best([t for t in timings if library_of(t.contender) == library]).contender
            for library in {library_of(timing.contender) for timing in timings}
            if library in scenario.served_libraries
        }
        chosen = [contender for contender in contenders if contender.name in fastest]
        self.say(f"{scenario.model}: served, {num_beams} beams")
        alone = Workload(
            sources=(), num_new_tokens=scenario.new_tokens, num_beams=num_beams, ends=True
        )
        return find_capacity(
            chosen,
            [replace(alone, sources=(source,)) for source in sources[:_NUM_ALONE]],
            make_load=lambda rate: poisson_load(
                sources,
                rate=rate,
                seconds=scenario.load_s,
                max_new_tokens=scenario.new_tokens,
                num_beams=num_beams,
            ),
            num_probes=scenario.num_probes,
            budget_s=scenario.budget_s,
        )


def _workloads(scenario: Scenario, network: Network) -> list[Workload]:
    made = {batch: _workload(scenario, network, batch=batch) for batch, _ in scenario.cells}
    return [replace(made[batch], num_beams=beams) for batch, beams in scenario.cells]


def _workload(scenario: Scenario, network: Network, *, batch: int) -> Workload:
    if scenario.model == BUNDLED:
        return real_workload(_real_sources(), batch=batch, max_new_tokens=scenario.new_tokens)
    return random_workload(
        network,
        batch=batch,
        source_tokens=scenario.source_tokens,
        num_new_tokens=scenario.new_tokens,
    )


def _served_sources(scenario: Scenario, network: Network) -> Sequence[tuple[int, ...]]:
    """Return the sources of a served load, in random order."""
    return _workload(scenario, network, batch=len(SENTENCES)).sources


@cache
def _real_sources() -> list[tuple[int, ...]]:
    """Return the token ids of the corpus, for the bundled translator from English to German."""
    loaded = load_model(BUNDLED_CHECKPOINT, dtype="float32", device="cpu")
    return [loaded.prompt(text, Translation("de", "en")).encoder_ids for text in SENTENCES]
