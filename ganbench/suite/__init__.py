"""Suites: a YAML file to a validated description of all cohorts."""

from ganbench.suite.bundled import bundled_suites
from ganbench.suite.load import load_suite
from ganbench.suite.schema import json_schema
from ganbench.suite.suite import Suite

__all__ = ["Suite", "bundled_suites", "json_schema", "load_suite"]
