"""`dragoman models check` on a checkpoint of every kind, written by `transformers`."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LEDConfig
from typer.testing import CliRunner, Result

from model.families.registry import FAMILIES
from service.cli.check import MAX_NEW_TOKENS
from service.cli.main import app
from tests.parity.checkpoint_kinds import KINDS
from tests.parity.checkpoints import EN_DE, Kind, read_network

WEIGHTS = "model.safetensors"

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRAGOMAN_NUM_THREADS", "1")
        yield


def check(folder: Path, *options: str) -> Result:
    """Run the command, in float32 as their networks."""
    arguments = ("models", "check", str(folder), "--dtype", "float32", "--seconds", "0.01")
    return CliRunner().invoke(app, [*arguments, *options])


@dataclass(frozen=True)
class Checked:
    kind: Kind
    folder: Path
    report: Any


@pytest.fixture(scope="module", params=KINDS)
def checked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    kind = KINDS[request.param]
    folder = kind.write(tmp_path_factory.mktemp("checkpoint"))
    result = check(folder, *kind.options, "--json")
    assert result.exit_code == 0, result.stderr
    return Checked(kind, folder, json.loads(result.stdout))


def test_the_family_is_named_and_all_its_parameters_are_found(checked: Checked) -> None:
    """Theirs are counted without the fixed sinusoids, and with the output's trained bias."""
    theirs = read_network(checked.folder)
    modules = [module for module in theirs.modules() if "Sinusoidal" in type(module).__name__]
    fixed = sum(parameter.numel() for module in modules for parameter in module.parameters())
    bias = dict(theirs.named_buffers()).get("final_logits_bias", torch.empty(0))
    assert checked.report["family"] == checked.kind.family
    assert checked.report["parameters"] == theirs.num_parameters() - fixed + bias.numel()


def test_the_answer_is_that_of_transformers(checked: Checked) -> None:
    """They differ in a blank at the beginning, which SentencePiece does not write."""
    text, answer = checked.report["text"], checked.report["answer"]
    expected = checked.kind.answer(checked.folder, text, max_new_tokens=MAX_NEW_TOKENS)
    assert answer.lstrip() == expected.lstrip()
    assert checked.report["output_tokens"] > 3


def test_memory_and_speed_are_measured(checked: Checked) -> None:
    report = checked.report
    assert report["weights_bytes"] >= 4 * report["parameters"]
    assert report["peak_bytes"] >= report["peak_bytes_before"] > report["weights_bytes"]
    assert report["load_s"] > 0
    assert report["tokens_per_s"] > 0


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return KINDS["M2M100"].write(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    """Return a copy of a checkpoint, to damage."""
    return Path(shutil.copytree(sound, tmp_path / "damaged"))


Damage = Callable[[Path], None]


def edit_tensors(edit: Callable[[dict[str, Any]], None]) -> Damage:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        edit(tensors)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})

    return damage


def leave_out_a_tensor(tensors: dict[str, Any]) -> None:
    del tensors["model.encoder.layers.0.fc1.weight"]


def cut_a_tensor(tensors: dict[str, Any]) -> None:
    tensors["model.encoder.layers.0.fc1.weight"] = torch.zeros(31, 24)


def change_a_byte(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    digest = hashlib.sha256(content).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {WEIGHTS}\n")
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)


def become_another_kind(folder: Path) -> None:
    LEDConfig().save_pretrained(folder)


def become_a_pickle(folder: Path) -> None:
    torch.save(load_file(folder / WEIGHTS), folder / "pytorch_model.bin")
    (folder / WEIGHTS).unlink()


MODEL_TYPES = [name for family in FAMILIES for name in family.model_types]


@pytest.mark.parametrize(
    ("damage", "sentences"),
    [
        pytest.param(
            edit_tensors(leave_out_a_tensor),
            ["missing: model.encoder.layers.0.fc1.weight"],
            id="a tensor is missing",
        ),
        pytest.param(
            edit_tensors(cut_a_tensor),
            ["misshapen: model.encoder.layers.0.fc1.weight (31, 24), where (32, 24) is needed"],
            id="a tensor has another shape",
        ),
        pytest.param(
            change_a_byte,
            [f"{WEIGHTS}: its hash is ", ", but SHA256SUMS has "],
            id="a byte has changed",
        ),
        pytest.param(
            become_another_kind,
            ["model_type 'led' is not one of", *MODEL_TYPES],
            id="another kind of model",
        ),
        pytest.param(
            become_a_pickle,
            ["pytorch_model.bin: a pickle can run code", "from_pretrained"],
            id="only a pickle",
        ),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_told(
    folder: Path, damage: Damage, sentences: Sequence[str]
) -> None:
    assert check(folder, *EN_DE).exit_code == 0
    damage(folder)
    result = check(folder, *EN_DE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("dragoman: ")
    assert "Traceback" not in result.stderr
    for sentence in sentences:
        assert sentence in result.stderr
