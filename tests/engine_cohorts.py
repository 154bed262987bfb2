"""Small cohorts for the engine's tests: descriptions, recorded batches, and variants of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ganbench import registry
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.gradients import Mode
from ganbench.training.trainer import Trainer

CPU = torch.device("cpu")
LATENT, WIDTH, BATCH = 4, 8, 8
SMALL = {"network": {"mlp": {"width": WIDTH}}, "latent_dim": LATENT, "batch_size": BATCH}


def describe(
    variant: str = "nsgan",
    options: Mapping[str, Any] = SMALL,
    *,
    dataset: str = "ring8",
    seeds: Sequence[int] = (0, 1),
    budget: tuple[str, float] = ("steps", 20),
    measure: tuple[float, ...] = (0.0, 1.0),
    diagnostics: Sequence[str | Choice] = (),
    **engine: Any,
) -> CohortDescription:
    """A cohort in float64, uncompiled unless asked."""
    chosen = [c if isinstance(c, Choice) else Choice(c, c) for c in diagnostics]
    return CohortDescription(
        dataset=Choice(dataset, dataset),
        variant=Choice(variant, variant, options),
        seeds=tuple(seeds),
        budget=Budget(*budget),  # type: ignore[arg-type]
        measure=measure,
        diagnostics=tuple(chosen),
        engine=Engine(**{"precision": "float64", "compile": "off", **engine}),
    )


class UntracedTrainer(Trainer):
    """A cohort whose gradients are never traced: slower steps, but ready at once."""

    mode = "plain"


def cohort(*args: Any, mode: Mode | None = None, device: torch.device = CPU, **kwargs: Any) -> Trainer:
    """A cohort made ready, its gradients computed in a certain way where `mode` says so."""
    if mode is not None:
        kwargs.setdefault("vectorize", "on" if mode in ("traced", "compiled") else "off")
        kwargs["compile"] = "on" if mode == "compiled" else "off"
    made = (UntracedTrainer if mode == "plain" else Trainer)(describe(*args, **kwargs), device)
    assert mode is None or made.execution["mode"] == mode, made.execution
    return made


def finish(made: Trainer) -> Trainer:
    """Train to the end of the budget, measuring nothing."""
    for _ in made.train():
        pass
    return made


def numbers(made: Trainer) -> dict[str, Tensor]:
    """All that training moved, by name, copied; each [S, ...]."""
    state = made.checkpoint()["state"]
    return {
        f"{part}/{player}/{name}": value
        for part in ("params", "buffers", "averages")
        for player, tree in state[part].items()
        for name, value in tree.items()
    }


def equal_bits(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    """Whether two trees agree bitwise, NaN and the sign of zero included."""
    assert left.keys() == right.keys()
    return all(
        left[name].shape == right[name].shape and bool((_bits(left[name]) == _bits(right[name])).all())
        for name in left
    )


def _bits(value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    return value.contiguous().view({2: torch.int16, 4: torch.int32, 8: torch.int64}[value.element_size()])


def deviation(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> float:
    """The largest difference relative to the tensor's own scale; integers must be equal."""
    assert left.keys() == right.keys()
    found = 0.0
    for name, value in left.items():
        if not value.is_floating_point():
            assert torch.equal(value, right[name]), name
        elif value.numel():
            scale = max(float(right[name].abs().max()), 1e-3)
            difference = float((value - right[name]).abs().max()) / scale
            assert difference == difference, f"{name} is not finite"
            found = max(found, difference)
    return found


class Recorder:
    """Keeps every batch that a cohort draws, in order."""

    def __init__(self, made: Trainer) -> None:
        self.batches: list[dict[str, Tensor]] = []
        begin = made._begin

        def begun(stage: int) -> None:
            begin(stage)
            self._record(made)

        made._begin = begun  # type: ignore[method-assign]
        self._record(made)

    def _record(self, made: Trainer) -> None:
        draw = made.batches.draw

        def recorded(names: Any, reals_of: Any = None) -> dict[str, Tensor]:
            batch = draw(names, reals_of)
            self.batches.append({name: value.clone() for name, value in batch.items()})
            return batch

        made.batches.draw = recorded  # type: ignore[method-assign]

    def of_replica(self, index: int) -> Iterator[dict[str, Tensor]]:
        """One replica's batches in order."""
        return iter([{name: value[index] for name, value in batch.items()} for batch in self.batches])


def register_for_test(monkeypatch: pytest.MonkeyPatch, name: str, factory: Callable[..., Any]) -> None:
    """Register a variant until the end of the test."""
    entry = registry.Entry("variant", name, Path(__file__), factory)
    monkeypatch.setitem(registry._entries, ("variant", name), entry)
