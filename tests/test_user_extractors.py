"""A user's own networks as extractors: from a file, or registered by a file that is included."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from onnx_files import onnx_means
from torch import Tensor, nn

from ganbench import registry
from ganbench.cli import main
from ganbench.contract import check_file
from ganbench.datasets.images import digits
from ganbench.errors import GanbenchError, MissingData, SuiteError
from ganbench.extractors import FEATURES, extract
from ganbench.suite import load_suite

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Two(nn.Module):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"mean": x.mean((2, 3)), "most": x.amax((2, 3)), "all": x}


def saved(folder: Path, network: nn.Module) -> str:
    torch.jit.script(network).save(str(folder / "net.pt"))
    return str(folder / "net.pt")


def built(path: str, **options: Any) -> Any:
    return registry.build("extractor", {"torchscript": {"path": path, **options}})


@pytest.mark.parametrize(("range", "low", "high"), [("-1..1", -1, 1), ("0..1", 0, 1), ("0..255", 0, 255)])
def test_a_network_sees_pictures_in_the_range_that_it_expects(
    tmp_path: Path, range: str, low: float, high: float
) -> None:
    extractor = built(saved(tmp_path, Means()), range=range)
    images = torch.stack([torch.full((1, 8, 8), value) for value in (-1.0, 1.0)])
    expected = torch.tensor([[low] * 3, [high] * 3]).float()
    torch.testing.assert_close(extractor(images)[FEATURES], expected)


def test_an_output_is_chosen_and_pictures_are_resized(tmp_path: Path) -> None:
    path, images = saved(tmp_path, Two()), digits().examples("train", 5, torch.device("cpu"), torch.float32)
    mean, most = (built(path, layer=layer)(images)[FEATURES] for layer in ("mean", "most"))
    assert (most > mean).all()
    smaller = built(path, layer="most", size=2)(images)[FEATURES]
    assert (smaller < most).all()
    assert extract(built(path, layer="mean"), images.unsqueeze(0))[FEATURES].shape == (1, 5, 3)


def test_the_file_and_the_options_are_in_name_and_protocol(tmp_path: Path) -> None:
    path = saved(tmp_path, Two())
    extractors = [built(path, layer="mean"), built(path, layer="most"), built(path, layer="mean", size=16)]
    assert len({extractor.name for extractor in extractors}) == 3
    assert all(extractor.name.startswith("net-") for extractor in extractors)
    protocols = [extractor.protocol(FEATURES) for extractor in extractors]
    assert len({repr(protocol) for protocol in protocols}) == 3
    assert len({protocol["weights_sha256"] for protocol in protocols}) == 1
    assert built(path, layer="mean") == extractors[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "gives a dict; `layer` says which"),
        ({"layer": "median"}, "has no output 'median'"),
        ({"layer": "all"}, r"gives \[2, 3, 8, 8\] of torch.float32 of 2 pictures, not features \[2, F\]"),
    ],
)
def test_a_network_that_gives_no_features_is_told_of_before_training(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(GanbenchError, match=rf"net.pt: it {message}"):
        built(saved(tmp_path, Two()), **options).refusal(digits().info.spec)


def test_files_that_are_no_networks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingData, match=r"none.pt cannot be read: No such file"):
        built(str(tmp_path / "none.pt"))
    path = Path(saved(tmp_path, Means()))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(GanbenchError, match=r"net.pt: no TorchScript archive, or a damaged one"):
        built(str(path))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(GanbenchError, match=r"net.pt: pip install 'ganbench\[onnx\]'"):
        registry.build("extractor", {"onnx": {"path": str(path)}})


def test_an_onnx_network_gives_the_output_that_is_named(tmp_path: Path) -> None:
    path = onnx_means(tmp_path / "means.onnx")
    images = digits().examples("train", 4, torch.device("cpu"), torch.float32)
    for layer in ("means", 1):
        values = registry.build("extractor", {"onnx": {"path": path, "layer": layer}})(images)[FEATURES]
        torch.testing.assert_close(values, images.mean((2, 3)).expand(-1, 3), atol=0.005, rtol=0)  # bytes
    with pytest.raises(GanbenchError, match=r"gives a dict; `layer` says which"):
        registry.build("extractor", {"onnx": {"path": path}}).refusal(digits().info.spec)
    (tmp_path / "means.onnx").write_bytes(b"nothing")
    with pytest.raises(GanbenchError, match=r"means.onnx: no ONNX file, or a damaged one"):
        registry.build("extractor", {"onnx": {"path": path}})


SUITE = """
datasets: [digits]
variants: [nsgan]
diagnostics:
  - support: {{extractor: {extractor}}}
seeds: 1
budget: {{steps: 2}}
"""


def loaded(folder: Path, extractor: str) -> Any:
    """The extractor of a suite file's diagnostic, resolved."""
    (folder / "suite.yaml").write_text(SUITE.format(extractor=extractor), encoding="utf-8")
    return load_suite(folder / "suite.yaml").diagnostics[0].options["extractor"]


@pytest.mark.parametrize(("kind", "layer"), [("torchscript", "null"), ("onnx", "means")])
def test_a_suites_path_is_relative_to_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, layer: str
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "nets").mkdir()
    if kind == "onnx":
        onnx_means(tmp_path / "nets" / "net.pt")
    else:
        saved(tmp_path / "nets", Means())
    monkeypatch.chdir(tmp_path / "elsewhere")
    choice = loaded(tmp_path, f"{{{kind}: {{path: nets/net.pt, layer: {layer}}}}}")
    assert registry.build("extractor", choice).weights.path == tmp_path / "nets" / "net.pt"
    planned = CliRunner().invoke(main, ["plan", str(tmp_path / "suite.yaml")])
    assert planned.exit_code == 0, planned.output


def test_an_extractors_options_are_checked_in_the_suite(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"suite.yaml:5:\d+: .*'pth' of feature extractor 'torchscript'"):
        loaded(tmp_path, "{torchscript: {pth: net.pt}}")
    with pytest.raises(SuiteError, match=r"unknown feature extractor 'vgg'; did you mean 'vgg16'?"):
        loaded(tmp_path, "vgg")
    assert loaded(tmp_path, "auto") == "auto"


REGISTERED = '''
from ganbench.extractors import Extractor, register_extractor

@register_extractor("rows")
def rows():
    """The means of rows."""
    return Rows()

class Rows(Extractor):
    name = "rows"
    def __call__(self, examples):
        return {"features": examples.flatten(1, -2).mean(1) if examples.dim() > 2 else examples}
'''


@pytest.mark.usefixtures("forgotten_names")
def test_a_users_extractor_keeps_the_contract(tmp_path: Path) -> None:
    file = tmp_path / "rows.py"
    file.write_text(REGISTERED, encoding="utf-8")
    assert len(list(check_file(file))) == 2
