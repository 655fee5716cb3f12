"""The READMEs: their examples can be typed, and their links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from model.families.registry import FAMILIES
from model.tokenizer.prompt import Summarization, Translation
from service.api.admin import ChangeRequest
from service.catalogue.catalogue import Catalogue, load_catalogue
from service.cli.models import app
from service.sources.locate import origin_of

ROOT = Path(__file__).parents[2]
SERVICE, MODEL, FRONT = (
    (ROOT / name).read_text("utf-8")
    for name in ("service/README.md", "model/README.md", "README.md")
)
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "*/README.md", "model/*/README.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
MOST_FRONT_LINES = 170


def blocks_of(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def catalogue_of(text: str, folder: Path) -> Catalogue:
    """The one catalogue of a README, as its reader would save it; no hub is asked for that."""
    (folder / "summarizer").mkdir()
    (block,) = blocks_of(text, "yaml")
    (folder / "dragoman.yaml").write_text(block, encoding="utf-8")
    return load_catalogue(folder / "dragoman.yaml")


def test_a_catalogue_can_be_read_and_has_a_model_of_each_origin(tmp_path: Path) -> None:
    models = catalogue_of(SERVICE, tmp_path).models
    assert {origin_of(entry.path) for entry in models} == {"folder", "hub"}
    assert {entry.dtype for entry in models} == {"auto", "int8"}
    assert any(entry.languages == "all" for entry in models)


def test_the_prefixes_shown_are_those_that_t5_was_trained_with(tmp_path: Path) -> None:
    (t5,) = (e for e in catalogue_of(SERVICE, tmp_path).models if e.name == "t5")
    assert t5.prefix_for(Translation("de", "en")) == "translate English to German: "
    assert t5.prefix_for(Summarization()) == "summarize: "


def test_every_family_is_in_the_table_with_models_of_a_hub() -> None:
    families = MODEL.partition("## Which checkpoints")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (`.+?`) \|", families, re.MULTILINE)
    named = {name for names, _ in rows for name in names.split(", ")}
    assert named >= {family.name for family in FAMILIES}
    examples = [name for _, models in rows for name in re.findall(r"`(.+?)`", models)]
    assert len(examples) > len(FAMILIES)
    assert {origin_of(example) for example in examples} == {"hub"}


def test_the_changes_of_models_that_are_shown_can_be_asked_for() -> None:
    bodies = re.findall(r"'(\{\"action\".*?\})'", SERVICE)
    assert len(bodies) == 2
    for body in bodies:
        ChangeRequest.model_validate_json(body)


def test_the_commands_that_are_shown_exist() -> None:
    shown = re.findall(r"^\$ \S*dragoman models (\w+)", SERVICE, re.MULTILINE)
    assert shown == ["list", "pull", "info", "check"]
    assert set(shown) <= set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [FRONT, MODEL], ids=["README.md", "model/README.md"])
def test_the_python_that_is_shown_runs_as_it_stands(text: str, tmp_path: Path) -> None:
    (block,) = blocks_of(text, "python")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", block],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    if text is FRONT:
        first, _, last = done.stdout.splitlines()
        assert re.fullmatch(r"Wann geht der nächste Zug\? -0\.\d+", first)
        assert last == "Où puis-je acheter un billet ?"


def test_the_front_page_fits_its_lines_and_shows_small_pictures() -> None:
    assert len(FRONT.splitlines()) <= MOST_FRONT_LINES
    pictures = re.findall(r"^!\[.+\]\((.+)\)$", FRONT, re.MULTILINE)
    assert pictures
    assert all((ROOT / picture).stat().st_size < 150_000 for picture in pictures)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_files_leads_somewhere(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text("utf-8")):
        path = document.parent / target if target else document
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            assert anchor in map(anchor_of, headings), f"{target}#{anchor}"


def anchor_of(heading: str) -> str:
    """Return a heading's name in links, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
