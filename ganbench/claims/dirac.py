"""Dirac-GAN: published distances, and the eigenvalues and multipliers that theory predicts, in closed form.

θ̇ and ψ̇ are the published fields of Mescheder et al. 2018, in which the discriminator's sign is that of ψ.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ganbench.claims.claim import Claim, Where, register_claim

Pair = tuple[complex, complex]
Roots = tuple[complex, ...]
STEP_SIZE, UPDATES, START = 0.2, 500, (1.0, 1.0)
_ROUNDING = 1e-8
_SOURCE = "fields of Mescheder et al. 2018 (their notebook), iterated in double precision"
_DISTANCES = (
    ({"method": "gan", "order": "simultaneous"}, 3.097, 5e-4),
    ({"method": "gan", "order": "alternating"}, 1.421, 5e-4),
    ({"method": "nsgan", "order": "simultaneous"}, 0.6402, 5e-5),
    ({"method": "nsgan", "order": "alternating"}, 0.2839, 5e-5),
    ({"method": "r1", "gamma": 0.3, "order": "simultaneous"}, 2.643e-6, 5e-10),
    ({"method": "r1", "gamma": 0.3, "order": "alternating"}, 2.301e-7, 5e-11),
    ({"method": "gan", "order": "simultaneous", "start": (1.0, -1.0)}, 3.353, 5e-4),
    ({"method": "gan", "order": "alternating", "start": (1.0, -1.0)}, 1.495, 5e-4),
)
"""Setting, ‖(θ, ψ)‖ at the end, and half of its last digit."""
_PLAIN = {"start": START, "update": "plain", "n_critic": 1, "step_size": STEP_SIZE}
DISTANCES = tuple(
    Claim(
        f"{setting['method']} {setting['order']} from {setting.get('start', START)}",
        Where("dirac", {**_PLAIN, **setting}, "dirac", step=UPDATES),
        "distance",
        value,
        "derived",
        error,
        _SOURCE,
    )
    for setting, value, error in _DISTANCES
)
"""‖(θ, ψ)‖ at the end, to the digits given; D = ψx from (1, 1) is our D = −ψx from (1, −1)."""
NUMBERS: Mapping[str, Mapping[str, float]] = {
    "wgan": {"clip": 1.0},
    "wgan-gp": {"gamma": 0.3, "gp_target": 1.0},
    "instance-noise": {"noise_std": 0.7},
    "r1": {"gamma": 0.3},
    "r2": {"gamma": 0.3},
    "consensus": {"gamma": 1.0},
}
"""The usual numbers of a method and of an update rule: those that a setting has where it names none."""


_FIELDS: tuple[Mapping[str, Any], ...] = (
    {"method": "gan"},
    {"method": "nsgan"},
    {"method": "wgan"},
    {"method": "instance-noise"},
    {"method": "r1"},
    {"method": "r1", "gamma": 1.0},
    {"method": "r1", "objective": "wgan"},
    {"method": "r2"},
    {"method": "gan", "update": "consensus"},
)
"""The settings whose fields differ, of those that have a Jacobian at the equilibrium."""


@register_claim("dirac")
def dirac() -> tuple[Claim, ...]:
    """Distances after 500 updates from the published starts, and eigenvalues at the equilibrium."""
    return (*DISTANCES, *(claim for setting in _FIELDS for claim in _of_eigenvalues(setting)))


def _of_eigenvalues(setting: Mapping[str, Any]) -> Iterator[Claim]:
    usual = {**NUMBERS.get(setting["method"], {}), **NUMBERS.get(setting.get("update", "plain"), {})}
    options = {"update": "plain", **usual, **setting}
    found, words = eigenvalues(options), ", ".join(f"{key} {value}" for key, value in setting.items())
    assert found is not None
    for number, root in enumerate(found, 1):
        for part, value in (("real", root.real), ("imag", root.imag)):
            name = f"eigenvalue_{part}_{number}"
            where = Where("dirac", options, "dirac")
            yield Claim(f"{words}: {name}", where, name, value, "exact", _ROUNDING, "Mescheder et al. 2018")


def slope_at_zero(options: Mapping[str, Any]) -> float:
    """f′(0) of the objective: ½ for the logistic f(t) = −log(1 + e^(−t)), 1 for the identity of WGAN."""
    return 1.0 if _base(options) == "wgan" else 0.5


def damping(options: Mapping[str, Any]) -> float:
    """−∂ψ̇/∂ψ at the equilibrium: γ with R1 or R2, −2s²f″(0) = s²/2 with instance noise of std s."""
    method = options["method"]
    if method in ("r1", "r2"):
        return float(options["gamma"])
    if method == "instance-noise" and _base(options) != "wgan":
        return float(options["noise_std"]) ** 2 / 2
    return 0.0


def jacobian(options: Mapping[str, Any]) -> np.ndarray | None:
    """Of (θ̇, ψ̇) at (0, 0), [2, 2]; None for WGAN-GP, whose sign ψ jumps there.

    Consensus adds −γ JᵀJ, the gradient of its γ·½‖v‖².
    """
    if options["method"] == "wgan-gp":
        return None
    slope = slope_at_zero(options)
    plain = np.array([[0.0, -slope], [slope, -damping(options)]])
    return plain - options["gamma"] * plain.T @ plain if options.get("update") == "consensus" else plain


def eigenvalues(options: Mapping[str, Any]) -> Pair | None:
    """Of the field at the equilibrium, upper first; None where it has no Jacobian.

    Without a penalty ±i f′(0), with damping c −c/2 ± √(c²/4 − f′(0)²): so −γ/2 ± √(γ²/4 − ¼) with R1 and R2,
    −s²/4 ± √(s⁴/16 − ¼) with instance noise (exact, not only for small s), −γ/4 ± i/2 with consensus.
    """
    if options["method"] == "wgan-gp":
        return None
    slope = slope_at_zero(options)
    if options.get("update") == "consensus" and not damping(options):
        return _pair(-options["gamma"] * slope**2, -(slope**2))
    half = damping(options) / 2
    return _pair(0.0 - half, half**2 - slope**2)


def multipliers(options: Mapping[str, Any]) -> Roots | None:
    """Of one round of the update rule at the equilibrium, largest modulus first; None: no Jacobian.

    For an eigenvalue λ and steps of h: simultaneous 1 + hλ, extragradient 1 + hλ + h²λ², optimistic the roots
    of μ² − (1 + 2hλ)μ + hλ.  Alternating: those of the product of the players' linear steps.
    """
    found = eigenvalues(options)
    if found is None:
        return None
    h = float(options["step_size"])
    if options.get("update") == "extragradient":
        roots: list[complex] = [1 + h * v + (h * v) ** 2 for v in found]
    elif options.get("update") == "optimistic":
        roots = [root for v in found for root in _roots(1 + 2 * h * v, h * v)]
    elif options.get("order") == "alternating":
        whole = update_map(options)
        assert whole is not None
        roots = list(_roots(complex(np.trace(whole)), complex(np.linalg.det(whole))))
    else:
        roots = [1 + h * v for v in found]
    return tuple(sorted(roots, key=lambda root: (-round(abs(root), 12), -root.imag)))


def update_map(options: Mapping[str, Any]) -> np.ndarray | None:
    """One round of the update rule near the equilibrium, of (θ, ψ) [2, 2]; None where there is no Jacobian.

    Optimistic: of (θ, ψ) now and a round ago [4, 4].
    """
    found = jacobian(options)
    if found is None:
        return None
    one, step = np.eye(2), float(options["step_size"]) * found
    if options.get("update") == "optimistic":
        return np.block([[one + 2 * step, -step], [one, 0 * one]])
    if options.get("update") == "extragradient":
        return one + step + step @ step
    if options.get("order") != "alternating":
        return one + step
    generator, discriminator = one.copy(), one.copy()
    generator[0] += step[0]
    discriminator[1] += step[1]
    steps = np.linalg.matrix_power(discriminator, int(options.get("n_critic") or 1))
    return steps @ generator if (options.get("first") or "generator") == "generator" else generator @ steps


def linear_distance(options: Mapping[str, Any], rounds: int) -> float | None:
    """‖M^rounds (θ, ψ)‖ for the update map M; None where the field is not linear as far as the orbit goes.

    WGAN's field is linear, also with R1, R2 or instance noise, and so is its clipped one until |ψ| passes the
    clip.
    """
    clip = options.get("clip") if options["method"] == "wgan" else None
    step = update_map(options) if _base(options) == "wgan" else None
    if step is None or (clip is not None and options.get("update") == "extragradient"):  # its trial step
        return None
    place = np.tile(np.asarray(options["start"], dtype=float), len(step) // 2)
    for _ in range(rounds):
        place = step @ place
        if clip is not None and abs(place[1]) > clip:
            return None
    return float(np.linalg.norm(place[:2]))


def critical(options: Mapping[str, Any]) -> bool:
    """Whether R1's or R2's γ is 2f′(0): the eigenvalues meet, and nothing turns any more."""
    return options["method"] in ("r1", "r2") and bool(damping(options) == 2 * slope_at_zero(options))


def growth_per_turn(options: Mapping[str, Any]) -> float | None:
    """2π ln|μ|/|arg μ|: the growth of ln distance per turn near the equilibrium; None where nothing turns."""
    found = multipliers(options)
    if found is None or abs(found[0].imag) < 1e-12:
        return None
    return 2 * cmath.pi * cmath.log(found[0]).real / abs(cmath.phase(found[0]))


def local_stability(options: Mapping[str, Any], tolerance: float = 1e-9) -> str:
    """What the multipliers say of the smallest neighbourhood: attracts, repels, neutral or undefined."""
    found = multipliers(options)
    if found is None:
        return "undefined"
    excess = abs(found[0]) - 1
    return "neutral" if abs(excess) <= tolerance else "repels" if excess > 0 else "attracts"


def published_distance(options: Mapping[str, Any]) -> Claim | None:
    """The published end of a run with these options (all of them); None where there is none."""
    for entry in DISTANCES:
        if all(_same(options.get(name), value) for name, value in entry.where.options.items()):
            usual = options.get("first") in (None, "generator") and options.get("objective") in (None, "gan")
            return entry if usual else None
    return None


def _base(options: Mapping[str, Any]) -> str:
    method = str(options["method"])
    if method in ("instance-noise", "r1", "r2"):
        return str(options.get("objective") or "gan")
    return "wgan" if method == "wgan-gp" else method


def _pair(real: float, square: float) -> Pair:
    """real ± √square, upper first; the larger first where both are real."""
    root = cmath.sqrt(square)
    return complex(real + root.real, root.imag), complex(real - root.real, -root.imag)


def _roots(total: complex, product: complex) -> Pair:
    """The roots of μ² − total·μ + product."""
    half = cmath.sqrt(total**2 / 4 - product)
    return total / 2 + half, total / 2 - half


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple):
        return tuple(one) == tuple(other)
    return bool(one == other)
