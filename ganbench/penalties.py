"""Penalties on the discriminator: a term added to its loss, or a projection after its update.

A penalty's passes leave no trace in the buffers.  Where batch normalization couples the examples of a
batch, ∇ₓD is the gradient of the summed output, as everywhere in the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ganbench.game import Batch, DataSpec, Input, MemoryInput, Networks, RandomInput, Tree, norm_per_example

Term = Callable[[Networks, Batch, Tensor, Tensor], Tensor]
"""(networks, batch, real [n, *shape], fake [n, *shape]) → scalar."""
LogitTerm = Callable[[Batch, Tensor, Tensor], tuple[Tensor | float, Tree]]
"""(batch, real logits [n], fake logits [n]) → scalar, and new values of memories."""


def _no_inputs(_spec: DataSpec) -> Mapping[str, Input]:
    return {}


@dataclass(frozen=True)
class Penalty:
    """A term, a projection of each updated parameter, a term of the logits; and the inputs they need.

    The first is lazy: it counts at every `every`-th update of its player, that many times as much.
    Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN", section 3.1.
    """

    term: Term | None = None
    project: Callable[[Tensor], Tensor] | None = None
    inputs: Callable[[DataSpec], Mapping[str, Input]] = field(default=_no_inputs)
    every: int = 1
    of_logits: LogitTerm | None = None


def clip_weights(bound: float) -> Penalty:
    """Every parameter of the critic is clipped to [−bound, bound].  Arjovsky et al. 2017, algorithm 1."""
    return Penalty(project=lambda parameter: parameter.clamp(-bound, bound))


def gradient_penalty(weight: float, target: float = 1.0, every: int = 1) -> Penalty:
    """weight·E(‖∇D(x̂)‖ − target)² between real and generated points.  Gulrajani et al. 2017, eq. (3)."""

    def term(networks: Networks, batch: Batch, real: Tensor, fake: Tensor) -> Tensor:
        share = batch["interpolation"].reshape(-1, *[1] * (real.ndim - 1))
        between = share * real + (1 - share) * fake
        norms = norm_per_example(networks.input_gradient("discriminator", between))
        return weight * (norms - target).square().mean()

    return Penalty(term, inputs=lambda _spec: {"interpolation": RandomInput((), "uniform")}, every=every)


def dragan_penalty(weight: float, spread: float, every: int = 1) -> Penalty:
    """weight·E(‖∇D(x + δ)‖ − 1)² near real points.  Kodali et al. 2017, section 2.3.

    As in the authors' code, δ = α·spread·std(x)·u with one α ~ U(0, 1) per example, u ~ U(0, 1)
    per value, and std over the whole batch of real examples.
    """

    def term(networks: Networks, batch: Batch, real: Tensor, fake: Tensor) -> Tensor:
        share = batch["interpolation"].reshape(-1, *[1] * (real.ndim - 1))
        near = real + share * spread * real.std(correction=0) * batch["perturbation"]
        norms = norm_per_example(networks.input_gradient("discriminator", near))
        return weight * (norms - 1).square().mean()

    def inputs(spec: DataSpec) -> Mapping[str, RandomInput]:
        return {
            "interpolation": RandomInput((), "uniform"),
            "perturbation": RandomInput(spec.shape, "uniform"),
        }

    return Penalty(term, inputs=inputs, every=every)


def r1(gamma: float, every: int = 1) -> Penalty:
    """γ/2·E‖∇D(x)‖² at real points.  Mescheder et al. 2018, eq. (9)."""
    return Penalty(
        lambda networks, batch, real, _fake: gamma / 2 * batch.mean_real(_squared_gradient(networks, real)),
        every=every,
    )


def r2(gamma: float, every: int = 1) -> Penalty:
    """γ/2·E‖∇D(x)‖² at generated points.  Mescheder et al. 2018, eq. (10)."""
    return Penalty(
        lambda networks, batch, _real, fake: gamma / 2 * batch.mean_noise(_squared_gradient(networks, fake)),
        every=every,
    )


def _squared_gradient(networks: Networks, inputs: Tensor) -> Tensor:
    return networks.input_gradient("discriminator", inputs).flatten(1).square().sum(1)


def lecam_penalty(weight: float, decay: float, start: int = 0) -> Penalty:
    """weight·(E(D(x) − α_F)² + E(D(G(z)) − α_R)²) after `start` updates.  Tseng et al. 2021, eq. (4).

    α_R and α_F are moving averages of D's mean on real and on generated examples, this batch included and
    without the bias of their start at zero, as in the authors' code for StyleGAN2.
    """

    def of_logits(batch: Batch, real: Tensor, fake: Tensor) -> tuple[Tensor, Tree]:
        means = torch.stack([real.mean(), fake.mean(), torch.ones_like(batch["anchors"][2])]).detach()
        anchors = decay * batch["anchors"] + (1 - decay) * means
        real_anchor, fake_anchor = anchors[:2] / anchors[2]
        distance = (real - fake_anchor).square().mean() + (fake - real_anchor).square().mean()
        updates = batch["anchor_updates"] + 1
        term = torch.where(updates > start, weight * distance, 0.0)
        return term, {"anchors": anchors, "anchor_updates": updates}

    def inputs(_spec: DataSpec) -> Mapping[str, MemoryInput]:
        return {"anchors": MemoryInput(torch.zeros(3)), "anchor_updates": MemoryInput(torch.zeros(()))}

    return Penalty(of_logits=of_logits, inputs=inputs)


def adaptive_probability(name: str, target: float, interval: int, images: float, initial: float) -> Penalty:
    """No term, but a probability that rises while D overfits: where r = E sign D(x) is above `target`.

    Every `interval` updates it moves by their real examples / `images`, up or down.  Karras et al. 2020,
    "Training Generative Adversarial Networks with Limited Data", section 3.1.
    """
    signs, updates = f"{name}_signs", f"{name}_updates"

    def of_logits(batch: Batch, real: Tensor, _fake: Tensor) -> tuple[float, Tree]:
        total, count = batch[signs] + real.detach().sign().mean(), batch[updates] + 1
        due = count >= interval
        step = interval * len(real) / images * torch.sign(total / count - target)
        moved = torch.where(due, (batch[name] + step).clamp(0, 1), batch[name])
        return 0.0, {
            name: moved,
            signs: torch.where(due, 0.0, total),
            updates: torch.where(due, 0.0, count),
        }

    def inputs(_spec: DataSpec) -> Mapping[str, MemoryInput]:
        return {n: MemoryInput(torch.tensor(v)) for n, v in ((name, initial), (signs, 0.0), (updates, 0.0))}

    return Penalty(of_logits=of_logits, inputs=inputs)
