"""How far the generated distribution is from a known one, and the discriminator from the best one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.datasets import KnownDensity
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    Snapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.discrimination import (
    against_the_best,
    balanced_accuracy,
    if_log_odds,
    live_samples,
    probability,
)
from ganbench.diagnostics.estimators.generator_density import generator_log_density
from ganbench.diagnostics.estimators.nearest_density import (
    Counts,
    expected_counts,
    jensen_shannon,
    kl,
    mean_optimal,
    plug_in_accuracy,
    reverse_kl,
)

VERSION = 1
NEIGHBOURS_OF_RULE = 20
_LOG_4 = math.log(4)
_ESTIMATORS = {
    "divergence_kl": kl,
    "divergence_reverse_kl": reverse_kl,
    "divergence_js": jensen_shannon,
}


@register_diagnostic("divergence", by_default=False)
def divergence(
    dataset: Dataset,
    samples: Annotated[int | None, Gt(100), "generated samples; the data set's own number by default"] = None,
    neighbours: Annotated[int, Ge(1), "k of the nearest-neighbour estimates"] = 3,
    largest_dim: Annotated[int, Ge(1), "dimensions beyond which the estimates are not to be trusted"] = 3,
) -> Diagnostic:
    """KL, reverse KL and Jensen-Shannon divergence of data of known density from samples; D against D*.

    p, the data's density, is exact; q, the generator's, is known by its samples.  With x, the number of data
    points expected in the ball that holds k samples, KL(p ‖ q) = E_p log x − ψ(k) and
    KL(q ‖ p) = ψ(k) − E_q log x (Kozachenko & Leonenko 1987; Wang, Kulkarni & Verdú 2009), and JS is had by
    functions of x that have no bias where q is flat over the ball (Ryu et al. 2022).

    What good looks like
      divergence_js           in nats, 0 to log 2 = 0.693.  The one to trust: its bias was below 0.02 on every
                              pair below.
      divergence_reverse_kl   KL(q ‖ p): samples off the data.  Far out it is thousands, yet finite for
                              Gaussians; infinite where more than k samples coincide, or where p is zero.
      divergence_kl           KL(p ‖ q): data not covered.  Only a lower bound where modes are dropped: data
                              far from all samples count by about log(N·ρᵈ), their true share may be infinite.
      ..._exact               the same from the exact q, where the generator is affine in normal noise, or its
                              module has `log_density(params, examples)`: plain means without bias.
      bayes_accuracy          balanced accuracy of "real where p > q̂" with k = 20, a lower bound of the best
                              discriminator's, (1 + total variation)/2; 0.5 for equal distributions.
      discriminator_accuracy_below_bayes    how much lower D's own accuracy is; below 0 by noise.
      discriminator_squared_gap_to_optimal  E (D − D*)² over (p + q)/2 for D* = p/(p + q); 0 is the best,
                              and a constant D = ½ has ¼ against a D* that is never wrong.
      discriminator_excess_cross_entropy    E_p[−log D] + E_q[−log(1 − D)] in nats, above that of D*,
                              which is log 4 − 2 JS.
    The reference of the three is the same estimate with fresh real draws as the samples: noise and bias.

    The last two need an objective whose best output is D* (least squares; no cross entropy) or its log-odds
    (cross entropy).  Elsewhere only the sign is compared, at the objective's threshold (hinge); for critics
    nothing is.  Packed and noised discriminators have another D*: NaN.  Penalties move D's optimum; D* is
    that without.

    Bias ± standard deviation of KL, reverse KL and JS, 2,500 samples, k = 3
      p = q: N(0, I₂)                      −0.01 ± 0.01   0.01 ± 0.01   0.000 ± 0.004
      p = q: ring8                         −0.03 ± 0.02   0.02 ± 0.01  −0.003 ± 0.006
      p = q: grid25                        −0.06 ± 0.01   0.05 ± 0.01  −0.005 ± 0.004
      N(0, I₂), mean moved by 1            −0.03 ± 0.03   0.00 ± 0.02   0.001 ± 0.006   of 0.5, 0.5, 0.112
      N(0, I₂), samples half as wide       −0.71 ± 0.04   0.01 ± 0.02   0.000 ± 0.006   of 1.61, 0.64, 0.17
      ring8 (σ 0.1), samples half as wide  −1.17 ± 0.03   0.04 ± 0.02  −0.019 ± 0.005   of 1.61, 0.64, 0.17
      ring8 (σ 0.1), four modes dropped    −124  ± 0.1    0.02 ± 0.01   0.003 ± 0.006   of 128, 0.69, 0.214

    Blind to: thin sets.  Samples on a curve have an infinite reverse KL, of which the estimate sees a finite
    part that grows with log N.  A single sample far out moves reverse KL, but not JS.

    Protocol: held-out real points, as many as samples; D in evaluation mode against the live generator's
    samples, even where a moving average is kept.  Ten seeds and 2,500 samples: 0.4 s of one core a snapshot.
    """
    dim = math.prod(dataset.info.spec.shape)
    if not isinstance(dataset, KnownDensity):
        raise NotApplicable(f"{dataset.info.name}: its density is not known")
    if dim > largest_dim:
        raise NotApplicable(
            f"{dataset.info.name}: {dim} dimensions are too many for nearest-neighbour estimates "
            f"(largest_dim: {largest_dim})"
        )
    return Divergences(dataset, samples or dataset.info.evaluation_samples, neighbours)


class Divergences(Diagnostic):
    """The divergences of one data set of known density."""

    def __init__(self, dataset: Dataset, samples: int, neighbours: int) -> None:
        assert isinstance(dataset, KnownDensity)
        self._density: KnownDensity = dataset
        self._samples, self._neighbours = samples, neighbours
        self._references: dict[str, float] | None = None
        self._estimated = _declared(samples, neighbours)
        self.quantities = self._estimated

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Every quantity, float64 [S]; the exact ones where q can be computed."""
        real = snapshot.real("heldout", self._samples)
        fake = snapshot.samples(self._samples)
        log_p = self._log_p(real)
        counts = self._counts(real, fake, log_p, self._neighbours)
        values = _estimates(counts)
        opponent = live_samples(snapshot, fake)
        if opponent is not fake:
            counts = self._counts(real, opponent, log_p, self._neighbours)
        values |= self._of_discriminator(snapshot, real, opponent, log_p, counts)
        exact = self._exact(snapshot, real, fake, opponent, log_p)
        exactly = map(_exactly, self._estimated)
        self.quantities = (*self._estimated, *(q for q in exactly if q.name in exact))
        return values | exact

    def references(self, snapshot: Snapshot) -> Mapping[str, float]:
        """The estimates with training draws as the samples."""
        if self._references is None:
            real = snapshot.real("heldout", self._samples)
            others = snapshot.real("train", self._samples).unsqueeze(0)
            counts = self._counts(real, others, self._log_p(real), self._neighbours)
            self._references = {name: float(value) for name, value in _estimates(counts).items()}
        return self._references

    def _log_p(self, points: Tensor) -> Tensor:
        log_p = self._density.log_density(points)
        return log_p.reshape(points.shape[: log_p.ndim]).double().cpu()

    def _counts(self, real: Tensor, fake: Tensor, log_p: Tensor, k: int) -> list[Counts | None]:
        """Each seed's counts; None where a sample is not finite."""
        points, samples = real.flatten(1).double().cpu(), fake.flatten(2).double().cpu()
        of_fake = self._log_p(fake)
        return [
            expected_counts(points.numpy(), of_seed.numpy(), log_p.numpy(), log_p_of_seed.numpy(), k)
            if bool(of_seed.isfinite().all())
            else None
            for of_seed, log_p_of_seed in zip(samples, of_fake, strict=True)
        ]

    def _of_discriminator(
        self, snapshot: Snapshot, real: Tensor, fake: Tensor, log_p: Tensor, counts: Sequence[Counts | None]
    ) -> dict[str, Tensor]:
        bayes = _over(self._counts(real, fake, log_p, NEIGHBOURS_OF_RULE), plug_in_accuracy)
        at_real, at_fake = (snapshot.discriminator(points).double().cpu() for points in (real, fake))
        accuracy = balanced_accuracy(at_real, at_fake, snapshot.threshold)
        best = _over(counts, mean_optimal)
        chance_real, chance_fake = (probability(snapshot, logits) for logits in (at_real, at_fake))
        square = (chance_real.square() - 2 * chance_real).mean(1) + chance_fake.square().mean(1) + best
        entropy = softplus(-at_real).mean(1) + softplus(at_fake).mean(1)
        excess = entropy - _LOG_4 + 2 * _over(counts, jensen_shannon)
        return {
            "bayes_accuracy": bayes,
            "discriminator_accuracy_below_bayes": bayes - accuracy,
            "discriminator_squared_gap_to_optimal": square / 2,
            "discriminator_excess_cross_entropy": if_log_odds(snapshot, excess),
        }

    def _exact(
        self, snapshot: Snapshot, real: Tensor, fake: Tensor, opponent: Tensor, log_p: Tensor
    ) -> dict[str, Tensor]:
        everywhere = real.expand(len(snapshot.seeds), *real.shape)
        log_q = [generator_log_density(snapshot, points, True) for points in (everywhere, fake)]
        if log_q[0] is None or log_q[1] is None:
            return {}
        at_real, at_fake = log_p - log_q[0].cpu(), self._log_p(fake) - log_q[1].cpu()
        js = math.log(2) - (softplus(-at_real).mean(1) + softplus(at_fake).mean(1)) / 2
        values = {
            "divergence_kl": at_real.mean(1),
            "divergence_reverse_kl": -at_fake.mean(1),
            "divergence_js": js,
        }
        odds = [
            self._log_p(points) - log_density.cpu()
            for points in (everywhere, opponent)
            if (log_density := generator_log_density(snapshot, points)) is not None
        ]
        if len(odds) == 2:
            logits = [snapshot.discriminator(points).double().cpu() for points in (everywhere, opponent)]
            values |= against_the_best(snapshot, odds, logits)
        return {f"{name}_exact": value for name, value in values.items()}


def _estimates(counts: Sequence[Counts | None]) -> dict[str, Tensor]:
    return {name: _over(counts, estimator) for name, estimator in _ESTIMATORS.items()}


def _over(counts: Sequence[Counts | None], estimator: Callable[[Counts], float]) -> Tensor:
    """An estimate for each seed [S]."""
    values = [np.nan if of_seed is None else estimator(of_seed) for of_seed in counts]
    return torch.tensor(values, dtype=torch.float64)


def _declared(samples: int, neighbours: int) -> tuple[Quantity, ...]:
    protocol = {"samples": samples, "neighbours": neighbours, "split": "heldout", "version": VERSION}
    described = partial(Quantity, protocol=protocol)
    rule = partial(Quantity, protocol={**protocol, "neighbours": NEIGHBOURS_OF_RULE})
    js, excess = "Jensen-Shannon divergence, estimated", "Loss of D above that of D*"
    return (
        described("divergence_kl", "KL(data ‖ samples), estimated", "nats", "lower"),
        described("divergence_reverse_kl", "KL(samples ‖ data), estimated", "nats", "lower"),
        described("divergence_js", js, "nats", "lower", smallest_difference=0.01),
        rule("bayes_accuracy", "Accuracy of the best discriminator, from below"),
        rule("discriminator_accuracy_below_bayes", "Best accuracy minus D's own"),
        described("discriminator_squared_gap_to_optimal", "Mean squared gap of D to D*"),
        described("discriminator_excess_cross_entropy", excess, "nats"),
    )


def _exactly(quantity: Quantity) -> Quantity:
    """The declaration of the same quantity from the exact q."""
    protocol = {key: value for key, value in quantity.protocol.items() if key != "neighbours"}
    title = quantity.title.replace(", estimated", "").replace(", from below", "") + ", exact q"
    return Quantity(f"{quantity.name}_exact", title, quantity.unit, quantity.direction, protocol=protocol)
