"""Samples from the stored networks of a finished run."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from ganbench import store
from ganbench.child_process import ChildProcess
from ganbench.datasets import Dataset
from ganbench.errors import GanbenchError, label_typed, nearest
from ganbench.execution.trust import include_stored
from ganbench.game import DataSpec, Tree
from ganbench.streams import SeedStreams
from ganbench.training.batches import BatchSizes, constant_inputs, example_batch, reads_of
from ganbench.training.construction import construct
from ganbench.training.description import Choice
from ganbench.training.replicas import CHUNK, evaluate, replica
from ganbench.training.sampling import RealExamples, SamplingInputs
from ganbench.training.snapshot import BLOCK
from ganbench.training.trainer import make
from ganbench.user_code import user_code


def find_cohort(run: Path, dataset: str | None, variant: str | None, seed: int) -> Path:
    """The folder of one trial; raises GanbenchError where the choice is missing or not unique."""
    trials = stored_trials(run)
    dataset = _label(run, "data set", dataset, {trial[0] for trial in trials})
    variant = _label(run, "variant", variant, {trial[1] for trial in trials})
    matching = {t: f for t, f in trials.items() if dataset in (None, t[0]) and variant in (None, t[1])}
    cells = sorted({trial[:2] for trial in matching})
    if len(cells) > 1:
        listed = "; ".join(f"--dataset {shlex.quote(d)} --variant {shlex.quote(v)}" for d, v in cells[:6])
        raise GanbenchError(f"{run}: {len(cells)} cohorts match; choose one, for example {listed}")
    folders = {trial[2]: folder for trial, folder in matching.items()}
    if seed not in folders:
        seeds = ", ".join(map(str, sorted(folders))) or "none"
        raise GanbenchError(f"{run}: no seed {seed}; there are {seeds}")
    return folders[seed]


def stored_trials(run: Path) -> dict[tuple[str, str, int], Path]:
    """(data set, variant, seed) to the folder that holds its networks."""
    store.read_run(run)
    return {
        (described["dataset"]["label"], described["variant"]["label"], seed): folder
        for folder in store.cohort_folders(run)
        if (folder / store.NETWORKS_FILE).is_file()
        for described in [store.read_description(folder)]
        for seed in described["seeds"]
    }


def _label(run: Path, what: str, typed: str | None, known: Collection[str]) -> str | None:
    if typed is None:
        return None
    label = label_typed(typed, known)
    if label is None:
        raise GanbenchError(f"{run}: no finished {what} {typed!r}{nearest(typed, known)}")
    return label


def samples(
    folder: Path,
    seed: int,
    count: int,
    trusted: bool = False,
    label: int | None = None,
    measured: bool = False,
) -> np.ndarray:
    """`count` samples [count, *shape] of one stored trial, from its stream "sample".

    `measured`: those that its diagnostics were given at the end of its training.  They are of one `label`,
    or else of the classes in the data's shares, where the game has labels.
    Raises GanbenchError where it needs a user's file that is not `trusted`, or is another one by now.
    """
    (array,) = ChildProcess(__name__, "drawn", folder, seed, count, trusted, label, measured)
    return np.asarray(array)


def drawn(
    folder: Path, seed: int, count: int, trusted: bool, label: int | None, measured: bool
) -> Iterator[np.ndarray]:
    """What runs in a process of its own, as users' code runs in it."""
    described = store.read_description(folder)
    include_stored(described, folder, trusted)
    with user_code("cannot be sampled"), torch.no_grad():
        tensors = load_file(folder / store.NETWORKS_FILE)
        yield _sampled(described, tensors, seed, count, label, measured).numpy()


def _sampled(
    described: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    seed: int,
    count: int,
    label: int | None,
    measured: bool,
) -> Tensor:
    dataset: Dataset = make("dataset", Choice(**described["dataset"]))
    variant = make("variant", Choice(**described["variant"])).stages[-1].variant
    spec, cpu = dataset.info.spec, torch.device("cpu")
    parts = _parts(tensors, described["seeds"].index(seed))
    given = parts.pop("inputs").get("game", {})
    dtype = next(value.dtype for tree in parts["params"].values() for value in tree.values())
    game = construct(variant, spec, [seed], cpu, dtype).game
    params = {**parts["params"], **parts["averages"]}
    example = example_batch(game, spec, BatchSizes(variant.batch_size, variant.reals_per_batch), cpu, dtype)
    names = reads_of(game.sample, game, replica(params, 0), replica(parts["buffers"], 0), example).names
    real = RealExamples(dataset, cpu, dtype)
    stream, purpose = ("measure/{}", "noise") if measured else ("{}", "sample")
    source = SamplingInputs(game, names, lambda p: SeedStreams([seed], stream.format(p)), real, 1, purpose)
    inputs = source.in_blocks(count, BLOCK, dtype) if measured else source.draw(count, dtype)
    if label is not None:
        inputs |= _of_label(spec, inputs, label)
    constant = constant_inputs(game, 1, cpu, dtype) | given
    chunk = BLOCK if measured else CHUNK
    made = evaluate(game, params, parts["buffers"], game.sample, inputs, constant, looped=True, chunk=chunk)
    return made[0, :count]


def _of_label(spec: DataSpec, inputs: Mapping[str, Tensor], label: int) -> Tree:
    """The label that all samples are to have, as an input of the game; refuses what the game cannot make."""
    name = spec.label
    if name is None or name not in inputs:
        raise GanbenchError("this trial's samples are made without a label; leave --label out")
    classes = spec.fields[name].classes
    if classes is not None and not 0 <= label < classes:
        raise GanbenchError(f"--label {label}: the data have the classes 0 to {classes - 1}")
    return {name: torch.full_like(inputs[name], label)}


def _parts(tensors: Mapping[str, Tensor], place: int) -> dict[str, dict[str, Tree]]:
    parts: dict[str, Any] = {"params": {}, "buffers": {}, "averages": {}, "inputs": {}}
    for path, value in tensors.items():
        part, player, name = path.split("/", 2)
        parts[part].setdefault(player, {})[name] = value[place : place + 1]
    for player in parts["params"]:
        parts["buffers"].setdefault(player, {})
    return parts
