"""A small world of plug-ins for the tests of suites: nothing else is registered inside `only_fakes`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench import registry
from ganbench.datasets import Dataset, DatasetInfo, Primary
from ganbench.diagnostics.diagnostic import Diagnostic, NotApplicable
from ganbench.errors import GanbenchError, MissingData
from ganbench.game import DataSpec
from ganbench.quantities import Quantity
from ganbench.updates import UpdateRule


class Data(Dataset):
    """Zeros of one shape."""

    def __init__(self, spec: DataSpec, primary: Primary, missing: bool = False) -> None:
        self.info = DatasetInfo("zeros", "Zeros", spec, "us", "none", primary, constant=True)
        self.missing = missing

    def require(self) -> None:
        if self.missing:
            raise MissingData("files are missing; run ganbench data fetch lost")

    def fields(self, split: Any, count: int, device: Any, dtype: Any) -> dict[str, Tensor]:
        return {"real": torch.zeros(count, *self.info.spec.shape, dtype=dtype)}

    def sampler(self, seeds: Any, device: Any, dtype: Any) -> Any:
        shape = self.info.spec.shape
        return SimpleNamespace(draw=lambda n: {"real": torch.zeros(len(seeds), n, *shape, dtype=dtype)})


@dataclass
class Measured(Diagnostic):
    quantities: tuple[Quantity, ...]

    def measure(self, snapshot: Any) -> dict[str, Any]:
        raise NotImplementedError("nothing is trained in these tests")


@dataclass
class Net:
    least: int

    def generator(self, latent_dim: int, spec: DataSpec) -> None:
        self.discriminator(spec)

    def discriminator(self, spec: DataSpec) -> None:
        if len(spec.shape) < self.least:
            raise GanbenchError("conv needs images; use mlp")


ONE_EACH = UpdateRule(lambda _field: None, {"discriminator": 1, "generator": 1}, {"discriminator": 1})


@dataclass
class Recipe:
    network: dict[str, Any]
    reals_per_batch: int
    weight: float = 0.0
    update: UpdateRule = ONE_EACH
    optimizers: dict[str, Any] = field(default_factory=dict)

    def build(self, spec: DataSpec) -> None:
        registry.get("network", self.network["name"]).factory(**self.network["options"]).discriminator(spec)
        if self.weight == 13:
            raise GanbenchError("weight 13 is unlucky; use 12")
        if self.weight == 14:
            raise RuntimeError("a bug of the variant's author")


def ring(
    radius: Annotated[float, Gt(0), "radius of the circle"] = 2.0,
    modes: Annotated[int, Ge(2)] = 8,
    centre: tuple[float, float] = (0.0, 0.0),
    rotated: bool = False,
    title: str = "ring",
) -> Data:
    """Points on a circle."""
    if radius > 1e6:
        raise ValueError("too wide")
    return Data(DataSpec.real((2,)), Primary("modes", "tv"))


def pictures(size: Literal["small", "large"] = "small") -> Data:
    """Images."""
    return Data(DataSpec.real((1, 8, 8), (-1.0, 1.0)), Primary("fidelity", "fid"))


def lost() -> Data:
    """Files that are not there."""
    return Data(DataSpec.real((2,)), Primary("modes", "tv"), missing=True)


def common(
    *,
    network: Annotated[str | dict[str, Any], registry.EntryOf("network"), "architecture"] = "mlp",
    batch: Annotated[int, Ge(1), "examples"] = 64,
    rate: Annotated[float, Gt(0), "learning rate"] = 1e-3,
    betas: tuple[float, float] = (0.5, 0.9),
    ema: float | None = None,
    order: Literal["first", "second"] = "first",
    weight: float = 0.0,
) -> Recipe:
    """The shared recipe."""
    assert isinstance(network, dict)
    return Recipe(network, batch, weight)


def simple(**options: Any) -> Recipe:
    """The simple GAN."""
    return common(**options)


def penal(weight: float = 10.0, network: str | dict[str, Any] = "wide", **options: Any) -> Recipe:
    """A penalized GAN."""
    if weight < 0:
        raise GanbenchError("weight must not be negative; use 0")
    return common(weight=weight, network=network, **options)


def needy(power: Annotated[int, "its power"], **options: Any) -> Recipe:
    """A variant with a required option."""
    return common(**options)


def mlp(width: Annotated[int, Ge(1)] = 128, act: Literal["relu", "tanh"] = "relu") -> Net:
    """A perceptron."""
    return Net(1)


def wide(width: int = 512) -> Net:
    """A wide perceptron."""
    return Net(1)


def conv(channels: int = 16) -> Net:
    """For images only."""
    return Net(3)


def modes(dataset: Any, threshold: Annotated[float, Gt(0)] = 3.0) -> Measured:
    """Counts modes."""
    if dataset.info.primary.quantity != "tv":
        raise NotApplicable("it has no known modes")
    return Measured((Quantity("tv", "total variation"), Quantity("recovered", "modes")))


def fidelity(dataset: Any) -> Measured:
    """Compares distributions."""
    if dataset.info.primary.quantity != "fid":
        raise NotApplicable("it has no classifier")
    return Measured((Quantity("fid", "distance"),))


def cost(dataset: Any, detail: bool = False) -> Measured:
    """What it took."""
    return Measured((Quantity("seconds", "time"),))


@contextmanager
def only_fakes() -> Iterator[None]:
    """Inside, the fakes are all that is registered; afterwards everything is as before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "_entries", {})
        patch.setattr(registry, "_builtin", lambda kind: {})
        patch.setattr(registry, "load_installed_plugins", lambda: None)
        for dataset in (ring, pictures, lost):
            registry.register("dataset", dataset.__name__)(dataset)
        for variant in (simple, penal, needy):
            registry.register("variant", variant.__name__, common)(variant)
        for network in (mlp, wide, conv):
            registry.register("network", network.__name__)(network)
        for diagnostic in (modes, fidelity, cost):
            registry.register("diagnostic", diagnostic.__name__)(diagnostic)
        yield
        made = dict(registry._entries)
    package = Path(registry.__file__).parent  # its files register once, when they are imported
    registry._entries.update({k: e for k, e in made.items() if e.file.is_relative_to(package)})
