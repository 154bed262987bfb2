"""Two sides and their comparison, made by hand: every verdict can be planted in any cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.effects import Effect
from ganbench.analysis.statistics import summarize
from ganbench.comparison.model import (
    Cell,
    CellDecision,
    CellStatus,
    Comparison,
    Decision,
    Judgement,
    Key,
    PrimaryTest,
    RateTest,
    Row,
    Rules,
    Side,
    Suspect,
    Values,
    Verdict,
    VerdictKind,
)
from ganbench.quantities import Quantity

KINDS: tuple[VerdictKind, ...] = (
    "worse", "better", "no difference", "too small to matter", "insufficient", "not comparable"
)  # fmt: skip
PRIMARIES = {
    "ring8": Quantity("mode_total_variation", "Total variation over modes", "", "lower", "linear", 0.02),
    "digits": Quantity("frechet_distance", "Fréchet distance", "", "lower", "log", 0.1),
    "curve": Quantity("support_precision", "Precision on the support", "", "higher", "linear", 0.02),
    "dirac": Quantity("decay_rate", "Rate of decay", "1/step", "target", "linear", 0.01, target=0.5),
}
"""By the place of a data set among the fake's; a fifth is like the first."""
OTHERS = (
    Quantity("recall", "Recall", "", "higher", "linear", 0.02),
    Quantity("path_length", "Length of the path", "", "none"),
    Quantity("training_seconds", "Training time of one trial", "s", "none", timing=True),
)
SHIFTS: Mapping[str, float] = {"worse": 3.0, "better": -3.0, "too small to matter": 0.4, "insufficient": 1.0}
"""How many standard deviations the new side is worse by."""
TIES = ("device type: cpu against cuda", "budget: 1,024,000 images against 512,000 images")
CODES: Mapping[str, int] = {"pass": 0, "regression": 1, "incomplete": 3, "not comparable": 4}


@dataclass(frozen=True)
class Fake:
    """What to make; cells that `kinds` leaves out take the six verdicts in turn."""

    variants: tuple[str, ...] = ("nsgan", "wgan-gp[gp_weight=10]", "lsgan")
    datasets: tuple[str, ...] = ("ring8", "digits")
    base_seeds: int = 20
    new_seeds: int = 10
    kinds: Mapping[Key, VerdictKind] = field(default_factory=dict)
    diverged: Mapping[Key, int] = field(default_factory=dict)
    """How many of the new side's seeds diverged in a cell."""
    only_base: tuple[Key, ...] = ()
    only_new: tuple[Key, ...] = ()
    notes: tuple[str, ...] = ("torch 2.6.0 against 2.7.1", "CPU: Xeon 8370C against EPYC 7763")
    exit_code: int | None = None
    reason: str = ""
    suspects: bool = True

    def kind(self, variant: str, dataset: str) -> VerdictKind:
        """The verdict on a cell's primary quantity."""
        place = self.variants.index(variant) * len(self.datasets) + self.datasets.index(dataset)
        return self.kinds.get((variant, dataset), KINDS[place % len(KINDS)])

    def lost(self, cell: CellDecision) -> int:
        """How many of a cell's new seeds diverged."""
        return self.diverged.get((cell.variant, cell.dataset), 0)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The cells of both sides, in order."""
        return tuple((v, d) for d in self.datasets for v in self.variants)


def primary_of(fake: Fake, dataset: str) -> Quantity:
    """The primary quantity of a data set, by its place."""
    kinds = list(PRIMARIES.values())
    return PRIMARIES.get(dataset, kinds[fake.datasets.index(dataset) % len(kinds)])


def comparison(fake: Fake) -> Comparison:
    """The comparison that a fake describes."""
    rng = np.random.default_rng(7)
    values = {
        (v, d, q.name): _values(fake, v, d, q, rng)
        for v, d in fake.keys
        for q in (primary_of(fake, d), *OTHERS)
    }
    rows = tuple(
        _row(fake, v, d, q, *values[v, d, q.name])
        for v, d in fake.keys
        for q in (primary_of(fake, d), *OTHERS)
    )
    sides = [_side(fake, values, which) for which in (0, 1)]
    return Comparison(
        base=sides[0],
        new=sides[1],
        rows=rows,
        differences={key: TIES for key in fake.keys if fake.kind(*key) == "not comparable"},
        notes=fake.notes,
        only_base=fake.only_base,
        only_new=fake.only_new,
        decision=_decision(fake, rows),
    )


def effect_of(base: np.ndarray, new: np.ndarray, quantity: Quantity) -> Effect:
    """The median of all differences (or ratios), between rough quantiles; infinite where seeds diverged."""
    log = quantity.scale == "log"
    turned = [np.abs(x - (quantity.target or 0.0)) if quantity.target is not None else x for x in (base, new)]
    worst = -np.inf if quantity.direction == "higher" else np.inf
    a, b = (np.where(np.isnan(x), worst, np.log(x) if log else x) for x in turned)
    with np.errstate(invalid="ignore"):
        differences = np.sort((b[None, :] - a[:, None]).ravel())
    differences[np.isnan(differences)] = worst
    spread = 0.5 * (1 - 1.1 * math.sqrt((1 / base.size + 1 / new.size) / 3) * 1.96)
    alone = min(base.size, new.size) < 4
    places = (0.5, 0.0 if alone else 1 - max(spread, 0) - 0.5, 1.0 if alone else 0.5 + max(0.5 - spread, 0.1))
    found = [float(differences[min(int(p * differences.size), differences.size - 1)]) for p in places]
    middle, low, high = found[0], min(found), max(found)
    low, high = (-math.inf, math.inf) if alone else (low, high)
    unlogged = (lambda x: float(np.exp(x))) if log else float
    return Effect(unlogged(middle), unlogged(low), unlogged(high), 0.0 if alone else 0.953)


def _values(
    fake: Fake, variant: str, dataset: str, quantity: Quantity, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Both sides' values; the new one's are shifted as the verdict asks, on the primary alone."""
    own = quantity.name == primary_of(fake, dataset).name
    shift = SHIFTS.get(fake.kind(variant, dataset), 0.0) if own else 0.0
    level = 1 + 0.15 * fake.variants.index(variant)
    base, new = rng.normal(size=fake.base_seeds), rng.normal(size=fake.new_seeds) + shift
    sign = -1.0 if quantity.direction == "higher" else 1.0
    around = 0.5 * level if quantity.target is None else quantity.target + 0.12
    pair = [
        level * np.exp(0.15 * x) if quantity.scale == "log" else around + sign * 0.03 * x for x in (base, new)
    ]
    pair[1][: fake.diverged.get((variant, dataset), 0)] = np.nan
    return np.round(pair[0], 9), np.round(pair[1], 9)


def _row(
    fake: Fake, variant: str, dataset: str, quantity: Quantity, base: np.ndarray, new: np.ndarray
) -> Row:
    primary = quantity.name == primary_of(fake, dataset).name
    kind: VerdictKind = fake.kind(variant, dataset) if primary else "no difference"
    if quantity.timing or fake.kind(variant, dataset) == "not comparable":
        kind = "not comparable"
    shown = kind != "not comparable"
    return Row(
        variant=variant,
        dataset=dataset,
        quantity=quantity,
        primary=primary,
        base=summarize(base, quantity.direction, quantity.target),
        new=summarize(new, quantity.direction, quantity.target),
        base_values=dict(enumerate(base.tolist())),
        new_values=dict(enumerate(new.tolist(), start=100)),
        effect=effect_of(base, new, quantity) if shown else None,
        improvement=(0.31, 0.13, 0.56) if shown and quantity.direction != "none" else None,
        p_worse=0.0004 if kind == "worse" else 0.4 if shown else None,
        p_better=0.0006 if kind == "better" else 0.6 if shown else None,
        adjusted=(0.0098 if kind in ("worse", "better") else 0.812) if shown else None,
        family="primaries" if primary else "suspects",
        smallest=1 / math.comb(base.size + new.size, new.size) if shown else None,
        detectable=(
            1.173 if quantity.scale == "log" else -0.0417 if quantity.direction == "higher" else 0.0417
        )
        if shown and primary
        else None,
        verdict=Verdict(kind, _words(kind, quantity)),
    )


def _words(kind: VerdictKind, quantity: Quantity) -> str:
    if kind == "not comparable":
        reason = "timings are compared on equal hardware only" if quantity.timing else "; ".join(TIES)
        return f"not comparable ({reason})"
    return {
        "worse": "worse by 0.0912 [0.0702, 0.113]",
        "better": "better by 0.0873 [0.0661, 0.109]",
        "no difference": "no difference seen (could have seen 0.0417)",
        "too small to matter": "worse, by less than the 0.02 that matters",
        "insufficient": "insufficient evidence: p cannot go below 0.022; 14 new seeds would do",
    }[kind]


def _side(
    fake: Fake, values: Mapping[tuple[str, str, str], tuple[np.ndarray, np.ndarray]], which: int
) -> Side:
    extra = (fake.only_base, fake.only_new)[which]
    cells = {key: _cell(fake, key, values, which) for key in fake.keys}
    primary, budget = primary_of(fake, fake.datasets[0]).name, Budget("images", 1_024_000.0)
    cells |= {(v, d): Cell(v, d, budget, {}, {}, {0: "finished"}, {}, {}, primary) for v, d in extra}
    return Side(
        name=("main, 20 seeds", "my change")[which],
        source=("results/baselines/ci.json", "runs/my-change")[which],
        created=("2026-10-01T09:12:44", "2026-11-22T08:30:00")[which],
        environment={
            "python": "3.12.4",
            "torch": ("2.6.0", "2.7.1")[which],
            "cpu": ("Xeon 8370C", "EPYC 7763")[which],
            "git": {"commit": ("3f9c2a7be1d04c55", "91ab00de1d04c5ff")[which], "dirty": bool(which)},
        },
        cells=cells,
    )


def _cell(
    fake: Fake, key: Key, values: Mapping[tuple[str, str, str], tuple[np.ndarray, np.ndarray]], which: int
) -> Cell:
    mine = {q: pair[which] for (v, d, q), pair in values.items() if (v, d) == key}
    primary, start = primary_of(fake, key[1]), 100 * which
    seeds = {start + i: "finished" for i in range((fake.base_seeds, fake.new_seeds)[which])}
    lost = fake.diverged.get(key, 0) if which else 0
    seeds |= {start + i: "diverged" for i in range(lost)}
    return Cell(
        variant=key[0],
        dataset=key[1],
        budget=Budget("images", 1_024_000.0),
        conditions={"device type": "cpu", "precision": "float32", "budget": "1,024,000 images"},
        circumstances={"CPU": ("Xeon 8370C", "EPYC 7763")[which]},
        outcomes=seeds,
        values={
            q: Values(dict(enumerate(x.tolist(), start=start)), '{"version":1}') for q, x in mine.items()
        },
        declared={q.name: q for q in (primary, *OTHERS)},
        primary=primary.name,
    )


def _decision(fake: Fake, rows: tuple[Row, ...]) -> Decision:
    kinds = {fake.kind(*key) for key in fake.keys}
    lead = {"not comparable": 4, "worse": 1, "insufficient": 5}
    code = (
        next((c for kind, c in lead.items() if kind in kinds), 0)
        if fake.exit_code is None
        else fake.exit_code
    )
    word = {0: "pass", 1: "regression", 3: "incomplete", 4: "not comparable", 5: "insufficient evidence"}[
        code
    ]
    by_kind = {k: [f"{v} on {d}" for v, d in fake.keys if fake.kind(v, d) == k] for k in KINDS}
    return Decision(
        exit_code=code,
        word=word,
        reasons=(fake.reason or f"{word}: as planted",),
        judgements=tuple(_judgement(fake, v, rows) for v in fake.variants),
        rates=_rates(fake),
        suspects=_suspects(fake, rows) if fake.suspects else (),
        insufficient=tuple(f"{cell}: 14 new seeds would do" for cell in by_kind["insufficient"]),
        incomplete=("nsgan on ring8: 2 seeds timed out",) if code == 3 else (),
        incomparable=tuple(f"{cell}: {'; '.join(TIES)}" for cell in by_kind["not comparable"]),
        without_baseline=tuple(f"{v} on {d}" for v, d in fake.only_new),
        notes=fake.notes,
        rules=Rules(),
        cells=_cells(fake, rows),
    )


def _cells(fake: Fake, rows: tuple[Row, ...]) -> tuple[CellDecision, ...]:
    status: Mapping[str, CellStatus] = {
        "worse": "regression", "insufficient": "insufficient evidence", "not comparable": "not comparable"
    }  # fmt: skip
    found = [
        CellDecision(r.variant, r.dataset, r.quantity.name, status.get(r.verdict.kind, "pass"), r.verdict)
        for r in rows
        if r.primary
    ]
    red = [replace(c, status="regression", notes=("diverges more often",)) for c in found if fake.lost(c) > 3]
    red += [c for c in found if fake.lost(c) <= 3]
    gone = Verdict("not comparable", "not comparable (gone: BASE has it, NEW has not)")
    return (
        *red,
        *(CellDecision(v, d, "", "not comparable", gone) for v, d in fake.only_base),
        *(
            CellDecision(v, d, "", "no baseline", replace(gone, words="no baseline yet"))
            for v, d in fake.only_new
        ),
    )


def _judgement(fake: Fake, variant: str, rows: tuple[Row, ...]) -> Judgement:
    mine = [r for r in rows if r.variant == variant and r.primary and r.effect is not None]
    tests = [_test(r) for r in mine]
    if len(tests) > 1:
        tests.append(PrimaryTest(None, 0.021, 1e-9, 0.567, None, math.nan, 0.02, None))
    best = min((t.p for t in tests), default=1.0)
    return Judgement(
        variant, tuple(tests), best, min(1.0, 27 * best), 0.04 / 27,
        tuple(r.dataset for r in mine if r.verdict.kind == "worse"),
        tuple(r.dataset for r in mine if r.verdict.kind == "better"),
    )  # fmt: skip


def _test(row: Row) -> PrimaryTest:
    p, margin = row.p_worse or 0.0, row.quantity.smallest_difference or 0.0
    smallest, adjusted = row.smallest or 0.0, min(1.0, 27 * p)
    return PrimaryTest(row.dataset, p, smallest, adjusted, row.effect, 0.0912, margin, row.detectable)


def _rates(fake: Fake) -> tuple[RateTest, ...]:
    found = []
    for (v, d), lost in fake.diverged.items():
        p = 10.0**-lost
        found.append(
            RateTest(
                v, d, "divergence", 0, fake.base_seeds, lost, fake.new_seeds, p, 1e-7, min(1, 6 * p), lost > 3
            )
        )
    return tuple(found)


def _suspects(fake: Fake, rows: tuple[Row, ...]) -> tuple[Suspect, ...]:
    recall = [r for r in rows if r.quantity.name == "recall" and r.effect is not None]
    answers = (None, True, False)
    return tuple(
        Suspect(
            r.variant,
            r.dataset,
            "recall",
            0.0031,
            0.0217,
            r.effect,
            answer,
            None if answer is None else 0.019,
        )
        for r, answer in zip(recall, answers, strict=False)
        if r.effect is not None
    )
