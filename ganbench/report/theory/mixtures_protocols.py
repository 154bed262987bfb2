"""The protocols of the literature on mixtures beside a run's own, setting by setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from ganbench.claims.mixtures import PROTOCOLS, Protocol
from ganbench.report.tables import Table
from ganbench.report.theory.mixtures_courses import Course

_LOSSES: Mapping[str, str] = {"nsgan": "non-saturating", "pacgan": "non-saturating", "gan": "saturating"}
_NAMED = 3
"""More variants than this are counted, not named."""


def protocols_table(courses: Sequence[Course]) -> Table:
    """A row a setting: what each publication had, and what this run had."""
    rows = [[name, *(_theirs(p, name) or "–" for p in PROTOCOLS), _said(courses, name)] for name in _OURS]
    header = ["setting", *(p.name for p in PROTOCOLS), "this run"]
    notes = [
        "Sources: " + "; ".join(f"{p.name}: {p.source}" for p in PROTOCOLS) + ". –: not stated there, or not "
        "looked up. What the variants of this run share stands first. High quality is within 3σ for all; of "
        "these publications only PacGAN's results are known as numbers with errors, and none on the grid."
    ]
    frame = pd.DataFrame(rows, columns=header)
    left = frozenset(range(len(header)))
    caption = "Protocols of the literature, and this run's"
    return Table("mixtures-protocols", caption, header, rows, frame, notes, left)


def deviations(protocol: Protocol, courses: Sequence[Course]) -> list[str]:
    """Every setting in which courses differ from a publication, with both versions."""
    names = ["ring", *(name for name in protocol.settings if name != "grid")]
    pairs = [(name, _said(courses, name), _theirs(protocol, name)) for name in names]
    return [f"{name} {ours} (theirs: {theirs})" for name, ours, theirs in pairs if ours != theirs]


def _theirs(protocol: Protocol, name: str) -> str:
    if name == "ring":
        return "" if protocol.ring is None else _ring(*protocol.ring)
    return protocol.settings.get(name, "")


def _said(courses: Sequence[Course], name: str) -> str:
    """A setting of several variants: the commonest value, then the others with whose they are."""
    groups: dict[str, dict[str, None]] = {}
    for course in courses:
        if text := _OURS[name](course):
            groups.setdefault(text, {})[course.variant] = None
    variants = {course.variant for course in courses}
    shared = name in ("ring", "grid") or variants == {v for group in groups.values() for v in group}
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    return "; ".join(
        text if shared and not i else f"{text} ({_who(list(of))})" for i, (text, of) in enumerate(ordered)
    )


def _who(variants: Sequence[str]) -> str:
    return ", ".join(variants) if len(variants) <= _NAMED else f"{len(variants)} variants"


def _ring(radius: float, sigma: float) -> str:
    return f"radius {radius:.3g}, σ {sigma:.3g}"


def _own_ring(course: Course) -> str:
    options = course.data.options
    return _ring(options["radius"], options["sigma"]) if course.data.name == "ring8" else ""


def _own_grid(course: Course) -> str:
    options = course.data.options
    if course.data.name != "grid25":
        return ""
    places = [(i - (options["side"] - 1) / 2) * options["spacing"] for i in range(options["side"])]
    line = ", ".join(f"{place:g}" for place in places).replace("-", "−")
    return f"{{{line}}}², σ {options['sigma']:g}"


def _noise(course: Course) -> str:
    count = course.options.get("latent_dim")
    return "" if count is None else f"{count} numbers"


def _network(player: str) -> Callable[[Course], str]:
    def text(course: Course) -> str:
        network = course.options.get("network")
        if not isinstance(network, Mapping):
            return str(network or "")
        options = network.get("options") or {}
        if network.get("name") != "mlp" or not {"activation", "width", "depth"} <= set(options):
            return str(network.get("name"))
        norm = options.get(f"{player}_norm", "none")
        shape = f"{options['activation']} {options['width']}×{options['depth']}"
        return shape if norm == "none" else f"{shape}, {norm} norm"

    return text


def _loss(course: Course) -> str:
    saturating = course.options.get("saturating")
    if isinstance(saturating, bool):
        return "saturating" if saturating else "non-saturating"
    return _LOSSES.get(course.method, "each variant's own")


def _optimizer(course: Course) -> str:
    given, rate = course.options.get("optimizer"), course.options.get("learning_rate")
    name, options = next(iter(given.items())) if isinstance(given, Mapping) and given else (given, {})
    if not name or rate is None:
        return str(name or "")
    greek = {"beta1": "β₁", "beta2": "β₂"}
    extra = ", ".join(f"{greek.get(k, k)} {v:g}" for k, v in (options or {}).items() if v is not None)
    other = course.options.get("discriminator_learning_rate")
    rates = _rate(rate) if other is None else f"D {_rate(other)}, G {_rate(rate)}"
    return f"{str(name).capitalize()} {rates}" + (f" ({extra})" if extra else "")


def _rate(value: float | Mapping[str, Any]) -> str:
    """As 1e-3, the way papers write it; a schedule as 1e-3 → 0 (linear)."""
    if isinstance(value, Mapping):
        ((shape, given),) = value.items()
        if shape == "warm_up":
            return f"{_rate(given['then'])} after a warm-up"
        return f"{_rate(given['from'])} → {_rate(given['to'])} ({shape})"
    digits, _, power = f"{value:e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def _updates(course: Course) -> str:
    rule, critic = course.options["update"], int(course.options.get("n_critic") or 1)
    if rule["name"] == "unrolled":
        return f"{rule['options']['steps']} unrolling steps"
    return f"{critic} critic steps" if critic > 1 else str(rule["name"])


def _penalty(course: Course) -> str:
    weights = ((sign, course.options.get(option)) for option, sign in (("gp_weight", "λ"), ("gamma", "γ")))
    return "; ".join(f"{sign} {weight:g}" for sign, weight in weights if weight is not None)


def _batch(course: Course) -> str:
    size, packing = course.options.get("batch_size"), int(course.options.get("packing") or 1)
    return str(size or "") if packing == 1 else f"{size} packs of {packing}"


def _steps(course: Course) -> str:
    budget = course.cohort.budget
    return f"{budget.amount:,.0f}" if budget.unit == "steps" else str(budget)


_OURS: Mapping[str, Callable[[Course], str]] = {
    "ring": _own_ring,
    "grid": _own_grid,
    "noise": _noise,
    "generator": _network("generator"),
    "discriminator": _network("discriminator"),
    "generator's loss": _loss,
    "optimizer": _optimizer,
    "updates": _updates,
    "penalty": _penalty,
    "batch": _batch,
    "steps": _steps,
    "samples": lambda course: f"{course.data.samples:,}",
    "runs": lambda course: str(course.seeds),
}
