"""Tell codes and units from words: they are written alike in every language.

A chunk is a run of characters without white space. Each pattern either is possessive or repeats
sets that exclude what follows them, so that matching takes linear time.
"""

import re


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Symbols that stand after a number. "in", "a" and "pm" are missing: they are words, too.
_UNITS = _set(
    """m km cm mm dm nm µm μm g kg mg µg μg ng t l L dl cl ml mL hl µl μl s ms µs μs ns min
    h Hz kHz MHz GHz THz W kW MW GW TW Wh kWh MWh GWh V kV mV mA Ah mAh VA kVA Pa hPa kPa MPa bar
    mbar psi N kN Nm J kJ MJ cal kcal eV keV MeV K Ω kΩ MΩ \u2126 k\u2126 M\u2126 F µF μF nF pF H T
    dB dBm dBA lm lx cd mol ppm ppb rpm mph kmh kph ft lb lbs oz yd px pt em rem dpi ppi fps bit B
    kB KB MB GB TB PB KiB MiB GiB TiB kbit Mbit Gbit kbps Mbps Gbps ha ºC ºF C F x"""
)
_CURRENCIES = _set(
    """EUR USD GBP CHF JPY CNY SEK NOK DKK PLN CZK HUF RON BGN RUB UAH INR BRL CAD AUD NZD MXN ARS
    CLP TRY KRW SGD HKD ZAR ILS BTC ETH"""
)
_FILE_ENDINGS = _set(
    """txt pdf md rst html htm xml json yaml yml toml ini cfg conf log csv tsv xls xlsx doc docx ppt
    pptx odt ods png jpg jpeg gif svg webp bmp mp3 mp4 wav avi mkv zip gz tar tgz rar exe msi dll so
    py js ts jsx tsx css scss java cpp hpp cs go rs rb php sh bat ps1 sql db po srt vtt"""
)
_MIN_HASH = 6  # characters of a hash; fewer are also "2e" and "10a"

_SERIAL = re.compile(r"[A-Z0-9]++(?:[-/._:+#][A-Z0-9]++)*+")  # A-4711/B, DE89, COVID-19
_HASH = re.compile(r"[0-9a-fA-F]++(?:-[0-9a-fA-F]++)*+")  # also a UUID
_CODE = re.compile(
    r"""
      v?\d++ (?: \.\d++ )++ (?: [-+.]?[a-z]++\.?\d*+ )*+          # v2.0.1-rc1
    | \# (?: [0-9A-Fa-f]{8} | [0-9A-Fa-f]{6} | [0-9A-F]{3} )      # FF00AA after its sign
    | 0x[0-9a-fA-F]++
    | \d{4}-\d\d-\d\dT[\d:.,+-]++Z?                               # 2023-10-01T12:00:00Z
    | \d++ (?: x\d++ )++                                          # 1920x1080
    | [A-Za-z]:[\\/]\S*+ | \\\\\S++ | (?: [\w.-]++\\ )++[\w.-]*+  # C:\temp
    | (?: ~ | \.{1,2} )?+ (?: /[\w.@+-]++ ){2,}+ /?               # /usr/bin
    | (?: ~ | \.{1,2} ) (?: /[\w.@+-]++ )++ /?                    # ./run
    """,
    re.VERBOSE | re.ASCII,
)
_QUANTITY = re.compile(
    r"[^\w°Ωµμ]*+\d[\d.,:/\u00d7±\u2013-]*+(?P<unit>[^\W\d_].*+|°.*+)", re.DOTALL
)
_UNIT_PARTS = re.compile(r"[/·*]|\^?-?[0-9²³⁻¹]")
_MARKS = "()[]{}<>\"'“”„«»,;:!?.…*_`~|="


def is_code(chunk: str) -> bool:
    """Return whether a chunk, but for the punctuation around it, is a code, path or identifier.

    Codes are serial numbers, versions, hashes, times, colours: letters alone are none, except in
    identifiers such as `MAX_SIZE`.
    """
    core = chunk.strip(_MARKS)
    has_digit = any(map(str.isdigit, core))
    if has_digit and _SERIAL.fullmatch(core):
        return True
    if has_digit and len(core) >= _MIN_HASH and _HASH.fullmatch(core):
        return True
    if _CODE.fullmatch(core) or (_CODE.fullmatch(chunk.rstrip(_MARKS)) is not None):
        return True
    inner = core.strip("_")
    if "_" in inner and core.isidentifier():
        return True
    stem, _, ending = core.rpartition(".")
    return (
        bool(stem) and ending in _FILE_ENDINGS and stem.replace(".", "").replace("-", "").isalnum()
    )


def is_unit(chunk: str) -> bool:
    """Return whether a chunk is the symbol of a unit or currency: "km", "km/h", "m²", "°C,"."""
    core = chunk.strip(_MARKS)
    parts = [part.lstrip("°%") for part in _UNIT_PARTS.split(core) if part]
    return bool(parts) and all(not p or p in _UNITS or p in _CURRENCIES for p in parts)


def is_currency(chunk: str) -> bool:
    """Return whether a chunk is the code of a currency."""
    return chunk.strip(_MARKS) in _CURRENCIES


def is_quantity(chunk: str) -> bool:
    """Return whether a chunk is a number with its unit: "10km", "23°C", "5GB/s"."""
    found = _QUANTITY.fullmatch(chunk)
    return found is not None and is_unit(found["unit"])
