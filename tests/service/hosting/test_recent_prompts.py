"""Prompts that are kept for the next who asks for the same text."""

from model.tokenizer.prompt import Prompt, Task, Translation
from service.hosting.recent_prompts import MAX_PROMPTS, RecentPrompts

GERMAN, FRENCH = Translation("de", "en"), Translation("fr", "en")


class Tokenizing:
    """Makes a prompt of a token for each character, and remembers the texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str, task: Task) -> Prompt:  # noqa: ARG002
        self.texts.append(text)
        return Prompt(encoder_ids=tuple(range(len(text))), decoder_prefix_ids=(0,))


def test_a_text_is_tokenized_once_for_each_task() -> None:
    make = Tokenizing()
    prompts = RecentPrompts(make, max_tokens=9)
    assert prompts("one", GERMAN) == prompts("one", GERMAN)
    prompts("one", FRENCH)
    assert make.texts == ["one", "one"]


def test_a_long_prompt_is_not_kept() -> None:
    make = Tokenizing()
    prompts = RecentPrompts(make, max_tokens=2)
    prompts("one", GERMAN)
    prompts("one", GERMAN)
    assert make.texts == ["one", "one"]


def test_the_prompts_used_last_are_kept() -> None:
    make = Tokenizing()
    prompts = RecentPrompts(make, max_tokens=9)
    prompts("a", GERMAN)
    for i in range(MAX_PROMPTS - 1):
        prompts(str(i), GERMAN)
    prompts("a", GERMAN)
    prompts("b", GERMAN)
    prompts("0", GERMAN)
    prompts("a", GERMAN)
    assert make.texts.count("a") == 1
    assert make.texts.count("0") == 2
