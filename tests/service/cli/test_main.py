import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from loadtests.corpus import ABSTRACTS
from service.cli.main import app

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "service.cli.main"]


def dragoman(*arguments: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, arguments)


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a command in a process of its own, with pipes."""
    return subprocess.Popen(  # noqa: S603 - our own program
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        **options,
    )


def test_a_text_is_translated() -> None:
    result = dragoman("translate", "Good morning.", "--from", "en", "--to", "de")
    assert result.exit_code == 0, result.stderr
    assert "Morgen" in result.stdout
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "source", "target", "word"),
    [
        pytest.param("Où est la gare ?", "fr", "en", "station", id="fr-en"),
        pytest.param("¿Dónde está la estación?", "es", "en", "station", id="es-en"),
        pytest.param("Where is the train station?", "en", "fr", "Où", id="en-fr"),
        pytest.param("Where is the train station?", "en", "es", "estación", id="en-es"),
    ],
)
def test_a_question_is_translated_from_and_into_french_and_spanish(
    text: str, source: str, target: str, word: str
) -> None:
    result = dragoman("translate", text, "--to", target, "--json")
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert word in answer["text"]
    assert answer["source_lang"] == source


def test_a_file_is_summarized_in_the_style_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "abstract.txt"
    file.write_text(textwrap.fill(ABSTRACTS[0], width=72) + "\n")
    answers = {}
    for style in ("tldr", "headline"):
        result = dragoman("summarize", str(file), "--style", style)
        assert result.exit_code == 0, result.stderr
        assert result.stdout.count("\n") == 1
        answers[style] = result.stdout
    assert answers["tldr"] != answers["headline"]
    assert dragoman("summarize", str(file)).stdout == answers["tldr"]


def test_a_style_that_no_model_has_is_named_with_those_there_are() -> None:
    result = dragoman("summarize", "README.md", "--style", "haiku")
    assert result.exit_code == 2
    assert "`style` is 'haiku'; the styles are tldr, headline" in result.stderr


def test_lines_of_standard_input_are_answered_in_order_and_alike_alone_or_together() -> None:
    lines = ["Good morning.", "", "Where is the train station? It is late.", "1234", "Thank you."]
    with start("translate", "--from", "en", "--to", "de", "--json") as process:
        out, err = process.communicate("".join(f"{line}\r\n" for line in lines))
    assert process.returncode == 0, err
    answers = [json.loads(line) for line in out.splitlines()]
    assert [set(a) for a in answers] == [
        {"text", "score", "output_ids", "source_lang", "model"}
    ] * 5
    assert (answers[1]["text"], answers[3]["text"]) == ("", "1234")
    alone = dragoman("translate", lines[2], "--from", "en", "--to", "de", "--json")
    assert json.loads(alone.stdout)["output_ids"] == answers[2]["output_ids"]


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["text", "json"])
def test_a_line_that_cannot_be_answered_leaves_its_place_empty_and_ends_no_pipe(
    tmp_path: Path, options: list[str]
) -> None:
    lines = "Good morning.\nDzień dobry, jak się masz?\nHund\n".encode()
    file = tmp_path / "lines"
    file.write_bytes(lines + b"\xff\nThank you.\n")
    command = [*COMMAND, "translate", "--to", "fr", *options]
    with file.open() as stdin:
        done = subprocess.run(  # noqa: S603 - our own program
            command, stdin=stdin, capture_output=True, cwd=ROOT, text=True, check=False
        )
    assert done.returncode == 1
    answers = done.stdout.splitlines()
    if options:
        records = [json.loads(line) for line in answers]
        assert "Polish" in records[1]["error"]
        answers = [record["text"] or "" for record in records]
    assert [bool(answer) for answer in answers] == [True, False, True, False, True]
    assert "line 2: `text` is detected to be in Polish, which is not served" in done.stderr
    assert "line 4: the text is not UTF-8" in done.stderr
    assert done.stderr.endswith("dragoman: 2 of 5 lines have no answer\n")


def test_a_text_alone_that_cannot_be_answered_is_named() -> None:
    result = dragoman("translate", "Dzień dobry, jak się masz?", "--to", "fr")
    assert result.exit_code == 1
    assert "`text` is detected to be in Polish, which is not served" in result.stderr
    assert result.stdout == ""


def test_without_splitting_a_line_reaches_the_model_as_it_is() -> None:
    result = dragoman("translate", "1234", "--from", "en", "--to", "de", "--no-split", "--json")
    assert json.loads(result.stdout)["output_ids"]  # the model was asked, though no letter is there


def test_the_number_of_beams_reaches_the_engine(tmp_path: Path) -> None:
    catalogue = tmp_path / "dragoman.yaml"
    catalogue.write_text(
        "models: [{name: m, path: bundled/translate, task: translation, pairs: [en-de],"
        " max_running_rows: 4}]"
    )
    arguments = ("translate", "Good morning.", "--to", "de", "--catalogue", str(catalogue))
    assert dragoman(*arguments, "--num-beams", "4").exit_code == 0
    refused = dragoman(*arguments, "--num-beams", "8")
    assert refused.exit_code == 2
    assert "num_beams: 8 is above the 4 rows" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["translate", "x"], "Missing option '--to'", id="no target"),
        pytest.param(
            ["translate", "x", "--to", "de", "--num-beams", "9"], "num_beams: 9 is not", id="beams"
        ),
        pytest.param(["translate", "x", "--to", "de", "--dtype", "int3"], "int3", id="dtype"),
        pytest.param(
            ["translate", "x", "--to", "de", "--model", "none"], "none is neither", id="model"
        ),
        pytest.param(["translate", "Good morning.", "--to", "xx"], "'xx'", id="language"),
        pytest.param(
            ["translate", "Good morning.", "--to", "de", "--from", "de"], "de-de", id="pair"
        ),
        pytest.param(["serve", "--port", "70000"], "(got 70000)", id="port"),
        pytest.param(["nonsense"], "nonsense", id="command"),
    ],
)
def test_wrong_usage_is_named_and_ends_with_2(arguments: list[str], message: str) -> None:
    result = dragoman(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_key_that_is_too_short_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_ADMIN_KEY", "hush-hush")
    result = dragoman("serve")
    assert result.exit_code == 2
    assert result.stderr == "dragoman: admin_key: has 9 characters, must have 16 or more\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["models", "--catalogue", "none.yaml"], "none.yaml", id="no catalogue"),
        pytest.param(["summarize", "none.txt"], "none.txt: No such file", id="no file"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_ends_with_1(
    arguments: list[str], message: str
) -> None:
    result = dragoman(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_catalogue_without_a_summarizer_says_so(tmp_path: Path) -> None:
    catalogue = tmp_path / "dragoman.yaml"
    catalogue.write_text("models: [{name: m, path: ./gone, task: translation, pairs: [en-de]}]")
    result = dragoman("summarize", "README.md", "--catalogue", str(catalogue))
    assert result.exit_code == 1
    assert "offers summarization" in result.stderr


def test_a_folder_that_holds_no_model_is_an_error_that_names_it(tmp_path: Path) -> None:
    result = dragoman("translate", "x", "--from", "en", "--to", "de", "--model", str(tmp_path))
    assert result.exit_code == 1
    assert str(tmp_path) in result.stderr


def test_the_models_of_the_catalogue_are_listed() -> None:
    assert "bundled/translate  translation    en-de" in dragoman("models").stdout
    assert "bundled/summarize  summarization  tldr headline" in dragoman("models").stdout
    (line, *_) = dragoman("models", "--json").stdout.splitlines()
    assert json.loads(line)["pairs"][0] == ["en", "de"]


def test_a_setting_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRAGOMAN_PORT", "http")
    result = dragoman("models")
    assert result.exit_code == 2
    assert "port: " in result.stderr
    assert "'http'" in result.stderr


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = dragoman("serve", "--port", str(port))
    assert result.exit_code == 1
    assert f"127.0.0.1:{port} is already in use" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_catalogue_whose_models_are_not_there_fails_before_anything_starts(
    tmp_path: Path,
) -> None:
    catalogue = tmp_path / "dragoman.yaml"
    catalogue.write_text("models: [{name: m, path: gone, task: summarization}]")
    result = dragoman("serve", "--catalogue", str(catalogue))
    assert result.exit_code == 1
    assert f"there is no folder {tmp_path / 'gone'}" in result.stderr


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    with start("translate", "--from", "en", "--to", "de") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("Good morning.\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdout.close()
        process.stdin.write("Thank you.\n")
        process.stdin.close()
        assert process.wait(timeout=30) == 0
        assert process.stderr.read() == ""


def test_ctrl_c_ends_a_command_that_waits_for_its_input_with_130() -> None:
    with start("translate", "--from", "en", "--to", "de") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("Good morning.\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


def test_help_needs_neither_torch_nor_ray() -> None:
    program = (
        "import sys; from service.cli.main import app; app(['--help'], standalone_mode=False);"
        "print('LOADED', {'torch', 'ray', 'fastapi'} & set(sys.modules))"
    )
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, text=True, env=os.environ
    ) as process:
        out, _ = process.communicate(timeout=30)
    assert "translate" in out
    assert "LOADED set()" in out
