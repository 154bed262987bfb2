"""A data set without a class: nothing of it is trained on or held out, everything else is as before."""

from __future__ import annotations

import pytest
import torch
from fake_snapshot import CPU, measured

from ganbench import registry
from ganbench.datasets import KnownAnomalies, Split
from ganbench.datasets.images import digits
from ganbench.datasets.without_class import without_class
from ganbench.diagnostics.class_fidelity import class_fidelity
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.errors import GanbenchError


def test_the_other_examples_stay_in_their_order() -> None:
    dataset, whole = without_class("digits", 3), digits()
    for split, size in whole.info.split_sizes.items():
        every = whole.fields(split, size, CPU, torch.float32)
        others = every["label"] != 3
        count = dataset.info.split_sizes[split]
        assert count == int(others.sum()) < size
        kept = dataset.fields(split, count, CPU, torch.float32)
        assert all(torch.equal(kept[name], every[name][others]) for name in every)


def test_anomalies_are_the_heldout_examples_of_the_class() -> None:
    dataset = without_class("digits", 3)
    assert isinstance(dataset, KnownAnomalies)
    assert not isinstance(digits(), KnownAnomalies)
    heldout = digits().fields("heldout", 360, CPU, torch.float64)
    of_class = heldout["real"][heldout["label"] == 3]
    assert dataset.anomalies == len(of_class)
    fields = dataset.anomaly_fields(10, CPU, torch.float64)
    assert torch.equal(fields["real"], of_class[:10])
    assert fields["label"].tolist() == [3] * 10


def test_draws_shares_and_the_ranking_quantity_are_without_it() -> None:
    dataset = without_class("digits", 3)
    assert not (dataset.sampler([0, 1], CPU, torch.float32).draw(3000)["label"] == 3).any()
    shares = dataset.info.spec.class_shares
    assert shares is not None
    assert shares[3] == 0
    assert shares.sum().item() == pytest.approx(1)
    count = dataset.info.split_sizes["train"]
    assert primary_quantity(dataset).name == f"fid_classifier_train_{count}"
    names = [quantity.name for quantity in class_fidelity(dataset).quantities]
    assert names[0] == f"intra_fid_classifier_train_{count}"


def test_distance_within_classes_is_over_those_that_are_there() -> None:
    dataset = without_class("digits", 3)
    count = dataset.info.split_sizes["train"]
    fields = dataset.fields("train", count, CPU, torch.float32)
    asked = {"label": fields["label"].unsqueeze(0)}
    values = measured(class_fidelity(dataset), dataset, fields["real"].unsqueeze(0), asked)
    assert values[f"intra_fid_classifier_train_{count}"].item() < 1e-3


def test_the_data_set_itself_is_unchanged() -> None:
    before = digits().info
    without_class("digits", 3)
    splits: tuple[Split, ...] = ("train", "heldout")
    assert [before.split_sizes[split] for split in splits] == [1437, 360]
    assert registry.get("dataset", "digits").options == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "ring8"}, "ring8 has no finite set of labelled examples"),
        ({"label": 10}, "digits cannot lose class 10; of 0, 1, 2"),
        ({"of": {"without_class": {"label": 4}}, "label": 4}, "digits cannot lose class 4; of 0, 1, 2, 3, 5"),
    ],
)
def test_mistakes(options: dict[str, object], message: str) -> None:
    with pytest.raises(GanbenchError, match=message):
        registry.build("dataset", {"without_class": options})
