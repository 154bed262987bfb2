"""Plain YAML scalars to values, by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2, §10.3.2)."""

from __future__ import annotations

import re

Value = str | int | float | bool | None

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(_[0-9]{3})+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"[-+]?\.(inf|Inf|INF)")
_NOT_A_NUMBER = {".nan", ".NaN", ".NAN"}
_LONGEST_INTEGER = 300


def plain_value(text: str) -> Value:
    """What an unquoted scalar means.

    Deviation from YAML 1.2: digits grouped in threes by underscores (`50_000`) are
    an integer, not text.
    """
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = number_in(text)
    return text if number is None else number


def number_in(text: str) -> int | float | None:
    """The number that this text spells, or None."""
    if _BASED.fullmatch(text):
        return int(text, 0)
    if (_INTEGER.fullmatch(text) or _GROUPED.fullmatch(text)) and len(text) < _LONGEST_INTEGER:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _INFINITY.fullmatch(text):
        return float(text.replace(".", "", 1))
    return float("nan") if text in _NOT_A_NUMBER else None
