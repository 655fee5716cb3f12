"""How SentencePiece rewrites a text before it is cut: rules, blanks, the leading mark."""

import re

from model.tokenizer.spm_model import SPACE, NormalizerSpec

_BLANKS = re.compile(" {2,}")


class Normalizer:
    """Rewrites texts as one `.spm` file says, exactly as sentencepiece does."""

    def __init__(self, spec: NormalizerSpec) -> None:
        self._spec = spec

    def normalize(self, text: str) -> str:
        """The text with blanks as U+2581, ready to be cut."""
        if not text:
            return ""
        if self._spec.charsmap:
            text = self._spec.charsmap.rewrite(text)
        if self._spec.remove_extra_whitespaces:
            text = _BLANKS.sub(" ", text.lstrip(" "))
        text = text.replace(" ", SPACE)
        if self._spec.add_dummy_prefix:
            text = SPACE + text
        if self._spec.remove_extra_whitespaces:
            text = text.rstrip(SPACE)  # marks that the text itself brought go as well
        return text
