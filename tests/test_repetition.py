"""A plug-in of any kind whose numbers are others in another process is named; others are fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganbench import registry
from ganbench.child_process import ChildProcess
from ganbench.contract.repetition import digests_of
from ganbench.errors import GanbenchError

pytestmark = pytest.mark.usefixtures("forgotten_names")

PLUGIN = '''
import math
import random
import torch
from torch import nn
from ganbench.datasets import Dataset, DatasetInfo, Primary, register_dataset
from ganbench.diagnostics.diagnostic import Diagnostic, register_diagnostic
from ganbench.game import DataSpec
from ganbench.networks.network import register_network
from ganbench.objectives import least_squares
from ganbench.quantities import Quantity
from ganbench.streams import SeedStreams, generator
from ganbench.variants import register_variant, two_player

NUMBER = 0.25  # another in every process

@register_variant("a-variant")
def variant(**options):
    """A variant."""
    return two_player(least_squares(), **{"learning_rate": 1e-3 * of("variant"), **options})

@register_network("a-network")
def network():
    """A pair."""
    return Pair()

class Scaled(nn.Module):
    def forward(self, x):
        return x * of("network")

class Pair:
    def generator(self, latent_dim, spec):
        size = math.prod(spec.shape)
        return nn.Sequential(nn.Linear(latent_dim, size), Scaled(), nn.Unflatten(1, spec.shape))
    def discriminator(self, spec):
        return nn.Sequential(nn.Flatten(1), nn.Linear(math.prod(spec.shape), 1), nn.Flatten(0))

@register_diagnostic("a-diagnostic")
def diagnostic(dataset):
    """Counts."""
    return Count()

class Count(Diagnostic):
    quantities = (Quantity("count", "Count"),)
    def measure(self, snapshot):
        return {"count": of("diagnostic") * snapshot.samples(3).flatten(1).sum(1)}

@register_dataset("a-dataset")
def dataset():
    """A cube."""
    return Cube()

class Sampler:
    def __init__(self, seeds, device, dtype):
        self.streams, self.dtype = SeedStreams(seeds, "data", device), dtype
    def draw(self, count):
        return {"real": self.streams.uniform((count, 3), self.dtype) * of("dataset")}
    def state(self):
        return {"streams": self.streams.state()}
    def restore(self, state):
        self.streams.restore(state["streams"])

class Cube(Dataset):
    info = DatasetInfo("cube", "Cube", DataSpec.real((3,)), "us", "none",
        Primary("two_sample", "energy_distance"))
    def sampler(self, seeds, device, dtype):
        return Sampler(seeds, device, dtype)
    def fields(self, split, count, device, dtype):
        source = generator(0, split)
        rows = [torch.rand(3, generator=source) for _ in range(count)]
        return {"real": torch.stack(rows).to(device, dtype)}

def of(kind):
    return NUMBER if kind == "none" else 1.0
'''


def checked_again(folder: Path, kind: str, number: str) -> list[str]:
    """The lines of a second process, of a plug-in of which one kind depends on a number."""
    file = folder / "mine.py"
    text = PLUGIN.replace('kind == "none"', f"kind == {kind!r}").replace(
        "NUMBER = 0.25", f"NUMBER = {number}"
    )
    file.write_text(text, encoding="utf-8")
    registry.include(file)
    return list(ChildProcess("ganbench.contract.repetition", "check_again", str(file), digests_of(str(file))))


def test_the_same_numbers_of_every_kind_are_a_line_each(tmp_path: Path) -> None:
    lines = checked_again(tmp_path, "variant", "0.25")
    assert {line.split(":")[0] for line in lines} == {
        "variant a-variant",
        "network a-network",
        "diagnostic a-diagnostic",
        "dataset a-dataset",
    }


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("variant", "random.random()"),
        ("network", "float(torch.rand(()))"),
        ("diagnostic", "random.random()"),
        ("dataset", "hash('x') % 1000 / 1000"),
    ],
)
def test_other_numbers_are_named_with_the_plug_in(tmp_path: Path, kind: str, number: str) -> None:
    with pytest.raises(GanbenchError) as caught:
        checked_again(tmp_path, kind, number)
    assert str(caught.value).startswith(f"{tmp_path / 'mine.py'}:")
    assert f": {kind} a-{kind}: " in str(caught.value)
    assert "other numbers in another process" in str(caught.value)
