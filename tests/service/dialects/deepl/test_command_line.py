"""The command line of the package `deepl`, in a process of its own."""

import asyncio
import sys

import httpx

from tests.support.service.deepl_clients import KEY, deepl_server, key_ring


async def run(server: httpx.AsyncClient, *arguments: str, key: str = KEY) -> tuple[int, str, str]:
    """Return exit status, output and errors of a command that is pointed at the server."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deepl", "--server-url", str(server.base_url), "--auth-key", key),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in errors
    return process.returncode, output.decode(), errors.decode()


async def test_texts_are_translated() -> None:
    async with deepl_server(keys=key_ring()) as server:
        options = ["--show-detected-source", "--show-billed-characters", "--show-model-type-used"]
        status, output, errors = await run(server, "text", "--to", "DE", *options, "Hello", "A <b")
    assert (status, errors) == (0, "")
    assert output.splitlines() == [
        "Detected source language: EN",
        "Billed characters: 5",
        "Model type used: latency_optimized",
        "HELLO",
        "Detected source language: EN",
        "Billed characters: 4",
        "Model type used: latency_optimized",
        "A <B",
    ]


async def test_usage_is_shown() -> None:
    async with deepl_server(keys=key_ring(characters_per_month=1_000)) as server:
        found = await run(server, "usage")
    assert found == (0, "Usage this billing period:\nCharacters: 0 of 1000\n", "")


async def test_languages_are_shown() -> None:
    async with deepl_server(keys=key_ring()) as server:
        status, output, errors = await run(server, "languages")
    assert (status, errors) == (0, "")
    sources, targets = output.split("Target languages available:\n")
    assert "EN: English\n" in sources
    assert "EN-US: English (United States)\n" in targets
    assert "supports formality" not in output


async def test_errors_are_shown_as_sentences() -> None:
    async with deepl_server(keys=key_ring()) as server:
        wrong_key = await run(server, "usage", key="wrong")
        language = await run(server, "text", "--to", "XX", "Hello")
    message = "Authorization failure, check auth_key, message: the API key is not valid"
    assert wrong_key == (1, "", f"Error: {message}\n")
    message = "Bad request, message: `target_lang` is 'XX'; the languages served are en, de, fr, es"
    assert language == (1, "", f"Error: {message}\n")
