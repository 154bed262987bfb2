"""A folder of images: sizes, modes, orientation, transparency, broken files, labels, memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ganbench.datasets import decoded_images
from ganbench.datasets.decoded_images import Decoding, FileRows
from ganbench.datasets.image_folder import image_folder
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.errors import GanbenchError, MissingData
from ganbench.execution.key import file_digest

CPU = torch.device("cpu")
COUNT = 20


@pytest.fixture(autouse=True)
def _data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty small colour images, each of one colour."""
    made = tmp_path / "images"
    made.mkdir()
    for i in range(COUNT):
        Image.new("RGB", (10, 8), (12 * i, 100, 200)).save(made / f"{i:02}.png")
    return made


def decoded(file: Path, **options: Any) -> np.ndarray:
    settings: dict[str, Any] = {
        "size": 4, "channels": 3, "resize": "area", "crop": "center", "alpha": "white", **options
    }  # fmt: skip
    with Image.open(file) as image:
        return Decoding(**settings).decoded(image)


def test_every_image_is_in_one_split_and_in_the_range(folder: Path) -> None:
    dataset = image_folder(str(folder), size=4, heldout=0.2)
    train, heldout = (
        dataset.examples(split, n, CPU, torch.float64) for split, n in (("train", 16), ("heldout", 4))
    )
    reds = torch.cat([train, heldout])[:, 0, 0, 0]
    wanted = torch.arange(COUNT).double() * 12 / 127.5 - 1
    torch.testing.assert_close(reds.sort().values, wanted)
    assert dataset.info.spec.shape == (3, 4, 4)
    assert dataset.info.split_sizes == {"train": 16, "heldout": 4}
    assert dataset.info.spec.label is None


def test_modes_become_what_they_show(tmp_path: Path) -> None:
    cases: dict[str, tuple[Image.Image, tuple[int, int, int]]] = {
        "clear.png": (Image.new("RGBA", (8, 8), (255, 0, 0, 0)), (0, 128, 0)),
        "half.png": (Image.new("RGBA", (8, 8), (255, 0, 0, 128)), (128, 64, 0)),
        "grey.png": (Image.new("L", (8, 8), 77), (77, 77, 77)),
        "grey-clear.png": (Image.new("LA", (8, 8), (200, 0)), (0, 128, 0)),
        "black.tiff": (Image.new("CMYK", (8, 8), (0, 0, 0, 255)), (0, 0, 0)),
        "deep.png": (Image.fromarray(np.full((8, 8), 77 * 257, np.uint16)), (77, 77, 77)),
        "bits.png": (Image.new("1", (8, 8), 1), (255, 255, 255)),
    }
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([9, 8, 7] + [0] * 765)
    cases["palette.gif"] = (palette, (9, 8, 7))
    for name, (image, colour) in cases.items():
        image.save(tmp_path / name)
        pixels = decoded(tmp_path / name, alpha="#008000")
        assert np.abs(pixels.reshape(3, -1).T.astype(int) - colour).max() <= 1, name


def test_a_transparent_palette_shows_the_colour_behind(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([9, 8, 7] + [0] * 765)
    image.save(tmp_path / "a.gif", transparency=0)
    assert (decoded(tmp_path / "a.gif", alpha="#102030").reshape(3, -1).T == (16, 32, 48)).all()


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (decoded(tmp_path / "a.gif").reshape(3, -1).T == (255, 0, 0)).all()


def test_exif_turns_an_image_upright(tmp_path: Path) -> None:
    upright = np.zeros((8, 8, 3), np.uint8)
    upright[:4] = 255  # white above
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: to be turned by 90 degrees clockwise
    Image.fromarray(np.rot90(upright).copy()).save(tmp_path / "a.png", exif=exif)
    rows = decoded(tmp_path / "a.png")[0].mean(1)
    assert (rows[:2] == 255).all()
    assert (rows[2:] == 0).all()


def test_sixteen_bits_keep_black_white_and_every_step_between(tmp_path: Path) -> None:
    steps = np.arange(256, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(steps * 257).save(tmp_path / "a.png")
    assert (decoded(tmp_path / "a.png", size=16, channels=1)[0] == steps).all()


@pytest.mark.parametrize("resize", ["area", "bilinear", "bicubic", "lanczos"])
def test_filters_are_antialiased(tmp_path: Path, resize: str) -> None:
    board = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    pixels = decoded(tmp_path / "a.png", resize=resize)
    assert np.abs(pixels.astype(int) - 127.5).max() < 8
    assert set(np.unique(decoded(tmp_path / "a.png", resize="nearest"))) <= {0, 255}


def test_the_middle_is_cropped_or_all_is_squeezed(tmp_path: Path) -> None:
    wide = np.zeros((8, 24), np.uint8)
    wide[:, 8:16] = 255
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert (decoded(tmp_path / "a.png") == 255).all()
    squeezed = decoded(tmp_path / "a.png", crop="none", size=6, channels=1)
    assert squeezed.shape == (1, 6, 6)
    assert (squeezed[0, 0] == [0, 0, 255, 255, 0, 0]).all()


def test_hidden_and_other_files_are_passed_over(folder: Path) -> None:
    (folder / ".hidden.png").write_bytes(b"no")
    (folder / ".thumbs").mkdir()
    (folder / ".thumbs" / "a.png").write_bytes(b"no")
    (folder / "notes.txt").write_text("no")
    assert sum(image_folder(str(folder), size=4).info.split_sizes.values()) == COUNT


def broken(folder: Path) -> None:
    whole = (folder / "00.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[:40])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "words.png").write_text("not an image")


def test_broken_files_are_all_named_and_nothing_is_left_behind(folder: Path, tmp_path: Path) -> None:
    broken(folder)
    for number in range(9):
        (folder / f"z{number}.png").write_bytes(b"")
    with pytest.raises(GanbenchError) as caught:
        image_folder(str(folder), size=4)
    text = str(caught.value)
    assert "12 files cannot be read" in text
    assert "empty.jpg: empty" in text
    assert "on_error: skip" in text
    assert "cut.png: " in text
    assert "words.png: cannot identify" in text
    assert "z6.png: empty; also z7.png, z8.png; " in text
    assert list((tmp_path / "data" / "decoded").iterdir()) == []


def test_broken_files_are_left_out_by_option_and_counted(folder: Path) -> None:
    broken(folder)
    for _ in range(2):  # decoded, then read again
        dataset = image_folder(str(folder), size=4, on_error="skip")
        assert sum(dataset.info.split_sizes.values()) == COUNT
        assert "3 broken files left out" in dataset.info.title
    with pytest.raises(GanbenchError, match="3 files cannot be read"):
        image_folder(str(folder), size=4)


def test_a_changed_file_is_decoded_again(folder: Path) -> None:
    before = image_folder(str(folder), size=4).examples("train", 18, CPU, torch.float32)
    for file in folder.iterdir():
        Image.new("RGB", (10, 8), (0, 0, 0)).save(file)
        os.utime(file, ns=(1, 1))
    after = image_folder(str(folder), size=4).examples("train", 18, CPU, torch.float32)
    assert not torch.equal(before, after)
    assert bool((after == -1).all())


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    for name, grey in (("dogs", 10), ("cats", 20), ("cats/small", 20)):
        (tmp_path / "x" / name).mkdir(parents=True, exist_ok=True)
        for i in range(6):
            Image.new("L", (4, 4), grey).save(tmp_path / "x" / name / f"{i}.png")
    dataset = image_folder(str(tmp_path / "x"), size=4, channels=1)
    fields = dataset.fields("train", 16, CPU, torch.float64)
    grey = ((fields["real"][:, 0, 0, 0] + 1) * 127.5).round()
    assert torch.equal(fields["label"], (grey == 10).long())  # cats before dogs
    assert dataset.info.spec.fields["label"].classes == 2
    shares = dataset.info.spec.class_shares
    assert shares is not None
    assert float(shares.sum()) == pytest.approx(1)


def test_a_folder_larger_than_memory_gives_the_same_from_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draws() -> tuple[torch.Tensor, ...]:
        dataset = image_folder(str(folder), size=4, flip=True)
        sampler = dataset.sampler((0, 1), CPU, torch.float32)
        return tuple(sampler.draw(7)["real"] for _ in range(4)), dataset.rows("train", CPU)  # type: ignore[return-value]

    held, rows = draws()
    monkeypatch.setattr(decoded_images, "IN_MEMORY", 100)
    mapped, mapped_rows = draws()
    assert not isinstance(rows, FileRows)
    assert isinstance(mapped_rows, FileRows)
    assert isinstance(mapped_rows.pixels, np.memmap)
    fewer = torch.tensor([5, 2])
    taken, of_all = mapped_rows.take(fewer).to(CPU), rows.at(fewer, torch.float64)  # type: ignore[attr-defined]
    assert torch.equal(taken.at(torch.arange(2), torch.float64)["real"], of_all["real"])
    assert all(torch.equal(one, other) for one, other in zip(held, mapped, strict=True))


def test_half_of_the_training_images_are_mirrored_and_the_stream_goes_on_bitwise(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    left = np.zeros((4, 4), np.uint8)
    left[:, :2] = 255
    for i in range(50):
        Image.fromarray(left).save(tmp_path / "x" / f"{i}.png")
    dataset = image_folder(str(tmp_path / "x"), size=4, channels=1, flip=True)
    sampler = dataset.sampler((0, 1, 2, 3), CPU, torch.float32)
    drawn = sampler.draw(500)["real"]
    mirrored = (drawn[:, :, 0, 0, 0] == -1).double().mean(1)
    assert bool(((mirrored - 0.5).abs() < 0.08).all())
    assert len(set(mirrored.tolist())) > 1
    assert bool((dataset.examples("heldout", 5, CPU, torch.float32)[:, 0, 0, 0] == 1).all())
    state = sampler.state()
    after = sampler.draw(9)["real"]
    other = dataset.sampler((0, 1, 2, 3), CPU, torch.float32)
    other.restore(state)
    assert torch.equal(other.draw(9)["real"], after)


def pictures(rows: torch.Tensor) -> set[tuple[float, ...]]:
    return {tuple(row) for row in rows.flatten(1).tolist()}


def test_a_subset_is_the_beginning_of_what_is_trained_on(folder: Path) -> None:
    whole, part = (image_folder(str(folder), size=4, heldout=0.2, subset=n) for n in (None, 9))
    assert part.info.split_sizes == {"train": 9, "heldout": 4}
    for split, count in (("train", 9), ("heldout", 4)):
        first, second = (data.examples(split, count, CPU, torch.float32) for data in (whole, part))  # type: ignore[arg-type]
        assert torch.equal(first, second)


def test_more_images_move_none_between_the_splits_but_by_the_share(folder: Path) -> None:
    before = image_folder(str(folder), size=4, heldout=0.2).examples("train", 16, CPU, torch.float32)
    Image.new("RGB", (10, 8), (1, 2, 3)).save(folder / "new.png")
    after = image_folder(str(folder), size=4, heldout=0.2).examples("train", 17, CPU, torch.float32)
    assert len(pictures(before) - pictures(after)) <= 1


def test_without_a_path_it_is_the_folder_of_images_among_the_data(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(folder.parent))
    found = image_folder(size=4).examples("train", 8, CPU, torch.float32)
    named = image_folder(str(folder), size=4).examples("train", 8, CPU, torch.float32)
    assert torch.equal(found, named)
    monkeypatch.setenv("GANBENCH_DATA", str(folder))
    with pytest.raises(MissingData, match=r"images: no such folder.*--data names"):
        image_folder(size=4)


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (lambda _: None, {}, "no such folder"),
        (lambda path: path.write_text("x"), {}, "is a file"),
        (lambda path: path.mkdir(), {}, "no images in it"),
        (lambda path: (path.mkdir(), Image.new("L", (4, 4)).save(path / "a.png")), {}, "1 image is"),
        (
            lambda path: (path.mkdir(), (path / "a.png").write_bytes(b"")),
            {"on_error": "skip"},
            "none of its 1",
        ),
        (lambda path: path.mkdir(), {"alpha": "blau"}, "'blau' is no colour"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, make: Any, options: dict[str, Any], said: str) -> None:
    make(tmp_path / "x")
    with pytest.raises((GanbenchError, MissingData), match=said):
        image_folder(str(tmp_path / "x"), size=4, **options)


@pytest.mark.parametrize("kind", ["a file", "marked read-only"])
def test_a_data_folder_that_cannot_be_written_to_stays_as_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    data, home = tmp_path / "given", tmp_path / "home"
    data.write_text("") if kind == "a file" else data.mkdir(mode=0o555)
    monkeypatch.setenv("GANBENCH_DATA", str(data))
    monkeypatch.setenv("HOME", str(home))
    assert sum(image_folder(str(folder), size=4).info.split_sizes.values()) == COUNT
    assert len(list((home / ".cache" / "ganbench" / "decoded").iterdir())) == 1
    assert data.is_file() or not list(data.iterdir())


def test_damaged_decoded_files_are_named(folder: Path) -> None:
    pixels, about = image_folder(str(folder), size=4).files()
    with pixels.open("ab") as out:
        out.write(b"x")
    with pytest.raises(GanbenchError, match=f"{pixels.parent}: decoded images of another size"):
        image_folder(str(folder), size=4)
    about.write_text("{")
    with pytest.raises(GanbenchError, match=f"remove {pixels.parent}"):
        image_folder(str(folder), size=4)
    about.unlink()
    assert sum(image_folder(str(folder), size=4).info.split_sizes.values()) == COUNT


def test_the_key_changes_with_contents_and_names_and_not_with_times(tmp_path: Path) -> None:
    def digests() -> dict[str, str]:
        return {file.name: file_digest(file) for file in image_folder(str(tmp_path / "x"), size=4).files()}

    for i in range(24):
        file = tmp_path / "x" / "ab"[i % 2] / f"{i // 2}.png"  # the same names in both
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (9 * i, 0, 0)).save(file)
    before = digests()
    os.utime(tmp_path / "x" / "a" / "3.png", ns=(1, 1))
    assert digests() == before
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / "x" / "a" / "3.png")
    changed = digests()
    assert changed != before
    (tmp_path / "x" / "b").rename(tmp_path / "x" / "c")
    assert digests() != changed


def test_floats_of_no_stated_range_are_refused(folder: Path) -> None:
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(folder / "z.tiff")
    with pytest.raises(GanbenchError, match=r"z\.tiff: its pixels are floats of no stated range"):
        image_folder(str(folder), size=4)


def test_links_are_followed_but_in_no_circle_and_a_dead_one_is_named(folder: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (top / "a").symlink_to(folder)
    (folder / "up").symlink_to(top)
    assert sum(image_folder(str(top), size=4).info.split_sizes.values()) == COUNT
    (folder / "dead.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(GanbenchError, match=r"a/dead\.png: .*No such file"):
        image_folder(str(top), size=4)


def test_pictures_that_pillow_does_not_read_are_named_and_no_others(folder: Path) -> None:
    (folder / "labels.h5").write_bytes(b"no")
    assert sum(image_folder(str(folder), size=4).info.split_sizes.values()) == COUNT
    (folder / "phone.heic").write_bytes(b"no")
    with pytest.raises(GanbenchError, match=r"phone\.heic: cannot identify"):
        image_folder(str(folder), size=4)


def test_a_folder_ranks_by_a_distance_of_pixels(folder: Path) -> None:
    dataset = image_folder(str(folder), size=4)
    primary = primary_quantity(dataset)
    assert (primary.name, primary.direction) == ("energy_distance", "lower")
    assert primary.protocol["extractor"] == "ganbench-identity"
    assert dataset.info.evaluation_samples == 18
    assert decoded_images.samples_compared((3, 64, 64), 50_000) == 2730
