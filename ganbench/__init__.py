"""ganbench: a benchmark and diagnostics suite for generative adversarial networks."""

__version__ = "0.1.0"
