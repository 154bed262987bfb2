"""Runs of a second for the tests of execution and of the command line: real parts, small."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from ganbench import store
from ganbench.cli import main
from ganbench.execution.cohort_run import Event
from ganbench.execution.runner import Plan, Summary, execute, make_plan
from ganbench.suite import load_suite

SMALL = "batch_size: 16, network: {mlp: {width: 8}}"
NSGAN, LSGAN = f"nsgan: {{{SMALL}}}", f"lsgan: {{{SMALL}}}"
STEPS = 20
"""Discriminator updates of every trial."""
CPU = torch.device("cpu")

PLUGIN = r'''
"""Variants that go wrong, each in its own way."""

from typing import Any

import torch
from torch import Tensor

from ganbench.objectives import Objective, non_saturating
from ganbench.variants import Variant, register_variant, two_player

_usual = non_saturating()


def _with(loss: Any, options: dict[str, Any]) -> Variant:
    return two_player(Objective(loss, _usual.generator), **options)


@register_variant("{prefix}-raises")
def raises(**options: Any) -> Variant:
    """Raises in its loss."""

    def loss(real: Tensor, fake: Tensor, batch: Any) -> Tensor:
        raise ValueError("no such luck")

    return _with(loss, options)


@register_variant("{prefix}-explodes")
def explodes(**options: Any) -> Variant:
    """Becomes infinite in its first update."""
    return _with(lambda real, fake, batch: _usual.discriminator(real, fake, batch) * 1e38 * 1e38, options)


class _Double(torch.autograd.Function):
    """A doubling without a rule for vmap."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None: ...

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> Tensor:
        return given * 2


@register_variant("{prefix}-loops")
def loops(**options: Any) -> Variant:
    """Cannot be vectorized over seeds."""

    def loss(real: Tensor, fake: Tensor, batch: Any) -> Tensor:
        return _Double.apply(_usual.discriminator(real, fake, batch)) / 2

    return _with(loss, options)


@register_variant("{prefix}-ends")
def ends(**options: Any) -> Variant:
    """Ends its process where Python cannot notice."""
    import ctypes

    return _with(lambda real, fake, batch: ctypes.CDLL(None)._exit(7), options)


@register_variant("{prefix}-killed")
def killed(**options: Any) -> Variant:
    """Is killed."""
    import os
    import signal

    return _with(lambda real, fake, batch: os.kill(os.getpid(), signal.SIGKILL), options)


def _after(act: Any, options: dict[str, Any]) -> Variant:
    """The usual losses, after something has been done."""

    def loss(real: Tensor, fake: Tensor, batch: Any) -> Tensor:
        act()
        return _usual.discriminator(real, fake, batch)

    return _with(loss, options)


@register_variant("{prefix}-quits")
def quits(**options: Any) -> Variant:
    """Wants its process to end."""
    import sys

    return _after(lambda: sys.exit(0), options)


@register_variant("{prefix}-interrupts")
def interrupts(**options: Any) -> Variant:
    """Raises what Ctrl-C raises."""

    def act() -> None:
        raise KeyboardInterrupt

    return _after(act, options)


@register_variant("{prefix}-vanishes")
def vanishes(**options: Any) -> Variant:
    """Ends its process as if all were well."""
    import os

    return _after(lambda: os._exit(0), options)


@register_variant("{prefix}-closes")
def closes(**options: Any) -> Variant:
    """Closes the standard output."""
    import os
    import sys

    return _after(lambda: (sys.stdout.close(), os.close(1)) if not sys.stdout.closed else None, options)


@register_variant("{prefix}-surrogate")
def surrogate(**options: Any) -> Variant:
    """Raises what no file can hold."""

    def act() -> None:
        raise ValueError("odd \udc80")

    return _after(act, options)


@register_variant("{prefix}-moves")
def moves(**options: Any) -> Variant:
    """Changes the folder, to the plug-in's neighbour "elsewhere"."""
    import os
    from pathlib import Path

    def act() -> None:
        elsewhere = Path(__file__).parent / "elsewhere"
        elsewhere.mkdir(exist_ok=True)
        os.chdir(elsewhere)

    return _after(act, options)
'''


def write_suite(
    folder: Path, variants: Sequence[str] = (NSGAN,), seeds: int | str = 2, more: str = "", steps: int = STEPS
) -> Path:
    """A suite file on ring8: every variant for 20 updates of 16 points."""
    file = folder / "small.yaml"
    lines = [
        "name: small", "datasets: [ring8]", "variants:", *(f"  - {variant}" for variant in variants),
        f"seeds: {seeds}", f"budget: {{steps: {steps}}}", "measure: 2", "diagnostics: [modes]",
    ]  # fmt: skip
    engine = "" if "engine:" in more else "engine: {threads: 1}"
    file.write_text("\n".join([*lines, engine, more]) + "\n", encoding="utf-8")
    return file


def write_plugin(folder: Path, prefix: str) -> Path:
    """A plug-in file of variants that go wrong; a prefix for each test, as names are taken once."""
    file = folder / f"{prefix}.py"
    file.write_text(PLUGIN.replace("{prefix}", prefix), encoding="utf-8")
    return file


def planned(suite: Path, out: Path, workers: int = 1) -> Plan:
    """What a run of the suite would do."""
    return make_plan(load_suite(suite), out, CPU, workers)


def trained(suite: Path, out: Path, workers: int = 1) -> tuple[Summary, list[Event]]:
    """Run a suite without its report; the summary, and all that was told."""
    events: list[Event] = []
    loaded = load_suite(suite)
    return execute(loaded, make_plan(loaded, out, CPU, workers), events.append), events


def outcomes(run: Path) -> dict[str, Any]:
    """Variant's label to its outcome, of cohorts that are in one piece."""
    return {
        store.read_description(folder)["variant"]["label"]: store.read_outcome(folder)
        for folder in store.cohort_folders(run)
    }


def ganbench(*words: object, input: str | None = None) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(main, [str(word) for word in words], input=input, catch_exceptions=False)


def fails_with(text: str, *words: object, code: int = 2) -> Result:
    """Assert that a command says one message on stderr, without a traceback, and how it exits."""
    result = ganbench(*words)
    assert result.exit_code == code, result.output
    assert text in result.stderr, result.stderr
    assert "Traceback" not in result.output
    return result


def without_report(patch: pytest.MonkeyPatch) -> None:
    """Leave the seconds out that figures take."""
    patch.setattr("ganbench.report.write.write_report", lambda run: Path(run) / "report.html")


def read(file: Path) -> Any:
    """A JSON file."""
    return json.loads(file.read_text(encoding="utf-8"))
