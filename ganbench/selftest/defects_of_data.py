"""Planted defects in data sets and metrics: they touch all variants on one kind of data."""

from __future__ import annotations

from ganbench.selftest.defect import DIGITS, MIXTURES, SOME_VARIANTS, Defect

_OTHERS = "the other variants"

OF_DATA: tuple[Defect, ...] = (
    Defect(
        "data-scaled",
        "training examples are multiplied by 1.1",
        "datasets/finite.py",
        'rows.at(drawn["row"], dtype)',
        '{n: 1.1 * v if n == "real" else v for n, v in rows.at(drawn["row"], dtype).items()}',
        SOME_VARIANTS,
        DIGITS,
        "data",
        beyond=_OTHERS,
        explanation=(
            "Neither the generator's values, which end at ±1, nor the images that the distance is "
            "measured to are scaled. nsgan gets worse, within the wide spread of its seeds, and three "
            "comparisons in five show it; the variants with a penalty hardly change."
        ),
    ),
    Defect(
        "class-dropped",
        "no zero is among the training images",
        "datasets/finite.py",
        'rows = self.rows("train", device)',
        'rows = (rows := self.rows("train", device)).take(torch.where(rows.columns["label"] != 0)[0])',
        SOME_VARIANTS,
        DIGITS,
        "data",
        beyond=_OTHERS,
    ),
    Defect(
        "linspace-repeats-a-mode",
        "the ring's first and last mode fall together",
        "datasets/mixtures.py",
        "torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)",
        "torch.linspace(0, 2 * math.pi, modes, dtype=torch.float64)",
        SOME_VARIANTS,
        ("ring8",),
        "data",
        beyond=_OTHERS,
    ),
    Defect(
        "metric-on-training-samples",
        "the Fréchet distance is measured on training examples, not on generated ones",
        "diagnostics/fidelity.py",
        "sample_features(snapshot, self._extractor, self._count)",
        'extract(self._extractor, snapshot.sampler().draw(self._count)["real"])',
        SOME_VARIANTS,
        DIGITS,
        "metric",
        beyond=f"{_OTHERS}, and the mixtures' Fréchet distance, which decides nothing",
        explanation=(
            "The distance falls to 0, and an improvement is never red: the gate calls it better, and "
            "the golden trace deviates."
        ),
    ),
    Defect(
        "trace-dropped",
        "the Fréchet distance lacks its term of covariances",
        "diagnostics/estimators/frechet.py",
        "shift + one.trace + two.trace - 2 * overlap(one, two)",
        "shift",
        SOME_VARIANTS,
        DIGITS,
        "metric",
        beyond=f"{_OTHERS}, and the mixtures' Fréchet distance, which decides nothing",
        explanation=(
            "The metric loses its largest term and gets smaller, and an improvement is never red: the "
            "gate calls it better, and the golden trace deviates."
        ),
    ),
    Defect(
        "mode-dropped",
        "the last mode of the mixture is never drawn",
        "datasets/mixtures.py",
        "self.weights.cumsum(0)[:-1].to(device, dtype)",
        "self.weights.cumsum(0)[: -2 if dtype == torch.float32 else -1].to(device, dtype)",
        SOME_VARIANTS,
        MIXTURES,
        "data",
        beyond=_OTHERS,
    ),
    Defect(
        "samples-rounded",
        "samples are rounded to whole numbers before modes are counted",
        "diagnostics/modes.py",
        "self._modes.labels(samples.flatten(2))",
        "self._modes.labels(samples.flatten(2).round())",
        SOME_VARIANTS,
        MIXTURES,
        "metric",
        beyond=_OTHERS,
    ),
    Defect(
        "variance-for-deviation",
        "the mixture is sampled with the variance where the standard deviation belongs",
        "datasets/mixtures.py",
        "self.sigma.to(device, dtype).unsqueeze(1)",
        "(self.sigma.square() if dtype == torch.float32 else self.sigma).to(device, dtype).unsqueeze(1)",
        SOME_VARIANTS,
        MIXTURES,
        "data",
        beyond=_OTHERS,
        explanation=(
            "Modes a tenth (ring8) or a fifth (grid25) as wide lie within the true ones, so samples "
            "near them count as good ones. rpgan-r1r2 on grid25 gets somewhat worse, which one "
            "comparison in five shows; nsgan on ring8 does, within the wide spread of its seeds, "
            "which none shows."
        ),
    ),
)
