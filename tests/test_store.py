"""Files of a run folder appear whole or not at all, and what is broken is named."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from ganbench import store
from ganbench.errors import GanbenchError


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    store.write_atomic(file, b"old")
    store.write_atomic(file, b"new")
    assert file.read_bytes() == b"new"
    assert _names(file.parent) == ["file"]


def test_an_interrupted_replacement_keeps_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    store.write_atomic(file, b"old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.write_atomic(file, b"new")
    assert file.read_bytes() == b"old"
    assert _names(tmp_path) == ["file"]


def test_json_has_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        store.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert _names(tmp_path) == []
    store.write_json(tmp_path / "a.json", {"σ": [1, None]})
    assert store.read_json(tmp_path / "a.json") == {"σ": [1, None]}


def test_half_a_character_is_written_as_an_escape_that_json_reads_back(tmp_path: Path) -> None:
    store.write_json(tmp_path / "a.json", {"a\udcff": "σ\ud800"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a\\udcff": "σ\\ud800"\n}\n'
    assert store.read_json(tmp_path / "a.json") == {"a\udcff": "σ\ud800"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_is_read_as_editors_save_it(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes('{\r\n"σ": [1, null]\r\n}\r\n'.encode(encoding))
    assert store.read_json(file) == {"σ": [1, None]}


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": "\xff"}', b"\xff\xfe{", b"[" * 100_000])
def test_json_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(GanbenchError, match=r"a\.json: not valid JSON .*Remove .*makes it again"):
        store.read_json(file)


LABELS = (
    "ring8", "Ring8", "RING8", "ring8[sigma=0.1]", "ring8 sigma=0.1", "ring8_sigma=0.1", "ring8/sigma=0.1",
    ".hidden", "hidden", "..", "hidden.", "hidden-", "-hidden", "con", "Con", "con.", "con.x", "nul[a=1]",
    "aux.b[a=1]", "com1", "com10", "é", "e\u0301", "e", "🎉" * 80, "🎉" * 79, "x" * 48, "x" * 49, "x" * 300,
    "", " ", "?",
    "a--b", "a~b", "\udcff", "ｒ８", "ss", "ß", "İ", "i", "fashion_mnist", "fashion-mnist", "1e-3",
)  # fmt: skip


def test_labels_of_other_letters_are_other_files_on_every_file_system() -> None:
    names = [store.file_name(label) for label in LABELS]
    again = [store.file_name(name) for name in names]  # a label that looks like another's name
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in {*names, *again}}) == len(
        {*LABELS, *names}
    )
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_=+~-][A-Za-z0-9._=+~-]*", name)
        assert len(name) <= 48
        assert not name.endswith(".")
        assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name.lower())


def test_plain_labels_are_their_own_names() -> None:
    plain = ["ring8", "wgan-gp", "fashion_mnist", "gan-r1", "sigma=0.1", "v1.2+x", "1e-3", "x" * 48]
    assert [store.file_name(label) for label in plain] == plain
    assert store.file_name("nsgan[margin=0.1]").startswith("nsgan_margin=0.1~")


def test_a_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    place = tmp_path / "folder"
    store.write_folder(place, lambda folder: store.write_atomic(folder / "a", b"1"))
    store.write_folder(place, lambda folder: store.write_atomic(folder / "b", b"2"))
    assert _names(place) == ["b"]
    assert _names(tmp_path) == ["folder"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_folder_that_cannot_be_filled_leaves_the_old_one(
    tmp_path: Path, error: type[BaseException]
) -> None:
    place = tmp_path / "folder"
    store.write_folder(place, lambda folder: store.write_atomic(folder / "a", b"1"))

    def fill(folder: Path) -> None:
        store.write_atomic(folder / "b", b"2")
        raise error

    with pytest.raises(error):
        store.write_folder(place, fill)
    assert _names(place) == ["a"]
    assert _names(tmp_path) == ["folder"]


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".folder.abcd_123", ".folder.b.abcd_123", ".folder", "folder.abcd_123"):
        (tmp_path / name).mkdir()
    store.write_folder(tmp_path / "folder", lambda folder: None)
    assert _names(tmp_path) == [".folder", ".folder.b.abcd_123", "folder", "folder.abcd_123"]


def test_only_completed_cohorts_are_read(tmp_path: Path) -> None:
    for name, complete in (("b", True), ("a", True), ("half", False), (".a.abcd_123", True)):
        folder = tmp_path / store.COHORTS / name
        folder.mkdir(parents=True)
        if complete:
            store.write_json(folder / store.OUTCOME_FILE, {})
    assert [folder.name for folder in store.cohort_folders(tmp_path)] == ["a", "b"]
    assert list(store.cohort_folders(tmp_path / "nowhere")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not a run folder"),
        ("{", "not valid JSON"),
        ('{"format": 1', "not valid JSON"),
        ("[]", "states no format"),
        ("{}", "states no format"),
        ('{"format": 3}', "format 3, but this ganbench reads format 2; use a newer ganbench"),
        ('{"format": 1}', "format 1, but this ganbench reads format 2; `ganbench run SUITE` makes"),
    ],
)
def test_a_folder_that_is_no_readable_run_is_refused_by_name(
    tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / store.RUN_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(GanbenchError, match=message) as caught:
        store.read_run(tmp_path)
    assert str(tmp_path) in str(caught.value)
    store.write_json(tmp_path / store.RUN_FILE, {"format": store.FORMAT, "name": "x"})
    assert store.read_run(tmp_path)["name"] == "x"


def test_a_broken_cohort_is_refused_by_name_with_the_remedy(tmp_path: Path) -> None:
    readers = ((store.OUTCOME_FILE, store.read_outcome), (store.DESCRIPTION_FILE, store.read_description))
    for name, reader in readers:
        for content in ("{", "[1]", json.dumps({"status": "finished"}), b"\xff\xfe".decode("latin-1")):
            (tmp_path / name).write_text(content, encoding="latin-1")
            with pytest.raises(GanbenchError, match="Remove") as caught:
                reader(tmp_path)
            assert str(tmp_path / name) in str(caught.value)
