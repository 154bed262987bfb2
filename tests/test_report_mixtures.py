"""The section on mixtures of Gaussians: a perfect sampler, published results, the claim, what is too good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganbench.analysis.cohorts import Budget, Cohort, Part
from ganbench.analysis.run import Run, load_run
from ganbench.claims import mixtures as known
from ganbench.claims.mixtures import COLLAPSE, PERFECT, PROTOCOLS, perfect_sampler, variation_without_none
from ganbench.quantities import Quantity
from ganbench.report.style import looks, styled
from ganbench.report.theory import SECTIONS, mixtures
from ganbench.report.theory import mixtures_claim as claim
from ganbench.report.theory import mixtures_perfect as perfect
from ganbench.report.theory import mixtures_protocols as protocols
from ganbench.report.theory import mixtures_results as results
from ganbench.report.theory import mixtures_saturation as saturation
from ganbench.report.theory.mixtures_courses import KL, MODES, QUALITY, VARIATION, Course, mean, read

SHARE = -math.expm1(-4.5)
RING = {"modes": 8, "radius": 2.5, "sigma": 0.01}
GRID = {"side": 5, "spacing": 2.0, "sigma": 0.05}
NETWORK = {"name": "mlp", "options": {"activation": "tanh", "width": 128, "depth": 2}}
OPTIONS = {
    "network": NETWORK,
    "latent_dim": 256,
    "batch_size": 256,
    "optimizer": {"adam": {"beta1": 0.5}},
    "learning_rate": 1e-3,
    "update": {"name": "alternating", "options": {}},
    "n_critic": 1,
}
REAL = {MODES: 8.0, QUALITY: 0.9888, KL: 0.00119, VARIATION: 0.026}
STEPS = (0, 2500, 5000)


class Trained:
    """One made-up cohort; every value [seeds][steps], or one number for all."""

    def __init__(
        self,
        name: str,
        modes: Any = 8,
        variation: Any = 0.05,
        quality: Any = 0.98,
        kl: Any = 0.01,
        *,
        label: str = "",
        seeds: int = 4,
        steps: Sequence[int] = STEPS,
        budget: float | None = None,
        data: str = "ring8",
        options: dict[str, Any] | None = None,
        data_options: dict[str, Any] | None = None,
    ) -> None:
        self.name, self.label, self.data, self.steps = name, label or name, data, tuple(steps)
        shape = (seeds, len(steps))
        given = {MODES: modes, VARIATION: variation, QUALITY: quality, KL: kl}
        self.values = {what: np.broadcast_to(np.asarray(v, float), shape) for what, v in given.items()}
        self.options = OPTIONS | (options or {})
        self.data_options = (RING if data == "ring8" else GRID) if data_options is None else data_options
        self.budget = Budget("steps", float(budget or self.steps[-1]))

    def cohort(self) -> Cohort:
        seeds = list(range(len(self.values[MODES])))
        description = {
            "dataset": {"name": self.data, "label": self.data, "options": self.data_options},
            "variant": {"name": self.name, "label": self.label, "options": self.options},
            "seeds": seeds,
        }
        part = Part(self.label, Path("nowhere"), description, {"status": "finished"})
        return Cohort(self.label, self.data, self.budget, (part,))

    def records(self) -> list[dict[str, Any]]:
        rows = []
        for what, table in self.values.items():
            for (seed, point), value in np.ndenumerate(table):
                at = {"step": self.steps[point], "final": point == len(self.steps) - 1, "point": point}
                common = {"variant": self.label, "dataset": self.data, "seed": seed, **at}
                rows.append({**common, "quantity": what, "value": value, "reference": REAL[what]})
        return rows


def run_of(*trained: Trained, about: Sequence[str] = ()) -> Run:
    protocol = {"samples": 2500, "within_sigmas": 3.0, "version": 1}
    declared = {VARIATION: Quantity(VARIATION, "TV", smallest_difference=0.05, protocol=protocol)}
    modes = {each.data: 25 if each.data == "grid25" else 8 for each in trained}
    return Run(
        path=Path("nowhere"),
        about={"suite": {"variants": [each.label for each in trained], "datasets": list(modes)}},
        declared=declared,
        declared_on={},
        datasets={label: {"modes": count, "label": label} for label, count in modes.items()},
        cohorts=tuple(each.cohort() for each in trained),
        records=pd.DataFrame([row for each in trained for row in each.records()]),
    )


def course(*given: Any, **more: Any) -> Course:
    return read(run_of(Trained(*given, **more)))[0]


# The law of a perfect sampler


@pytest.mark.parametrize(("modes", "samples", "share"), [(2, 3, 0.7), (3, 4, 0.9)])
def test_the_total_variations_moments_are_those_of_all_outcomes(
    modes: int, samples: int, share: float
) -> None:
    probabilities = [share / modes] * modes + [1 - share]
    values, weights = [], []
    for outcome in product(range(modes + 1), repeat=samples):
        counts = np.bincount(outcome, minlength=modes + 1) / samples
        values.append((np.abs(counts[:-1] - 1 / modes).sum() + counts[-1]) / 2)
        weights.append(math.prod(probabilities[each] for each in outcome))
    law = perfect_sampler(modes, samples, share)["mode_total_variation"]
    average = np.average(values, weights=weights)
    assert law.mean == pytest.approx(average, rel=1e-12)
    assert law.spread == pytest.approx(math.sqrt(np.average((values - average) ** 2, weights=weights)))


@pytest.mark.parametrize("modes", [8, 25])
def test_the_laws_are_those_of_draws(modes: int) -> None:
    draws = np.random.default_rng(3).multinomial(2500, [SHARE / modes] * modes + [1 - SHARE], 40_000)
    good = draws[:, :-1].sum(1, keepdims=True)
    share = draws[:, :-1] / good
    drawn = {
        QUALITY: good[:, 0] / 2500,
        KL: (share * np.log(share * modes)).sum(1),
        VARIATION: (np.abs(draws[:, :-1] / 2500 - 1 / modes).sum(1) + draws[:, -1] / 2500) / 2,
    }
    for what, law in perfect_sampler(modes, 2500, SHARE).items():
        assert law.mean == pytest.approx(drawn[what].mean(), rel=0.006), what
        assert law.spread == pytest.approx(drawn[what].std(), rel=0.02), what


def test_the_published_means_follow_from_the_law() -> None:
    law = perfect_sampler(8, 2500, SHARE)
    published = {each.measured: each.expected for each in PERFECT}
    assert law[QUALITY].mean == pytest.approx(published[QUALITY], abs=5e-6)
    assert law[KL].mean == pytest.approx(published[KL], abs=5e-5)
    assert law[QUALITY].spread == pytest.approx(known.ONE_RUN, abs=5e-4)
    assert variation_without_none(8, 2500) == pytest.approx(published[VARIATION], abs=5e-4)
    assert law[VARIATION].mean == pytest.approx(0.0271, abs=5e-5), "a class for no mode makes a difference"
    assert perfect_sampler(25, 2500, SHARE)[VARIATION].mean == pytest.approx(0.0447, abs=5e-5)


def test_real_data_beside_the_law() -> None:
    data = course("nsgan").data
    table = perfect.perfect_table([data])
    assert table is not None
    assert [row[3] for row in table.rows] == ["0.98889 (derived)", "0.0014 (derived)", "0.021 (derived)"]
    assert table.rows[2][2:6] == ["0.0271", "0.021 (derived)", "0.0260", "−0.00107"]
    assert table.rows[2][7:] == ["−0.2", "+0.00500"]
    notes = " ".join(table.notes)
    assert "exactly 0.0211" in notes
    assert "the same for all variants and seeds" in notes
    assert "Real data score as predicted" in next(perfect.perfect_words([data]))


def test_real_data_that_are_off_are_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REAL, QUALITY, 0.982)
    (text,) = perfect.perfect_words([course("nsgan").data])
    assert "do not score as a perfect sampler should" in text
    assert "high-quality fraction on ring8 (−3.3)" in text


def test_published_means_stand_only_beside_their_own_setting() -> None:
    grid = course("nsgan", data="grid25").data
    assert perfect.published(grid, QUALITY) is not None
    assert perfect.published(grid, VARIATION) is None
    table = perfect.perfect_table([grid])
    assert table is not None
    assert "0.0211" not in " ".join(table.notes)


# Where the section applies


@pytest.mark.parametrize(
    ("data", "options", "applies"),
    [
        ("ring8", RING, True),
        ("ring8", {"modes": 8, "radius": 2.0, "sigma": 0.02}, True),
        ("ring8", {"modes": 8, "radius": 2.0, "sigma": 0.1}, False),
        ("ring8", {"modes": 7, "radius": 2.0, "sigma": 0.02}, False),
        ("ring8", {}, False),
        ("grid25", GRID, True),
        ("grid25", {**GRID, "sigma": 0.2}, False),
        ("random_mixture", {"weights": "equal"}, False),
    ],
)
def test_the_section_is_for_the_literatures_mixtures(data: str, options: Any, applies: bool) -> None:
    assert bool(read(run_of(Trained("nsgan", data=data, data_options=options)))) == applies


def test_another_kind_of_data_set_keeps_the_section_away() -> None:
    ring, other = Trained("nsgan"), Trained("nsgan", data="digits", data_options={})
    assert read(run_of(ring)) != []
    assert read(run_of(ring, other)) == []
    assert mixtures.section(run_of(ring, other), {}) is None
    assert mixtures.section in SECTIONS


# What is read from the records


def test_a_lost_seed_is_worse_than_every_number() -> None:
    lost = [[1, 0.5, 0.1], [1, 0.4, 0.2], [1, 0.3, np.nan]]
    modes = [[0, 8, 8], [0, 8, 8], [0, 7, np.nan]]
    found = course("nsgan", modes, lost, seeds=3)
    assert found.complete.tolist() == [0, 2, 2]
    assert found.saturated == 1
    assert found.median(VARIATION) == 0.2
    assert found.median(MODES, 1) == 8
    assert found.spread() == "0.200 [0.100, diverged]"
    assert found.apart() == 1, "0.1 and 0.2, and each and the lost one"
    assert found.apart(0) == 0
    two = course("nsgan", modes[1:], lost[1:], seeds=2)
    assert math.isnan(two.median(VARIATION))
    assert two.saturated is None, "one of two is not most"
    assert mean(found.last(VARIATION)).count == 2


def test_a_mean_and_its_error() -> None:
    found = mean(np.array([1.0, 2.0, 6.0, np.nan]))
    assert (found.value, found.count) == (3, 3)
    assert found.error == pytest.approx(math.sqrt(7 / 3))
    assert math.isnan(mean(np.array([1.0])).error)
    assert math.isnan(mean(np.array([np.nan])).value)


def test_the_largest_budget_is_the_full_one() -> None:
    short = Trained("gan", label="gan (2,500 steps)", steps=(0, 1250, 2500))
    full, tenth = read(run_of(Trained("nsgan"), short))
    assert (full.full, tenth.full) == (True, False)
    assert tenth.steps.tolist() == [0, 1250, 2500]


# The claim

APART = [[1, 0.3, 0.2], [1, 0.5, 0.4], [1, 0.7, 0.6], [1, 0.8, 0.8]]


def claimed(name: str = "nsgan", modes: Any = 8, variation: Any = None, **more: Any) -> list[claim.Moment]:
    return claim.moments([course(name, modes, APART if variation is None else variation, **more)])


def test_the_claim_speaks_of_three_methods_on_one_ring_at_some_steps() -> None:
    assert [each.step for each in claimed()] == [2500, 5000]
    assert [each.step for each in claimed("gan-r1", steps=(1999, 2000, 8000))] == [2000, 8000]
    assert claimed("wgan-gp") == claimed(data="grid25") == []
    assert claimed(data_options={"modes": 8, "radius": 1.0, "sigma": 0.01}) == []
    assert "is not tested" in claim.claim_words([])


def test_the_claim_holds() -> None:
    found = claimed()
    text = claim.claim_words(found)
    assert "“Mode counts saturate” held: at 2 of 2 measuring points (nsgan after 2,000 to 8,000" in text
    assert "“Single seeds mislead” held: at 2 of these 2" in text
    assert text.endswith("differ by more than what matters between variants.")
    table = claim.claim_table(found)
    assert table is not None
    assert table.rows[1] == ["nsgan", "5,000", "4 of 4", "0.500 [0.200, 0.800]", "100 %", "yes", "yes", "yes"]


@pytest.mark.parametrize(
    ("modes", "variation", "counts", "said"),
    [
        ([[0, 8, 7]] * 4, APART, "held in part: at 1 of 2", "Not all modes in most seeds: nsgan at 5,000."),
        (7, APART, "did not hold: at 0 of 2", "Not all modes in most seeds: nsgan at 2,500 and 5,000."),
        (8, 0.1, "did not hold: at 0 of 2", "already below 0.2: nsgan at 2,500 and 5,000."),
        (8, 0.95, "did not hold: at 0 of 2", "above 0.9: nsgan at 2,500 and 5,000."),
        (8, 0.5, "“Single seeds mislead” did not hold: at 0 of these 2", "Seeds alike: nsgan at"),
    ],
)
def test_the_claim_is_said_not_to_hold_where_it_does_not(
    modes: Any, variation: Any, counts: str, said: str
) -> None:
    text = claim.claim_words(claimed(modes=modes, variation=variation))
    assert counts in text
    assert said in text


def test_what_one_seed_would_say() -> None:
    """Of 2 × 2 pairs of seeds one (0.5 against 0.4) is in another order than the medians 0.3 and 0.5."""
    good = Trained("nsgan", [[8], [7]], [[0.1], [0.5]], seeds=2, steps=(5000,))
    bad = Trained("pacgan", [[8], [8]], [[0.4], [0.6]], seeds=2, steps=(5000,))
    text = " ".join(saturation.saturation_words("ring8", read(run_of(good, bad))))
    assert "1 of 2 variants have all modes in most seeds at some point; for 1 of these" in text
    assert "puts the one pair of full-budget variants there in another order" in text
    assert "in 25 % of cases (nsgan and pacgan); by the number of modes 50 % of such pairs" in text


def test_counts_that_are_worth_something_are_said_to_be() -> None:
    text = " ".join(saturation.saturation_words("ring8", [course("nsgan", 8, 0.03)]))
    assert "for none of these the median total variation is then still" in text
    assert "One seed" not in text
    none = " ".join(saturation.saturation_words("ring8", [course("nsgan", 7, 0.03)]))
    assert "no variant has all 8 modes in most seeds" in none


def test_the_tables_of_all_points() -> None:
    found = course("nsgan", [[0, 7, 8]] * 3 + [[0, 8, 8]], APART)
    table = saturation.saturation_table("ring8", [found])
    assert table.rows[0][2:] == ["5,000", "4 of 4", "0.500 [0.200, 0.800]"] * 1 + [
        "4 of 4",
        "0.500 [0.200, 0.800]",
        "100 %",
    ]
    points = saturation.points_table("ring8", [found])
    assert [row[1:4] for row in points.rows] == [
        ["0", "0 of 4", "0"],
        ["2,500", "1 of 4", "7"],
        ["5,000", "4 of 4", "8"],
    ]
    assert points.data["median"].tolist() == pytest.approx([1, 0.6, 0.5])


# Published results

PACGAN = {"packing": 2, "batch_size": 128}


def test_published_results_beside_ours() -> None:
    ours = Trained("nsgan", [[8], [8], [7], [7]], 0.1, 0.99, [[0.4], [0.5], [0.4], [0.5]], steps=(9,))
    packed = Trained("pacgan", 8, 0.1, 0.95, 0.07, steps=(9,), options=PACGAN)
    courses = read(run_of(ours, packed, Trained("wgan-gp", steps=(9,))))
    table = results.results_table(courses)
    assert table is not None
    assert len(table.rows) == 9
    assert table.rows[0] == [
        *("GAN", "modes recovered, of 8", "6.3 ± 0.5", "nsgan", "7.50 ± 0.29", "4 of 4", "+1.20*", "+2.1")
    ]
    assert table.rows[1][2:7] == ["98.2 ± 0.2 %", "nsgan", "99.00 ± 0.00 %", "4 of 4", "+0.80*"]
    assert table.rows[2][4:] == ["0.450 ± 0.029", "4 of 4", "+0.000", "0.0"]
    assert table.rows[4][2:7] == ["95.6 ± 2.0 %", "pacgan", "95.00 ± 0.00 %", "4 of 4", "−0.60"]
    assert table.rows[6][3:] == ["not in this run", "", "", "", ""]
    notes = " ".join(table.notes)
    for setting in ("ring radius 2.5", "noise 256 numbers (theirs: 2", "steps 9 (theirs: 400,000)"):
        assert setting in notes
    assert "batch 256; 128 packs of 2 (pacgan) (theirs: 100)" in notes
    assert "is 0.004 here and 0.01 there" in notes
    text = results.results_words(courses) or ""
    assert "Of our 6 numbers that stand beside PacGAN's, 4 are within its standard error" in text
    assert "+0.50 ± 0.29 modes (there +1.60), which two standard errors do not tell from none" in text
    assert "−0.38 ± 0.03 nats of reverse KL (there −0.38), better as there" in text


def test_packing_that_harms_is_said_to() -> None:
    alone = Trained("nsgan", kl=0.05, modes=8, steps=(9,))
    packed = Trained("pacgan", kl=0.5, modes=6, steps=(9,), options=PACGAN)
    text = results.results_words(read(run_of(alone, packed))) or ""
    assert text.count("worse, against what was published") == 2


def test_no_results_without_a_comparable_variant() -> None:
    for other in (Trained("wgan-gp"), Trained("nsgan", data="grid25")):
        courses = read(run_of(other))
        assert results.results_table(courses) is None
        assert results.results_words(courses) is None
    three = read(run_of(Trained("pacgan", options={"packing": 3})))
    assert results.results_table(three) is None


def test_what_was_run_as_published_deviates_in_nothing() -> None:
    later = PROTOCOLS[1]
    own = Trained("nsgan", seeds=10, steps=(0, 25_000))
    (found,) = read(run_of(own))
    assert protocols.deviations(later, [found]) == []
    for changes, deviation in (
        ({"batch_size": 64}, "batch 64 (theirs: 256)"),
        ({"learning_rate": 2e-4}, "optimizer Adam 2e-4 (β₁ 0.5) (theirs: Adam 1e-3 (β₁ 0.5))"),
        ({"latent_dim": 2}, "noise 2 numbers (theirs: 256 numbers)"),
    ):
        other = Trained("nsgan", seeds=10, steps=(0, 25_000), options=changes)
        assert protocols.deviations(later, read(run_of(other))) == [deviation]


def test_this_runs_protocol_says_who_differs() -> None:
    unrolled = {"update": {"name": "unrolled", "options": {"steps": 5}}, "saturating": True}
    courses = read(
        run_of(
            Trained("nsgan"),
            Trained("wgan-gp", options={"n_critic": 5, "gp_weight": 0.1}),
            Trained("unrolled-gan", options=unrolled, seeds=2),
            Trained("nsgan", data="grid25"),
        )
    )
    assert {name for p in PROTOCOLS for name in p.settings} < set(protocols._OURS)
    own = {row[0]: row[-1] for row in protocols.protocols_table(courses).rows}
    assert own["ring"] == "radius 2.5, σ 0.01"
    assert own["grid"] == "{−4, −2, 0, 2, 4}², σ 0.05" == PROTOCOLS[0].settings["grid"]
    assert own["updates"] == "alternating; 5 critic steps (wgan-gp); 5 unrolling steps (unrolled-gan)"
    assert own["penalty"] == "λ 0.1 (wgan-gp)"
    assert own["runs"] == "4; 2 (unrolled-gan)"
    assert own["generator's loss"].startswith("non-saturating; ")


# Too good to be true


def test_a_mean_above_the_bound_is_collapse() -> None:
    good = Trained("nsgan", quality=[[0.996], [0.994], [0.997], [0.995]], steps=(9,))
    fair = Trained("gan", quality=[[0.9895], [0.9875], [0.99], [0.9999]], steps=(9,))
    just = Trained("lsgan", quality=COLLAPSE, steps=(9,))
    one = Trained("wgan", quality=0.994, seeds=1, steps=(9,))
    lost = Trained("dragan", quality=np.nan, steps=(9,))
    courses = read(run_of(good, fair, just, one, lost))
    table = perfect.quality_table(courses)
    assert table is not None
    verdicts = [row[-1] for row in table.rows]
    assert verdicts == ["collapse within modes", "", "", "collapse within modes, if it is not chance", ""]
    assert table.rows[0][2:7] == ["4 of 4", "99.55 %", "0.06 %", "+6.3", "2"]
    assert table.rows[1][6] == "1", "a shrunken seed among fair ones"
    assert table.rows[3][3:5] == ["99.40 %", "–"]
    assert table.rows[4][2:5] == ["0 of 4", "–", "–"]
    text = perfect.quality_words(courses)
    assert "collapse within the modes, not excellence: on ring8 nsgan (99.55 %) and wgan (99.40 %)." in text
    assert "none is too good" in perfect.quality_words(courses[1:3])


# The whole section


def test_the_section_of_a_run() -> None:
    short = Trained("gan", label="gan (2,500 steps)", steps=(0, 2500))
    lost = Trained("dragan", np.nan, np.nan, np.nan, np.nan)
    grid = [Trained(name, data="grid25") for name in ("nsgan", "pacgan")]
    run = run_of(Trained("nsgan", 8, APART), Trained("pacgan", options=PACGAN), short, lost, *grid)
    with styled():
        section = mixtures.section(run, looks(run.variants))
    assert section is not None
    assert [part.title for part in section.parts] == [
        "A perfect sampler",
        "Published results",
        "Mode counts and total variation",
        "Too good to be true",
        "Every measuring point",
    ]
    assert [part.folded for part in section.parts] == [False] * 4 + [True]
    names = [each.name for each in (*section.figures, *section.tables)]
    assert len(set(names)) == len(names) == 11
    assert [each.name for each in section.figures] == ["mixtures-ring8", "mixtures-grid25"]
    assert all(table.rows and len(table.rows[0]) == len(table.header) for table in section.tables)
    assert "nan" not in " ".join(cell for table in section.tables for row in table.rows for cell in row)
    assert len(section.words) == 4


def test_a_run_of_the_engine_has_what_the_section_reads(finished: tuple[Path, Path]) -> None:
    run = load_run(finished[1])
    courses = read(run)
    wide = {course.data.options["sigma"] / course.data.options["radius"] for course in courses}
    assert wide == {0.01}
    for each in courses:
        assert each.data.samples > 0
        assert np.isfinite(each.values[VARIATION]).all()
        assert set(each.data.real) == {MODES, QUALITY, KL, VARIATION}
