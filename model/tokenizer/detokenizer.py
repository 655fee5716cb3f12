"""Decodes token ids one at a time, for streaming."""

from model.tokenizer.tokenizer import Tokenizer

_REPLACEMENT = "\ufffd"  # how a tokenizer shows bytes that are no complete character
_MAX_EAGER_LOOKS = 8  # twice the most tokens of one character


class IncrementalDetokenizer:
    """Decoder of ids as they arrive.

    The texts that `push` and `flush` return, joined, equal `tokenizer.decode` of all the ids. Each
    call decodes only the pending ids, whose text is not returned yet, after a few earlier ids as
    context: blanks at the beginning of a text may decode differently.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._context: list[
            int
        ] = []  # ids whose text is returned and ends with a complete character
        self._context_text = ""
        self._pending: list[int] = []  # ids after them
        self._look_at = 1  # pending ids at which to decode next

    def push(self, token_id: int) -> str:
        """Add an id; return the text that is complete with it, possibly empty."""
        if token_id in self._tokenizer.special_ids:
            return ""
        self._pending.append(token_id)
        if len(self._pending) < self._look_at:
            return ""
        text = self._pending_text()
        if not text:
            # At the beginning an id without text may change how the next decodes; keep each once.
            self._pending = [] if self._context else list(dict.fromkeys(self._pending))
        elif text.endswith(_REPLACEMENT):
            # Perhaps an incomplete character. Many ids that complete none are noise, and decoded at
            # growing intervals, so that the cost for each id stays constant.
            size = len(self._pending)
            self._look_at = size + 1 if size < _MAX_EAGER_LOOKS else 2 * size
        else:
            self._release()
            return text
        return ""

    def flush(self) -> str:
        """Return the rest of the text, after the last id."""
        text = self._pending_text()
        self._release()
        return text

    def _pending_text(self) -> str:
        return self._tokenizer.decode(self._context + self._pending)[len(self._context_text) :]

    def _release(self) -> None:
        text = self._tokenizer.decode(self._pending)
        if text:  # ids without text are no context
            self._context, self._context_text = self._pending, text
        self._pending = []
        self._look_at = 1
