"""Specs of data: fields by name, of which one is the target."""

from __future__ import annotations

import pytest
import torch

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec, FieldSpec

HALVES = FieldSpec.label(2, lambda: torch.tensor([0.5, 0.5], dtype=torch.float64))


def test_shape_range_and_classes_are_the_targets() -> None:
    spec = DataSpec(
        {
            "a": FieldSpec((3,)),
            "b": FieldSpec((1, 4, 4), value_range=(-1.0, 1.0)),
            "b_label": HALVES,
        },
        target="b",
        paired=False,
    )
    assert (spec.shape, spec.value_range, spec.label) == ((1, 4, 4), (-1.0, 1.0), "b_label")
    assert spec.class_shares is not None
    assert spec.class_shares.tolist() == [0.5, 0.5]


def test_one_field_has_a_short_form() -> None:
    plain, labelled = DataSpec.real((2,), (0.0, 1.0)), DataSpec.real((2,), (0.0, 1.0), HALVES)
    assert (plain.shape, plain.value_range, plain.label, plain.class_shares) == ((2,), (0.0, 1.0), None, None)
    assert labelled.label == "label"
    assert labelled.fields["label"].value_range == (0, 1)
    assert plain != labelled
    assert plain == DataSpec.real((2,), (0.0, 1.0))


def test_integers_stay_integers_at_every_precision() -> None:
    for floating in (torch.float32, torch.float64):
        assert HALVES.torch_dtype(floating) == torch.int64
        assert FieldSpec((2,)).torch_dtype(floating) == floating


def test_what_is_no_field_is_refused() -> None:
    with pytest.raises(GanbenchError, match=r"DataSpec.real\(shape"):
        DataSpec((2,))  # type: ignore[arg-type]
    with pytest.raises(GanbenchError, match="target 'real' is none of a"):
        DataSpec({"a": FieldSpec((2,))})
