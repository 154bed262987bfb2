"""Checks what `ganbench run suites/quickstart.yaml` left behind in results/; exits 1 at the first fault.

python ci/check_quickstart.py [RUN]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd

from ganbench import store

SUITE = "suites/quickstart.yaml"
LEAST_VARIANTS, LEAST_SEEDS = 5, 5
DATASETS = {"ring8", "digits"}
LOADED_FROM_ELSEWHERE = ('src="http', "src='http", 'href="http://', "@import", "url(http")


def newest_run() -> Path:
    found = Path("results").glob("quickstart-*/cohorts")  # the committed reference has none
    runs = sorted(found, key=lambda folder: folder.stat().st_mtime)
    require(bool(runs), "results/ holds no run of the quickstart")
    return runs[-1].parent


def require(holds: bool, what: str) -> None:
    if not holds:
        sys.exit(f"check_quickstart: {what}")


def check_records(run: Path) -> None:
    records = pd.read_parquet(run / store.RECORDS_FILE)
    require(set(records["dataset"]) == DATASETS, f"data sets are {set(records['dataset'])}")
    variants = set(records["variant"])
    require(len(variants) >= LEAST_VARIANTS and "wgan-gp" in variants, f"variants are {variants}")
    final = records[records["final"]]
    for dataset, of_dataset in final.groupby("dataset"):
        primary = store.read_json(run / store.DATASETS / f"{dataset}.json")["primary"]
        values = of_dataset[of_dataset["quantity"] == primary]
        seeds = values.groupby("variant")["seed"].nunique()
        require(set(seeds.index) == variants, f"{dataset}: {primary} is missing for some variant")
        require(int(seeds.min()) >= LEAST_SEEDS, f"{dataset}: fewer than {LEAST_SEEDS} seeds of {primary}")
        require(bool((values["value"] >= 0).all()), f"{dataset}: {primary} is negative or not a number")


def check_report(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    require(len(page) > 100_000, "report.html is too small to hold its figures")
    for load in LOADED_FROM_ELSEWHERE:
        require(load not in page, f"report.html loads from elsewhere: {load}")
    for pattern, least in (("figures/*.png", 6), ("tables/*.md", 3), ("tables/*.csv", 3)):
        require(len(list(run.glob(pattern))) >= least, f"fewer than {least} of {pattern}")


def check_second_run(run: Path) -> None:
    done = subprocess.run(["ganbench", "run", SUITE], capture_output=True, text=True, check=False)
    require(done.returncode == 0, f"a second run ended with {done.returncode}: {done.stderr}")
    require("nothing to train" in done.stderr, "a second identical run did not say that nothing is to train")
    require(str(run) in done.stdout, "a second identical run did not name the report")


def main() -> None:
    run = Path(sys.argv[1]) if len(sys.argv) > 1 else newest_run()
    check_records(run)
    check_report(run)
    check_second_run(run)
    print(f"check_quickstart: {run} is whole")


if __name__ == "__main__":
    main()
