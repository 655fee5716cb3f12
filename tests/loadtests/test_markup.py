"""A page is timed beside its plain text, and its tags are counted."""

import json
from pathlib import Path

import pytest

from loadtests import markup
from loadtests.pages import page, tags_of


def test_tags_and_comments_are_counted_as_they_are_written() -> None:
    found = tags_of(
        "<!DOCTYPE html><p class=a>x <!-- <b> --><br><b>y</b></p><script>'<i>'</script>"
    )
    assert found["<p class=a>"] == found["</p>"] == found["<br>"] == found["<b>"] == 1
    assert found["<!-- <b> -->"] == found["<!DOCTYPE html>"] == 1
    assert "<i>" not in found


def test_a_lost_and_a_repeated_tag_change_the_count() -> None:
    source = page()
    assert tags_of(source.replace("<em>", "", 1)) != tags_of(source)
    assert tags_of(source.replace("<em>", "<em><em>", 1)) != tags_of(source)


def test_the_command_times_all_requests_and_writes_both_pages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = tmp_path / "result.json"
    options = ["--sections", "1", "--repeats", "1", "--threads", "1"]
    assert markup.main([*options, "--json", str(result), "--pages", str(tmp_path)]) == 0
    assert "A page and its plain text" in capsys.readouterr().out
    written = json.loads(result.read_text())
    assert [timing["request"] for timing in written["requests"]] == [
        "text",
        "html",
        "html, aligned",
    ]
    assert written["requests"][0]["over_text"] == 1.0
    assert written["markup"]["num_tags"] == tags_of(page()).total()
    assert (tmp_path / "before.html").read_text(encoding="utf-8") == page()
    assert tags_of((tmp_path / "after.html").read_text(encoding="utf-8")) == tags_of(page())
