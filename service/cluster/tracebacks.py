"""Find the error's message in another process's traceback."""

import re

_ERROR = re.compile(r"^\s*(?:\w+\.)*\w*(?:Error|Exception)\b(?:: )?", re.MULTILINE)


def error_in(traceback: str) -> str:
    """Return the last error in a text, all its lines; the last line if there is no error.

    The class name is kept only for errors that are not ours: our messages are sentences.
    """
    text = traceback.rstrip()
    found = list(_ERROR.finditer(text))
    if not found:
        return text.rpartition("\n")[2].strip()
    last = found[-1]
    sentence = text[last.end() :].strip()
    is_ours = last[0].strip().startswith(("service.", "model."))
    return sentence if is_ours and sentence else text[last.start() :].strip()
