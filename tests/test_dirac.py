"""Dirac-GAN against closed forms, published distances, and the published fields iterated by hand."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from engine_cohorts import cohort

from ganbench import registry
from ganbench.claims import dirac as theory
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.estimators.linearization import differences
from ganbench.diagnostics.estimators.trajectory import growth_per_turn, verdict
from ganbench.errors import GanbenchError
from ganbench.execution.measurements import Measurements
from ganbench.report.theory.dirac import _words
from ganbench.report.theory.dirac_games import Game, twins, with_usual_numbers
from ganbench.report.theory.dirac_numbers import distances, eigenvalues
from ganbench.suite import load_suite
from ganbench.variants.dirac import dirac

Field = Callable[[float, float], tuple[float, float]]
ROUNDS, STEP = 500, 0.2
HERMITE = np.polynomial.hermite_e.hermegauss(200)


class Played:
    """One finished game: the listed start's trajectory and the values at the end, by quantity."""

    def __init__(self, options: Mapping[str, Any], rounds: int, seeds: int, traced: bool) -> None:
        steps = rounds * int(options.get("n_critic", 1))
        self.cohort = cohort(
            "dirac",
            options,
            dataset="dirac",
            seeds=range(seeds),
            budget=("steps", steps),
            measure=(1.0,),
            diagnostics=["equilibrium"],
            mode=None if traced else "plain",
            vectorize="on" if traced else "off",
        )
        measured = Measurements(self.cohort)
        for snapshot in self.cohort.train(None, measured.on_round):
            measured.take(snapshot)
        measured.add_rounds(snapshot)
        self.rows, self.arrays = measured.rows, measured.arrays()
        self.final = {row["quantity"]: row["value"] for row in self.rows if row["final"] and row["seed"] == 0}

    @property
    def path(self) -> np.ndarray:
        """The listed start's (θ, ψ) [T, 2]."""
        return self.arrays["equilibrium/path"][:, 0]


@functools.cache
def _played(options: str, rounds: int, seeds: int, traced: bool) -> Played:
    return Played(json.loads(options), rounds, seeds, traced)


def played(rounds: int = ROUNDS, seeds: int = 1, traced: bool = True, **options: Any) -> Played:
    """A game with these options, trained once."""
    return _played(json.dumps(options), rounds, seeds, traced)


# The published fields, by hand


def slope(t: float) -> float:
    """f′(t) of f(t) = −log(1 + e^(−t))."""
    return 1 / (1 + math.exp(t))


def fields(name: str, gamma: float = 0.3, target: float = 1.0, std: float = 0.7) -> Field:
    """(θ̇, ψ̇) as published."""

    def noisy(t: float, p: float) -> tuple[float, float]:
        nodes, weights = std * HERMITE[0], HERMITE[1] / HERMITE[1].sum()
        fake, real = (1 / (1 + np.exp(p * (t + nodes)))), 1 / (1 + np.exp(-p * nodes))
        return -p * (weights @ fake), weights @ ((t + nodes) * fake - nodes * real)

    found: dict[str, Field] = {
        "gan": lambda t, p: (-p * slope(p * t), t * slope(p * t)),
        "nsgan": lambda t, p: (-p * slope(-p * t), t * slope(p * t)),
        "wgan": lambda t, p: (-p, t),
        "wgan-gp": lambda t, p: (-p, t - gamma * (abs(p) - target) * float(np.sign(p))),
        "r1": lambda t, p: (-p * slope(p * t), t * slope(p * t) - gamma * p),
        "instance-noise": noisy,
    }
    return found[name]


def iterated(field: Field, rule: str, k: int = 1, clip: float = math.inf, rounds: int = ROUNDS) -> np.ndarray:
    """The trajectory [T, 2] from (1, 1) under an update rule, written out."""
    t, p, last = 1.0, 1.0, None
    path = [(t, p)]

    def clipped(value: float) -> float:
        return min(max(value, -clip), clip)

    for _ in range(rounds):
        a, b = field(t, p)
        if rule == "simultaneous":
            t, p = t + STEP * a, clipped(p + STEP * b)
        elif rule == "extragradient":
            a, b = field(t + STEP * a, clipped(p + STEP * b))
            t, p = t + STEP * a, clipped(p + STEP * b)
        elif rule == "optimistic":
            before = last or (a, b)
            t, p, last = t + STEP * (2 * a - before[0]), p + STEP * (2 * b - before[1]), (a, b)
        elif rule == "generator first":
            t += STEP * a
            for _ in range(k):
                p = clipped(p + STEP * field(t, p)[1])
        else:
            for _ in range(k):
                p = clipped(p + STEP * field(t, p)[1])
            t += STEP * field(t, p)[0]
        path.append((t, p))
    return np.array(path)


@pytest.mark.parametrize("entry", theory.DISTANCES, ids=lambda entry: json.dumps(dict(entry.where.options)))
def test_published_distances(entry: Any) -> None:
    options = {name: value for name, value in entry.where.options.items() if name != "n_critic"}
    measured = played(**options).final["distance"]
    assert measured == pytest.approx(entry.expected, abs=entry.tolerance)
    assert f"{measured:.2e}" == f"{entry.expected:.2e}" or abs(measured / entry.expected - 1) < 5e-4


@pytest.mark.parametrize(
    ("options", "field", "rule", "extra"),
    [
        ({"method": "gan"}, "gan", "simultaneous", {}),
        ({"method": "nsgan", "order": "alternating"}, "nsgan", "generator first", {}),
        ({"method": "nsgan", "order": "alternating", "n_critic": 3}, "nsgan", "generator first", {"k": 3}),
        (
            {"method": "gan", "order": "alternating", "first": "discriminator", "n_critic": 2},
            *("gan", "discriminator first", {"k": 2}),
        ),
        ({"method": "wgan"}, "wgan", "simultaneous", {"clip": 1.0}),
        ({"method": "wgan", "clip": 0.5, "order": "alternating"}, "wgan", "generator first", {"clip": 0.5}),
        ({"method": "wgan-gp"}, "wgan-gp", "simultaneous", {}),
        ({"method": "wgan-gp", "order": "alternating"}, "wgan-gp", "generator first", {}),
        ({"method": "r2", "order": "alternating"}, "r1", "generator first", {}),
        ({"method": "instance-noise"}, "instance-noise", "simultaneous", {}),
        ({"method": "instance-noise", "order": "alternating"}, "instance-noise", "generator first", {}),
        ({"method": "gan", "update": "extragradient"}, "gan", "extragradient", {}),
        ({"method": "wgan", "update": "extragradient"}, "wgan", "extragradient", {"clip": 1.0}),
        ({"method": "gan", "update": "optimistic"}, "gan", "optimistic", {}),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_the_engine_plays_the_published_fields(
    options: dict[str, Any], field: str, rule: str, extra: dict[str, Any]
) -> None:
    rounds = 60
    expected = iterated(fields(field), rule, rounds=rounds, **extra)
    np.testing.assert_allclose(played(rounds, **options).path, expected, rtol=0, atol=1e-11)


def test_consensus_descends_half_the_squared_field() -> None:
    gamma, small = 0.8, 1e-6
    plain = fields("gan")

    def squared(t: float, p: float) -> float:
        return sum(each**2 for each in plain(t, p)) / 2

    def field(t: float, p: float) -> tuple[float, float]:
        a, b = plain(t, p)
        across = (squared(t + small, p) - squared(t - small, p)) / (2 * small)
        up = (squared(t, p + small) - squared(t, p - small)) / (2 * small)
        return a - gamma * across, b - gamma * up

    measured = played(60, traced=False, method="gan", update="consensus", gamma=gamma).path
    np.testing.assert_allclose(measured, iterated(field, "simultaneous", rounds=60), rtol=0, atol=1e-8)


SETTINGS: list[dict[str, Any]] = [
    {"method": "gan"},
    {"method": "nsgan", "step_size": 0.5},
    {"method": "gan", "order": "alternating"},
    {"method": "gan", "order": "alternating", "n_critic": 3, "first": "discriminator"},
    {"method": "wgan", "clip": 0.7},
    {"method": "r1", "gamma": 0.3, "order": "alternating", "n_critic": 2},
    {"method": "r1", "gamma": 1.7},
    {"method": "r2", "gamma": 0.3},
    {"method": "r1", "gamma": 0.3, "objective": "wgan"},
    {"method": "r1", "gamma": 0.3, "objective": "nsgan"},
    {"method": "instance-noise", "noise_std": 0.7},
    {"method": "instance-noise", "noise_std": 1.6, "order": "alternating"},
    {"method": "instance-noise", "noise_std": 0.7, "objective": "wgan"},
    {"method": "gan", "update": "consensus", "gamma": 0.8},
    {"method": "gan", "update": "extragradient"},
    {"method": "gan", "update": "optimistic"},
    {"method": "r1", "gamma": 0.3, "update": "optimistic"},
]


@pytest.mark.parametrize("options", SETTINGS, ids=json.dumps)
def test_eigenvalues_and_multipliers_are_the_predicted_ones(options: dict[str, Any]) -> None:
    final = played(1, traced=False, **options).final
    whole = {"step_size": STEP, **options}
    roots, factors = theory.eigenvalues(whole), theory.multipliers(whole)
    assert roots is not None
    assert factors is not None
    for k, root in enumerate(roots, 1):
        assert final[f"eigenvalue_real_{k}"] == pytest.approx(root.real, abs=1e-7)
        assert final[f"eigenvalue_imag_{k}"] == pytest.approx(root.imag, abs=1e-7)
    for k, factor in enumerate(factors, 1):
        assert final[f"multiplier_abs_{k}"] == pytest.approx(abs(factor), abs=1e-8)
    assert f"multiplier_abs_{len(factors) + 1}" not in final
    assert len(factors) == (4 if options.get("update") == "optimistic" else 2)


def test_closed_forms() -> None:
    gan = {"method": "gan", "step_size": STEP}
    assert theory.eigenvalues(gan) == (0.5j, -0.5j)
    assert theory.eigenvalues({"method": "wgan"}) == (1j, -1j)
    assert theory.eigenvalues({"method": "r1", "gamma": 1.0}) == (-0.5, -0.5)
    assert theory.eigenvalues({"method": "r2", "gamma": 2.0}) == pytest.approx(
        (-1 + math.sqrt(0.75), -1 - math.sqrt(0.75))
    )
    noise, consensus = {"method": "instance-noise", "noise_std": 0.7}, {"update": "consensus", "gamma": 2.0}
    expected = -(0.7**2) / 4 + 1j * math.sqrt(0.25 - 0.7**4 / 16)
    assert theory.eigenvalues(noise) == pytest.approx((expected, expected.conjugate()))
    assert theory.eigenvalues(gan | consensus) == (-0.5 + 0.5j, -0.5 - 0.5j)
    modulus = abs((theory.multipliers(gan) or ())[0])
    assert modulus == pytest.approx(math.sqrt(1 + STEP**2 / 4))
    alternating = theory.multipliers({**gan, "order": "alternating", "n_critic": 4}) or ()
    assert [abs(each) for each in alternating] == pytest.approx([1, 1])
    assert theory.local_stability(gan | {"order": "alternating"}) == "neutral"
    assert theory.local_stability(gan) == "repels"
    assert theory.local_stability({"method": "r1", "gamma": 0.3, "step_size": STEP}) == "attracts"
    assert theory.local_stability({"method": "wgan-gp"}) == "undefined"


@pytest.mark.parametrize("options", SETTINGS, ids=json.dumps)
def test_closed_forms_are_the_roots_of_the_jacobian(options: dict[str, Any]) -> None:
    found = theory.jacobian(options)
    assert found is not None
    assert sorted(np.linalg.eigvals(found), key=lambda v: (v.real, v.imag)) == pytest.approx(
        sorted(theory.eigenvalues(options) or (), key=lambda v: (v.real, v.imag)), abs=1e-7
    )


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
def test_wgan_gp_has_no_eigenvalues(order: str) -> None:
    final = played(1, traced=False, method="wgan-gp", order=order).final
    names = [f"eigenvalue_{part}_{k}" for part in ("real", "imag") for k in (1, 2)]
    names += [f"multiplier_abs_{k}" for k in (1, 2)]
    assert all(math.isnan(final[name]) for name in names)


def test_a_jacobian_is_refused_at_a_corner_a_jump_and_away_from_rest() -> None:
    origin = torch.zeros(2, dtype=torch.float64)
    matrix = torch.tensor([[0.3, -2.0], [1.0, 0.7]], dtype=torch.float64)
    smooth = differences(lambda x: x @ matrix.T + x.square(), origin, origin)
    assert smooth is not None
    torch.testing.assert_close(smooth, matrix, rtol=0, atol=1e-9)
    assert differences(lambda x: x @ matrix.T + 0.1 * x.abs(), origin, origin) is None
    assert differences(lambda x: x @ matrix.T + 0.1 * x.sign(), origin, origin) is None
    assert differences(lambda x: x @ matrix.T + 0.1, origin, origin) is None


# What options do


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"method": "gan"}, {"method": "nsgan"}),
        ({"start": [1.0, 1.0]}, {"start": [0.5, -1.0]}),
        ({"step_size": 0.2}, {"step_size": 0.1}),
        ({"order": "simultaneous"}, {"order": "alternating"}),
        ({"order": "alternating"}, {"order": "alternating", "first": "discriminator"}),
        ({"order": "alternating"}, {"order": "alternating", "n_critic": 2}),
        ({"update": "extragradient"}, {"update": "optimistic"}),
        ({"method": "r1", "gamma": 0.3}, {"method": "r1", "gamma": 0.6}),
        ({"method": "r1"}, {"method": "r1", "objective": "wgan"}),
        ({"method": "wgan-gp"}, {"method": "wgan-gp", "gp_target": 0.5}),
        ({"method": "wgan-gp"}, {"method": "wgan-gp", "gamma": 0.1}),
        ({"method": "wgan"}, {"method": "wgan", "clip": 0.3}),
        ({"method": "instance-noise"}, {"method": "instance-noise", "noise_std": 0.2}),
        ({"update": "consensus"}, {"update": "consensus", "gamma": 0.5}),
    ],
    ids=lambda value: json.dumps(value),
)
def test_every_option_changes_the_trajectory(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = (played(6, traced=False, **options).path for options in (one, other))
    assert np.abs(first[-1] - second[-1]).max() > 1e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": 0.3}, "method gan has no gamma"),
        ({"method": "r1", "clip": 1.0}, "method r1 has no clip"),
        ({"method": "wgan", "noise_std": 1.0}, "has no noise_std"),
        (
            {"method": "gan", "update": "optimistic", "gp_target": 1.0},
            "with optimistic updates has no gp_target",
        ),
        ({"method": "gan", "objective": "wgan"}, "leave `objective` out"),
        ({"method": "r1", "update": "consensus"}, "choose one"),
        ({"update": "extragradient", "order": "alternating"}, "leave `order` out"),
        ({"first": "generator"}, "leave `first` out"),
        ({"n_critic": 2}, "n_critic cannot be 2"),
    ],
)
def test_options_that_would_do_nothing_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GanbenchError, match=message):
        dirac(**options)


def test_starts() -> None:
    variant = dirac(start=(0.5, -0.25), spread=3.0)
    assert variant.starts is not None
    places = [
        [float(tree["generator"]["theta"]), float(tree["discriminator"]["psi"])]
        for tree in map(variant.starts, range(400))
    ]
    assert places[0] == [0.5, -0.25]
    assert len(set(map(tuple, places))) == 400
    others = np.array(places[1:])
    assert np.abs(others).max() <= 3
    assert np.abs(others).max(0) == pytest.approx([3, 3], abs=0.1)
    assert np.abs(others.mean(0)).max() < 0.3
    assert np.abs(np.corrcoef(others.T)[0, 1]) < 0.2
    smaller = dirac(spread=1.0).starts
    assert smaller is not None
    assert float(smaller(7)["generator"]["theta"]) == pytest.approx(others[6, 0] / 3)


def test_only_the_first_seed_is_recorded_at_every_round() -> None:
    made = played(20, seeds=3, order="alternating", n_critic=2)
    counts = {
        seed: [row for row in made.rows if (row["seed"], row["quantity"]) == (seed, "distance")]
        for seed in (0, 1, 2)
    }
    assert [len(rows) for rows in counts.values()] == [21, 1, 1]
    assert [row["step"] for row in counts[0]] == list(range(0, 41, 2))
    values = [row["value"] for row in counts[0]]
    np.testing.assert_allclose(values, np.linalg.norm(made.path, axis=1), rtol=1e-12)
    last = made.arrays["equilibrium/path"][-1]
    assert [counts[s][-1]["value"] for s in (0, 1, 2)] == pytest.approx(np.linalg.norm(last, axis=1).tolist())


def test_the_portrait_holds_the_published_field() -> None:
    held = played(20, seeds=3).arrays
    x, y, field = (held[f"equilibrium/{name}"] for name in ("x", "y", "field"))
    expected = np.array([[fields("gan")(t, p) for p in y] for t in x])
    np.testing.assert_allclose(field, expected, rtol=0, atol=1e-14)


def test_the_diagnostic_keeps_to_its_games() -> None:
    factory = registry.get("diagnostic", "equilibrium").factory
    with pytest.raises(NotApplicable, match="declares no equilibrium"):
        factory(registry.get("dataset", "ring8").factory())
    small = {"network": {"mlp": {"width": 4}}, "latent_dim": 2, "batch_size": 4}
    other = cohort("nsgan", small, dataset="dirac", budget=("steps", 2), mode="plain")
    diagnostic = factory(other.dataset)
    for snapshot in other.train():
        values = diagnostic.measure(snapshot)
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    assert all(value.isnan().all() for value in values.values())


# The verdict


def spiral(
    rate: float, turns: float, points: int = 501, stretch: float = 1.0, bend: float = 0.0
) -> np.ndarray:
    """A spiral whose logarithm grows by `rate` a turn; elliptic by `stretch`, unevenly fast by `bend`."""
    phase = np.linspace(0, 2 * np.pi * turns, points)
    angle = phase + bend * np.sin(phase)
    radius = np.exp(rate * angle / (2 * np.pi))
    return np.stack([radius * np.cos(angle), stretch * radius * np.sin(angle)], 1)


@pytest.mark.parametrize("rate", [-2.0, -0.3, -0.02, 0.0, 0.02, 0.3])
@pytest.mark.parametrize("turns", [1.3, 2.0, 3.7, 8.0])
@pytest.mark.parametrize("shape", [{}, {"stretch": 3.0, "bend": 0.8}])
def test_growth_of_a_spiral(rate: float, turns: float, shape: dict[str, float]) -> None:
    growth = growth_per_turn(spiral(rate, turns, **shape), 0.01)
    assert growth == pytest.approx(rate, abs=4e-3)
    assert growth_per_turn(spiral(rate, turns, **shape) * [1, -1], 0.01) == pytest.approx(growth, abs=1e-12)
    assert verdict(growth, 0.01) == -np.sign(rate)


def test_growth_without_a_turn() -> None:
    line = np.linspace(0, 1, 400)[:, None] * [1.0, 0.5]
    assert verdict(growth_per_turn(1 - 0.9 * line[:, :1], 0.01), 0.01) == 1  # out of the plane
    assert verdict(growth_per_turn(np.exp(-8 * line[:, :1]) * [1.0, 0.5], 0.01), 0.01) == 1
    assert verdict(growth_per_turn(0.1 + line, 0.01), 0.01) == -1
    assert math.isnan(verdict(growth_per_turn(spiral(0.0, 0.6), 0.01), 0.01))


def test_growth_at_the_ends() -> None:
    arrived = spiral(-9.0, 8.0)
    assert growth_per_turn(arrived, 0.01) == -math.inf
    assert verdict(-math.inf, 0.01) == 1
    gone = spiral(0.5, 8.0)
    gone[-1] = math.nan
    assert verdict(growth_per_turn(gone, 0.01), 0.01) == -1
    assert growth_per_turn(np.zeros((20, 2)), 0.01) == -math.inf


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"method": "gan"}, -1),
        ({"method": "gan", "order": "alternating"}, 0),
        ({"method": "nsgan", "order": "simultaneous"}, 0),
        ({"method": "nsgan", "order": "alternating"}, 1),
        ({"method": "r1", "gamma": 0.3}, 1),
        ({"method": "wgan-gp"}, 0),
    ],
    ids=json.dumps,
)
def test_verdicts(options: dict[str, Any], expected: float) -> None:
    made = played(**{"start": [1.0, 1.0], **options})
    assert made.final["verdict"] == expected
    growth = theory.growth_per_turn({"step_size": STEP, **options})
    if options["method"] == "r1":
        assert made.final["growth_per_turn"] == pytest.approx(growth, rel=1e-3)


LINEAR: list[tuple[dict[str, Any], int]] = [
    ({"method": "r1", "objective": "wgan", "gamma": 0.3}, ROUNDS),
    ({"method": "r1", "objective": "wgan", "gamma": 0.3, "order": "alternating", "n_critic": 3}, 40),
    ({"method": "r2", "objective": "wgan", "gamma": 0.5, "update": "extragradient"}, 40),
    ({"method": "r2", "objective": "wgan", "gamma": 0.5, "update": "optimistic"}, 40),
    ({"method": "wgan", "clip": 50.0}, 100),
    ({"method": "wgan", "clip": 2.0, "order": "alternating", "first": "discriminator"}, 40),
    ({"method": "wgan", "clip": 50.0, "update": "consensus", "gamma": 0.2}, 40),
]


@pytest.mark.parametrize(("options", "rounds"), LINEAR, ids=json.dumps)
def test_a_linear_map_gives_the_distance(options: dict[str, Any], rounds: int) -> None:
    measured = played(rounds, traced=False, **options).final["distance"]
    whole = {"step_size": STEP, "start": (1.0, 1.0), **options}
    assert theory.linear_distance(whole, rounds) == pytest.approx(measured, rel=1e-9)


def test_no_linear_map_gives_the_distance_where_the_field_bends_or_the_clip_is_met() -> None:
    usual = {"step_size": STEP, "start": (1.0, 1.0)}
    for options in ({"method": "gan"}, {"method": "wgan", "clip": 1.0}, {"method": "wgan-gp", "gamma": 0.3}):
        assert theory.linear_distance(usual | options, ROUNDS) is None


@pytest.mark.parametrize("options", SETTINGS, ids=json.dumps)
def test_multipliers_are_those_of_the_update_map(options: dict[str, Any]) -> None:
    whole = {"step_size": STEP, **options}
    found, expected = theory.update_map(whole), theory.multipliers(whole)
    assert found is not None
    moduli = sorted(abs(np.linalg.eigvals(found)))
    assert moduli == pytest.approx(sorted(map(abs, expected or ())), abs=1e-7)


def test_the_critical_weight() -> None:
    assert theory.critical({"method": "r1", "gamma": 1.0})
    assert theory.critical({"method": "r2", "gamma": 2.0, "objective": "wgan"})
    assert not theory.critical({"method": "r1", "gamma": 0.3})
    assert not theory.critical({"method": "gan", "gamma": 1.0})


def test_nsgan_shrinks_like_one_over_the_root_of_the_rounds() -> None:
    path = iterated(fields("nsgan"), "generator first", rounds=8 * ROUNDS)
    early, late = growth_per_turn(path[: ROUNDS + 1], 0.01), growth_per_turn(path, 0.01)
    assert (early, late) == pytest.approx((-0.081, -0.0108), rel=0.01)
    assert late / early == pytest.approx(1 / 8, rel=0.1)


def test_wide_orbits_of_gan_with_five_discriminator_steps_shrink() -> None:
    path = iterated(fields("gan"), "generator first", k=5, rounds=8 * ROUNDS)
    ends = [np.linalg.norm(path[n - 100 : n + 1], axis=1).max() for n in (ROUNDS, 2 * ROUNDS, 8 * ROUNDS)]
    assert ends == pytest.approx([2.42, 2.35, 2.08], abs=0.01)
    assert -0.01 < growth_per_turn(path[: ROUNDS + 1], 0.01) < -0.001


# The report


def _game(found: Mapping[str, Any] | None = None, **options: Any) -> Game:
    whole = {
        "method": "gan", "objective": None, "start": [1.0, 1.0], "spread": 2.0, "step_size": STEP,
        "order": "simultaneous", "update": "plain", "first": None, "n_critic": 1, "gamma": None,
        "gp_target": None, "clip": None, "noise_std": None,
    } | options  # fmt: skip
    values = {"verdict": 1.0, "growth_per_turn": -0.5, "distance": 0.25} | dict(found or {})
    final = pd.DataFrame([{"quantity": name, "seed": 0, "value": value} for name, value in values.items()])
    part = SimpleNamespace(description={"diagnostics": []}, arrays=None)
    cohort: Any = SimpleNamespace(parts=[part], seeds_that=lambda _: [], part_with=lambda _: part)
    followed = pd.Series([math.sqrt(2), values["distance"]], index=[0, ROUNDS])
    return Game(cohort, with_usual_numbers(whole), final, followed)


def test_the_suites_labels_are_the_reports_words() -> None:
    suite = load_suite(Path(__file__).parents[1] / "suites" / "dirac.yaml")
    for chosen in suite.variants:
        assert _game(**chosen.options).words == chosen.label.replace("-1", "−1")


def test_words_tell_unusual_numbers() -> None:
    assert _game(method="r1", gamma=0.5).words == "R1 (γ 0.5) simultaneous"
    assert _game(method="r1").words == "R1 simultaneous"
    assert _game(method="r1").field_words == "R1 (γ 0.3)"
    assert _game(method="r1", gamma=1.0).field_words == "R1 critical (γ 1)"


def test_what_shrinks_where_theory_is_silent_shrinks_slowly() -> None:
    assert _game(order="alternating", method="nsgan").found == "shrinks slowly"
    assert _game(method="r1").found == "converges"
    assert _game({"verdict": 0.0}, order="alternating").found == "cycles"
    assert _game({"verdict": math.nan}).found == "undecided"


def test_the_clip_holds_wgan_and_the_field_of_nsgan_bends() -> None:
    cycles = {"verdict": 0.0, "growth_per_turn": 0.0}
    games = [_game(cycles, method="wgan"), _game(cycles, method="nsgan"), _game(method="r1")]
    words = _words(games)
    assert "as predicted in 1." in words
    assert (
        "WGAN simultaneous (the clip holds it); NSGAN simultaneous (away from (0, 0) the field bends)"
        in words
    )


def test_distances_are_told_as_derived_and_linear_ones_predicted() -> None:
    games = [_game({"distance": 3.0968}), _game(method="r1", objective="wgan"), _game(method="wgan-gp")]
    table = distances(games)
    assert table is not None
    assert [row[0] for row in table.rows] == ["GAN\u00a0simultaneous", "R1\u00a0on\u00a0WGAN simultaneous"]
    assert table.rows[0][3] == "3.0970 ± 0.0005 (derived)"
    assert table.rows[1][2] == "0.00905766"
    assert any("iterated in double precision" in note for note in table.notes)
    assert distances(games[2:]) is None


def test_r2_is_said_once() -> None:
    roots = {"eigenvalue_real_1": -0.15, "eigenvalue_imag_1": 0.477, "eigenvalue_real_2": -0.15}
    games = [_game(roots | {"eigenvalue_imag_2": -0.477}, method=name) for name in ("r1", "r2")]
    assert list(twins(games)) == ["R2 simultaneous"]
    table = eigenvalues(games)
    assert [row[:3] for row in table.rows] == [["R1 and R2 (γ 0.3)", "−0.150 ± 0.477i", "−0.150 ± 0.477i"]]
    other = _game({"distance": 0.3}, method="r2")
    assert not twins([games[0], other])


def test_the_quadrature_of_the_instance_noise_has_converged() -> None:
    variant = dirac(method="instance-noise", noise_std=1.6)
    game = variant.build(registry.get("dataset", "dirac").factory().info.spec)
    nodes, weights = (game.inputs[name].values for name in ("instance_noise", "real_weights"))  # type: ignore[union-attr]
    values = [float((weights * torch.sigmoid(p * (0.4 + nodes[:, 0]))).sum()) for p in (0.3, 1.0, 2.0)]
    exact = [
        float(HERMITE[1] @ (1 / (1 + np.exp(-p * (0.4 + 1.6 * HERMITE[0])))) / HERMITE[1].sum())
        for p in (0.3, 1.0, 2.0)
    ]
    np.testing.assert_allclose(values, exact, atol=1e-6)
    np.testing.assert_allclose(values[:2], exact[:2], atol=1e-9)
