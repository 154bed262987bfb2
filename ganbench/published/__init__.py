"""Numbers that others published or that theory predicts, with how sure each is: one file a suite."""

from ganbench.published.published import Published

__all__ = ["Published"]
