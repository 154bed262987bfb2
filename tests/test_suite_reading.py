"""YAML with positions: what each scalar means, and where each mistake stands."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from ganbench.errors import GanbenchError, SuiteError
from ganbench.suite.locations import ErrorCollector, Items, Mapping, Scalar, plain
from ganbench.suite.reader import read_file, read_text
from ganbench.suite.scalars import plain_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1e5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-7", -7),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("50_000", 50_000),
        ("5_00", "5_00"),
        ("10:30", "10:30"),
        ("no", "no"),
        ("On", "On"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ("1e", "1e"),
        ("2024-01-01", "2024-01-01"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    read = plain_value(text)
    assert read == value
    assert type(read) is type(value)


def test_every_part_keeps_its_place() -> None:
    root = read_text("a: 1\nb:\n  - x\n  - {c: 'no', d: }\n  -\n", ErrorCollector("f"))
    assert isinstance(root, Mapping)
    a, b = root.pairs
    assert (a.location.line, a.location.column, a.node.location.column) == (1, 1, 4)
    assert isinstance(b.node, Items)
    x, inner, empty = b.node.nodes
    assert (x.location.line, x.location.column) == (3, 5)
    assert isinstance(inner, Mapping)
    assert [(p.location.column, p.node.location.column) for p in inner.pairs] == [(6, 9), (15, 15)]
    assert (empty.location.line, empty.location.column) == (5, 3)
    assert plain(root) == {"a": 1, "b": ["x", {"c": "no", "d": None}, None]}


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_every_way_to_end_a_line_is_read_alike(end: str) -> None:
    lines = "a: 1\nb:\n  - x\n  -\n  - |\n    y\n    z\n# c\nd: {e: 'f'}\n"
    assert read_text(lines.replace("\n", end), ErrorCollector("f")) == read_text(lines, ErrorCollector("f"))


def test_a_character_may_be_written_as_two_escapes() -> None:
    assert plain(read_text('{"\\ud83d\\ude00": "\\ud83d\\ude00"}', ErrorCollector("f"))) == {"😀": "😀"}


def test_quotes_make_text_and_whole_floats_are_integers() -> None:
    root = read_text("{a: '1', b: \"true\", c: 1e3, d: !!str 5}", ErrorCollector("f"))
    assert plain(root) == {"a": "1", "b": "true", "c": 1000, "d": "5"}
    assert type(plain(root)["c"]) is int


def test_an_alias_repeats_what_it_names() -> None:
    assert plain(read_text("a: &x {k: 1}\nb: *x\n", ErrorCollector("f"))) == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize(
    ("text", "line", "column", "phrase"),
    [
        ("", 1, 1, "the file is empty"),
        ("# only a comment\n", 1, 1, "the file is empty"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "the key 'a' stands twice, first in line 1"),
        ("a:\n  b: {c: 1, c: 2}\n", 2, 13, "the key 'c' stands twice, first in line 2"),
        ("a:\n\t- b\n", 2, 1, "a tab; indent with spaces"),
        ("a: [1, 2\n", 1, 4, "not closed or lacks a comma; check the brackets [ ]"),
        ("a: {b: 1\n", 1, 4, "check the brackets { }"),
        ("a: 'x\n", 1, 4, "quotes that is not closed"),
        ("a: b: c\n", 1, 5, "a key is not allowed here"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "does not line up"),
        ("a: @x\n", 1, 4, "'@' cannot begin a value; put the text in quotes"),
        ("a: *x\n", 1, 4, "undefined alias 'x'"),
        ("a: &x [*x]\n", 1, 4, "inside its own anchor"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document"),
        ("<<: {a: 1}\n", 1, 1, "merge key"),
        ("a: !mine 3\n", 1, 4, "the tag !mine is not used"),
        ('a: !!int "3"\n', 1, 4, "the tag !!int is not used"),
        ("? [a]\n: 1\n", 1, 3, "a key must be a name"),
        ("a: 1\nb: \x01\n", 2, 4, "control character"),
        ("[" * 3000, 1, 1, "nested too deeply"),
        ("a: 1\rb: 2\ra: 3\r", 3, 1, "the key 'a' stands twice, first in line 1"),
        ("a: 1\r\nb: 2\rc: 3\n\ra: 3", 5, 1, "the key 'a' stands twice, first in line 1"),
        ("a: 1\r\r\rb: \x01", 4, 4, "control character"),
        ("a: 1\rb: [1, 2\r", 2, 4, "check the brackets [ ]"),
        ("a: 'x\u2028 y'\n", 1, 6, "the invisible character U+2028"),
        ("a: 1\r# b\x85c: 2\n", 2, 4, "the invisible character U+0085"),
        ("a: 1\n\ufeffb: 2\n", 2, 1, "the invisible character U+FEFF"),
        ('a: 1\nb: "\\ud800"\n', 2, 4, "half a character"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_where_it_stands(
    text: str, line: int, column: int, phrase: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        read_text(text, ErrorCollector("f.yaml"))
    (mistake,) = caught.value.mistakes
    assert phrase in mistake.text
    assert (mistake.line, mistake.column) == (line, column)
    assert str(caught.value).startswith(f"f.yaml:{line}:{column}: ")


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]" for k in range(1, 12)]
    with pytest.raises(SuiteError, match="more than 100000 values"):
        read_text("\n".join(lines), ErrorCollector("f"))


def test_a_file_larger_than_any_suite_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_bytes(b"a: [" + b"1, " * (1 << 20) + b"1]\n")
    with pytest.raises(GanbenchError, match=r"large\.yaml: 3\.0 MiB; a suite has at most one"):
        read_file(file, ErrorCollector("large.yaml"))


def test_a_file_that_is_not_utf8_is_refused_at_its_first_bad_byte(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nbé: ".encode() + b"\xe9\n")
    with pytest.raises(SuiteError) as caught:
        read_file(file, ErrorCollector("latin.yaml"))
    assert str(caught.value) == "latin.yaml:2:5: not UTF-8 text; save the file as UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_in_utf16_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "wide.yaml"
    file.write_bytes("a: é\r\na: 2\r\n".encode(encoding))
    with pytest.raises(SuiteError, match=r"^wide.yaml:2:1: the key 'a' stands twice"):
        read_file(file, ErrorCollector("wide.yaml"))
    file.write_bytes("a: é\r\n".encode(encoding))
    assert plain(read_file(file, ErrorCollector("wide.yaml"))) == {"a": "é"}


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    file = tmp_path / "marked.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1\r\n")
    root = read_file(file, ErrorCollector("marked.yaml"))
    assert isinstance(root, Mapping)
    assert plain(root) == {"a": 1}
    assert isinstance(root.pairs[0].node, Scalar)
