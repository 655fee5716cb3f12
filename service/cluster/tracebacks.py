"""What a traceback of another process says went wrong, without the way there."""

import re

_ERROR = re.compile(r"^\s*(?:\w+\.)*\w*(?:Error|Exception)\b(?:: )?", re.MULTILINE)


def error_in(traceback: str) -> str:
    """The sentence of the last error in a text, all its lines; the last line where there is none.

    Ours are sentences already, so they go without the name of their class.
    """
    text = traceback.rstrip()
    found = list(_ERROR.finditer(text))
    if not found:
        return text.rpartition("\n")[2].strip()
    last = found[-1]
    sentence = text[last.end() :].strip()
    is_ours = last[0].strip().startswith(("service.", "model."))
    return sentence if is_ours and sentence else text[last.start() :].strip()
