"""`dragoman models`, over a hub on this machine."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkpoints.factories import write_json
from tests.support.checkpoints.small_models import write_translator
from tests.support.hub.server import Hub, running_hub, use_hub
from tests.support.service.commands import dragoman, fail, succeed

ROOT = Path(__file__).parents[3]
HUB_ID = "somebody/opus"
COMMIT = "a" * 40
TOKEN = "hf_VerySecret"  # noqa: S105
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_translator(tmp_path_factory.mktemp("models") / "opus")


@pytest.fixture
def hub(translator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, and an empty cache."""
    monkeypatch.setenv("DRAGOMAN_CACHE_FOLDER", str(tmp_path / "cache"))
    monkeypatch.setenv("DRAGOMAN_NUM_THREADS", "1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as hub:
        use_hub(monkeypatch, hub.url)
        hub.add(HUB_ID, translator)
        yield hub


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A model of each origin."""
    return write_json(
        tmp_path / "dragoman.yaml",  # JSON is YAML
        {
            "models": [
                {"name": "b", "path": "bundled/summarize", "task": "summarization"},
                {"name": "f", "path": "./none", "task": "translation", "pairs": ["en-de"]},
                {"name": "h", "path": HUB_ID, "task": "translation", "pairs": ["en-de", "en-fr"]},
            ]
        },
    )


def test_the_list_says_where_each_model_is_from_and_whether_it_is_here(
    hub: Hub, catalogue: Path, tmp_path: Path
) -> None:
    bundled, folder, remote = succeed("models", "--catalogue", str(catalogue)).splitlines()
    assert bundled == "b  summarization               (bundled)"
    assert folder == f"f  translation    en-de        (folder {tmp_path}/none, which is not there)"
    assert remote == (
        f"h  translation    en-de en-fr  (hub {HUB_ID}, not here: `dragoman models pull h`)"
    )
    assert hub.requests == []
    succeed("models", "pull", "h", "--catalogue", str(catalogue))
    *_, remote = succeed("models", "list", "--catalogue", str(catalogue)).splitlines()
    assert remote.endswith(f"(hub {HUB_ID}, here)")


def test_the_list_as_json_has_the_folder_of_what_is_here(hub: Hub, catalogue: Path) -> None:  # noqa: ARG001
    lines = succeed("models", "list", "--json", "--catalogue", str(catalogue)).splitlines()
    bundled, folder, remote = map(json.loads, lines)
    assert bundled["folder"] == str(ROOT / "model/bundled/summarize")
    assert [(one["origin"], one["folder"]) for one in (folder, remote)] == [
        ("folder", None),
        ("hub", None),
    ]


def test_the_list_cuts_commits_short_and_nothing_else(tmp_path: Path) -> None:
    common = {"path": HUB_ID, "task": "summarization"}
    models = [{"name": name, "revision": name, **common} for name in (COMMIT, "refs/pr/1234")]
    catalogue = write_json(tmp_path / "dragoman.yaml", {"models": models})
    pinned, other = succeed("models", "list", "--catalogue", str(catalogue)).splitlines()
    assert f"(hub {HUB_ID}@{COMMIT[:12]}, " in pinned
    assert f"(hub {HUB_ID}@refs/pr/1234, " in other


def test_options_before_a_command_are_not_lost_in_silence(catalogue: Path) -> None:
    message = fail("models", "--catalogue", str(catalogue), "list", code=2)
    assert "options go behind `list`" in message


def test_pull_prints_commit_folder_and_bytes_and_says_how_to_pin(
    hub: Hub, translator: Path, tmp_path: Path
) -> None:
    result = dragoman("models", "pull", HUB_ID)
    assert result.exit_code == 0, result.stderr
    name, commit, folder, num_bytes = result.stdout.split()
    assert (name, commit) == (HUB_ID, COMMIT)
    assert Path(folder).is_relative_to(tmp_path / "cache")
    assert int(num_bytes) == sum(path.stat().st_size for path in translator.iterdir())
    assert f"`revision: {COMMIT}` in the catalogue pins it" in result.stderr
    assert "downloading weights" in result.stderr
    assert hub.downloads()


def test_what_is_pinned_needs_no_hint(hub: Hub) -> None:  # noqa: ARG001
    result = dragoman("models", "pull", f"{HUB_ID}@{COMMIT}", "--json")
    assert json.loads(result.stdout)["revision"] == COMMIT
    assert "pins it" not in result.stderr


def test_without_a_name_every_model_of_a_hub_is_pulled(hub: Hub, catalogue: Path) -> None:  # noqa: ARG001
    output = succeed("models", "pull", "--catalogue", str(catalogue))
    assert output.startswith(f"h  {COMMIT}  ")
    assert output.count("\n") == 1
    assert "nothing to download" in dragoman("models", "pull").stderr


def test_what_is_in_a_folder_needs_no_download_and_has_no_commit(translator: Path) -> None:
    name, commit, folder, _ = succeed("models", "pull", str(translator)).split()
    assert (name, commit, folder) == ("opus", "-", str(translator))


def test_a_model_that_nobody_has_is_one_sentence(hub: Hub) -> None:  # noqa: ARG001
    message = fail("models", "pull", "nobody/nothing")
    assert message.startswith("dragoman: nobody/nothing: there is no such model")
    assert message.count("\n") == 1


def test_info_describes_a_model_by_its_headers(translator: Path) -> None:
    described = json.loads(succeed("models", "info", str(translator), "--json"))
    weights = (translator / WEIGHTS).stat().st_size
    assert (described["family"], described["model_type"]) == ("Marian", "marian")
    assert described["encoder"] == {"layers": 2, "wide": 12, "heads": 3, "in the feed-forward": 20}
    assert described["max_positions"] == 32
    assert described["generation"]["num_beams"] == 2
    assert described["files"][WEIGHTS] == weights
    (num_bytes,) = described["bytes_by_dtype"].values()
    assert 0 < weights - num_bytes < 10_000  # the header's
    assert list(described["bytes_by_dtype"]) == ["F32"]
    assert num_bytes == pytest.approx(4 * described["parameters"], rel=0.01)


def test_info_for_people_has_the_same() -> None:
    lines = succeed("models", "info", "bundled/translate").splitlines()
    text = "\n".join(lines)
    assert "family      Marian (model_type marian)" in lines
    assert re.search(r"^parameters  9,\d{3},\d{3}$", text, re.MULTILINE)
    assert re.search(r"^on disk     19\.\d MB of (BF16|F16)$", text, re.MULTILINE)
    assert re.search(r"^languages .*\bfr\b", text, re.MULTILINE)


def test_info_downloads_nothing(hub: Hub) -> None:
    message = fail("models", "info", f"{HUB_ID}@v1")
    assert f"`dragoman models pull {HUB_ID}@v1` downloads it" in message
    assert hub.requests == []


def test_a_checkpoint_of_another_kind_is_named_with_the_kinds_that_are_known(
    tmp_path: Path,
) -> None:
    write_json(tmp_path / "config.json", {"model_type": "gpt2"})
    for command in ("info", "check"):
        message = fail("models", command, str(tmp_path))
        assert re.search(r"'gpt2' is not one of .*marian", message)


def check(name: str, *options: str) -> Any:
    """The report on a model, measured for no longer than needed."""
    return json.loads(succeed("models", "check", name, "--seconds", "0.01", "--json", *options))


def test_check_loads_a_model_of_the_hub_and_has_it_answer(hub: Hub) -> None:
    report = check(HUB_ID, "--from", "en", "--to", "de", "--text", "The quick brown fox.")
    assert (report["origin"], report["revision"]) == ("hub", COMMIT)
    assert {one["file"] for one in report["hashes"]} >= {WEIGHTS, "config.json", "source.spm"}
    assert all(one["hash"] == one["expected"] for one in report["hashes"])
    assert report["text"] == "The quick brown fox."
    assert report["output_tokens"] > 0
    assert report["tokens_per_s"] > 0
    assert report["peak_bytes"] >= report["peak_bytes_before"] > report["weights_bytes"] > 0
    num_downloads = len(hub.downloads())
    check(f"{HUB_ID}@{COMMIT}", "--from", "en", "--to", "de")
    assert len(hub.downloads()) == num_downloads


def test_check_finds_a_damaged_file_before_anything_is_loaded(hub: Hub, tmp_path: Path) -> None:  # noqa: ARG001
    folder = Path(succeed("models", "pull", HUB_ID).split()[2])
    weights = folder / WEIGHTS
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    message = fail("models", "check", f"{HUB_ID}@{COMMIT}")
    assert f"{WEIGHTS}: its hash is" in message
    assert "but hub has" in message


def test_translate_takes_a_model_of_the_hub(hub: Hub, catalogue: Path) -> None:
    arguments = ("translate", "The quick brown fox.", "--to", "de", "--json", "--model")
    assert "--from is needed" in fail(*arguments, HUB_ID, code=2)
    assert hub.requests == []
    first = json.loads(succeed(*arguments, HUB_ID, "--from", "en"))
    assert (first["model"], first["source_lang"]) == (HUB_ID, "en")
    described = json.loads(succeed(*arguments, HUB_ID, "--catalogue", str(catalogue)))
    assert (described["model"], described["output_ids"]) == ("h", first["output_ids"])


def start(hub: Hub, home: Path, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, which knows the hub by the environment alone."""
    names = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    kept = {name: value for name, value in os.environ.items() if name != "DRAGOMAN_CACHE_FOLDER"}
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "service.cli.main", *arguments],
        cwd=ROOT,
        env={**kept, **names, **options.pop("environment", {})},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def test_hub_cache_and_token_are_of_the_environment_and_the_token_is_shown_to_nobody(
    hub: Hub, tmp_path: Path
) -> None:
    hub.repositories[HUB_ID].token = TOKEN
    results = {}
    for token in (f"{TOKEN}No", TOKEN):
        environment = {"HF_TOKEN": token, "DRAGOMAN_LOG_LEVEL": "debug"}
        pull = ("models", "pull", HUB_ID)
        with start(
            hub, tmp_path, *pull, environment=environment, stderr=subprocess.PIPE
        ) as process:
            results[token] = (*process.communicate(timeout=30), process.returncode)
    refused, done = results.values()
    assert (refused[0], refused[2]) == ("", 1)
    assert "HF_TOKEN holds no token that may read it" in refused[1]
    assert done[2] == 0, done[1]
    assert str(tmp_path / "hub") in done[0]
    assert done[0].count("\n") == 1
    assert f"Bearer {TOKEN}" in hub.tokens
    assert TOKEN not in "".join([*refused[:2], *done[:2]])


def test_progress_is_drawn_on_a_terminal_and_never_on_standard_output(
    hub: Hub, tmp_path: Path
) -> None:
    terminal, its_end = pty.openpty()
    termios.tcsetwinsize(its_end, (24, 80))
    with start(hub, tmp_path, "models", "pull", HUB_ID, stderr=its_end) as process:
        os.close(its_end)
        drawn = b"".join(iter(partial(_read, terminal), b""))
        out, _ = process.communicate(timeout=30)
    os.close(terminal)
    assert re.search(rb"model\.safetensors: +100%", drawn)
    assert out.startswith(f"{HUB_ID}  {COMMIT}")
    assert out.count("\n") == 1


def _read(terminal: int) -> bytes:
    """Return the text written to a terminal since; nothing once no process is left to write."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""
