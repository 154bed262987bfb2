"""The command line: the only place that prints and exits.

torch is imported inside the commands that need it, so that `--help` and `list` start at once.
"""

from ganbench.cli import (  # noqa: F401  # each adds its commands to the group
    comparing,
    evaluating,
    reading,
    running,
    selftesting,
)
from ganbench.cli.group import main

__all__ = ["main"]
