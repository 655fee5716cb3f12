"""What the READMEs show can be typed: catalogues, changes of models, commands, names of models."""

import re
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
READMES = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "service/README.md")}
BRING = READMES["README.md"].partition("## Bring your own model")[2].partition("\n## ")[0]


def blocks_of(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def catalogue_of(text: str, folder: Path) -> Catalogue:
    """The one catalogue of a README, as its reader would save it; no hub is asked for that."""
    (folder / "summarizer").mkdir()
    (block,) = blocks_of(text, "yaml")
    (folder / "dragoman.yaml").write_text(block, encoding="utf-8")
    return load_catalogue(folder / "dragoman.yaml")


@pytest.mark.parametrize("name", READMES)
def test_a_catalogue_can_be_read_and_has_a_model_of_each_origin(name: str, tmp_path: Path) -> None:
    models = catalogue_of(READMES[name], tmp_path).models
    assert {origin_of(entry.path) for entry in models} == {"folder", "hub"}
    assert {entry.dtype for entry in models} == {"auto", "int8"}
    assert any(entry.languages == "all" for entry in models)


@pytest.mark.parametrize("name", READMES)
def test_the_prefixes_shown_are_those_that_t5_was_trained_with(name: str, tmp_path: Path) -> None:
    (t5,) = (e for e in catalogue_of(READMES[name], tmp_path).models if e.name == "t5")
    assert t5.prefix_for(Translation("de", "en")) == "translate English to German: "
    assert t5.prefix_for(Summarization()) == "summarize: "


def test_every_family_is_in_the_table_with_models_of_a_hub() -> None:
    rows = re.findall(r"^\| (.+?) \| (`.+?`) \|", BRING, re.MULTILINE)
    named = {name for families, _ in rows for name in families.split(", ")}
    assert named >= {family.name for family in FAMILIES}
    examples = [name for _, models in rows for name in re.findall(r"`(.+?)`", models)]
    assert len(examples) > len(FAMILIES)
    assert {origin_of(example) for example in examples} == {"hub"}


def test_the_changes_of_models_that_are_shown_can_be_asked_for() -> None:
    bodies = re.findall(r"'(\{\"action\".*?\})'", BRING)
    assert len(bodies) == 2
    for body in bodies:
        ChangeRequest.model_validate_json(body)


@pytest.mark.parametrize("name", READMES)
def test_the_commands_that_are_shown_exist(name: str) -> None:
    shown = re.findall(r"^\$ \S*dragoman models (\w+)", READMES[name], re.MULTILINE)
    assert shown == ["list", "pull", "info", "check"]
    assert set(shown) <= set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
