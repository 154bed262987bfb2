"""One round of convolutional pairs: ganbench's step of one seed beside the ordinary PyTorch loop.

    pytest tests/benchmarks/test_convolutions.py -n0 --benchmark-sort=name

Compare ratios within one run; timings of different machines or days do not compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

from ganbench import registry
from ganbench.game import DataSpec
from ganbench.training.description import Budget, Choice, CohortDescription, Engine, Precision
from ganbench.training.trainer import Trainer

SEEDS, BATCH, LATENT = 2, 64, 64
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Pair:
    """Networks on examples of a shape; the data are in memory and cost nothing."""

    shape: tuple[int, int, int]
    network: str
    options: dict[str, Any]


PAIRS = {
    "dcgan-28": Pair((1, 28, 28), "dcgan", {"width": 32}),
    "dcgan-32": Pair((3, 32, 32), "dcgan", {"width": 32}),
    "dcgan-64": Pair((3, 64, 64), "dcgan", {"width": 32}),
    "resnet-32": Pair((3, 32, 32), "resnet", {"width": 32}),
    "mlp-28": Pair((1, 28, 28), "mlp28", {}),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Pair], Choice]:
    def stored(pair: Pair) -> Choice:
        import numpy as np

        file = tmp_path_factory.mktemp("images") / "noise.npy"
        np.save(file, np.random.default_rng(0).integers(0, 255, (512, *pair.shape), dtype=np.uint8))
        return Choice("array", "noise", {"path": str(file)})

    return stored


def plain_loop(pair: Pair, precision: Precision) -> Callable[[], None]:
    """The loop that a script has: the same networks, modules and autograd, torch's own Adam."""
    architecture = registry.build("network", {pair.network: pair.options})
    spec = DataSpec.real(pair.shape, (-1.0, 1.0))
    generator, discriminator = plain(architecture.generator(LATENT, spec)), architecture.discriminator(spec)
    optimizers = [
        torch.optim.Adam(m.parameters(), 2e-4, betas=(0.5, 0.999)) for m in (generator, discriminator)
    ]
    real = torch.rand(BATCH, *pair.shape) * 2 - 1
    lower = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")

    def step() -> None:
        for _ in range(SEEDS):
            round_()

    def round_() -> None:
        with lower:
            with torch.no_grad():
                fake = generator(torch.randn(BATCH, LATENT))
            loss = softplus(discriminator(fake)).mean() + softplus(-discriminator(real)).mean()
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(False)
        with lower:
            loss = softplus(-discriminator(generator(torch.randn(BATCH, LATENT)))).mean()
        discriminator.requires_grad_(True)
        optimizers[0].zero_grad()
        loss.backward()
        optimizers[0].step()

    return step


def plain(module: nn.Module) -> nn.Module:
    """The same with torch's batch normalization in place of ganbench's."""
    for name, child in module.named_children():
        if type(child).__name__ == "BatchNorm":
            setattr(module, name, nn.BatchNorm2d(len(child.state_dict()["running_mean"])))
        else:
            plain(child)
    return module


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", PAIRS)
def test_the_plain_loop(benchmark: Any, name: str, precision: Precision) -> None:
    benchmark.pedantic(plain_loop(PAIRS[name], precision), rounds=15, iterations=1, warmup_rounds=3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_cohort_of_two_seeds(
    benchmark: Any, images: Callable[[Pair], Choice], name: str, precision: Precision
) -> None:
    """Two seeds, as the plain loop takes two rounds: times compare as they are."""
    pair = PAIRS[name]
    options = {"network": {pair.network: pair.options}, "latent_dim": LATENT, "batch_size": BATCH}
    description = CohortDescription(
        dataset=images(pair),
        variant=Choice("nsgan", "nsgan", options),
        seeds=tuple(range(SEEDS)),
        budget=Budget("steps", 10_000),
        measure=(1.0,),
        diagnostics=(),
        engine=Engine(precision=precision, compile="off"),
    )
    benchmark.pedantic(Trainer(description, CPU).field.advance, rounds=15, iterations=1, warmup_rounds=3)
