"""A run folder, read: records, declared quantities, data sets and what became of every cohort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow.parquet import ParquetFile

from ganbench import store
from ganbench.analysis.cohorts import Budget, Cohort, Part, merge
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

_TEXTS = ("variant", "dataset", "quantity", "protocol", "variant_options", "dataset_options")


@dataclass(frozen=True)
class Run:
    """One run folder.  `records` is long: one row per seed, measuring point and quantity."""

    path: Path
    about: Mapping[str, Any]
    declared: Mapping[str, Quantity]
    """Every quantity's declaration, by name."""
    declared_on: Mapping[str, Mapping[str, Quantity]]
    """The same for each data set, where its cohorts say."""
    datasets: Mapping[str, Mapping[str, Any]]
    cohorts: tuple[Cohort, ...]
    records: pd.DataFrame = field(repr=False)

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """Labels of all variants, failed ones included, in the suite's order where it tells one."""
        present = {c.variant for c in self.cohorts} | set(self.records["variant"])
        return _ordered(present, self.about.get("suite", {}).get("variants"))

    @cached_property
    def dataset_labels(self) -> tuple[str, ...]:
        """Labels of all data sets, in the suite's order where it tells one."""
        present = {c.dataset for c in self.cohorts} | set(self.records["dataset"])
        return _ordered(present, self.about.get("suite", {}).get("datasets"))

    @cached_property
    def _by_dataset(self) -> Mapping[str, pd.DataFrame]:
        return {str(label): rows for label, rows in self.records.groupby("dataset", sort=False)}

    @property
    def trained(self) -> bool:
        """Whether anything was trained here; samples from elsewhere are only measured."""
        return not self.cohorts or any(cohort.budget.trains for cohort in self.cohorts)

    def records_of(self, dataset: str) -> pd.DataFrame:
        """The records of one data set."""
        return self._by_dataset.get(dataset, self.records.iloc[:0])

    def cohorts_of(self, dataset: str) -> tuple[Cohort, ...]:
        """The cohorts on one data set, in the order of `variants`."""
        return tuple(c for c in self.cohorts if c.dataset == dataset)

    def under(self, dataset: str, budget: Budget) -> Run:
        """Only what was trained on one data set under one budget: nothing in it can mix budgets."""
        kept = tuple(c for c in self.cohorts_of(dataset) if c.budget == budget)
        rows = self.records_of(dataset)
        return replace(self, cohorts=kept, records=rows[rows["variant"].isin({c.variant for c in kept})])

    def quantity(self, name: str, dataset: str | None = None) -> Quantity:
        """A quantity's declaration, on a data set where that is named; a bare one where there is none."""
        here = self.declared_on.get(dataset or "", {})
        return here.get(name) or self.declared.get(name) or Quantity(name, name.replace("_", " "))

    def ranked(self, dataset: str) -> bool:
        """Whether variants compete on a data set; on a known truth they do not.  Older cards: they do."""
        return bool(self.datasets.get(dataset, {}).get("ranked", True))

    def primary(self, dataset: str) -> Quantity:
        """The quantity that rankings on a data set use."""
        try:
            return self.quantity(self.datasets[dataset]["primary"], dataset)
        except KeyError:
            raise GanbenchError(f"{self.path}: the data set {dataset!r} names no primary quantity") from None


def load_run(path: str | Path) -> Run:
    """Read a run folder; raises GanbenchError where it is none, or is of a newer format."""
    folder = Path(path)
    about = store.read_run(folder)
    parts = [_read_part(each) for each in store.cohort_folders(folder)]
    whole = folder / store.QUANTITIES_FILE
    datasets = {d["label"]: d for d in map(store.read_json, sorted(folder.glob(f"{store.DATASETS}/*.json")))}
    run = Run(
        path=folder,
        about=about,
        declared=_quantities(store.read_json(whole)) if whole.is_file() else {},
        declared_on=_quantities_by_dataset(parts),
        datasets=datasets,
        cohorts=merge(parts),
        records=_read_records(about, folder, parts),
    )
    position = {label: i for i, label in enumerate(run.variants)}
    return replace(run, cohorts=tuple(sorted(run.cohorts, key=lambda c: position[c.variant])))


def _read_part(folder: Path) -> Part:
    return Part(folder.name, folder, store.read_description(folder), store.read_outcome(folder))


def _quantities_by_dataset(parts: Iterable[Part]) -> dict[str, dict[str, Quantity]]:
    """Each data set's own declarations: a title or a protocol may speak of that data set alone."""
    found: dict[str, dict[str, Quantity]] = {}
    for part in parts:
        file = part.folder / store.QUANTITIES_FILE
        if file.is_file():
            found.setdefault(part.description["dataset"]["label"], {}).update(
                _quantities(store.read_json(file))
            )
    return found


def _quantities(values: Mapping[str, Any]) -> dict[str, Quantity]:
    known = {f.name for f in fields(Quantity)}
    return {
        name: Quantity(**{field: each for field, each in value.items() if field in known})
        for name, value in values.items()
    }


def _read_records(about: Mapping[str, Any], folder: Path, parts: Sequence[Part]) -> pd.DataFrame:
    """The run's records: the derived file, or the cohorts' own where it is missing or of other ones.

    A run that was interrupted has trained cohorts anew and not yet put their records together.
    """
    whole = folder / store.RECORDS_FILE
    own = [part.folder / store.RECORDS_FILE for part in parts]
    own = [file for file in own if file.is_file()]
    if whole.is_file() and _is_of(about, folder, parts):
        records = _read_file(whole)
    else:
        frames = [_read_file(file) for file in own] or [pd.DataFrame(columns=list(store.RECORD_COLUMNS))]
        records = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    return records.astype({**dict.fromkeys(_TEXTS, object), "final": bool, "value": float})


def _is_of(about: Mapping[str, Any], folder: Path, parts: Sequence[Part]) -> bool:
    """Whether the derived records were put together of these very cohorts.

    A folder without cohorts/ is the report of a run: there the derived file is all that there is.
    """
    if not (folder / store.COHORTS).is_dir():
        return True
    stored = {p.id: p.outcome.get("records") for p in parts if (p.folder / store.RECORDS_FILE).is_file()}
    return bool(stored == about.get("records_of"))


def _read_file(file: Path) -> pd.DataFrame:
    """The columns that all runs have; each text is kept once, however many rows share it."""
    try:
        with ParquetFile(file, read_dictionary=list(_TEXTS)) as stored:
            missing = set(store.RECORD_COLUMNS) - set(stored.schema_arrow.names)
            if missing:
                raise GanbenchError(f"{file}: lacks the columns {', '.join(sorted(missing))}")
            return stored.read(list(store.RECORD_COLUMNS)).to_pandas()
    except (ValueError, OSError) as error:  # pyarrow's own errors are ValueErrors or OSErrors
        raise GanbenchError(
            f"{file}: not readable as Parquet; remove it, and `ganbench run` makes it again"
        ) from error


def _ordered(present: Iterable[Any], declared: Any) -> tuple[str, ...]:
    """Labels in the order in which the suite declares them, then the rest by name."""
    named = [_label(item) for item in declared] if isinstance(declared, list) else list(declared or ())
    position = {label: i for i, label in reversed(list(enumerate(named)))}
    return tuple(sorted(map(str, present), key=lambda label: (_position(label, position), label)))


def _label(item: Any) -> str:
    return str(item.get("label") or item.get("name")) if isinstance(item, Mapping) else str(item)


def _position(label: str, position: Mapping[str, int]) -> int:
    """A swept label such as `wgan-gp[gp_weight=1]` stands where its plain name does."""
    return position.get(label, position.get(label.split("[", 1)[0], len(position)))
