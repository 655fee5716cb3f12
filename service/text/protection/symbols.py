"""Emoji and other pictures among words."""

import re

_PICTURE = (
    "\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u266a"
    "\U0001f000-\U0001faff"
)
_MODIFIERS = "\u200d\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"

SYMBOLS = re.compile(rf"[{_PICTURE}][{_PICTURE}{_MODIFIERS}]*+|[0-9\#*]\ufe0f?\u20e3")
