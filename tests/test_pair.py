"""Two domains in one data set: independent draws, fields by domain, and diagnostics of the target."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_snapshot import CPU

from ganbench import registry
from ganbench.contract import CHECKS, check_file
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import grid25, ring8
from ganbench.datasets.pair import Pair
from ganbench.diagnostics.diagnostic import build
from ganbench.errors import GanbenchError, SuiteError
from ganbench.execution.dataset_artifacts import dataset_arrays, dataset_card
from ganbench.suite import load_suite

pytestmark = pytest.mark.usefixtures("forgotten_names")


def test_fields_are_named_by_domain() -> None:
    spec = Pair(digits(), registry.build("dataset", {"sphere": {"dim": 4}})).info.spec
    assert list(spec.fields) == ["a", "a_label", "b"]
    assert (spec.target, spec.shape, spec.value_range, spec.label) == ("b", (4,), None, None)
    assert not spec.paired
    other = Pair(ring8(), digits()).info.spec
    assert (other.shape, other.value_range, other.label) == ((1, 8, 8), (-1.0, 1.0), "b_label")
    assert torch.equal(other.class_shares, digits().info.spec.class_shares)  # type: ignore[arg-type]


def test_two_domains_of_one_distribution_are_drawn_independently() -> None:
    drawn = Pair(ring8(), ring8()).sampler((1, 2), CPU, torch.float64).draw(8000)
    assert list(drawn) == ["a", "a_label", "b", "b_label"]
    for seed in range(2):
        together = torch.stack([drawn["a"][seed, :, 0], drawn["b"][seed, :, 0]])
        assert abs(torch.corrcoef(together)[0, 1]) < 4.5 / np.sqrt(8000)
        assert (drawn["a_label"][seed] == drawn["b_label"][seed]).double().mean().item() < 0.2
    assert not torch.equal(drawn["a"][0], drawn["a"][1])


def test_what_a_domain_draws_does_not_depend_on_the_other() -> None:
    one = Pair(ring8(), grid25()).sampler((5,), CPU, torch.float32).draw(50)
    two = Pair(digits(), grid25()).sampler((5,), CPU, torch.float32).draw(50)
    assert torch.equal(one["b"], two["b"])


def test_fixed_examples_are_those_of_the_domains() -> None:
    pair = Pair(ring8(), digits())
    assert torch.equal(
        pair.examples("train", 1437, CPU, torch.float32), digits().examples("train", 1437, CPU, torch.float32)
    )
    fields = pair.fields("heldout", 30, CPU, torch.float32)
    assert torch.equal(fields["a"], ring8().examples("heldout", 30, CPU, torch.float32))
    assert torch.equal(fields["b_label"], digits().rows("heldout", CPU).columns["label"][:30])
    assert pair.info.split_sizes == {"train": 1437, "heldout": 360}
    with pytest.raises(GanbenchError, match="361"):
        pair.fields("heldout", 361, CPU, torch.float32)


def test_diagnostics_are_those_of_the_target() -> None:
    pair = Pair(digits(), ring8())
    assert pair.target_dataset is pair.domains["b"]
    assert ring8().target_dataset.info.name == "ring8"
    names = [quantity.name for quantity in build("modes", pair, {}).quantities]
    assert "mode_total_variation" in names
    assert pair.info.primary.quantity == "mode_total_variation"


SUITE = """
datasets:
  - pair: {a: ring8, b: {ring8: {sigma: [0.1, 0.2]}}}
variants: [nsgan]
seeds: 1
budget: {steps: 4}
diagnostics: [modes]
"""


def test_nested_options_are_resolved_and_swept(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SUITE)
    one, two = load_suite(tmp_path / "s.yaml").datasets
    assert one.options["b"] == {"name": "ring8", "options": {"modes": 8, "radius": 2, "sigma": 0.1}}
    assert two.label == "pair[a=ring8,b=ring8(sigma=0.2)]"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sigma: [0.1, 0.2]", "sgima: 0.1", r"3:34: unknown option 'sgima' of data set 'ring8'; .*'sigma'"),
        ("sigma: [0.1, 0.2]", "sigma: -1", "3:41: 'sigma' of data set 'ring8' must be a number above 0"),
        ("a: ring8", "a: rign8", "3:15: unknown data set 'rign8'; did you mean 'ring8'"),
        ("a: ring8, ", "", "data set 'pair' lacks the option 'a'"),
        ("a: ring8", "a: 3", "the data set must be a name, or {name: {option: value}}, not the number 3"),
        ("a: ring8", "a: {array: {path: x.npy}}", "x.npy: no such file"),
    ],
)
def test_nested_mistakes_have_their_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "s.yaml").write_text(SUITE.replace(old, new))
    with pytest.raises(SuiteError, match=message):
        load_suite(tmp_path / "s.yaml")


PLUGIN = """
import torch
from ganbench.datasets import register_array_dataset, register_dataset
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import grid25
from ganbench.datasets.pair import Pair

images = digits().fields("train", 1437, torch.device("cpu"), torch.float32)
register_array_dataset("inverted", {"a": images["real"], "b": -images["real"]}, images["label"], target="b")

@register_dataset("rings")
def rings():
    '''Digits to a grid.'''
    return Pair(digits(), grid25())
"""


def test_paired_and_unpaired_domains_keep_every_promise(tmp_path: Path) -> None:
    (tmp_path / "pairs.py").write_text(PLUGIN)
    assert len(list(check_file(tmp_path / "pairs.py"))) == 2 * len(CHECKS["dataset"])
    inverted = registry.build("dataset", "inverted")
    assert inverted.info.spec.paired
    drawn = inverted.sampler((0, 1), CPU, torch.float32).draw(20)
    assert torch.equal(drawn["a"], -drawn["b"])
    assert inverted.info.spec.label == "b_label"


def test_figures_show_the_targets_density_and_the_card_lists_all_fields() -> None:
    pair = Pair(digits(), ring8())
    arrays = np.load(io.BytesIO(dataset_arrays(pair)))
    assert arrays["means"].tolist() == ring8().means.tolist()
    assert arrays["real"].shape == (360, 2)
    card = dataset_card(pair)
    assert (card["target"], card["paired"], list(card["fields"])) == (
        "b",
        False,
        ["a", "a_label", "b", "b_label"],
    )
    assert card["fields"]["a_label"] == {"shape": [], "dtype": "int64", "classes": 10}
