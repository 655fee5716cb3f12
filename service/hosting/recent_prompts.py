"""The prompts of the latest texts: a text is counted, generated and scored, and tokenized once."""

from collections import OrderedDict
from collections.abc import Callable

from model.tokenizer.prompt import Prompt, Task

MAX_PROMPTS = 256


class RecentPrompts:
    """Prompts by text and task, made when they are first asked for; belongs to one event loop."""

    def __init__(self, make: Callable[[str, Task], Prompt], *, max_tokens: int) -> None:
        """Take `make`, which tokenizes; a prompt of more than `max_tokens` is not kept."""
        self._make = make
        self._max_tokens = max_tokens
        self._kept: OrderedDict[tuple[str, Task], Prompt] = OrderedDict()

    def __call__(self, text: str, task: Task) -> Prompt:
        """Return the prompt of a text.

        Raises:
            UnsupportedTaskError: The vocabulary has no tag for the task.
        """
        prompt = self._kept.get((text, task))
        if prompt is not None:
            self._kept.move_to_end((text, task))
            return prompt
        prompt = self._make(text, task)
        if len(prompt.encoder_ids) <= self._max_tokens:
            self._kept[text, task] = prompt
            if len(self._kept) > MAX_PROMPTS:
                self._kept.popitem(last=False)
        return prompt
