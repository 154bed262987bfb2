"""Properties: what is written is what is read, and no file whatever ends in anything but a message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from suite_fakes import only_fakes

from ganbench.errors import Mistake, SuiteError
from ganbench.suite import load_suite

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True, scope="module")
def _fakes() -> Iterator[None]:
    with only_fakes():
        yield


positive = st.floats(1e-6, 1e6, allow_nan=False)
networks = st.one_of(
    st.sampled_from(["mlp", "wide"]), st.builds(lambda w: {"mlp": {"width": w}}, st.integers(1, 99))
)
options = st.fixed_dictionaries(
    {},
    optional={
        "rate": positive,
        "batch": st.integers(1, 64),
        "betas": st.lists(st.floats(0, 1), min_size=2, max_size=2),
        "ema": st.none() | st.floats(0, 1),
        "order": st.sampled_from(["first", "second"]),
        "network": networks,
    },
)
suites = st.fixed_dictionaries(
    {
        "datasets": st.just(["ring"]),
        "variants": st.lists(
            options, min_size=1, max_size=3, unique_by=lambda o: json.dumps(o, sort_keys=True)
        ),
        "seeds": st.integers(1, 20) | st.lists(st.integers(0, 2**40), min_size=1, max_size=5, unique=True),
        "budget": st.builds(lambda n: {"images": n}, st.integers(64, 10**9)),
    }
)


def written_in_blocks(value: Any, indent: str = "") -> str:
    """The value in YAML's block style, scalars as JSON writes them."""
    if isinstance(value, dict) and value:
        return "".join(f"\n{indent}{k}: {written_in_blocks(v, indent + '  ')}" for k, v in value.items())
    if isinstance(value, list) and value:
        return "".join(f"\n{indent}- {written_in_blocks(v, indent + '  ')}" for v in value)
    return json.dumps(value)


@quick
@given(suites, st.booleans())
def test_what_is_written_is_what_is_read(tmp_path: Path, content: dict[str, Any], blocks: bool) -> None:
    # a label of its own for each entry: two of them may resolve to the same options
    entries = [
        {"simple" if k % 2 else "penal": o, "label": f"v{k}"} for k, o in enumerate(content["variants"])
    ]
    content = content | {"variants": entries}
    file = tmp_path / "s.yaml"
    file.write_text(written_in_blocks(content) if blocks else json.dumps(content), encoding="utf-8")
    try:
        cohorts = load_suite(file).cohorts()
    except SuiteError as error:
        assert "every option equal" in str(error)  # noqa: PT017  (a default was written out)
        return
    assert len(cohorts) == len(entries)
    for cohort, entry in zip(cohorts, entries, strict=True):
        given_options = dict(next(iter(entry.values())))  # type: ignore[call-overload]
        network = given_options.pop("network", None)
        assert {k: cohort.variant.options[k] for k in given_options} == given_options
        if isinstance(network, str):
            assert cohort.variant.options["network"]["name"] == network
        if isinstance(network, dict):
            assert cohort.variant.options["network"]["options"]["width"] == network["mlp"]["width"]
        seeds = content["seeds"]
        assert cohort.seeds == (tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds))
        assert cohort.budget.amount == content["budget"]["images"]


BASE = """# a comment
name: base
datasets:
  - ring: {radius: 1.5, centre: [0, 1e-1], rotated: false}
variants:
  - simple
  - penal: {weight: [1, 2.0], network: {mlp: {width: 32}}}
  - {simple: {rate: 1e-3, ema: 0.9}, label: "quick one"}
seeds: {first: 3, count: 2}
budget: {images: 50_000}
measure: {points: 4, spacing: log}
diagnostics: [modes, cost: {detail: true}]
engine: {compile: off, threads: 1}
"""
strange = st.sampled_from(list("\t\n #:-[]{},&*!|>'\"%@`?<=~0159eE.+_\\\x00\x07\u00e9\u2028\ufeff\U0001f600"))


@settings(quick, max_examples=150)
@given(st.integers(0, len(BASE) - 1), st.sampled_from(["replace", "insert", "delete"]), strange)
@example(0, "insert", "\x00")
def test_one_changed_character_is_read_or_told(
    tmp_path: Path, position: int, how: str, character: str
) -> None:
    middle = {"replace": character, "insert": character + BASE[position], "delete": ""}[how]
    file = tmp_path / "s.yaml"
    file.write_bytes((BASE[:position] + middle + BASE[position + 1 :]).encode())
    lines = BASE.count("\n") + 3
    assert all(1 <= m.line <= lines and m.column >= 1 and m.text for m in mistakes_of(file))


def mistakes_of(file: Path) -> tuple[Mistake, ...]:
    try:
        load_suite(file)
    except SuiteError as error:
        return error.mistakes
    return ()


@quick
@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_told(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(data)
    with pytest.raises(SuiteError):
        load_suite(file)
