"""Arjovsky and Bottou's experiment: a fresh discriminator against a frozen generator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench import streams
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    Quantity,
    Snapshot,
    arrays_of,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.discrimination import balanced_accuracy
from ganbench.diagnostics.estimators.fresh_networks import PLAYER, FreshNetworks, usual_network
from ganbench.diagnostics.estimators.generator_gradient import generator_gradient
from ganbench.game import Tree
from ganbench.networks.construction import constructed
from ganbench.networks.network import architecture
from ganbench.optimizers import Adam
from ganbench.training.gradients import Gradient

PURPOSE = "perfect_discriminator"
_MARKS_A_DECADE = 7
_FRESH = "fresh_discriminator"
_UPDATES_PER_DRAW = 16
"""Batches drawn and generated together; part of the measuring stream."""
_BETA1 = 0.5
CURVES = (
    "error",
    "jsd_bound",
    "log10_gradient_minimax",
    "log10_gradient_nonsaturating",
    "log10_noise_minimax",
    "log10_noise_nonsaturating",
)
"""The arrays kept for the figures, each [measured points, S, marks]."""


@register_diagnostic("perfect_discriminator", by_default=False)
def perfect_discriminator(
    dataset: Dataset,
    at: Annotated[
        Literal["all", "initial", "final"] | list[Annotated[int, Ge(0)]],
        "measuring points: all, the first, the last, or by number (0: before training)",
    ] = "all",
    steps: Annotated[int, Ge(1), "updates of the fresh discriminator"] = 4000,
    batch_size: Annotated[int, Ge(1), "real and generated examples in each update"] = 128,
    learning_rate: Annotated[float, Gt(0), "of its Adam (β₁ 0.5, β₂ 0.999)"] = 1e-3,
    network: Annotated[
        str | dict[str, Any] | None, "its architecture; null: dcgan for images, mlp for the rest"
    ] = None,
    samples: Annotated[
        int, Ge(2), "held-out real examples, at most; generated ones in whole batches, at least two"
    ] = 2048,
    perfect: Annotated[float, Interval(ge=0, lt=0.5), "held-out error that counts as perfect"] = 0.01,
) -> Diagnostic:
    """Freeze the generator, train a fresh discriminator: its held-out error, and what is left of ∇_G.

    What good looks like: an error near one half and gradients that stay, as where the supports overlap.
    An error of 0 after some tens of updates, with E log(1 − D)'s gradient falling by decades, means
    that real and generated examples lie on supports that can be told apart perfectly: then the
    Jensen-Shannon divergence is log 2 and the original cost teaches nothing.

    Blind to: how far apart the supports are, and whether samples are any good: a perfect
    discriminator needs one telling detail.  An error above 0 is only that of this network after so
    many updates; its cross entropy bounds the Jensen-Shannon divergence from below.

    Cost: `steps` updates at every chosen measuring point, often more than the training: name it in
    `diagnostics` and choose `at`.  Training is untouched: all of it happens on copies, with its own streams.

    Protocol: the generator whose samples are measured (averaged where it is), evaluation mode, fresh noise
    in every update, training draws of the data; error balanced over both classes; gradients with respect
    to the generator's parameters over held-out noise, before the first update and at about seven numbers of
    updates a decade; a minibatch's deviation is that of `batch_size` examples.
    Source: Arjovsky and Bottou 2017, figures 1 to 3.  Deviation: batch, Adam's rate and network are ours.
    """
    spec = dataset.info.spec
    chosen = network if network is not None else usual_network(spec)
    pair = architecture(chosen)
    constructed(lambda: pair.discriminator(spec), streams.generator(0, f"measure/{PURPOSE}/fits"))
    protocol = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "network": chosen,
        "samples": samples,
        "version": 1,
    }
    points = at if isinstance(at, str) else tuple(at)
    return _PerfectDiscriminator(
        points, Adam(learning_rate, _BETA1), lambda: pair.discriminator(spec), protocol, perfect
    )


def marks(steps: int) -> list[int]:
    """The numbers of updates after which to look: 0, 1, and about seven a decade up to `steps`."""
    count = max(2, round(_MARKS_A_DECADE * math.log10(steps)) + 1) if steps > 1 else 1
    return [0, *sorted({round(float(mark)) for mark in np.geomspace(1, steps, count)} | {steps})]


@dataclass(frozen=True)
class _Examples:
    """What is looked at after so many updates: real [S, n, ...], fake [S, m, ...], fakes' inputs."""

    real: Tensor
    fake: Tensor
    inputs: Tree


class _PerfectDiscriminator(Diagnostic):
    kept = ("_points_measured",)

    def __init__(
        self,
        at: str | tuple[int, ...],
        optimizer: Adam,
        build: Callable[[], nn.Module],
        protocol: Mapping[str, Any],
        perfect: float,
    ) -> None:
        self._at, self._optimizer, self._build, self._perfect = at, optimizer, build, perfect
        self._batch, self._steps = int(protocol["batch_size"]), int(protocol["steps"])
        self._count = int(protocol["samples"])
        self.marks = marks(self._steps)
        self.quantities = _quantities(dict(protocol), perfect)
        self._gradient: Gradient | None = None
        self._points_measured: list[dict[str, Tensor]] = []

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S]; nothing at a measuring point that was not chosen."""
        if not self._chosen(snapshot):
            return {}
        with torch.no_grad():
            curves = self._curves(snapshot)
        moment = snapshot.moment
        where = {"points": torch.tensor(moment.point), "images": torch.tensor(moment.images)}
        self._points_measured = [*self._points_measured, where | curves]
        return self._summary(curves)

    def arrays(self) -> dict[str, np.ndarray]:
        """`steps` [marks], `points` and `images` [P], and every curve [P, S, marks]."""
        if not self._points_measured:
            return {}
        names = ("points", "images", *CURVES)
        stacked = {name: torch.stack([point[name] for point in self._points_measured]) for name in names}
        return {"steps": np.array(self.marks), **arrays_of(stacked)}

    def _chosen(self, snapshot: Snapshot) -> bool:
        moment = snapshot.moment
        if isinstance(self._at, tuple):
            return moment.point in self._at
        return {"all": True, "initial": moment.point == 0, "final": moment.final}[self._at]

    def _curves(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """Everything that is looked at, at every mark, float64 [S, marks]."""
        judge = FreshNetworks.discriminators(
            self._build,
            snapshot.dataset.info.spec,
            snapshot.seeds,
            f"{PURPOSE}/initial",
            self._optimizer,
            snapshot.device,
            snapshot.dtype,
        )
        examples = self._heldout(snapshot)
        rows = []
        batches = self._batches(snapshot)
        for done in range(self._steps + 1):
            if done:
                batch = next(batches)
                self._gradient = self._gradient or judge.gradient(batch)
                judge.advance(self._gradient, batch)
            if done in self.marks:
                rows.append(_looked(snapshot, judge, examples))
        return {name: torch.stack([row[name] for row in rows], 1) for name in CURVES}

    def _heldout(self, snapshot: Snapshot) -> _Examples:
        count = min(self._count, snapshot.dataset.info.split_sizes.get("heldout", self._count))
        real = snapshot.real("heldout", count)
        minibatches = max(2, self._count // self._batch)
        source = snapshot.sampling_inputs(f"{PURPOSE}/heldout")
        inputs = source.draw(minibatches * self._batch, snapshot.dtype)
        return _Examples(
            real.expand(len(snapshot.seeds), *real.shape),
            _generated(snapshot, inputs),
            {name: value.unflatten(1, (minibatches, self._batch)) for name, value in inputs.items()},
        )

    def _batches(self, snapshot: Snapshot) -> Any:
        """Endless pairs of real and generated batches [S, n, *shape]."""
        sampler, source = snapshot.sampler(), snapshot.sampling_inputs(f"{PURPOSE}/noise")
        target, count = snapshot.dataset.info.spec.target, _UPDATES_PER_DRAW * self._batch
        while True:
            real, fake = sampler.draw(count)[target], _generated(snapshot, source.draw(count, snapshot.dtype))
            parts = zip(real.split(self._batch, 1), fake.split(self._batch, 1), strict=True)
            yield from ({"real": of_real, "fake": of_fake} for of_real, of_fake in parts)

    def _summary(self, curves: Mapping[str, Tensor]) -> dict[str, Tensor]:
        error, minimax = curves["error"], curves["log10_gradient_minimax"]
        other, noise = curves["log10_gradient_nonsaturating"], curves["log10_noise_nonsaturating"]
        return {
            "perfect_discriminator_error": error[:, -1],
            "perfect_discriminator_jsd_bound": curves["jsd_bound"][:, -1],
            "steps_to_perfect": _first_step(error <= self._perfect, self.marks),
            "generator_gradient_minimax": 10 ** minimax[:, -1],
            "generator_gradient_nonsaturating": 10 ** other[:, -1],
            "gradient_decay_decades": minimax[:, 0] - minimax[:, -1],
            "gradient_decay_decades_from_peak": minimax.max(1).values - minimax[:, -1],
            "gradient_growth_decades_nonsaturating": other[:, -1] - other[:, 0],
            "gradient_noise_growth_decades_nonsaturating": noise[:, -1] - noise[:, 0],
        }


def _looked(snapshot: Snapshot, judge: FreshNetworks, examples: _Examples) -> dict[str, Tensor]:
    """Error, bound and gradients of the discriminators as they stand, each [S]."""
    real, fake = judge.logits(examples.real).double(), judge.logits(examples.fake).double()
    values = {"error": 1 - balanced_accuracy(real, fake, 0.0), "jsd_bound": jsd_bound(real, fake)}
    game = replace(
        snapshot.game,
        players={**snapshot.game.players, _FRESH: judge.game.players[PLAYER]},
        losses={**snapshot.game.losses, _FRESH: _no_loss},
    )
    gradient = generator_gradient(
        game,
        _FRESH,
        snapshot.generating,
        {**snapshot.parameters(averaged=True), _FRESH: judge.params},
        {**snapshot.buffers(), _FRESH: judge.buffers},
        examples.inputs,
        snapshot.constants(),
        looped=snapshot.looped or judge.looped,
    )
    values |= {f"log10_gradient_{cost}": value for cost, value in gradient.norm.items()}
    return values | {f"log10_noise_{cost}": value for cost, value in gradient.noise.items()}


def jsd_bound(real: Tensor, fake: Tensor) -> Tensor:
    """log 2 − half the cross entropy: at most the Jensen-Shannon divergence, in nats [S]."""
    return math.log(2) - (softplus(-real).mean(1) + softplus(fake).mean(1)) / 2


def _generated(snapshot: Snapshot, inputs: Tree) -> Tensor:
    return snapshot.evaluate(snapshot.game.sample, inputs, averaged=True)


def _first_step(reached: Tensor, steps: list[int]) -> Tensor:
    """The first of `steps` where `reached` [S, marks] holds; NaN where it never does."""
    first = torch.tensor(steps, dtype=torch.float64, device=reached.device)[reached.int().argmax(1)]
    return torch.where(reached.any(1), first, torch.nan)


def _no_loss(*_: Any) -> Tensor:
    raise AssertionError("a game whose networks are only looked at")


def _quantities(protocol: dict[str, Any], perfect: float) -> tuple[Quantity, ...]:
    described = partial(Quantity, protocol=protocol)
    norm = "Norm of ∇_G of {} under the trained fresh discriminator"
    decades = {
        "gradient_decay_decades": "Decay of ∇_G of log(1 − D), first to last",
        "gradient_decay_decades_from_peak": "Decay of ∇_G of log(1 − D), peak to last",
        "gradient_growth_decades_nonsaturating": "Growth of ∇_G of −log D",
        "gradient_noise_growth_decades_nonsaturating": "Growth of the minibatch noise in ∇_G of −log D",
    }
    return (
        described(
            "perfect_discriminator_error",
            "Held-out error of a fresh discriminator",
            direction="higher",  # one half at best
            smallest_difference=0.02,
            lowest=0,
            highest=1,
        ),
        described("perfect_discriminator_jsd_bound", "Lower bound on the Jensen-Shannon divergence", "nat"),
        Quantity(
            "steps_to_perfect",
            f"Updates to an error of at most {perfect:g}",
            scale="log",
            protocol={**protocol, "perfect": perfect},
        ),
        described("generator_gradient_minimax", norm.format("log(1 − D)"), scale="log"),
        described("generator_gradient_nonsaturating", norm.format("−log D"), scale="log"),
        *(described(name, title, "decades") for name, title in decades.items()),
    )
