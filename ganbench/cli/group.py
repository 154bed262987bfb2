"""The command line's group: what every command shares, and what becomes of a user's mistakes."""

from __future__ import annotations

import errno
import io
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import click

import ganbench
from ganbench.cli.paths import AbsolutePath, Source
from ganbench.errors import GanbenchError, out_of_memory

INTERRUPTED, INCOMPLETE, CRASHED = 130, 3, 70
_MOST_SEEDS = 100_000
_ABOUT_PLACES = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
    errno.ENAMETOOLONG, errno.ELOOP, errno.EDQUOT,
)  # fmt: skip


class _Commands(click.Group):
    """Turns the user's mistakes into one message and an exit code, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        _write_any_text()
        try:
            return super().invoke(ctx)
        except GanbenchError as error:
            click.echo(f"{error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(
                "interrupted; what was finished is kept: the same command goes on from there", err=True
            )
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader has gone, as in `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            if error.errno not in _ABOUT_PLACES:
                _end(error)
            where = "" if error.filename is None else f"{error.filename}: "
            click.echo(f"{where}cannot be read or written: {error.strerror}", err=True)
            sys.exit(GanbenchError.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _end(error)


def _write_any_text() -> None:
    """Characters that a terminal's encoding lacks are written out, as in the files."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _end(error: Exception) -> NoReturn:
    """End for want of memory, or after a fault of our own: Python would end with 1, a gate's regression."""
    if lack := out_of_memory(error):
        click.echo(f"{lack}", err=True)
        sys.exit(lack.exit_code)
    traceback.print_exc()
    click.echo("ganbench itself failed; this is a fault of ours: please report it", err=True)
    sys.exit(CRASHED)


class _Seeds(click.ParamType):
    """`20` (the seeds 0 to 19) or `1000-1019`."""

    name = "SEEDS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        found = re.fullmatch(r"((?P<first>\d+)-)?(?P<last>\d+)", str(value).strip())
        if found is None:
            self._refuse(value)
        alone = found["first"] is None
        first, last = (0, int(found["last"]) - 1) if alone else (int(found["first"]), int(found["last"]))
        if last < first or last - first >= _MOST_SEEDS:
            self._refuse(value)
        return tuple(range(first, last + 1))

    def _refuse(self, value: Any) -> NoReturn:
        self.fail(f"{value!r}: write a number, such as 20, or the first and the last, such as 1000-1019")


SUITE = click.argument("suite", type=Source())
RUN = click.argument("run", type=AbsolutePath())
INCLUDE = click.option("--include", multiple=True, type=AbsolutePath(), metavar="FILE",
    help="A Python file whose variants, data sets or diagnostics are registered first.")  # fmt: skip
DATA = click.option(
    "--data", type=Source(), metavar="DIR", help="Where image data sets lie (else $GANBENCH_DATA)."
)
WEIGHTS = click.option("--extractor-weights", multiple=True, metavar="NAME=FILE",
    help="The weights of an extractor (else those that $GANBENCH_WEIGHTS names so).")  # fmt: skip
DEVICE = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
    show_default=True)  # fmt: skip
WORKERS = click.option("--workers", type=click.IntRange(1),
    help="Processes (default: one a core on a CPU, one on a GPU).")  # fmt: skip
OUT = click.option("--out", type=AbsolutePath(), metavar="DIR",
    help="The run folder (default: results/<suite>-<key>).")  # fmt: skip
TRUST = click.option("--trust", is_flag=True,
    help="Execute the Python files that the run folder names.")  # fmt: skip
SEEDS = click.option("--seeds", type=_Seeds(), metavar="SEEDS",
    help="20 or 1000-1019, in place of all seeds that the suite names.")  # fmt: skip


def what_to_run(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that makes a plan of a suite."""
    for option in (INCLUDE, WORKERS, DEVICE, WEIGHTS, DATA, SEEDS, OUT, SUITE):
        command = option(command)
    return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(ganbench.__version__, prog_name="ganbench")
def main() -> None:
    """A benchmark and diagnostics suite for generative adversarial networks.

    A suite is a YAML file, or the name of one that comes with ganbench, such as `quickstart`.
    """
