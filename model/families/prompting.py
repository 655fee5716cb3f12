"""Makes the token ids that the engine reads of a text and a task, by the family's layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.errors import UnsupportedTaskError
from model.families.family import HfConfig, required_int
from model.families.layout import Layout, Slot
from model.tokenizer.char_spans import CharSpan
from model.tokenizer.languages import LanguageTags
from model.tokenizer.prompt import Prompt, Summarization, Task, Translation
from model.tokenizer.tokenizer import Tokenizer

_MAX_LISTED = 20  # languages in an error message
_BLANK = "\u2581"  # how SentencePiece writes it
_NO_STYLES = frozenset({"<s>", "</s>", "<pad>", "<unk>", "<mask>"})  # of every vocabulary

_ID_KEYS: Mapping[Slot, str] = {
    Slot.BOS: "bos_token_id",
    Slot.EOS: "eos_token_id",
    Slot.START: "decoder_start_token_id",
}
_FIELDS: Mapping[Slot, str] = {Slot.SOURCE_LANG: "source_lang", Slot.TARGET_LANG: "target_lang"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompter:
    """Maker of the prompts of one checkpoint.

    Attributes:
        layout: The order of special tokens around a text.
        tokenizer: Encodes the text itself.
        languages: The language tags of the vocabulary.
        hf_config: Has the ids of special tokens. A language that a task does not name is the
            checkpoint's own: `src_lang`, `tgt_lang`, or that of the tag that begins every output.

    Raises:
        CheckpointError: `hf_config` lacks a special token of the layout.
    """

    layout: Layout
    tokenizer: Tokenizer
    languages: LanguageTags
    hf_config: HfConfig

    def __post_init__(self) -> None:
        for slot in (*self.layout.encoder, *self.layout.decoder):
            if slot in _ID_KEYS:
                self._special_id(_ID_KEYS[slot])

    def prompt(self, text: str, task: Task, *, prefix: str = "") -> Prompt:
        """Return the token ids that the engine reads.

        Args:
            text: The source.
            task: Translation or summarization, with its languages or style.
            prefix: Text in front of the source that names the task to the network.

        Raises:
            UnsupportedTaskError: The vocabulary has no tag for a language, or for the style.
        """
        text_ids = self.tokenizer.encode(prefix + text)
        tags = self._tags(task, has_prefix=bool(prefix.strip()))
        forced = () if self.layout.forced is None else self._fill([self.layout.forced], (), tags)
        return Prompt(
            encoder_ids=self._fill(self.layout.encoder, text_ids, tags),
            decoder_prefix_ids=self._fill(self.layout.decoder, (), tags),
            forced_bos_id=next(iter(forced), None),
        )

    def source_spans(self, text: str, task: Task, *, prefix: str = "") -> list[CharSpan]:
        """Return the characters of the text that each of a prompt's encoder ids stands for.

        Special tokens, language tags and the prefix have empty spans.

        Args:
            text: As in `prompt`.
            task: As in `prompt`.
            prefix: As in `prompt`.
        """
        tags = self._tags(task, has_prefix=bool(prefix.strip()))
        spans: list[CharSpan] = []
        for slot in self.layout.encoder:
            if slot is Slot.TEXT:
                cut = len(prefix)
                found = self.tokenizer.spans(prefix + text)
                spans += [(max(start - cut, 0), max(stop - cut, 0)) for start, stop in found]
            else:
                place = len(text) if spans and spans[-1][1] else 0
                spans += [(place, place)] * len(self._fill([slot], (), tags))
        return spans

    def _fill(
        self, slots: Sequence[Slot], text_ids: Sequence[int], tags: Mapping[Slot, int]
    ) -> tuple[int, ...]:
        ids: list[int] = []
        for slot in slots:
            if slot is Slot.TEXT:
                ids += text_ids
            elif slot in _ID_KEYS:
                ids.append(self._special_id(_ID_KEYS[slot]))
            elif slot in tags:
                ids.append(tags[slot])
        return tuple(ids)

    def _special_id(self, key: str) -> int:
        """Return a special token's id; of several ends of sentence, the first ends a source."""
        value: Any = self.hf_config.get(key)
        return value[0] if isinstance(value, list) and value else required_int(self.hf_config, key)

    def _tags(self, task: Task, *, has_prefix: bool) -> Mapping[Slot, int]:
        tags = self._language_tags(task) if self.languages.codes else {}
        if isinstance(task, Summarization) and task.style is not None and not has_prefix:
            tags[Slot.STYLE] = self._style_id(task.style)
        return tags

    def _language_tags(self, task: Task) -> dict[Slot, int]:
        used = {*self.layout.encoder, *self.layout.decoder, self.layout.forced}
        codes = self._language_codes(task)
        tags = {slot: self._tag_id(slot, code) for slot, code in codes.items() if slot in used}
        blank_id = self.tokenizer.token_to_id(_BLANK)
        return tags if blank_id is None else {**tags, Slot.BLANK: blank_id}

    def _language_codes(self, task: Task) -> Mapping[Slot, str | None]:
        """Return the task's languages, else the checkpoint's; a summary has its text's language."""
        source = self.hf_config.get("src_lang")
        if isinstance(task, Translation):
            source = source if task.source_lang is None else task.source_lang
            return {Slot.SOURCE_LANG: source, Slot.TARGET_LANG: task.target_lang}
        target = self.hf_config.get("tgt_lang") or self._first_of_every_output()
        source, target = source or target, target or source
        return {Slot.SOURCE_LANG: source, Slot.TARGET_LANG: target}

    def _first_of_every_output(self) -> str | None:
        """Return the language whose tag begins every output of the checkpoint, if one does."""
        keys = ("forced_bos_token_id", "decoder_start_token_id")
        first = [self.hf_config.get(key) for key in keys]
        ids = ((code, self._find_id(code)) for code in self.languages.codes)
        return next((code for code, id_ in ids if id_ is not None and id_ in first), None)

    def _tag_id(self, slot: Slot, code: str | None) -> int:
        """Return the id of a language's tag; the code is ISO's or the vocabulary's own."""
        token_id = None if code is None else self._find_id(code)
        if token_id is not None:
            return token_id
        field = _FIELDS[slot]
        known = self.languages.codes
        listed = ", ".join(known[:_MAX_LISTED])
        if len(known) > _MAX_LISTED:
            listed += f" and {len(known) - _MAX_LISTED} more"
        if code is None:
            raise UnsupportedTaskError(f"{field}: this model must be told one of {listed}")
        raise UnsupportedTaskError(f"{field}: {code!r} is not one of {listed}")

    def _find_id(self, code: str) -> int | None:
        tag = self.languages.find(code)
        return None if tag is None else self.tokenizer.token_to_id(tag)

    def _style_id(self, style: str) -> int:
        name = f"<{style}>"
        tag = self.tokenizer.token_to_id(name)
        if tag is None or name in _NO_STYLES:
            raise UnsupportedTaskError(f"style: {style!r} is not one this model was made for")
        return tag
