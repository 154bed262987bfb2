"""Samples from the stored networks of a finished run."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ganbench import store
from ganbench.datasets import Dataset
from ganbench.errors import GanbenchError, label_typed, nearest
from ganbench.execution.trust import include_stored
from ganbench.game import Tree
from ganbench.streams import SeedStreams
from ganbench.training.batches import draw_random_input, random_inputs
from ganbench.training.construction import construct
from ganbench.training.description import Choice
from ganbench.training.evaluation import evaluate
from ganbench.training.trainer import make
from ganbench.user_code import user_code
from ganbench.variants import Variant


def stored_cohorts(run: Path) -> dict[tuple[str, str, int], Path]:
    """(data set, variant, seed) to the folder that holds its networks."""
    store.read_run(run)
    found = {}
    for folder in store.cohort_folders(run):
        if (folder / store.NETWORKS_FILE).is_file():
            described = store.read_description(folder)
            for seed in described["seeds"]:
                found[described["dataset"]["label"], described["variant"]["label"], seed] = folder
    return found


def find_cohort(run: Path, dataset: str | None, variant: str | None, seed: int) -> Path:
    """The folder of one trial; raises GanbenchError where the choice is missing or not unique."""
    trials = stored_cohorts(run)
    dataset = _label(run, "data set", dataset, {trial[0] for trial in trials})
    variant = _label(run, "variant", variant, {trial[1] for trial in trials})
    matching = {
        trial: folder
        for trial, folder in trials.items()
        if dataset in (None, trial[0]) and variant in (None, trial[1])
    }
    pairs = sorted({trial[:2] for trial in matching})
    if len(pairs) > 1:
        listed = "; ".join(f"--dataset {shlex.quote(d)} --variant {shlex.quote(v)}" for d, v in pairs[:6])
        raise GanbenchError(f"{run}: {len(pairs)} cohorts match; choose one, for example {listed}")
    chosen = {trial[2]: folder for trial, folder in matching.items()}
    if seed not in chosen:
        raise GanbenchError(
            f"{run}: no seed {seed}; there are {', '.join(map(str, sorted(chosen))) or 'none'}"
        )
    return chosen[seed]


def _label(run: Path, what: str, typed: str | None, known: Collection[str]) -> str | None:
    label = None if typed is None else label_typed(typed, known)
    if typed is not None and label is None:
        raise GanbenchError(f"{run}: no finished {what} {typed!r}{nearest(typed, known)}")
    return label


def sample(folder: Path, seed: int, count: int, trusted: bool = False) -> Tensor:
    """`count` samples [count, *shape] of one stored trial, from its stream "sample".

    Raises GanbenchError where it needs a user's file that is not `trusted`, or is another one by now.
    """
    described = store.read_description(folder)
    include_stored(described, folder, trusted)
    with user_code("cannot be sampled"), torch.no_grad():
        return _sampled(described, load_file(folder / store.NETWORKS_FILE), seed, count)


def _sampled(described: Mapping[str, Any], tensors: Mapping[str, Tensor], seed: int, count: int) -> Tensor:
    dataset: Dataset = make("dataset", Choice(**described["dataset"]))
    variant: Variant = make("variant", Choice(**described["variant"]))
    place = described["seeds"].index(seed)
    parts = _parts(tensors, place)
    dtype = next(iter(parts["params"]["generator"].values())).dtype
    game = construct(variant, dataset.info.spec, [seed], torch.device("cpu"), dtype).game
    noise = draw_random_input(SeedStreams([seed], "sample"), random_inputs(game)["noise"], count, dtype)
    params = {**parts["params"], **parts["averages"]}
    return evaluate(game, params, parts["buffers"], game.sample, {"noise": noise}, looped=True)[0]


def _parts(tensors: Mapping[str, Tensor], place: int) -> dict[str, dict[str, Tree]]:
    parts: dict[str, Any] = {"params": {}, "buffers": {}, "averages": {}}
    for path, value in tensors.items():
        part, player, name = path.split("/", 2)
        parts[part].setdefault(player, {})[name] = value[place : place + 1]
    for player in parts["params"]:
        parts["buffers"].setdefault(player, {})
    return parts
