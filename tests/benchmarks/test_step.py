"""One round of training, by variant, size and way of computing it.

    pytest tests/benchmarks -n0 --benchmark-sort=name

Compare ratios within one run; timings of different machines or days do not compare.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.trainer import Trainer

SIZES = [(32, 64), (128, 128), (128, 512)]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cohort(variant: str, width: int, batch: int, engine: Engine) -> Trainer:
    options = {"network": {"mlp": {"width": width}}, "latent_dim": 2, "batch_size": batch}
    description = CohortDescription(
        dataset=Choice("ring8", "ring8"),
        variant=Choice(variant, variant, options),
        seeds=(0, 1, 2, 3, 4),
        budget=Budget("steps", 10_000),
        measure=(1.0,),
        diagnostics=(),
        engine=engine,
    )
    return Trainer(description, torch.device("cpu"))


@pytest.mark.parametrize(("width", "batch"), SIZES)
@pytest.mark.parametrize("variant", ["nsgan", "wgan-gp"])
@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(Engine(compile="off"), id="traced"),
        pytest.param(Engine(compile="on"), id="compiled"),
        pytest.param(Engine(compile="off", vectorize="off"), id="looped"),
    ],
)
def test_round_of_five_seeds(
    benchmark: Callable[..., None], variant: str, width: int, batch: int, engine: Engine
) -> None:
    ready = cohort(variant, width, batch, engine)
    benchmark.pedantic(ready.field.advance, rounds=30, iterations=3, warmup_rounds=3)
