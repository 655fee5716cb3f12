"""Measure how a glossary's terms come out of the bundled translator, and what that costs.

    python -m loadtests.glossary FOLDER

FOLDER holds pairs of sentences: files `*.en-de.valid.tsv.gz` (English, tab, the other language), of
any of the pairs. A case is a sentence with a term of `glossary_terms.tsv` whose reference has the
term's translation. For each way to have it come out there is a line: the share of outputs that have
it, chrF and BLEU against the references, and milliseconds a sentence. `left as it is` asks for the
source's own word instead, which the references then have in place of the translation.
"""

import argparse
import csv
import gzip
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import sacrebleu

from model import TextModel
from service.pairs import Pair
from service.text.edits import Edited
from service.text.glossary import Entry, Glossary, Match
from service.text.masking import mask
from service.text.terms import missing, stand_ins_for, written_in

TERMS = Path(__file__).with_name("glossary_terms.tsv")
OTHER_LANGUAGES = ("de", "fr", "es")
NUM_BEAMS = 4
CASES_PER_TERM = 4
MAX_CHARACTERS = 160

Translate = Callable[[Sequence[str]], list[list[str]]]  # the hypotheses of each, best first


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence, its reference, and the one term that is wanted in the translation."""

    source: str
    reference: str
    matches: tuple[Match, ...]

    def is_met_by(self, output: str) -> bool:
        """Return whether the output has the term."""
        return not missing(self.matches, output)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A text for the model, and how to read an output: None if the term did not come through."""

    text: str
    read: Callable[[str], str | None]


Way = Callable[[Case], Attempt]


def cases(
    pairs: Iterable[tuple[str, str]], terms: Iterable[tuple[str, str]], *, leave: bool
) -> Iterator[Case]:
    """Yield up to four cases for each term; with `leave` the term is wanted as it is."""
    targets = dict(terms)
    wanted = Glossary(Entry(term, None if leave else target) for term, target in targets.items())
    there = {term: Glossary([Entry(target, term)]) for term, target in targets.items()}
    shuffled = sorted(set(pairs))
    Random(0).shuffle(shuffled)
    num_of: Counter[str] = Counter()
    for source, reference in shuffled:
        found = wanted.find(source)
        if len(source) > MAX_CHARACTERS or len(found) != 1:
            continue
        term = found[0].entry.source
        translated = there[term].find(reference)
        if len(translated) == 1 and num_of[term] < CASES_PER_TERM:
            num_of[term] += 1
            edits = written_in(translated) if leave else ()
            yield Case(source, Edited.of(reference, edits).text, found)


def as_it_is(case: Case) -> Attempt:
    """Ask with the sentence as it is."""
    return Attempt(case.source, lambda output: output if case.is_met_by(output) else None)


def with_target(case: Case) -> Attempt:
    """Ask with the target in place of the term."""
    text = Edited.of(case.source, written_in(case.matches)).text
    return Attempt(text, lambda output: output if case.is_met_by(output) else None)


def with_stand_in(name: str, case: Case) -> Attempt:
    """Ask with a stand-in in place of the term."""
    masked = mask(case.source, stand_ins_for(case.source, case.matches), [name])
    if masked is None:
        return as_it_is(case)

    def read(output: str) -> str | None:
        restored = masked.restore(output)
        return None if restored is None else restored.text

    return Attempt(masked.edited.text, read)


STAND_INS = [partial(with_stand_in, name) for name in ("X1", "XYZ", "#1")]
WAYS: Mapping[str, Sequence[Way]] = {
    "without the glossary": (),
    "best hypotheses": (as_it_is,),
    "target in the source": (with_target,),
    "stand-in": STAND_INS[:1],
    "three stand-ins": STAND_INS,
    "hypotheses, stand-ins": (as_it_is, *STAND_INS),
    "hypotheses, target, stand-ins": (as_it_is, with_target, *STAND_INS),
}


def outputs_of(given: Sequence[Case], ways: Sequence[Way], translate: Translate) -> list[str]:
    """Return an output for each case: by the first way that works, else without the glossary."""
    done: dict[int, str] = {}
    for way in ways:
        todo = {i: way(case) for i, case in enumerate(given) if i not in done}
        texts = [attempt.text for attempt in todo.values()]
        for (i, attempt), found in zip(todo.items(), translate(texts), strict=True):
            read = next((r for r in map(attempt.read, found) if r is not None), None)
            if read is not None:
                done[i] = read
    rest = [i for i in range(len(given)) if i not in done]
    plain = translate([given[i].source for i in rest])
    done.update((i, found[0]) for i, found in zip(rest, plain, strict=True))
    return [done[i] for i in range(len(given))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table, and return the exit code."""
    options = _parser().parse_args(arguments)
    model = TextModel.load("bundled/translate")
    for leave in (False, True):
        print("left as it is" if leave else "translated by the glossary")
        found = list(_all_cases(options.folder, leave=leave))
        for name, ways in WAYS.items():
            begin_s = time.perf_counter()
            outputs = {d: outputs_of(g, ways, _translator(model, *d)) for d, g in found}
            elapsed_s = time.perf_counter() - begin_s
            rows = [row for d, given in found for row in zip(given, outputs[d], strict=True)]
            print(line(name, rows, elapsed_s), flush=True)
    return 0


def line(name: str, rows: Sequence[tuple[Case, str]], elapsed_s: float) -> str:
    """Return one line of the table, from cases and their outputs."""
    outputs, references = [output for _, output in rows], [case.reference for case, _ in rows]
    met = sum(case.is_met_by(output) for case, output in rows) / len(rows)
    chrf = sacrebleu.corpus_chrf(outputs, [references]).score
    bleu = sacrebleu.corpus_bleu(outputs, [references]).score
    took_ms = elapsed_s * 1_000 / len(rows)
    return (
        f"  {name:30} {met:6.1%}  chrF {chrf:.1f}  BLEU {bleu:.1f}  {took_ms:.1f} ms  ({len(rows)})"
    )


def _translator(model: TextModel, source: str, target: str) -> Translate:
    def translate(texts: Sequence[str]) -> list[list[str]]:
        found = model.translate(
            texts, source_lang=source, target_lang=target, num_beams=NUM_BEAMS, num_return=NUM_BEAMS
        )
        return [[one.text, *(other.text for other in one.alternatives)] for one in found]

    return translate


def _all_cases(folder: Path, *, leave: bool) -> Iterator[tuple[Pair, list[Case]]]:
    with TERMS.open(encoding="utf-8", newline="") as lines:
        terms = list(csv.DictReader(lines, delimiter="\t"))
    for other in OTHER_LANGUAGES:
        read = list(_sentences(folder, other))
        for pair in (("en", other), (other, "en")):
            sentences = read if pair[0] == "en" else [(b, a) for a, b in read]
            wanted = [(row[pair[0]], row[pair[1]]) for row in terms]
            if found := list(cases(sentences, wanted, leave=leave)):
                yield pair, found


def _sentences(folder: Path, other: str) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob(f"*.en-{other}.valid.tsv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in lines:
                english, translation, *_ = row.rstrip("\n").split("\t")
                yield english, translation


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="loadtests.glossary", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pairs of sentences are")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
