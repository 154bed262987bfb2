"""A run folder as `ganbench run` leaves it, made up: ring8 and digits, with planted failures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from ganbench import store

SIGMA = 0.05
MEANS = 2 * np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
PROTOCOL = {"samples": 512, "version": 1}
QUANTITIES: dict[str, dict[str, Any]] = {
    "mode_total_variation": {
        "title": "total variation of the mode histogram",
        "direction": "lower",
        "smallest_difference": 0.05,
    },
    "modes_recovered": {"title": "modes recovered", "direction": "higher"},
    "high_quality_fraction": {"title": "high-quality fraction", "direction": "higher"},
    "fid_classifier_train_1437": {
        "title": "Fréchet distance of classifier features",
        "direction": "lower",
        "smallest_difference": 1.0,
    },
    "gradient_norm_generator": {"title": "gradient norm of the generator", "scale": "log"},
    "gradient_norm_discriminator": {"title": "gradient norm of the discriminator", "scale": "log"},
    "input_gradient_norm_real_mean": {"title": "norm of the input gradient at real points", "scale": "log"},
    "discriminator_auroc": {"title": "discriminator AUROC", "direction": "none"},
    "training_seconds": {"title": "training time", "unit": "s", "direction": "lower"},
    "parameters_generator": {"title": "parameters of the generator"},
    "parameters_discriminator": {"title": "parameters of the discriminator"},
}


@dataclass
class Fake:
    """What the made-up run holds; every field has a realistic default."""

    variants: tuple[str, ...] = ("nsgan", "wgan-gp[gp_weight=1]", "lsgan", "gan-r1", "rpgan-r1r2", "wgan")
    datasets: tuple[str, ...] = ("ring8", "digits")
    seeds: int = 5
    points: int = 9
    diverged: dict[tuple[str, int], int] = field(default_factory=lambda: {("lsgan", 3): 4})
    """(variant, seed) to the first measuring point without a value, on the first data set."""
    failed: tuple[str, ...] = ("wgan",)
    """Variants that failed on the first data set."""
    budgets: dict[str, float] = field(default_factory=dict)
    diagnostics: bool = True
    arrays: bool = True
    samples: int = 512
    split: bool = True
    """Whether the first variant's seeds lie in two folders."""


def build(path: Path, fake: Fake | None = None) -> Path:
    """Write the run folder and return it."""
    fake = fake or Fake()
    write_json(path / "run.json", about(fake))
    write_json(path / "quantities.json", {n: declaration(n, q) for n, q in QUANTITIES.items()})
    for label in fake.datasets:
        write_dataset(path, label)
    frames = [
        cohort(path, fake, dataset, variant, part, seeds)
        for dataset in fake.datasets
        for variant in fake.variants
        for part, seeds in enumerate(parts(fake, variant))
    ]
    present = [frame for frame in frames if len(frame)]
    if present:
        pd.concat(present, ignore_index=True).to_parquet(path / "records.parquet")
    made_of = {file.parent.name: None for file in path.glob("cohorts/*/records.parquet")}
    write_json(path / "run.json", {**about(fake), "records_of": made_of})
    return path


def declaration(name: str, values: dict[str, Any]) -> dict[str, Any]:
    bare = {"unit": "", "direction": "none", "scale": "linear", "smallest_difference": None, "target": None}
    return {"name": name, **bare, "protocol": PROTOCOL, **values}


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def about(fake: Fake) -> dict[str, Any]:
    labels = {"datasets": fake.datasets, "variants": fake.variants}
    suite = {
        kind: [{"name": label.split("[")[0], "label": label, "options": {}} for label in of]
        for kind, of in labels.items()
    }
    return {
        "format": store.FORMAT,
        "name": "quickstart",
        "key": "3f9c2a7be1d04c55",
        "created": "2026-11-21T20:14:05+00:00",
        "suite": {
            "name": "quickstart",
            **suite,
            "budget": {"images": 1_024_000},
            "seeds": list(range(fake.seeds)),
        },
        "environment": {
            "versions": {"ganbench": "0.1.0", "python": "3.11.9", "torch": "2.6.0", "numpy": "2.1.0"},
            "git": {"commit": "3b37376aa01f2d", "dirty": True},
            "device": "cpu",
            "cpu": "A made-up CPU, 2 cores",
            "threads": 1,
            "precision": "float32",
        },
    }


def parts(fake: Fake, variant: str) -> list[list[int]]:
    seeds = list(range(fake.seeds))
    return (
        [seeds[:3], seeds[3:]] if fake.split and variant == fake.variants[0] and fake.seeds > 3 else [seeds]
    )


def write_dataset(path: Path, label: str) -> None:
    planar = not label.startswith("digits")
    info = {
        "name": label.split("[")[0],
        "label": label,
        "title": "Ring of 8 Gaussians" if planar else "Handwritten digits, 8×8",
        "source": "Metz et al. 2017" if planar else "scikit-learn, UCI optdigits",
        "licence": "none needed" if planar else "CC BY 4.0",
        "shape": [2] if planar else [1, 8, 8],
        "value_range": None if planar else [-1, 1],
        "modes": 8 if planar else 10,
        "split_sizes": {} if planar else {"train": 1437, "heldout": 360},
        "primary": "mode_total_variation" if planar else "fid_classifier_train_1437",
        "evaluation_samples": 512,
    }
    write_json(path / "datasets" / f"{label}.json", info)
    generator = np.random.default_rng(0)
    if not planar:
        np.savez_compressed(path / "datasets" / f"{label}.npz", real=digits()[:512])
        return
    axis = np.linspace(-2.6, 2.6, 200)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1)
    squared = ((grid[:, :, None] - MEANS) ** 2).sum(-1)
    density = np.exp(-squared / 2 / SIGMA**2).mean(-1) / (2 * np.pi * SIGMA**2)
    real = MEANS[generator.integers(8, size=512)] + SIGMA * generator.normal(size=(512, 2))
    extent = np.array([-2.6, 2.6, -2.6, 2.6])
    np.savez_compressed(
        path / "datasets" / f"{label}.npz", real=real, density=density, extent=extent, means=MEANS
    )


def digits() -> np.ndarray:
    images = load_digits().images / 16
    return (255 * images[:, None]).round().astype(np.uint8)


def cohort(path: Path, fake: Fake, dataset: str, variant: str, part: int, seeds: list[int]) -> pd.DataFrame:
    """One folder of cohorts/, and its records."""
    position = fake.variants.index(variant)
    folder = path / "cohorts" / f"{dataset}-{position:02d}-{part}"
    amount = fake.budgets.get(variant, 1_024_000.0)
    choice = {"name": variant.split("[")[0], "label": variant, "options": {}}
    write_json(folder / "description.json", {
        "id": folder.name, "key": "k", "variant": choice, "seeds": seeds, "measure": [1.0],
        "dataset": {"name": dataset, "label": dataset, "options": {}},
        "budget": {"unit": "images", "amount": amount}, "diagnostics": [], "engine": {}, "include": [],
    })  # fmt: skip
    first = dataset == fake.datasets[0]
    if variant in fake.failed and first:
        trace = "Traceback (most recent call last):\n  wgan.py, line 3, in step\nRuntimeError: <planted>\n"
        write_json(
            folder / "outcome.json",
            {"status": "failed", "reason": "RuntimeError: <planted>", "traceback": trace, "seeds": {}},
        )
        return pd.DataFrame()
    stops = {s: fake.diverged.get((variant, s), fake.points) if first else fake.points for s in seeds}
    write_json(folder / "outcome.json", outcome(fake, stops, amount, position))
    images = np.linspace(0, amount, fake.points) if fake.points > 1 else np.array([amount])
    planar = not dataset.startswith("digits")
    train = planar_cohort if planar else image_cohort
    rows, arrays = train(fake, position, seeds, stops)
    if fake.arrays:
        np.savez_compressed(
            folder / "arrays.npz", points=np.arange(fake.points), images=images, seeds=seeds, **arrays
        )
    frame = pd.DataFrame(rows, columns=["seed", "point", "quantity", "value", "reference"])
    frame = frame.assign(
        variant=variant, dataset=dataset, final=frame["point"] == fake.points - 1,
        images=images[frame["point"]].astype(int), step=(images[frame["point"]] / 256).astype(int),
        seconds=frame["point"] * 2.5, reference=frame["reference"].astype(float),
        protocol=json.dumps(PROTOCOL),
        variant_options="{}", dataset_options="{}",
    )  # fmt: skip
    frame.to_parquet(folder / "records.parquet")
    return frame


def outcome(fake: Fake, stops: dict[int, int], amount: float, position: int) -> dict[str, Any]:
    def seed(stop: int) -> dict[str, Any]:
        if stop >= fake.points:
            return {"outcome": "finished", "step": None, "images": None, "player": None}
        images = int(amount * stop / max(fake.points - 1, 1)) - 500
        return {
            "outcome": "diverged",
            "step": max(images, 0) // 256,
            "images": max(images, 0),
            "player": "generator",
        }

    return {
        "status": "finished", "reason": None, "traceback": None,
        "seeds": {str(s): seed(stop) for s, stop in stops.items()},
        "seconds": (10.0 + 4 * position) * len(stops), "measuring_seconds": 1.5, "wall_seconds": 60.0,
        "execution": {"mode": "compiled", "compile_seconds": 11.0, "precision": "float32", "device": "cpu",
                      "threads": 1, "seeds_at_once": len(stops)},
    }  # fmt: skip


def progress(fake: Fake, position: int, seed: int, point: int) -> float:
    """How far a seed has come, from 0 to about 1."""
    generator = np.random.default_rng([position, seed])
    ability = np.clip(0.35 + 0.13 * (position % 5) + 0.10 * generator.normal(), 0.05, 0.98)
    moment = (point + 1 if fake.points == 1 else point) / max(fake.points - 1, 1)
    return float(ability * (1 - np.exp(-4 * moment)))


def shared_rows(
    fake: Fake, position: int, seed: int, point: int, done: float
) -> list[tuple[int, int, str, float, float | None]]:
    generator = np.random.default_rng([position, seed, point])
    values = {
        "training_seconds": 2.5 * point,
        "parameters_generator": 17_026,
        "parameters_discriminator": 16_897,
    }
    if fake.diagnostics:
        values |= {
            "gradient_norm_generator": 10 ** (-position / 2 + generator.normal() / 4),
            "gradient_norm_discriminator": 10 ** (-1 + done + generator.normal() / 4),
            "input_gradient_norm_real_mean": 10 ** (generator.normal() / 4),
            "discriminator_auroc": np.clip(1 - done / 2 + generator.normal() / 40, 0, 1),
        }
    return [(seed, point, name, value, None) for name, value in values.items()]


def planar_metrics(points: np.ndarray) -> dict[str, float]:
    distance = np.linalg.norm(points[:, None] - MEANS, axis=-1)
    good = distance.min(1) < 3 * SIGMA
    counts = np.bincount(distance.argmin(1)[good], minlength=8)
    share = np.append(counts, (~good).sum()) / len(points)
    truth = np.append(np.full(8, 0.98889 / 8), 0.01111)
    return {
        "mode_total_variation": float(np.abs(share - truth).sum() / 2),
        "modes_recovered": float((counts > 0).sum()),
        "high_quality_fraction": float(good.mean()),
    }


def planar_cohort(
    fake: Fake, position: int, seeds: list[int], stops: dict[int, int]
) -> tuple[list[Any], dict[str, Any]]:
    rows: list[Any] = []
    samples = np.full((fake.points, len(seeds), fake.samples, 2), np.nan, dtype=np.float16)
    for s, seed in enumerate(seeds):
        for point in range(fake.points):
            done, generator = (
                progress(fake, position, seed, point),
                np.random.default_rng([position, seed, point]),
            )
            weight = generator.dirichlet(np.full(8, 0.05 + 12 * done**3))
            points, others = (MEANS[generator.choice(8, fake.samples, p=weight)] for _ in range(2))
            between = (generator.random((fake.samples, 1)) > done) * generator.random((fake.samples, 1))
            points = (1 - between) * points + between * others
            points = points + (0.03 + 0.6 * (1 - done) ** 4) * generator.normal(size=points.shape)
            real = MEANS[generator.integers(8, size=512)] + SIGMA * generator.normal(size=(512, 2))
            references = planar_metrics(real)
            lost = point >= stops[seed]
            here = [(seed, point, n, v, references[n]) for n, v in planar_metrics(points).items()]
            here += shared_rows(fake, position, seed, point, done)
            rows += [(*at, np.nan if lost else value, reference) for *at, value, reference in here]
            samples[point, s] = np.nan if lost else points
    return rows, {"samples": samples}


def image_cohort(
    fake: Fake, position: int, seeds: list[int], stops: dict[int, int]
) -> tuple[list[Any], dict[str, Any]]:
    rows: list[Any] = []
    real = digits().astype(float)
    samples = np.zeros((fake.points, 1, 64, 1, 8, 8), dtype=np.uint8)
    final = np.zeros((len(seeds), 64, 1, 8, 8), dtype=np.uint8)
    for s, seed in enumerate(seeds):
        for point in range(fake.points):
            done, generator = (
                progress(fake, position, seed, point),
                np.random.default_rng([position, seed, point]),
            )
            pure = real[generator.integers(len(real), size=64)]
            noise = generator.uniform(0, 255, size=pure.shape)
            images = np.clip(done * pure + (1 - done) * noise, 0, 255).astype(np.uint8)
            distance = 12 + 320 * (1 - done) ** 2 + 4 * generator.random()
            shown = np.nan if point >= stops[seed] else distance
            rows += [(seed, point, "fid_classifier_train_1437", shown, None)]
            rows += shared_rows(fake, position, seed, point, done)
            final[s] = images
            if s == 0:
                samples[point, 0] = images
    return rows, {"samples": samples, "final": final}
