"""Cutting a normalized text into pieces, as sentencepiece does to the last tie: Unigram, BPE."""

import heapq
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol, TypeVar

from model.tokenizer.spm_model import SPACE, Piece, PieceType, SegmentationAlgorithm, SpmModel

_UNK_PENALTY = 10.0
_RESET_SCORE = 100_000.0  # sentencepiece restarts its running score past this, to keep precision
_MAX_CACHED_WORDS = 1 << 15
_MAX_CACHED_CHARS = 64

T = TypeVar("T")


class Segmenter(Protocol):
    """Cuts a normalized text; runs of characters outside the vocabulary form one piece each."""

    def segment(self, text: str) -> list[str]: ...


def make_segmenter(model: SpmModel) -> Segmenter:
    """The segmenter for a model's algorithm."""
    if model.algorithm is SegmentationAlgorithm.BPE:
        return BpeSegmenter(model.pieces)
    return UnigramSegmenter(model.pieces)


@dataclass(frozen=True, slots=True)
class _Cut:
    """The best way to cut one word, and how sure that is.

    sentencepiece adds up scores in float32 from the start of the text, so where two ways are nearly
    equal its choice depends on the text before. `safe_cost` is the total cost of a text up to which
    rounding cannot change this cut.
    """

    pieces: Sequence[str]
    cost: float  # the scores of the pieces, added up without their signs
    safe_cost: float


class UnigramSegmenter:
    """The most probable pieces, where each piece has its own probability."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        pieces = tuple(pieces)
        self._scores = {p.text: p.score for p in pieces if p.type is PieceType.NORMAL}
        self._unk_score = _float32(min(self._scores.values(), default=0.0) - _UNK_PENALTY)
        self._max_score = max(map(abs, (*self._scores.values(), self._unk_score)))
        self._beginnings = {p[:length] for p in self._scores for length in range(1, len(p))}
        self._cuts_words = _can_cut_words(pieces)
        self._cache: dict[str, _Cut] = {}

    def segment(self, text: str) -> list[str]:
        words = _split_words(text) if self._cuts_words else [text]
        cuts = [self._cache.get(word) or self._cut_and_remember(word) for word in words]
        cost = sum(cut.cost for cut in cuts)
        if all(cost < cut.safe_cost for cut in cuts):
            return [piece for cut in cuts for piece in cut.pieces]
        return _join_unknown(self._cut_in_float32(text), known=self._scores)

    def _cut_and_remember(self, word: str) -> _Cut:
        cut = self._cut(word)
        _remember(self._cache, word, cut)
        return cut

    def _cut(self, word: str) -> _Cut:
        """Viterbi in float64, with the gap between the best and the second way to each place."""
        best = [-inf] * (len(word) + 1)
        best[0] = 0.0
        gaps = [inf] * (len(word) + 1)
        starts = [0] * (len(word) + 1)
        for start in range(len(word)):
            so_far = best[start]
            for end, score in self._pieces_at(word, start):
                gain = so_far + score - best[end]
                if gain > 0:
                    best[end] = so_far + score
                    starts[end] = start
                    gaps[end] = gain
                else:
                    gaps[end] = min(gaps[end], -gain)
        ends = _trace(starts)
        pieces = _pieces_of(word, ends)
        # Each of at most len(word) additions errs by half a unit in the last of 24 binary places,
        # and so does each of those it is compared with.
        tolerance = min((gaps[end] for end in ends), default=inf) * 2**23 / (len(word) + 1)
        return _Cut(
            pieces=_join_unknown(pieces, known=self._scores),
            cost=sum(abs(self._scores.get(piece, self._unk_score)) for piece in pieces),
            safe_cost=min(tolerance - max(map(abs, best)) - self._max_score, 0.9 * _RESET_SCORE),
        )

    def _cut_in_float32(self, text: str) -> list[str]:
        """Viterbi with sentencepiece's very roundings: slower, right for every text."""
        best = array("f", [0.0]) * (len(text) + 1)
        starts = [-1] * (len(text) + 1)
        frontier = 0
        rounded = array("f", [0.0])
        for start in range(len(text)):
            so_far = best[start]
            if abs(so_far) > _RESET_SCORE:
                for place in range(start, frontier + 1):
                    if place == start or starts[place] >= 0:
                        best[place] -= so_far
                so_far = 0.0
            for end, score in self._pieces_at(text, start):
                frontier = max(frontier, end)
                rounded[0] = so_far + score
                if starts[end] < 0 or rounded[0] > best[end]:
                    best[end] = rounded[0]
                    starts[end] = start
        return _pieces_of(text, _trace(starts))

    def _pieces_at(self, text: str, start: int) -> list[tuple[int, float]]:
        """Ends and scores of the pieces that begin at a place; one character always is one."""
        found: list[tuple[int, float]] = []
        for end in range(start + 1, len(text) + 1):
            candidate = text[start:end]
            score = self._scores.get(candidate)
            if score is not None:
                found.append((end, score))
            if candidate not in self._beginnings:
                break
        if not found or found[0][0] != start + 1:
            found.append((start + 1, self._unk_score))
        return found


class BpeSegmenter:
    """Characters joined pair by pair, the best-ranked pair first."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        pieces = tuple(pieces)
        joinable = (PieceType.NORMAL, PieceType.UNUSED)
        self._scores = {p.text: p.score for p in pieces if p.type in joinable}
        self._known = {p.text for p in pieces if p.type is PieceType.NORMAL}
        self._cuts_words = _can_cut_words(pieces)
        self._cache: dict[str, list[str]] = {}

    def segment(self, text: str) -> list[str]:
        words = _split_words(text) if self._cuts_words else [text]
        pieces: list[str] = []
        for word in words:
            cut = self._cache.get(word)
            if cut is None:
                cut = _join_unknown(self._cut(word), known=self._known)
                _remember(self._cache, word, cut)
            pieces += cut
        return pieces

    def _cut(self, word: str) -> list[str]:
        symbols = list(word)  # a joined symbol stands at its left end; "" where one was taken away
        before = list(range(-1, len(word) - 1))
        after = [*range(1, len(word)), -1]
        agenda: list[tuple[float, int, int, str]] = []
        origins: dict[str, tuple[str, str]] = {}

        def propose(left: int, right: int) -> None:
            if left < 0 or right < 0:
                return
            joined = symbols[left] + symbols[right]
            score = self._scores.get(joined)
            if score is not None:
                heapq.heappush(agenda, (-score, left, right, joined))
                origins[joined] = symbols[left], symbols[right]

        for left in range(len(word) - 1):
            propose(left, left + 1)
        while agenda:
            _, left, right, joined = heapq.heappop(agenda)
            if not (symbols[left] and symbols[right]) or symbols[left] + symbols[right] != joined:
                continue  # one of the two has been joined to something else since
            symbols[left], symbols[right] = joined, ""
            after[left] = after[right]
            if after[right] >= 0:
                before[after[right]] = left
            propose(before[left], left)
            propose(left, after[left])
        return [part for symbol in symbols if symbol for part in self._undo_unused(symbol, origins)]

    def _undo_unused(self, symbol: str, origins: dict[str, tuple[str, str]]) -> list[str]:
        """A symbol, or its parts when the vocabulary has it only as a step towards longer ones."""
        if symbol in self._known or symbol not in origins:
            return [symbol]
        return [part for side in origins[symbol] for part in self._undo_unused(side, origins)]


def _can_cut_words(pieces: Iterable[Piece]) -> bool:
    """Whether words can be cut one by one: no piece reaches over a blank, and that is known."""
    pieces = tuple(pieces)
    is_blank_known = any(p.text == SPACE and p.type is PieceType.NORMAL for p in pieces)
    return is_blank_known and not any(SPACE in p.text[1:] for p in pieces)


def _split_words(text: str) -> list[str]:
    """The words of a normalized text, each with the mark of the blank before it."""
    first, *others = text.split(SPACE)
    words = [SPACE + word for word in others]
    return [first, *words] if first else words


def _remember(cache: dict[str, T], word: str, cut: T) -> None:
    if len(cache) >= _MAX_CACHED_WORDS:
        cache.clear()
    if len(word) <= _MAX_CACHED_CHARS:
        cache[word] = cut


def _trace(starts: Sequence[int]) -> list[int]:
    """The ends of the pieces, in order, from where the best piece to each place starts."""
    ends: list[int] = []
    end = len(starts) - 1
    while end > 0:
        ends.append(end)
        end = starts[end]
    return ends[::-1]


def _pieces_of(text: str, ends: Sequence[int]) -> list[str]:
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _join_unknown(pieces: Sequence[str], *, known: Collection[str]) -> list[str]:
    """The pieces, with neighbours outside the vocabulary made one."""
    joined: list[str] = []
    is_open = False
    for piece in pieces:
        is_unknown = piece not in known
        if is_unknown and is_open:
            joined[-1] += piece
        else:
            joined.append(piece)
        is_open = is_unknown
    return joined


def _float32(value: float) -> float:
    return array("f", [value])[0]
