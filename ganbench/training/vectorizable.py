"""torch's functions that ask a tensor for its numbers, replaced by ones that need not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.overrides import TorchFunctionMode


class Vectorizable(TorchFunctionMode):
    """Inside, `one_hot` with a number of classes maps over seeds, and never waits for a device.

    Deviation: a label beyond the classes gives a row of zeros and is no error.
    """

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if function is one_hot:
            labels, classes = _arguments(*args, **given)
            if classes >= 0:
                return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).long()
        return function(*args, **given)


def _arguments(tensor: Tensor, num_classes: int = -1) -> tuple[Tensor, int]:
    return tensor, num_classes
