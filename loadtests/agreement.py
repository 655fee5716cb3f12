"""Compares translations in bfloat16 and int8 with float32: `python -m loadtests.agreement`.

The bundled translator translates the same sentences in each type, greedily and with four beams.
The table has the share of outputs equal to float32's, their BLEU against float32's, and, where
references are given, BLEU against these.
"""

import argparse
import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import sacrebleu
import torch
from rich.console import Console
from rich.table import Table

from loadtests.corpus import SENTENCES
from model.devices import DtypeName
from model.engine.config import EngineConfig
from model.engine.engine import Engine
from model.engine.params import GenerationParams
from model.load import BUNDLED, load_model
from model.tokenizer.prompt import Translation

_DTYPES: tuple[DtypeName, ...] = ("float32", "bfloat16", "int8")
_MAX_TOKENS = 256
_MAX_ROWS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Comparison of one type of weights with float32, in one search."""

    dtype: str
    num_beams: int
    equal: float  # the share of outputs that are the same, 0 to 1
    bleu_to_float32: float
    bleu: float | None  # against the references, if there are any


def main(arguments: Sequence[str] | None = None) -> int:
    """Translate, print the comparison, and return the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    sources, references = _read(options.sentences, limit=options.limit)
    task = Translation(options.target, options.source)
    outputs = {
        (dtype, num_beams): translations
        for dtype in _DTYPES
        for num_beams, translations in _translate(sources, task, dtype=dtype, beams=options.beams)
    }
    agreements = [
        compare(
            outputs[dtype, num_beams],
            outputs["float32", num_beams],
            references,
            dtype=dtype,
            num_beams=num_beams,
        )
        for num_beams in options.beams
        for dtype in _DTYPES
    ]
    direction = f"{options.source} to {options.target}"
    Console().print(_table(agreements, f"{len(sources)} sentences, {direction}"))
    if options.json is not None:
        result = [asdict(agreement) for agreement in agreements]
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def compare(
    outputs: Sequence[str],
    exact: Sequence[str],
    references: Sequence[str] | None,
    *,
    dtype: str,
    num_beams: int,
) -> Agreement:
    """Compare one type's translations with float32's and with the references."""
    same = sum(a == b for a, b in zip(outputs, exact, strict=True))
    return Agreement(
        dtype=dtype,
        num_beams=num_beams,
        equal=same / len(outputs),
        bleu_to_float32=sacrebleu.corpus_bleu(outputs, [exact]).score,
        bleu=sacrebleu.corpus_bleu(outputs, [references]).score if references else None,
    )


def _translate(
    sources: Sequence[str], task: Translation, *, dtype: DtypeName, beams: Sequence[int]
) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of beams, all translations) for each number."""
    loaded = load_model(BUNDLED / "translate", dtype=dtype, device="cpu")
    config = EngineConfig(
        max_source_tokens=_MAX_TOKENS,
        max_target_tokens=_MAX_TOKENS,
        max_rows=_MAX_ROWS,
        max_waiting=len(sources),
    )
    engine = Engine(loaded.network, loaded.rules, config, cache_dtype=loaded.cache_dtype)
    for num_beams in beams:
        params = GenerationParams(max_new_tokens=_MAX_TOKENS - 1, num_beams=num_beams)
        for index, source in enumerate(sources):
            engine.add_request(str(index), loaded.prompt(source, task), params)
        found: dict[int, str] = {}
        while engine.has_work:
            for output in engine.step():
                if output.hypotheses:
                    ids = output.hypotheses[0].token_ids
                    found[int(output.request_id)] = loaded.tokenizer.decode(ids)
        yield num_beams, [found[index] for index in range(len(sources))]


def _read(path: Path | None, *, limit: int | None) -> tuple[list[str], list[str] | None]:
    """Return sources, and references if the lines have a second column."""
    if path is None:
        return list(SENTENCES[:limit]), None
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][:limit]
    references = [row[1] for row in rows if len(row) > 1]
    return [row[0] for row in rows], references if len(references) == len(rows) else None


def _table(agreements: Sequence[Agreement], title: str) -> Table:
    table = Table(title=f"The bundled translator, {title}")
    for column in ("search", "weights", "as in float32", "BLEU to float32", "BLEU"):
        table.add_column(column, justify="left" if column in ("search", "weights") else "right")
    for found in agreements:
        table.add_row(
            "greedy" if found.num_beams == 1 else f"{found.num_beams} beams",
            found.dtype,
            f"{found.equal:.1%}",
            f"{found.bleu_to_float32:.1f}",
            "-" if found.bleu is None else f"{found.bleu:.2f}",
        )
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.agreement",
        description="Compares translations in float32, bfloat16 and int8.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    sentences_help = "one a line, with a reference after a tab or without; .gz, too"
    add("--sentences", type=Path, metavar="FILE", help=f"{sentences_help}. None: the corpus")
    add("--limit", type=int, default=500, help="only the first so many")
    add("--source", default="en", help="language of the sentences")
    add("--target", default="de", help="language of the references")
    add("--beams", type=int, nargs="+", default=[1, 4], help="1 is greedy")
    add("--threads", type=int, default=2)
    add("--json", type=Path, metavar="FILE", help="also write everything there")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
