import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.cli.terminal import CommandError
from service.cli.texts import NotUtf8Error, answer_in_order, texts_of_file


def test_the_lines_of_a_file_come_without_their_ends(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes("one\ntwo \r\n\n vier\u2028fünf".encode())
    assert list(texts_of_file(str(file), by_line=True)) == ["one", "two ", "", " vier\u2028fünf"]


def test_a_file_as_a_whole_is_one_text(tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_text("one\ntwo\n")
    assert list(texts_of_file(str(file), by_line=False)) == ["one\ntwo"]


def test_in_place_of_a_line_that_is_not_utf_8_comes_an_error(tmp_path: Path) -> None:
    file = tmp_path / "latin"
    file.write_bytes(b"fine\nf\xfcnf\nsix\n")
    first, second, third = texts_of_file(str(file), by_line=True)
    assert (first, third) == ("fine", "six")
    assert isinstance(second, NotUtf8Error)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"cannot read .*none: No such file"):
        list(texts_of_file(str(tmp_path / "none"), by_line=True))


async def test_answers_are_written_in_the_order_of_the_texts_though_later_ones_end_first() -> None:
    last_is_done = asyncio.Event()
    written: list[str] = []

    async def answer(text: str) -> str:
        if text == "last":
            last_is_done.set()
        await last_is_done.wait()
        return text.upper()

    await answer_in_order(["first", "second", "last"], answer, written.append)
    assert written == ["FIRST", "SECOND", "LAST"]


async def test_no_more_texts_are_read_ahead_than_asked_for() -> None:
    num_read = num_written = most_ahead = 0

    def texts() -> Iterator[str]:
        nonlocal num_read, most_ahead
        for number in range(50):
            num_read += 1
            most_ahead = max(most_ahead, num_read - num_written)
            yield str(number)

    async def answer(text: str) -> str:
        await asyncio.sleep(0)
        return text

    def write(_: str) -> None:
        nonlocal num_written
        num_written += 1

    await answer_in_order(texts(), answer, write, max_pending=4)
    assert num_written == 50
    assert most_ahead <= 6  # four under way, one at the door, one being written


async def test_an_answer_does_not_wait_for_the_next_text() -> None:
    first_is_written = threading.Event()

    def texts() -> Iterator[str]:
        yield "first"
        assert first_is_written.wait(timeout=10)
        yield "second"

    async def answer(text: str) -> str:
        return text

    await answer_in_order(texts(), answer, lambda _: first_is_written.set())


async def test_the_first_error_ends_everything() -> None:
    written: list[str] = []

    async def answer(text: str) -> str:
        if text == "bad":
            raise ValueError("no answer")
        return text

    with pytest.raises(ValueError, match="no answer"):
        await answer_in_order(["good", "bad", "good"], answer, written.append)
    assert written == ["good"]


async def test_texts_that_cannot_be_read_are_an_error_after_the_answers_before() -> None:
    written: list[str] = []

    def texts() -> Iterator[str]:
        yield "one"
        raise CommandError("line 2: not UTF-8")

    async def answer(text: str) -> str:
        return text

    with pytest.raises(CommandError, match="line 2"):
        await answer_in_order(texts(), answer, written.append)
    assert written == ["one"]
