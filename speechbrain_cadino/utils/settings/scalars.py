"""What a plain scalar of a YAML file means, and how a value is written so that each reader takes it for the same.

HyperPyYAML reads YAML 1.2, where ``no`` is text; PyYAML reads 1.1, where ``1e3`` is. Users mean a flag and a number.
"""

from __future__ import annotations

import json
import re
from typing import Any

NULL = {"", "~", "null", "Null", "NULL"}
FLAGS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
WHOLE = re.compile(r"[-+]?[0-9](_?[0-9])*")
BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9](_?[0-9])*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)")
# Text that every reader takes as it stands, and what could be a date, a time or a number of another YAML.
SAFE = re.compile(r"([A-Za-z0-9_./<^$+(]|-(?=[\w./]))([^#:'\"\\]|:(?=\S))*")
LIKE_A_NUMBER = re.compile(r"[-+.]?[0-9][^/]*|<<|\.\.\.|---.*")
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def read_scalar(text: str) -> Any:
    """The value of an unquoted scalar: None, bool, int, float, str, or a tuple as HyperPyYAML has it.

    Example
    -------
    >>> [read_scalar(text) for text in ("no", "1e3", "~", "12", "a b", "(1, 2)")]
    [False, 1000.0, None, 12, 'a b', (1, 2)]
    """
    if text in NULL:
        return None
    if text.lower() in FLAGS and text in (text.lower(), text.upper(), text.capitalize()):
        return FLAGS[text.lower()]
    if WHOLE.fullmatch(text):
        return int(text)
    if BASED.fullmatch(text):
        return int(text, 0)
    if NUMBER.fullmatch(text):
        return float(text)
    if special := SPECIAL.fullmatch(text):
        return float(special.group(1) + special.group(2))
    if text.startswith("(") and text.endswith(")"):
        return tuple(read_scalar(part.strip()) for part in text[1:-1].split(",") if part.strip())
    return text


def write_scalar(value: str, in_flow: bool = False, quoted: bool = False, tagged: bool = False) -> str:
    """The text of a scalar, on one line, quoted where a reader would take it for something else.

    Arguments
    ---------
    value : str
        As it stood in the file, without quotes.
    in_flow : bool
        Whether it stands between brackets.
    quoted : bool
        Whether it is text whatever it looks like.
    tagged : bool
        Whether a tag before it says what it is.

    Example
    -------
    >>> write_scalar("no"), write_scalar("no", quoted=True), write_scalar("a #1"), write_scalar("2024", quoted=True)
    ('False', "'no'", "'a #1'", "'2024'")
    """
    meant = value if quoted or tagged else read_scalar(value)
    if isinstance(meant, bool):
        return str(meant)
    if not isinstance(meant, str):
        return value
    if CONTROL.search(value):
        return json.dumps(value)
    bare = SAFE.fullmatch(value) and value == value.strip() and not (in_flow and re.search(r"[][{},?:]", value))
    if bare and (tagged or not LIKE_A_NUMBER.fullmatch(value) and isinstance(read_scalar(value), str)):
        return value
    return "'" + value.replace("'", "''") + "'"
