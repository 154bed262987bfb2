"""Writes a run's report: the page, and its tables and figures as files of their own."""

from __future__ import annotations

from pathlib import Path

from ganbench.analysis.names import with_short_names
from ganbench.analysis.run import load_run
from ganbench.report.page import environment_table, page
from ganbench.report.sections import known_truths
from ganbench.report.sections import sections as of_dataset
from ganbench.report.style import looks, styled
from ganbench.report.tables import outcomes_table, protocols_table, variants_table
from ganbench.report.theory import theory_sections
from ganbench.store import write_atomic


def write_report(run: Path, out: Path | None = None) -> Path:
    """Write report.html, figures/*.png, tables/*.md and tables/*.csv; returns the page's path.

    They go into `out`, by default the run folder itself.  Needs the run folder alone: no torch.
    """
    loaded, folder = with_short_names(load_run(run)), Path(run if out is None else out)
    look = looks(loaded.variants)
    with styled():
        sections = theory_sections(loaded, look)
        for dataset in filter(loaded.ranked, loaded.dataset_labels):
            sections += of_dataset(loaded, dataset, look)
        sections += known_truths(loaded, look)
    for figure in (figure for each in sections for figure in each.figures):
        write_atomic(folder / figure.file, figure.png)
    own = [outcomes_table(loaded), variants_table(loaded), protocols_table(loaded), environment_table(loaded)]
    for table in [*own, *(table for each in sections for table in each.tables)]:
        write_atomic(folder / "tables" / f"{table.name}.md", table.markdown())
        write_atomic(folder / "tables" / f"{table.name}.csv", table.csv())
    write_atomic(folder / "report.html", page(loaded, sections, look))
    return folder / "report.html"
