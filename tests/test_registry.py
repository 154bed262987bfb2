"""Names to factories: read without importing, checked options, and the mistakes of plug-in files."""

from __future__ import annotations

import io
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, Literal, get_args

import pytest

from ganbench import registry
from ganbench.errors import GanbenchError, UnknownName
from ganbench.registry import KINDS, EntryOf, Kind

EXPECTED = {
    "variant": {"gan", "nsgan", "lsgan", "wgan", "wgan-gp", "dragan", "sngan", "gan-r1", "rpgan-r1r2"},
    "dataset": {
        "ring8",
        "grid25",
        "random_mixture",
        "digits",
        "mnist",
        "fashion_mnist",
        "cats",
        "stacked_mnist",
        "image_folder",
        "cifar10",
        "cifar100",
        "svhn",
        "stl10",
        "celeba",
        "imagenet",
        "lsun",
    },
    "diagnostic": {"modes", "gradients", "discriminator", "fidelity", "cost", "factors"},
    "network": {"mlp", "mlp28", "dcgan"},
    "update": {
        "alternating",
        "simultaneous",
        "extragradient",
        "optimistic",
        "consensus",
        "unrolled",
        "lookahead",
    },
    "extractor": {"identity", "digits", "mnist", "fashion_mnist"},
    "backend": {"local"},
    "claim": {"dirac", "fgan1d", "latent-dimension", "lsgan1d", "mixtures", "perfect-discriminator"},
}

pytestmark = pytest.mark.usefixtures("forgotten_names")


def plugin(folder: Path, text: str, name: str = "mine.py") -> Path:
    file = folder / name
    file.write_text("from ganbench.variants import register_variant, two_player\n" + text, encoding="utf-8")
    return file


GOOD = '''
@register_variant("mine")
def mine(width: int = 3, **options):
    """A summary.

    Source: none.
    """
    return None
'''


@pytest.mark.parametrize("kind", KINDS)
def test_the_promised_names_are_there(kind: Kind) -> None:
    assert set(registry.names(kind)) >= EXPECTED[kind]
    assert registry.names(kind) == sorted(registry.names(kind))
    assert all(registry.summaries(kind)[name] for name in EXPECTED[kind])


def test_names_and_summaries_are_read_without_importing_torch() -> None:
    script = (
        "import sys; from ganbench import registry\n"
        "for kind in registry.KINDS: registry.names(kind); registry.summaries(kind)\n"
        "assert 'nsgan' in registry.names('variant')\n"
        "sys.exit(','.join(m for m in ('torch', 'numpy', 'pandas') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"imported: {done.stderr}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_is_registered(kind: Kind) -> None:
    for name in EXPECTED[kind]:
        entry = registry.get(kind, name)
        assert (entry.kind, entry.name) == (kind, name)
        assert entry.summary == registry.summaries(kind)[name]
        assert entry.file.name.endswith(".py")


def test_options_have_types_defaults_and_meanings() -> None:
    options = registry.get("variant", "wgan-gp").options
    assert list(options)[:3] == ["gp_weight", "every", "n_critic"]
    assert options["gp_weight"].default == 10.0
    assert "penalty" in options["gp_weight"].text
    assert options["n_critic"].default == 5, "a variant's own default wins over the common one"
    assert registry.get("variant", "nsgan").options["n_critic"].default == 1
    assert options["batch_size"].default == 64
    assert set(get_args(get_args(options["first"].type)[0])) == {"discriminator", "generator"}
    assert not {"objective", "penalties", "prepare_discriminator", "options"} & set(options)
    assert "dataset" not in registry.get("diagnostic", "modes").options


def test_only_plain_types_are_options() -> None:
    @registry.register("variant", "typed")
    def typed(
        a: int,
        b: Literal["x", "y"] = "x",
        c: tuple[int, ...] = (),
        d: Path = Path(),
        e: float | None = None,
        f: list[Path] = [],  # noqa: B006
        **rest: object,
    ) -> None:
        """Only a, b, c and e can be written in YAML."""

    options = registry.get("variant", "typed").options
    assert list(options) == ["a", "b", "c", "e"]
    assert options["a"].required
    assert not options["b"].required


def test_unknown_names_name_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown variant 'wgan_gp'; did you mean 'wgan-gp'"):
        registry.get("variant", "wgan_gp")
    with pytest.raises(UnknownName, match=r"known: .*ring8"):
        registry.get("dataset", "#")


def test_a_users_file_is_included_once(tmp_path: Path) -> None:
    file = plugin(tmp_path, "COUNT = []\n" + GOOD)
    registry.include(file)
    entry = registry.get("variant", "mine")
    registry.include(str(file))
    assert registry.get("variant", "mine") is entry
    assert registry.entries_of(file) == [entry]
    assert registry.included_files()[-1] == file.resolve()
    assert "mine" in registry.names("variant")
    assert registry.summaries("variant")["mine"] == "A summary."
    assert next(iter(entry.options)) == "width"
    assert "batch_size" in entry.options, "a variant's other options are those of two_player"


def test_what_is_looked_up_is_recorded(tmp_path: Path) -> None:
    registry.get("dataset", "ring8")
    with registry.lookups() as outer:
        registry.get("network", "mlp")
        with registry.lookups() as inner:
            registry.get("variant", "wgan")
    registry.get("dataset", "ring8")
    assert set(outer) == {("network", "mlp"), ("variant", "wgan")}
    assert set(inner) == {("variant", "wgan")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = = 1\n", r"mine.py:2: cannot be imported: SyntaxError"),
        ("\n\nimport no_such_module\n", r"mine.py:4: cannot be imported: ModuleNotFoundError"),
        ("def f():\n    return 1 / 0\nf()\n", r"mine.py:3: cannot be imported: ZeroDivisionError"),
        (GOOD.replace("mine", "nsgan"), r"'nsgan' is (taken by|one of ganbench's own)"),
        (GOOD + GOOD.replace("def mine", "def another"), r"'mine' is taken"),
    ],
)
def test_mistakes_in_a_users_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(GanbenchError, match=message):
        registry.include(plugin(tmp_path, text))


def test_two_files_cannot_have_one_name(tmp_path: Path) -> None:
    registry.include(plugin(tmp_path, GOOD, "one.py"))
    with pytest.raises(GanbenchError, match=r"two.py.*'mine' is taken by .*one.py"):
        registry.include(plugin(tmp_path, GOOD, "two.py"))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(GanbenchError, match="no such file"):
        registry.include(tmp_path / "absent.py")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(GanbenchError, match="not a Python file"):
        registry.include(tmp_path / "notes.txt")


def test_a_broken_installed_plug_in_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("broken", "no_such_package.module", registry.PLUGIN_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    with pytest.raises(GanbenchError, match=r"plug-in broken .*no_such_package.*uninstall"):
        registry.load_installed_plugins.__wrapped__()


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import sys; sys.exit(0)", "SystemExit: 0; a plug-in must not end the process"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import argparse; argparse.ArgumentParser().parse_args(['--no'])", "SystemExit: 2"),
        ("raise ValueError('odd \\udc80')", r"ValueError: odd \udc80"),
    ],
)
def test_whatever_a_file_raises_when_imported_is_one_message(
    tmp_path: Path, statement: str, reason: str
) -> None:
    file = tmp_path / "raising.py"
    file.write_text(f"\n{statement}\n", encoding="utf-8")
    with pytest.raises(GanbenchError) as caught:
        registry.include(file)
    assert str(caught.value).startswith(f"{file}:2: cannot be imported: {reason}")
    assert file not in registry.included_files()


def test_a_ctrl_c_while_a_file_is_imported_is_the_users(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text(
        "import os, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n",
        encoding="utf-8",
    )
    with pytest.raises(KeyboardInterrupt):
        registry.include(file)


def test_a_file_that_changes_the_folder_or_closes_the_output_changes_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path.cwd()
    file = tmp_path / "moving.py"
    file.write_text(f"import os; os.chdir({str(tmp_path)!r})", encoding="utf-8")
    registry.include(file)
    assert Path.cwd() == folder
    monkeypatch.setattr("sys.stdout", io.StringIO())
    closing = tmp_path / "closing.py"
    closing.write_text("import sys; sys.stdout.close()", encoding="utf-8")
    with pytest.raises(GanbenchError, match="closes the standard output"):
        registry.include(closing)


def test_lookups_are_recorded_with_the_names_inside_them() -> None:
    from ganbench.networks import architecture
    from ganbench.updates import update_rule

    with registry.lookups() as outer:
        update_rule({"lookahead": {"of": "extragradient"}})
        with registry.lookups() as inner:
            architecture("mlp")
    architecture("dcgan")
    registry.names("variant")
    assert set(inner) == {("network", "mlp")}
    assert list(outer) == [("update", "lookahead"), ("update", "extragradient"), ("network", "mlp")]
    assert outer["update", "lookahead"] is registry.get("update", "lookahead")


def test_a_failed_lookup_is_not_recorded() -> None:
    with registry.lookups() as entries, pytest.raises(UnknownName):
        registry.get("claim", "nobody-said-this")
    assert not entries


def test_a_choice_is_written_in_three_ways() -> None:
    for choice, expected in (
        ("mlp", ("mlp", {})),
        ({"mlp": {"width": 3}}, ("mlp", {"width": 3})),
        ({"mlp": None}, ("mlp", {})),
        ({"name": "mlp", "options": {"width": 3}}, ("mlp", {"width": 3})),
    ):
        assert registry.parse_choice("network", choice) == expected  # type: ignore[arg-type]


def test_an_option_names_entries_where_the_one_that_it_replaces_does() -> None:
    def common(rule: Annotated[str, EntryOf("update"), "a rule"] = "alternating") -> None:
        """All have it."""

    @registry.register("variant", "narrower", common)
    def narrower(rule: Annotated[str, "another default"] = "consensus", **rest: object) -> None:
        """One has it its own way."""

    option = registry.get("variant", "narrower").options["rule"]
    assert (option.names, option.default, option.text) == ("update", "consensus", "another default")
    assert registry.get("variant", "gan").options["network"].names == "network"
    assert registry.get("variant", "gan").options["learning_rate"].names is None
