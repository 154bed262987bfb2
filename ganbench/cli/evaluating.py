"""The command that measures samples from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench.cli.group import DATA, DEVICE, INCLUDE, TRUST, WEIGHTS, main
from ganbench.cli.paths import AbsolutePath, Source, absolute, check_weights, set_data, set_weights

if TYPE_CHECKING:
    from ganbench.execution.evaluation import Evaluation


class _Shape(click.ParamType):
    """`128` or `100x1x1`."""

    name = "N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        sides = str(value).lower().replace("×", "x").split("x")
        if not all(side.isdigit() and int(side) for side in sides):
            self.fail(
                f"{value!r}: write a number, such as 128, or the noise's sides, such as 100x1x1", param, ctx
            )
        return tuple(map(int, sides))


_OPTIONS = (
    click.option("--real", required=True, type=Source(), metavar="REAL",
        help="A folder of images, a .npy or .npz file, or a data set (`mnist`, `cats:size=32`)."),
    click.option("--fake", "fakes", required=True, multiple=True, type=Source(), metavar="[LABEL=]FAKE",
        help="Samples: a folder of images, a .npy or .npz file, a run folder, module:function, a generator "
        "(TorchScript, ONNX, safetensors).  Again for others; one LABEL holds several sets."),
    click.option("--out", type=AbsolutePath(), metavar="DIR",
        help="The folder of the results (default: results/evaluation-<key>)."),
    click.option("--samples", type=click.IntRange(2), metavar="N",
        help="Samples of each fake (default: the data set's own number, or what there are)."),
    click.option("--diagnostics", multiple=True, type=Source(), metavar="NAME[:option=value,…]",
        help="What is measured; again for more (default: all that read samples alone)."),
    click.option("--range", "value_range", nargs=2, type=float, metavar="LOW HIGH",
        help="The range of the fakes' values, where they are not bytes and it is not the data's."),
    click.option("--latent-dim", type=_Shape(), help="Size of the noise of a generator from a file."),
    click.option("--network", type=Source(), metavar="NAME[:option=value,…]",
        help="The network whose weights a safetensors file holds."),
    click.option("--variant", "variants", multiple=True, help="Of a run folder only these variants."),
    click.option("--seed", "seeds", multiple=True, type=int, help="Of a run folder only these seeds."),
    DEVICE, DATA, WEIGHTS, INCLUDE, TRUST,
)  # fmt: skip


def _options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@main.command()
@_options
def evaluate(
    real: str,
    fakes: Sequence[str],
    out: Path | None,
    samples: int | None,
    diagnostics: Sequence[str],
    value_range: tuple[float, float] | None,
    latent_dim: tuple[int, ...] | None,
    network: str | None,
    variants: Sequence[str],
    seeds: Sequence[int],
    device: str,
    data: str | None,
    extractor_weights: Sequence[str],
    include: Sequence[Path],
    trust: bool,
) -> None:
    """Measure samples that were made elsewhere: metrics, table and page of a run, and nothing is trained.

    What is measured is the same code on the same real data as in a run.  Exit codes: 0 done, 2 a mistake.
    """
    set_data(data)
    set_weights(extractor_weights)
    results = absolute(Path("results"))
    from ganbench import registry
    from ganbench.execution.evaluation import evaluate as measure
    from ganbench.execution.evaluation import evaluation_of
    from ganbench.execution.real_data import decoding_of, real_choice
    from ganbench.execution.sample_sources import Reading, labelled_sources
    from ganbench.execution.sample_values import Target
    from ganbench.suite.notation import choice_of_text
    from ganbench.training.device import choose_device
    from ganbench.training.trainer import make

    for file in include:
        registry.include(file)
    check_weights(extractor_weights)
    choice = real_choice(real)
    dataset = make("dataset", choice).target_dataset
    dataset.require()
    reading = Reading(
        target=Target(dataset.info.spec, value_range),
        decoding=decoding_of(choice),
        skip_broken=choice.options.get("on_error") == "skip",
        latent=latent_dim,
        network=None if network is None else choice_of_text("network", network, "--network"),
        variants=variants,
        seeds=seeds,
        trusted=trust,
        folder=Path(os.getcwd()),
    )
    labelled = [pair for fake in fakes for pair in labelled_sources(fake, reading)]
    plan = evaluation_of(choice, dataset, labelled, diagnostics, samples, choose_device(device))
    run = measure(plan, out, results)
    _conclude(plan, run)


def _conclude(plan: Evaluation, run: Path) -> None:
    """Write the page; say what is to be known of the samples, and print the table."""
    from ganbench.analysis.evaluation_text import evaluation_text
    from ganbench.analysis.run import load_run
    from ganbench.report.write import write_report
    from ganbench.terminal import text_width

    click.echo("writing the report …", err=True)
    page = write_report(run)
    click.echo(f"\n{evaluation_text(load_run(run), text_width())}\n\nreport: {page}")
    for note in plan.notes:
        click.echo(f"note: {note}", err=True)
    left_out = plan.selection.left_out_for
    if names := left_out("network"):
        click.echo(f"left out, as they need a network: {', '.join(names)}", err=True)
    if without := left_out("data"):
        click.echo(f"left out, as they do not apply to these data: {', '.join(without)}", err=True)
    if "fidelity" in without:
        click.echo(f"no Fréchet distance: {without['fidelity']}; --diagnostics names others", err=True)
    for label, reason in left_out("count").items():
        click.echo(f"left out: {label} ({reason})", err=True)
