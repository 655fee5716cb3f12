"""Find addresses of the net and of files: URLs, e-mail, hosts, paths, file names."""

import re
from collections import Counter
from collections.abc import Callable, Iterator

from service.spans import Span

# No ideographs or full-width signs: without blanks, the sentence goes on after an address.
_URL_SIGN = r"[!\#-;=?-~\u00c0-\u1fff]"
_URL = re.compile(
    rf"""
    (?<! [\w+.-] )
    (?: [a-zA-Z][a-zA-Z0-9+.-]{{1,15}} :// | (?: mailto | tel | urn | about ) : | www\. )
    {_URL_SIGN}++
    """,
    re.VERBOSE,
)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++")
_HOST = re.compile(
    rf"(?<! [\w.@/\\:-] ) [\w-]++ (?: \.[\w-]++ )++ (?: :\d{{1,5}} )?+ (?: [/?] {_URL_SIGN}*+ )?+",
    re.VERBOSE | re.ASCII,
)
_IP = re.compile(
    r"""
    (?<! [\w.] ) \d{1,3} (?: \.\d{1,3} ){3} (?: :\d{1,5} )? (?: /\d{1,3} )? (?! \w )
    | \[ (?= [0-9a-fA-F]{0,4} : [0-9a-fA-F]{0,4} : ) [0-9a-fA-F:.]{2,45} \] (?: :\d{1,5} )?
    | (?<! [\w:] ) (?: [0-9a-fA-F]{1,4} : ){3,7} :? [0-9a-fA-F]{1,4} (?! [\w:] )
    """,
    re.VERBOSE,
)
_PATH = re.compile(
    r"""
    (?<! \w ) [A-Za-z]:\\ (?: [^\s"<>|*?] | \ (?= [^\s\\"<>|*?]{1,40} \\ ) )*+
    | (?<! [\w\\] ) \\\\ [\w.$-]++ (?: \\ [^\s\\"<>|*?]*+ )++
    | (?<! [^\s"'(\[=,:„“«`] ) (?: ~ | \.{1,2} )? / [\w@%+~.-]++ (?: / [\w@%+~.\#=-]*+ )*+
    | (?<! [\w./\\@~-] ) [\w.-]++ (?: / [\w.@+-]++ )++ /?+
    """,
    re.VERBOSE,
)
_FILE_NAME = re.compile(r"(?<![\w./\\@-])[\w-]++(?:\.[\w-]++)++")
_DOT_FILE = re.compile(r"(?<![^\s\"'(\[])\.[a-z][\w-]++(?:\.\w++)*+")

_TLD_LIST = """
    com org net edu gov mil int info biz name io dev app ai co uk eu de fr es pt nl pl ru cn jp kr
    br mx ar ch cz sk dk fi se ie gr hu ro bg hr rs ua tr il ca au nz za tv cc gg xyz online site
    shop blog cloud tech wiki arpa example test local localhost
"""
_AMBIGUOUS_TLD_LIST = "it is in to me no at be my us so do am as la im pro"
_EXTENSION_LIST = """
    7z apk avi bak bash bat bin bmp bz2 c cc cfg class cmd conf cpp cs css csv dat db deb dll dmg
    doc docx dtd env epub exe flac ftl gif go gz h hpp htm html ico ini ipynb iso jar java jpeg
    jpg js json jsx jsonl kt lock log lua m4a md mkv mov mp3 mp4 mpeg msi odp ods odt ogg otf pdf
    php pl plist png po pot ppt pptx properties ps1 psd py pyc rar rb rpm rs rst rtf scss sh so
    sql sqlite srt svg swift tar tex tgz tiff toml ts tsv tsx ttf txt vbs vtt vue wav webm webp
    whl wmv woff woff2 xhtml xls xlsx xml xpi xul yaml yml zip zst
"""
_TLDS = frozenset(_TLD_LIST.split())
# Also words: `done.it` is rather a sentence without its blank.
_AMBIGUOUS_TLDS = frozenset(_AMBIGUOUS_TLD_LIST.split())
_EXTENSIONS = frozenset(_EXTENSION_LIST.split())
_BRACKET = re.compile(r"[()\[\]{}]")
_OPENER_OF = {")": "(", "]": "[", "}": "{"}
_SENTENCE_MARKS = frozenset(".,;:!?'*_|-")


def find_addresses(text: str) -> Iterator[Span]:
    """Yield addresses, without the punctuation of the sentence after them."""
    for pattern, is_address in _KINDS:
        for found in pattern.finditer(text):
            span = _trimmed(text, found.start(), found.end())
            if is_address is None or is_address(text[span.start : span.stop]):
                yield _in_angles(text, span)


def _trimmed(text: str, start: int, stop: int) -> Span:
    """Cut an address before a bracket that closes one outside, and drop marks of a sentence."""
    opened: Counter[str] = Counter()
    for found in _BRACKET.finditer(text, start, stop):
        opener = _OPENER_OF.get(found[0])
        if opener is None:
            opened[found[0]] += 1
        elif opened[opener] > 0:
            opened[opener] -= 1
        else:
            stop = found.start()
            break
    while stop > start and text[stop - 1] in _SENTENCE_MARKS:
        stop -= 1
    return Span(start, stop)


def _in_angles(text: str, span: Span) -> Span:
    """Return the span with the angle brackets around it, if there are any: <max@example.com>."""
    if span.start > 0 and text[span.start - 1] == "<" and text.startswith(">", span.stop):
        return Span(span.start - 1, span.stop + 1)
    return span


def _is_host(address: str) -> bool:
    """Return whether `example.org:80/path?x` begins with the name of a host."""
    host, has_path = re.split(r"[:/?]", address, maxsplit=1)[0], "/" in address
    *labels, last = host.split(".")
    if any(not label or label[0] == "-" for label in labels):
        return False
    if last in _AMBIGUOUS_TLDS:
        return has_path or len(labels) > 1
    return last in _TLDS and len(labels[-1]) > 1


def _is_path(path: str) -> bool:
    """Return whether it is absolute, or the path of a file with a known extension."""
    if path[:1] in "/~.\\" or path[1:2] == ":":
        return path.strip("/~.") != ""
    return _is_file(path.rpartition("/")[2])


def _is_file(name: str) -> bool:
    """Return whether a name has a known extension, in letters of one case; `D.C` is none."""
    stem, _, extension = name.rpartition(".")
    is_plain = extension.islower() or (len(extension) > 1 and extension.isupper())
    return bool(stem) and is_plain and extension.lower() in _EXTENSIONS


_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], bool] | None], ...] = (
    (_URL, None),
    (_EMAIL, None),
    (_IP, None),
    (_DOT_FILE, None),
    (_HOST, _is_host),
    (_PATH, _is_path),
    (_FILE_NAME, _is_file),
)
