"""Ordinary PyTorch training loops, one replica at a time: what the engine's numbers are held against.

Plain autograd, torch.nn's layers, torch.optim's optimizers.  Nothing of ganbench is used; the tests hand in
initial weights and batches, and a function of uniform numbers where dropout's masks must be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

Batch = Mapping[str, Tensor]
KEY_STRIDE = 0x9E3779B1
"""How far a dropout key moves on with each network pass."""


@dataclass
class Passes:
    """Counts the passes of all networks, which is what seeds the dropout masks."""

    count: int = 0

    def watch(self, *networks: nn.Module) -> None:
        for network in networks:
            network.register_forward_pre_hook(self._one_more)

    def _one_more(self, *_: object) -> None:
        self.count += 1


class KeyedDropout(nn.Module):
    """Dropout with masks from a given function of (key, index)."""

    def __init__(
        self, probability: float, uniform: Callable[[Tensor, Tensor], Tensor], passes: Passes
    ) -> None:
        super().__init__()
        self.probability, self.uniform, self.passes = probability, uniform, passes
        self.key = torch.zeros((), dtype=torch.int64)

    def forward(self, x: Tensor) -> Tensor:
        key = self.key + self.passes.count * KEY_STRIDE
        mask = self.uniform(key, torch.arange(x.numel())).view(x.shape) >= self.probability
        return x * mask / (1 - self.probability)


def perceptron(
    sizes: Sequence[int],
    batch_norm: bool = False,
    spectral: bool = False,
    activation: Callable[[], nn.Module] = nn.ReLU,
    dropout: Callable[[], nn.Module] | None = None,
) -> list[nn.Module]:
    """Hidden layers and a last linear one."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes[:-1]):
        layers += [_linear(n_in, n_out, not batch_norm, spectral)]
        layers += [nn.BatchNorm1d(n_out)] if batch_norm else []
        layers += [activation()]
        layers += [dropout()] if dropout else []
    return [*layers, _linear(sizes[-2], sizes[-1], True, spectral)]


def _linear(n_in: int, n_out: int, bias: bool, spectral: bool) -> nn.Module:
    layer = nn.Linear(n_in, n_out, bias=bias)
    # torch takes u from v first.  Miyato's algorithm 1 (v from u first) is torch's on the transposed weight.
    return parametrizations.spectral_norm(layer, dim=1) if spectral else layer


def vector_pair(
    latent: int,
    width: int,
    data: int = 2,
    norm_g: bool = False,
    norm_d: bool = False,
    spectral: bool = False,
    dropout: Callable[[], nn.Module] | None = None,
) -> tuple[nn.Sequential, nn.Sequential]:
    """Two perceptrons with two hidden layers for vectors."""
    generator = perceptron([latent, width, width, data], norm_g)
    discriminator = perceptron([data, width, width, 1], norm_d, spectral, dropout=dropout)
    return (
        nn.Sequential(*generator, nn.Unflatten(1, (data,))),
        nn.Sequential(nn.Flatten(1), *discriminator, nn.Flatten(0)),
    )


def convolutional_pair(latent: int, w: int, side: int = 8) -> tuple[nn.Sequential, nn.Sequential]:
    """A small DCGAN for grey images, batch norm in the generator."""
    s = side // 4
    generator = nn.Sequential(
        nn.Linear(latent, 2 * w * s * s, bias=False),
        nn.Unflatten(1, (2 * w, s, s)),
        nn.BatchNorm2d(2 * w),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * w, w, 4, 2, 1, bias=False),
        nn.BatchNorm2d(w),
        nn.ReLU(),
        nn.ConvTranspose2d(w, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, w, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(w, 2 * w, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(1),
        nn.Linear(2 * w * s * s, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


# Losses of (G, D, batch): the generator's output is detached by hand where it must not learn.

Loss = Callable[[nn.Module, nn.Module, Batch], Tensor]


def nsgan_d(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    fake = g(batch["noise"]).detach()
    real_logits, fake_logits = d(batch["real"]), d(fake)
    return F.binary_cross_entropy_with_logits(
        real_logits, torch.ones_like(real_logits)
    ) + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))


def nsgan_g(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    logits = d(g(batch["noise"]))
    return F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits))


def minimax_g(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    logits = d(g(batch["noise"]))
    return -F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits))


def lsgan_d(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    fake = g(batch["noise"]).detach()
    real_logits, fake_logits = d(batch["real"]), d(fake)
    target = torch.ones_like(real_logits)
    return (F.mse_loss(real_logits, target) + F.mse_loss(fake_logits, 0 * target)) / 2


def lsgan_g(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    logits = d(g(batch["noise"]))
    return F.mse_loss(logits, torch.ones_like(logits)) / 2


def hinge_d(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    fake = g(batch["noise"]).detach()
    real_logits, fake_logits = d(batch["real"]), d(fake)
    return (1 - real_logits).clamp(min=0).mean() + (1 + fake_logits).clamp(min=0).mean()


def wgan_d(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    fake = g(batch["noise"]).detach()
    real_logits, fake_logits = d(batch["real"]), d(fake)
    return fake_logits.mean() - real_logits.mean()


def wgan_g(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    return -d(g(batch["noise"])).mean()


def relativistic_d(gamma: float) -> Loss:
    """The relativistic pairing loss with R1 and R2."""

    def loss(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
        fake, real = g(batch["noise"]).detach().requires_grad_(), batch["real"].clone().requires_grad_()
        real_logits, fake_logits = d(real), d(fake)
        (at_real,) = torch.autograd.grad(real_logits.sum(), real, create_graph=True)
        (at_fake,) = torch.autograd.grad(fake_logits.sum(), fake, create_graph=True)
        penalties = at_real.square().sum(1).mean() + at_fake.square().sum(1).mean()
        return -F.logsigmoid(real_logits - fake_logits).mean() + gamma / 2 * penalties

    return loss


def relativistic_g(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
    return -F.logsigmoid(d(g(batch["noise"])) - d(batch["real"])).mean()


def with_r1(loss: Loss, gamma: float) -> Loss:
    """A discriminator loss plus γ/2·E‖∇D‖² at real points."""

    def penalized(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
        real = batch["real"].clone().requires_grad_()
        (at_real,) = torch.autograd.grad(d(real).sum(), real, create_graph=True)
        return loss(g, d, batch) + gamma / 2 * at_real.flatten(1).norm(dim=1).pow(2).mean()

    return penalized


def with_gradient_penalty(weight: float) -> Loss:
    """WGAN-GP; the penalty's pass leaves batch norm's running statistics as they are."""

    def loss(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
        fake, real = g(batch["noise"]).detach(), batch["real"]
        real_logits, fake_logits = d(real), d(fake)
        share = batch["interpolation"].view(-1, *[1] * (real.ndim - 1))
        between = (share * real + (1 - share) * fake).requires_grad_()
        with untracked(d):
            (slope,) = torch.autograd.grad(d(between).sum(), between, create_graph=True)
        norms = slope.flatten(1).norm(dim=1)
        return fake_logits.mean() - real_logits.mean() + weight * ((norms - 1) ** 2).mean()

    return loss


def dragan_d(weight: float, spread: float) -> Loss:
    """The non-saturating loss with DRAGAN's penalty around real points."""

    def loss(g: nn.Module, d: nn.Module, batch: Batch) -> Tensor:
        real = batch["real"]
        noise = spread * real.std(correction=0) * batch["perturbation"]
        near = (real + batch["interpolation"].view(-1, 1) * noise).requires_grad_()
        value = nsgan_d(g, d, batch)
        (slope,) = torch.autograd.grad(d(near).sum(), near, create_graph=True)
        return value + weight * ((slope.norm(dim=1) - 1) ** 2).mean()

    return loss


class untracked:
    """Within it, batch norm normalizes by the batch but keeps its running statistics."""

    def __init__(self, network: nn.Module) -> None:
        self.layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]

    def __enter__(self) -> None:
        for layer in self.layers:
            layer.momentum = 0.0

    def __exit__(self, *_: object) -> None:
        for layer in self.layers:
            layer.momentum = 0.1


MakeOptimizer = Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]


@dataclass
class Replica:
    """One trained replica: both networks and, where kept, the generator's averaged parameters."""

    generator: nn.Module
    discriminator: nn.Module
    average: dict[str, Tensor] = field(default_factory=dict)


def train(
    replica: Replica,
    batches: Iterator[Batch],
    rounds: int,
    d_loss: Loss,
    g_loss: Loss,
    optimizers: tuple[MakeOptimizer, MakeOptimizer],
    n_critic: int = 1,
    generator_first: bool = False,
    clip: float | None = None,
    ema: float | None = None,
) -> None:
    """Alternating training, the discriminator's optimizer given first; a fresh batch for every update."""
    g, d = replica.generator, replica.discriminator
    d_optimizer, g_optimizer = optimizers[0](d.parameters()), optimizers[1](g.parameters())
    replica.average = {n: p.detach().clone() for n, p in g.named_parameters()} if ema else {}

    def critic_turns() -> None:
        for _ in range(n_critic):
            d_optimizer.zero_grad()
            d_loss(g, d, next(batches)).backward()
            d_optimizer.step()
            if clip is not None:
                for parameter in d.parameters():
                    parameter.data.clamp_(-clip, clip)

    for _ in range(rounds):
        if not generator_first:
            critic_turns()
        g_optimizer.zero_grad()
        g_loss(g, d, next(batches)).backward()
        g_optimizer.step()
        for name, parameter in g.named_parameters():
            if ema:
                replica.average[name] = ema * replica.average[name] + (1 - ema) * parameter.detach()
        if generator_first:
            critic_turns()


def train_simultaneously(
    replica: Replica,
    batches: Iterator[Batch],
    rounds: int,
    d_loss: Loss,
    g_loss: Loss,
    optimizers: tuple[MakeOptimizer, MakeOptimizer],
) -> None:
    """Both gradients at one point, on one batch, then both moves."""
    g, d = replica.generator, replica.discriminator
    d_optimizer, g_optimizer = optimizers[0](d.parameters()), optimizers[1](g.parameters())
    for _ in range(rounds):
        batch = next(batches)
        for_d = torch.autograd.grad(d_loss(g, d, batch), list(d.parameters()))
        for_g = torch.autograd.grad(g_loss(g, d, batch), list(g.parameters()))
        for network, gradients in ((d, for_d), (g, for_g)):
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                parameter.grad = gradient
        d_optimizer.step()
        g_optimizer.step()
