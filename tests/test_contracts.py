"""Every registered plug-in keeps its kind's promises, and plug-ins that do not are caught at it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval
from pydantic import TypeAdapter

from ganbench import registry
from ganbench.contract import CHECKS, Check, check_file, cohorts, variants
from ganbench.contract.options import options_matter
from ganbench.contract.values import other_values
from ganbench.errors import GanbenchError, MissingData
from ganbench.registry import KINDS, Kind, Option

OF_THE_USERS = ("array", "csv", "image_folder", "pair", "torchscript", "onnx")
"""What a user names is their data: tests/test_own_data.py and tests/test_pair.py check them on some."""
PROMISES = [
    pytest.param(kind, name, check, id=f"{kind}-{name}-{check.__name__}")
    for kind in KINDS
    for name in sorted(registry._builtin(kind))
    for check in CHECKS[kind]
    if name not in OF_THE_USERS
]

pytestmark = pytest.mark.usefixtures("forgotten_names")


@pytest.mark.parametrize(("kind", "name", "check"), PROMISES)
def test_promise(kind: Kind, name: str, check: Check) -> None:
    try:
        check(registry.get(kind, name))
    except MissingData as error:
        pytest.skip(str(error))


MADE_FOR = {"lsgan1d": ("exponential",), "ali": ("ring8",), "veegan": ("ring8",)}
"""Variants of one theory, which play on its own data alone, and those of perceptrons."""


@pytest.mark.parametrize("name", sorted(registry._builtin("variant")))
def test_our_variants_train_on_vectors_and_on_images(name: str) -> None:
    entry = registry.get("variant", name)
    assert cohorts.places_of(entry) == MADE_FOR.get(name, ("ring8", "digits"))
    assert variants.vectorizes(entry) is None, "one of ours falls back to a loop over seeds"


@pytest.mark.parametrize(
    ("old", "new", "width"),
    [
        ("", "", 8),
        ("Annotated[int, ", "Annotated[int, Ge(16), ", 16),
        ("return Pair(width)", "return Pair(even(width))", 16),
    ],
)
def test_a_network_is_tried_at_a_small_width_that_it_allows(
    tmp_path: Path, old: str, new: str, width: int
) -> None:
    file = written(tmp_path, NETWORK.replace(old, new) if old else NETWORK)
    list(check_file(file))
    (entry,) = registry.entries_of(file)
    parameters = cohorts.trained(entry, "ring8").state.params["generator"]
    assert parameters["0.weight"].shape == (len(cohorts.SEEDS), width, 4)


NETWORK = '''
from typing import Annotated
from annotated_types import Ge
from torch import nn
from ganbench.errors import GanbenchError
from ganbench.networks.layers import Linear
from ganbench.networks.network import register_network

def even(width):
    if width % 16:
        raise GanbenchError("sixteens")
    return width

class Pair:
    def __init__(self, width):
        self.width = width
    def layers(self, inputs, outputs):
        return Linear(inputs, self.width), nn.ReLU(), Linear(self.width, outputs)
    def generator(self, latent_dim, spec):
        if len(spec.shape) != 1:
            raise GanbenchError("for vectors")
        return nn.Sequential(*self.layers(latent_dim, spec.shape[0]))
    def discriminator(self, spec):
        return nn.Sequential(*self.layers(spec.shape[0], 1), nn.Flatten(0))

@register_network("wide")
def wide(width: Annotated[int, "units"] = 16):
    """A network of the test's.

    Source: nobody 2024.
    """
    return Pair(width)
'''
GOOD = '''
from typing import Annotated
from ganbench.objectives import least_squares
from ganbench.variants import register_variant, two_player

@register_variant("mine")
def mine(target: Annotated[float, "a number"] = 1.0, **options):
    """A variant of the test's.

    Source: nobody 2024.
    """
    options = {"learning_rate": 1e-3 * target, **options}
    return two_player(least_squares(), **options)
'''
STATEFUL = GOOD.replace(
    "    return two_player(least_squares(), **options)",
    """    from torch import nn
    import itertools, torch
    ticks = itertools.count()

    class Counting(nn.Module):
        def forward(self, x):
            return x if x.is_meta else x * (1 + next(ticks))

    return two_player(
        least_squares(), prepare_discriminator=lambda d: nn.Sequential(d, Counting()), **options)""",
)
GLOBAL = GOOD.replace(
    "least_squares()",
    "Objective(lambda r, f, b: r.mean() * __import__('torch').rand(()), least_squares().generator)",
).replace("import least_squares", "import Objective, least_squares")
NOISY = GOOD.replace(
    "    return two_player(least_squares(), **options)",
    """    import torch
    from torch import nn

    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.rand(())

    return two_player(
        least_squares(), prepare_discriminator=lambda d: nn.Sequential(d, Noisy()), **options)""",
)
STILL = GOOD.replace("least_squares()", "Objective(lambda r, f, b: 0 * r.sum(), least_squares().generator)")
STILL = STILL.replace("import least_squares", "import Objective, least_squares")
EXPLODES = GOOD.replace(
    "least_squares()", "Objective(lambda r, f, b: r.sum() / 0, least_squares().generator)"
)
EXPLODES = EXPLODES.replace("import least_squares", "import Objective, least_squares")

DETACHED = GOOD.replace(
    "two_player(least_squares(), **options)",
    """two_player(least_squares(), [Penalty(
        lambda networks, batch, real, fake:
            target * networks.input_gradient("discriminator", fake).square().mean().detach()
    )], **options)""",
).replace("import least_squares", "import least_squares\nfrom ganbench.penalties import Penalty")
DETACHED = DETACHED.replace("1e-3 * target", "1e-3")
SWALLOWS = GOOD.replace(
    "least_squares(), **options)", "least_squares(), learning_rate=1e-3 * target, latent_dim=4, batch_size=8)"
)
TWICE = GOOD.replace("least_squares(), **options)", "least_squares(), latent_dim=4, **options)")
CONDITIONAL = GOOD.replace(
    "    return two_player(least_squares(), **options)",
    "    return two_player(least_squares(), [r1(target)] if penalty == 'r1' else [], **options)",
).replace("**options):", "penalty: Annotated[Literal['none', 'r1'], 'which'] = 'none', **options):")
CONDITIONAL = CONDITIONAL.replace("1e-3 * target", "1e-3").replace(
    "import Annotated", "import Annotated, Literal\nfrom ganbench.penalties import r1"
)
LATE = GOOD.replace(
    "    return two_player(least_squares(), **options)",
    """    from dataclasses import replace
    bound = 0.75 + 0.01 * target  # weights start within 0.71 and move by 0.01 in an update
    made = two_player(least_squares(), **options)
    return replace(made, projections={"discriminator": lambda value: value.clamp(-bound, bound)})""",
).replace("1e-3 * target", "1e-2")

MISCOUNTS = GOOD.replace(
    "    return two_player(least_squares(), **options)",
    """    from dataclasses import replace
    made = two_player(least_squares(), n_critic=3, **options)
    return replace(made, update=replace(made.update, updates={"discriminator": 2, "generator": 1}))""",
)


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.py"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("text", [GOOD, NOISY], ids=["good", "random calls in a network"])
def test_a_users_file_that_is_fine(tmp_path: Path, text: str) -> None:
    lines = list(check_file(written(tmp_path, text)))
    assert len(lines) == len(CHECKS["variant"])
    assert all(line.startswith("variant mine: ") for line in lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "registers nothing"),
        (GOOD.replace("    Source: nobody 2024.\n", ""), "has no line 'Source:"),
        (GOOD.replace('Annotated[float, "a number"]', "float"), "option 'target' says nothing"),
        (GOOD.replace('"a number"] = 1.0', '"a number"]'), "option 'target' has no default"),
        (GOOD.replace("**options):", "network: Annotated[str, 'n'] = 'mlp28', **options):"), "mlp28"),
        (STILL, "do not move the discriminator"),
        (EXPLODES, "not finite after two rounds"),
        (GLOBAL, r"rand \(mine\.py:\d+\) would draw from torch's global generator"),
        (STATEFUL, "other numbers|differ by"),
        (DETACHED, r"mine.py:8: .*'target' changes no update.*detached from the graph"),
        (SWALLOWS, r"mine.py:6: .*'network' changes no update.*pass its \*\*options"),
        (TWICE, r"mine.py:13: .*multiple values for keyword argument 'latent_dim'"),
        (MISCOUNTS, "says 2 updates of the discriminator a round and makes 3"),
    ],
    ids=[
        *("nothing", "source", "meaning", "default", "nowhere"),
        *("still", "explodes", "global", "stateful", "detached", "swallows", "twice", "miscounts"),
    ],
)
def test_a_users_file_that_is_not(tmp_path: Path, text: str, message: str) -> None:
    if "mlp28" in message:  # a fixed network of its own that fits neither place
        text = text.replace("least_squares(), **options", "least_squares(), network='mlp28', **options")
        text = text.replace(
            "network: Annotated[str, 'n'] = 'mlp28', ", "network: Annotated[None, 'n'] = None, "
        )
    with pytest.raises(GanbenchError, match=message):
        list(check_file(written(tmp_path, text)))


RULE = '''
from typing import Annotated
from ganbench.updates import Turns, UpdateRule, register_update
from ganbench.updates.rule import move

@register_update("generator-twice")
def twice(turns: Turns, times: Annotated[int, "the generating players' updates"] = 2):
    """The generator moves more often.

    Source: nobody 2024.
    """
    def advance(field):
        batch = move(field, turns.judging)
        for _ in range(times):
            move(field, turns.generating, batch)

    return UpdateRule(advance, {"discriminator": 1, "generator": times}, {"discriminator": 1})
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("    Source: nobody 2024.\n", "", "has no line 'Source:"),
        ('"generator": times', '"generator": 1', "says 1 updates of the generator a round and makes 2"),
        ("turns.generating, batch", "turns.generating", None),
        (
            "batch = move(field, turns.judging)",
            "batch = field.draw(*turns.judging)",
            "move the discriminator",
        ),
        ("turns.judging)", "turns.judging)\n        field.draw(*turns.judging)", "shows 2"),
        ("for _ in range(times)", "for _ in range(2 if torch.rand(()) else 3)", "global generator"),
    ],
)
def test_a_users_update_rule(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    file = written(tmp_path, ("import torch\n" + RULE).replace(old, new) if old else RULE)
    if message is None:
        assert len(list(check_file(file))) == len(CHECKS["update"])
    else:
        with pytest.raises(GanbenchError, match=message):
            list(check_file(file))


@pytest.mark.parametrize("text", [CONDITIONAL, LATE], ids=["conditional", "late"])
def test_an_option_may_matter_under_other_circumstances_or_late(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    registry.include(file)
    (entry,) = registry.entries_of(file)
    assert options_matter(entry) is None


@pytest.mark.parametrize(
    ("hint", "value", "first"),
    [
        (bool, True, [False]),
        (Literal["a", "b"], "a", ["b"]),
        (Literal["a", "b"] | None, "a", ["b", None]),
        (Annotated[int, Ge(1)], 1, [2, 10]),
        (Annotated[float, Interval(gt=0, lt=1)], 0.5, [0.75, 0.25]),
        (Annotated[float | None, Gt(0)], None, [0.5, 2.0]),
        (tuple[float, float], (1.0, 2.0), [(1.5, 2.0), (0.5, 2.0)]),
        (tuple[Literal["a", "b"], ...], ("a",), [("b",), ("a", "a")]),
        (str | dict[str, Any], {"adam": {"beta1": 0.5}}, ["adam"]),
        (dict[str, Any], {"unrolled": {"steps": 5}}, [{"unrolled": {"steps": 6}}]),
    ],
)
def test_other_values_fit_the_type_and_are_others(hint: Any, value: Any, first: list[Any]) -> None:
    values = other_values(Option("x", hint, value, ""), value)
    assert values[: len(first)] == first
    assert value not in values
    for each in values:
        TypeAdapter(hint).validate_python(each, strict=True)


DATASET = '''
import torch
from ganbench.datasets import DatasetInfo, Dataset, Primary, register_dataset
from ganbench.game import DataSpec
from ganbench.streams import SeedStreams, generator

@register_dataset("cube")
def cube():
    """A cube."""
    return Cube()

class Sampler:
    def __init__(self, seeds, device, dtype):
        self.streams, self.dtype = SeedStreams(seeds, "data", device), dtype
    def draw(self, count):
        return {"real": self.streams.uniform((count, 3), self.dtype)}
    def state(self):
        return {"streams": self.streams.state()}
    def restore(self, state):
        self.streams.restore(state["streams"])

class Cube(Dataset):
    info = DatasetInfo("cube", "Cube", DataSpec.real((3,)), "us", "none",
        Primary("two_sample", "energy_distance"))
    def sampler(self, seeds, device, dtype):
        return Sampler(seeds, device, dtype)
    def fields(self, split, count, device, dtype):
        source = generator(0, split)
        rows = [torch.rand(3, generator=source) for _ in range(count)]
        return {"real": torch.stack(rows).to(device, dtype)}
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ('"us"', '""', "no source"),
        ('"energy_distance"', '"c2st_p_value"', "no direction"),
        ('"energy_distance"', '"kid"', "no smallest difference"),
        ('"energy_distance"', '"energy"', "'energy' is not one of 'two_sample', which measures kid, "),
        ('"two_sample"', '"modes"', "primary diagnostic 'modes': cube: its modes are not known"),
        ('"two_sample"', '"two_samples"', "did you mean 'two_sample'"),
        ("DataSpec.real((3,))", "DataSpec.real((4,))", "shape"),
        ("DataSpec.real((3,))", "DataSpec.real((3,), (0.5, 1.0))", "range"),
        ("generator(0, split)", 'generator(0, "x")', "held-out examples are the same"),
        ("generator(0, split)", "generator(count, split)", "no prefix"),
        (
            'SeedStreams(seeds, "data", device)',
            'SeedStreams([sum(seeds)] * len(seeds), "data")',
            "same examples",
        ),
        ('SeedStreams(seeds, "data", device)', 'SeedStreams(range(len(seeds)), "data")', "seeds beside it"),
        ('self.streams.restore(state["streams"])', "pass", "restore"),
        ("to(device, dtype)", "to(device)", "type"),
    ],
)
def test_a_users_data_set(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    file = written(tmp_path, DATASET.replace(old, new) if old else DATASET)
    if message is None:
        assert len(list(check_file(file))) == len(CHECKS["dataset"])
    else:
        with pytest.raises(GanbenchError, match=message):
            list(check_file(file))


LABELLED = '''
import torch
from ganbench.datasets import DatasetInfo, Primary, register_dataset
from ganbench.datasets.blocks import Distribution
from ganbench.game import DataSpec, FieldSpec

SHARES = torch.tensor([0.25, 0.75], dtype=torch.float64)

@register_dataset("coins")
def coins():
    """Two noisy coins."""
    return Coins()

class Coins(Distribution):
    info = DatasetInfo("coins", "Coins", DataSpec.real((1,), label=FieldSpec.label(2, lambda: SHARES)), "us",
        "none", Primary("two_sample", "energy_distance"))
    def draw(self, streams, rows, dtype):
        label = (streams.uniform((rows,), dtype) >= 0.25).long()
        return {"real": label.unsqueeze(-1) + streams.normal((rows, 1), dtype), "label": label}
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        (', "label": label}', "}", "differ in label"),
        (">= 0.25).long()", ">= 0.25).int()", "type is torch.int32, not torch.int64"),
        ("label(2, ", "label(3, ", "not float64 .3."),
        (">= 0.25).long()", ">= 0.25).long() + 1", r"2 leaves the range \[0, 1\]"),
        (">= 0.25).long()", ">= 0.3).long()", "other shares than declared"),
        ("[0.25, 0.75]", "[0.25, 0.7]", "do not sum to 1"),
        ("[0.25, 0.75]", "[0.0, 1.0]", "other shares than declared"),
        (", lambda: SHARES", ", None", "no shares"),
        ('"real": label.unsqueeze(-1) +', '"real": float("nan") *', "nan is not finite"),
    ],
)
def test_a_users_data_set_with_labels(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    file = written(tmp_path, LABELLED.replace(old, new) if old else LABELLED)
    if message is None:
        assert len(list(check_file(file))) == len(CHECKS["dataset"])
    else:
        with pytest.raises(GanbenchError, match=message):
            list(check_file(file))


DIAGNOSTIC = '''
import torch
from ganbench.diagnostics.diagnostic import Diagnostic, register_diagnostic
from ganbench.quantities import Quantity

@register_diagnostic("count")
def count(dataset):
    """Counts.  What good looks like: one.  Blind to: all else."""
    return Count()

class Count(Diagnostic):
    quantities = (Quantity("count", "Count"),)
    rounds = 0
    def on_round(self, state):
        self.rounds += 1
        return {"count": torch.full((3,), self.rounds, dtype=torch.float64)}
    def state(self):
        return {"rounds": self.rounds}
    def restore(self, state):
        self.rounds = state["rounds"]
    def measure(self, snapshot):
        return {"count": snapshot.samples(3).flatten(1).sum(1)}
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("Blind to: all else.", "", "blind to"),
        ('{"count"', '{"cuont"', "differ: count, cuont"),
        (".flatten(1).sum(1)", ".sum()", "shape"),
        (".flatten(1).sum(1)", ".flatten(1).sum(1) + torch.rand(1)", "another number"),
        ('        return {"count": s', '        torch.rand(1)\n        return {"count": s', "random numbers"),
        ("class Count(Diagnostic)", "class Count", "must inherit from"),
        ('self.rounds = state["rounds"]', "pass", "another number after a restart"),
        ('{"rounds": self.rounds}', '{"rounds": self.rounds, "x": self}', "more than tensors"),
        (
            "    def measure(self, snapshot):",
            "    def measure(self, snapshot):\n"
            "        snapshot._state.params['generator']['0.weight'].add_(1)",
            "changed the state|another number",
        ),
    ],
)
def test_a_users_diagnostic(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    cohorts.trained.cache_clear()
    file = written(tmp_path, DIAGNOSTIC.replace(old, new) if old else DIAGNOSTIC)
    try:
        if message is None:
            assert len(list(check_file(file))) == len(CHECKS["diagnostic"])
        else:
            with pytest.raises(GanbenchError, match=message):
                list(check_file(file))
    finally:
        cohorts.trained.cache_clear()


def test_the_command_line_checks_a_file(tmp_path: Path) -> None:
    bad = written(tmp_path, GOOD.replace("    Source: nobody 2024.\n", ""))
    command = [sys.executable, "-c", "from ganbench.cli import main; main()", "check", str(bad)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Source:" in done.stderr
    assert "Traceback" not in done.stderr


CLAIMS = '''
from ganbench.claims import Claim, Where, register_claim

@register_claim("mine")
def mine():
    """What I say."""
    where = Where("nsgan", {"batch_size": 8}, "ring8", {"modes": 4})
    return (
        Claim("one", where, "modes_recovered", 4.0, "published", 0.5, "me"),
        Claim("two", where, "mean(reverse_kl)", 0.1, "derived", None, "me"),
    )
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("return (", "return () or () and (", "states nothing"),
        ('"two"', '"one"', "2 claims are called 'one'"),
        ("4.0", "float('nan')", "expects nan"),
        ("0.5", "-0.5", "negative tolerance"),
        ('None, "me"', 'None, " "', "names no source"),
        ('"nsgan"', '"ngan"', "there is no variant 'ngan'"),
        ('"modes": 4', '"mods": 4', "dataset ring8 has no option mods"),
    ],
)
def test_a_users_claims(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    file = written(tmp_path, CLAIMS.replace(old, new) if old else CLAIMS)
    if message is None:
        assert len(list(check_file(file))) == len(CHECKS["claim"])
    else:
        with pytest.raises(GanbenchError, match=message):
            list(check_file(file))


BACKEND = '''
from ganbench.execution.backends import register_backend, run_tasks
from ganbench.execution.cohort_run import Event, run_cohort, write_failure

@register_backend("mine")
def mine():
    """One after the other."""
    return Mine()

class Mine:
    def run(self, tasks, workers, tell):
        for task in tasks:
            run_tasks([task], 1, tell)
'''


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("", "", None),
        ("in tasks", "in tasks[1:]", "it tells"),
        ("1, tell)", "1, lambda event: None)", "it tells {}"),
        (
            "            run_tasks([task], 1, tell)",
            "            tell(Event('finished', task.identity))",
            "it tells",
        ),
        ("for task", "tell(Event('note', '', detail='x'))\n        for task", "without any task it tells"),
    ],
)
def test_a_users_backend(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    file = written(tmp_path, BACKEND.replace(old, new) if old else BACKEND)
    if message is None:
        assert len(list(check_file(file))) == len(CHECKS["backend"])
    else:
        with pytest.raises(GanbenchError, match=message):
            list(check_file(file))
