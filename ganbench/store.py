"""Files of a run folder: everything is written beside its place and then moved there at once."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ganbench.errors import GanbenchError

FORMAT = 2
"""Version of the run folder's format; readers refuse every other one."""
RUN_FILE, RECORDS_FILE, QUANTITIES_FILE = "run.json", "records.parquet", "quantities.json"
COHORTS, DATASETS, SUPERSEDED = "cohorts", "datasets", "superseded"
DESCRIPTION_FILE, OUTCOME_FILE, ENVIRONMENT_FILE = "description.json", "outcome.json", "environment.json"
ARRAYS_FILE, NETWORKS_FILE = "arrays.npz", "networks.safetensors"
_LONGEST_NAME = 48
_PLAIN = re.compile(r"[a-z0-9]+([._=+-][a-z0-9]+)*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_TEMPORARY = re.compile(r"\..+\.[a-z0-9_]{8}")
RECORD_COLUMNS = (
    "variant", "dataset", "seed", "point", "final", "images", "step", "seconds", "quantity", "value",
    "reference", "protocol", "variant_options", "dataset_options",
)  # fmt: skip
"""One row per quantity, seed and measuring point (`point`, from 0).  A quantity that is told after every

round has a row per round instead: `point` is the round's number, `step` the discriminator updates done, and
`seconds`, which nobody measured, is that share of the training's seconds.  `reference` is what real data get
under the same protocol; null where there is no such value."""


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old content or the new, never a part; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write plain values as indented JSON; refuses NaN, which JSON does not have."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, encoded(text + "\n"))


def encoded(text: str) -> bytes:
    """A text as every file holds it: UTF-8, halves of characters (as in odd file names) as `\\udcff`."""
    return text.encode("utf-8", "backslashreplace")


def read_json(path: Path, remedy: str | None = None) -> Any:
    """Read a JSON file; a broken one is a GanbenchError that names it, and what to do (`remedy`)."""
    try:
        return json.loads(decoded(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        raise GanbenchError(f"{path}: not valid JSON ({error}){remedy or f'; {_remedy(path)}'}") from error


def decoded(content: bytes) -> str:
    """The text of a file as an editor saved it: UTF-8, or UTF-16 or UTF-32, with a mark or without."""
    return content.decode(json.detect_encoding(content))


def _remedy(file: Path) -> str:
    whole = file if file.name == RUN_FILE else file.parent
    return f"was it edited or cut off?  Remove {whole}, and `ganbench run` makes it again"


def write_folder(path: Path, fill: Callable[[Path], None]) -> None:
    """Fill a folder beside its place, then move it there whole; replaces what stood there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        fill(temporary)
        temporary.chmod(0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=".old."))
            os.replace(path, old / path.name)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _remove_leftovers(path: Path) -> None:
    """Remove what a process that was killed while it filled this folder left behind."""
    name = re.compile(re.escape(f".{path.name}.") + r"\w{8}")
    for other in path.parent.iterdir():
        if name.fullmatch(other.name):
            shutil.rmtree(other, ignore_errors=True)


def remove_temporaries(folder: Path) -> None:
    """Remove what processes that were killed left half-written in a folder; nobody may be writing there."""
    for other in folder.iterdir() if folder.is_dir() else ():
        if _TEMPORARY.fullmatch(other.name):
            shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)


def file_name(label: str) -> str:
    """What a file or folder of a label is called: the label where it is plain, else its start and a hash.

    Two labels never share a name, also where case is ignored or Unicode normalized; none is reserved on
    Windows, starts with a dot, or is longer than 48 bytes.
    """
    if _PLAIN.fullmatch(label) and len(label) <= _LONGEST_NAME and not _RESERVED.match(label):
        return label
    start = re.sub(r"[^A-Za-z0-9._=+-]+", "_", label)[: _LONGEST_NAME - 12].strip("._=+-")
    digest = hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{'_' if _RESERVED.match(start) else ''}{start}~{digest}"


def dataset_file(run: Path, label: str, suffix: str) -> Path:
    """Where a run keeps a data set's card (".json") or arrays (".npz")."""
    return run / DATASETS / f"{file_name(label)}{suffix}"


def cohort_folders(run: Path) -> Iterator[Path]:
    """The folders of the run's completed cohorts, sorted by name."""
    for folder in sorted((run / COHORTS).glob("*")):
        if not folder.name.startswith(".") and (folder / OUTCOME_FILE).is_file():
            yield folder


def read_run(run: Path) -> Mapping[str, Any]:
    """The run's own description; raises GanbenchError where the folder is no run or of another format."""
    file = run / RUN_FILE
    if not file.is_file():
        raise GanbenchError(
            f"{run}: not a run folder (it has no {RUN_FILE}); give the folder `ganbench run` named"
        )
    described: Mapping[str, Any] = read_json(file)
    version = described.get("format") if isinstance(described, Mapping) else None
    if not isinstance(version, int):
        raise GanbenchError(f"{file}: states no format, so it is not a run's; {_remedy(file)}")
    if version != FORMAT:
        remedy = "use a newer ganbench" if version > FORMAT else "`ganbench run SUITE` makes the results anew"
        raise GanbenchError(f"{file}: format {version}, but this ganbench reads format {FORMAT}; {remedy}")
    return described


def read_outcome(folder: Path) -> Mapping[str, Any]:
    """What became of a cohort; raises GanbenchError where its file is broken."""
    file = folder / OUTCOME_FILE
    outcome: Mapping[str, Any] = read_json(file)
    if not isinstance(outcome, Mapping) or not {"status", "reason", "seeds"} <= set(outcome):
        raise GanbenchError(f"{file}: lacks status, reason or seeds; {_remedy(file)}")
    return outcome


def read_description(folder: Path) -> Mapping[str, Any]:
    """Which cohort a folder holds; raises GanbenchError where its file is broken."""
    file = folder / DESCRIPTION_FILE
    if not file.is_file():
        raise GanbenchError(f"{folder}: lacks {DESCRIPTION_FILE}; {_remedy(file)}")
    described: Mapping[str, Any] = read_json(file)
    if not isinstance(described, Mapping) or not {"key", "seeds", "dataset", "variant"} <= set(described):
        raise GanbenchError(f"{file}: lacks key, seeds, dataset or variant; {_remedy(file)}")
    return described
