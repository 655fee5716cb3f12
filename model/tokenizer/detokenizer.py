"""Text out of token ids one at a time, for answers that are streamed."""

from model.tokenizer.tokenizer import Tokenizer

_REPLACEMENT = "\ufffd"  # how a tokenizer shows bytes that are no character, or not yet a whole one
_MAX_EAGER_LOOKS = 8  # twice the tokens a character can need


class IncrementalDetokenizer:
    """Turns ids into text as they arrive.

    What `push` and `flush` gave, joined, is exactly `tokenizer.decode` of all the ids. A look
    decodes only the ids whose text is not out yet, after a few that show the tokenizer it is past
    the beginning, where blanks may read differently.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._context: list[int] = []  # ids whose text is out and ends with a whole character
        self._context_text = ""
        self._pending: list[int] = []  # ids after them
        self._look_at = 1  # how many pending ids are worth decoding

    def push(self, token_id: int) -> str:
        """The text that has become certain with one more id; may be empty."""
        if token_id in self._tokenizer.special_ids:
            return ""
        self._pending.append(token_id)
        if len(self._pending) < self._look_at:
            return ""
        text = self._pending_text()
        if not text:
            # At the beginning even an id without text may change how the next one reads; once.
            self._pending = [] if self._context else list(dict.fromkeys(self._pending))
        elif text.endswith(_REPLACEMENT):
            # Perhaps a character to be completed. Many ids that complete none are noise, looked at
            # ever less often, so that all looks together cost a constant for each id.
            size = len(self._pending)
            self._look_at = size + 1 if size < _MAX_EAGER_LOOKS else 2 * size
        else:
            self._release()
            return text
        return ""

    def flush(self) -> str:
        """The rest of the text, after the last id."""
        text = self._pending_text()
        self._release()
        return text

    def _pending_text(self) -> str:
        return self._tokenizer.decode(self._context + self._pending)[len(self._context_text) :]

    def _release(self) -> None:
        text = self._tokenizer.decode(self._pending)
        if text:  # else it would not show that the beginning is past
            self._context, self._context_text = self._pending, text
        self._pending = []
        self._look_at = 1
