"""A cohort in the middle of its training as one value, and as a file: all that going on bitwise needs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganbench import store
from ganbench.errors import GanbenchError
from ganbench.execution.measurements import Measurements
from ganbench.training.trainer import Trainer


def checkpoint(trainer: Trainer, measurements: Measurements) -> dict[str, Any]:
    """One tree of tensors, numbers and texts, at any round boundary.

    At a measuring point it is to be taken after the point was measured: a point that was reached counts.
    """
    return {"trainer": trainer.checkpoint(), "measurements": measurements.state()}


def restore(tree: Mapping[str, Any], trainer: Trainer, measurements: Measurements) -> None:
    """Go on from a checkpoint of the same description."""
    trainer.restore(tree["trainer"])
    measurements.restore(tree["measurements"])


def write_checkpoint(path: Path, tree: Mapping[str, Any]) -> None:
    """Write a checkpoint; readers see the old file or the new, never a part."""
    buffer = io.BytesIO()
    torch.save(dict(tree), buffer)
    store.write_atomic(path, buffer.getvalue())


def read_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote; no code in it is run.  A broken file is a GanbenchError."""
    try:
        tree: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of many kinds for a file that is cut or no checkpoint
        raise GanbenchError(
            f"{path}: no readable checkpoint; remove it and train from the beginning"
        ) from error
    tree["trainer"]["state"] = _on(tree["trainer"]["state"], device)
    return tree


def _on(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    return {name: _on(each, device) for name, each in value.items()} if isinstance(value, Mapping) else value
