"""Reports.  matplotlib is imported here first, where no backend of a user's can keep it from that."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from ganbench.errors import GanbenchError


def _import_matplotlib() -> None:
    """Import matplotlib without $MPLBACKEND, then give it that: an unknown backend would be an error.

    Raises GanbenchError where the user's matplotlibrc cannot be read.
    """
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    except (ValueError, OSError) as error:
        raise GanbenchError(
            f"matplotlib cannot read its settings: {error}; mend or remove the file matplotlibrc of this"
            " folder (or the one that $MATPLOTLIBRC names, or ~/.config/matplotlib/matplotlibrc)"
        ) from error
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend


if "matplotlib" not in sys.modules:
    _import_matplotlib()
