"""The selftest from beginning to end: what is finished is not done again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ganbench import store
from ganbench.comparison.model import Side
from ganbench.selftest.curve import power_curve
from ganbench.selftest.false_alarms import pool_false_alarms, synthetic_false_alarms
from ganbench.selftest.golden import compare_golden, count_numbers, golden_trace, read_golden
from ganbench.selftest.options import Options, plan_text
from ganbench.selftest.plain import to_plain
from ganbench.selftest.pool import Tell, Trained, Workplace, train_defects, train_pool, workplace
from ganbench.selftest.power import Material, measure_power
from ganbench.selftest.reading import DATA
from ganbench.selftest.seeds_check import check_seeds
from ganbench.selftest.seen import Seen, seen
from ganbench.selftest.sides import alike_across_datasets
from ganbench.selftest.synthetic import WORLDS
from ganbench.suite import load_suite


def run_selftest(out: Path, options: Options, tell: Tell = lambda text: None) -> Path:
    """Pool, false alarms, defects, power, golden trace, report; returns the report's page.

    Each part's numbers are written to `out`/data as soon as it is done; an interrupted selftest goes on.
    """
    from ganbench.selftest.report import write_selftest_report

    place = workplace(out, options)
    for line in plan_text(options, place.work):
        tell(line)
    _write(out, "about", _about(place))
    _write(out, "synthetic", _synthetic(options, tell))
    golden = _golden(out, place, tell)
    if not options.quick:
        pool = train_pool(place, tell)
        _write(out, "false_alarms", _false_alarms(pool, options, tell))
        _write(out, "seeds", list(check_seeds(pool, options.sizes.baseline, _generator(options, 3))))
        _write(out, "defects", _defects(place, pool, golden, tell))
    tell("writing the report")
    return write_selftest_report(out)


def _about(place: Workplace) -> dict[str, Any]:
    import torch

    from ganbench.execution.environment import environment

    options = {**asdict(place.options), "work": None, "suite": place.suite.name}
    return {"options": options, "sources": place.sources, "environment": environment(torch.device("cpu"))}


def _synthetic(options: Options, tell: Tell) -> dict[str, Any]:
    sizes, repeats = options.sizes, options.repeats // 10 if options.quick else options.repeats
    alarms = []
    for number, world in enumerate(WORLDS):
        tell(f"false alarms among made-up numbers: {world.title}")
        generator = _generator(options, 10 + number)
        alarms.append(synthetic_false_alarms(world, repeats, sizes.baseline, sizes.new, generator))
    tell("power over the size of a break, made-up numbers")
    curve = power_curve(max(repeats // 10, 10), sizes.baseline, sizes.new, _generator(options, 1))
    return {"false_alarms": alarms, "curve": curve}


def _golden(out: Path, place: Workplace, tell: Tell) -> dict[str, Any]:
    """The unpatched package's trace, after a comparison with the one that is kept."""
    tell("golden trace")
    fresh = golden_trace(load_suite(place.suite))
    deviations = compare_golden(read_golden(), fresh)
    told = {
        "numbers": count_numbers(fresh),
        "cohorts": list(fresh["cohorts"]),
        "deviations": [str(each) for each in deviations],
    }
    _write(out, "golden", told)
    return fresh


def _false_alarms(pool: Side, options: Options, tell: Tell) -> Any:
    tell(f"false alarms: {options.splits} splits of the pool")
    sizes = options.sizes
    found = pool_false_alarms(pool, options.splits, sizes.baseline, sizes.new, _generator(options, 2))
    return {**to_plain(found), "alike": alike_across_datasets(pool)}


def _defects(place: Workplace, pool: Side, golden: dict[str, Any], tell: Tell) -> list[dict[str, Any]]:
    rows = {}
    for trained in train_defects(place, tell):
        rows[trained.defect.name] = _row(trained, pool, golden, place.options)
        tell(_said(rows[trained.defect.name]))
    return [rows[defect.name].as_json() for defect in place.options.planted()]


def _row(trained: Trained, pool: Side, golden: dict[str, Any], options: Options) -> Seen:
    """What one defect comes to; its resamples are its own, whichever defects there are beside it."""
    side, name = trained.side(), trained.defect.name
    generator = np.random.default_rng([options.seed, *name.encode()])
    power = None if side is None else measure_power(Material(pool, side), options.sizes, generator)
    answers = trained.probe.values, trained.repeat.values
    return seen(trained.defect, power, *answers, golden, trained.failed)


def _said(row: Seen) -> str:
    if row.power is None:
        return f"{row.defect.name}: does not run"
    worst = row.power.worst
    size = f"{worst.size:+.1f} SD on {worst.dataset} ({worst.variant})"
    also = ", ".join(row.elsewhere) or "nobody"
    told = {"red": row.power.red_rate, **row.power.stops}
    gate = ", ".join(f"{word} in {share:.0%}" for word, share in told.items() if share or word == "red")
    return f"{row.defect.name}: {size}; {gate}; seen also by {also}"


def _generator(options: Options, part: int) -> np.random.Generator:
    return np.random.default_rng([options.seed, part])


def _write(out: Path, name: str, value: Any) -> None:
    store.write_json(out / DATA / f"{name}.json", to_plain(value))
