"""What the results of a history are called: by their day and the code that made them, never two alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ganbench.comparison.model import Side


@dataclass(frozen=True)
class Label:
    """What a result is called."""

    day: str
    told: tuple[str, ...]
    """The commit of the user's code, ganbench's, the name: those that are known and tell something."""
    time: str = ""
    """Its time of day where nothing else tells it from another result."""

    def __str__(self) -> str:
        when = f"{self.day} {self.time}".rstrip()
        return f"{when} ({', '.join(self.told)})" if self.told else when


def labels(sides: Sequence[Side]) -> list[Label]:
    """The labels of a history's results, which are no two the same; they must say when they were made.

    First the commit of the folder that ganbench was called in: with an installed ganbench, or variants in
    files of the user's own, that is the code that changes.  Beside it ganbench's own commit or version
    where that is another one, and not the same in all results.  The name stands where no commit is known.
    Results that are alike in all this get their name, time and file as far as those differ.
    """
    apart = any(_folder(side) and not _one_checkout(side) for side in sides)
    changed = len({_ganbench(side) for side in sides} - {""}) > 1
    found = [Label(side.created[:10], _told(side, apart, changed)) for side in sides]
    for step in (_with_name, _with_minute, _with_second, _with_file, _with_path):
        found = _finer(found, sides, step)
    return found


def commit(side: Side) -> str:
    """The commit in short, with "+" where there were changes on top: the working folder's, else ganbench's.

    Empty where neither is known.
    """
    if _one_checkout(side):
        return _short(_own(side), _own(side).get("dirty") or _folder(side).get("dirty"))
    checkout = _folder(side) or _own(side)
    return _short(checkout, checkout.get("dirty"))


def _told(side: Side, apart: bool, changed: bool) -> tuple[str, ...]:
    """Commits; `apart`: ganbench and the working folder are not always one checkout."""
    if _one_checkout(side):
        return (commit(side),)
    if _own(side) and not _folder(side):
        return (f"ganbench {commit(side)}" if apart else commit(side),)
    own = _ganbench(side)
    return (commit(side) or side.name, *([f"ganbench {own}"] if changed and own else []))


def _finer(
    found: Sequence[Label], sides: Sequence[Side], step: Callable[[Label, Side], Label]
) -> list[Label]:
    """The labels after a step that is taken only where it tells apart what is labelled alike."""
    alike: dict[Label, list[int]] = {}
    for place, label in enumerate(found):
        alike.setdefault(label, []).append(place)
    finer = list(found)
    for places in alike.values():
        stepped = [step(found[place], sides[place]) for place in places]
        if len(set(stepped)) > 1:
            for place, label in zip(places, stepped, strict=True):
                finer[place] = label
    return finer


def _with_name(label: Label, side: Side) -> Label:
    return replace(label, told=(*label.told, side.name))


def _with_minute(label: Label, side: Side) -> Label:
    return replace(label, time=f"{datetime.fromisoformat(side.created):%H:%M}")


def _with_second(label: Label, side: Side) -> Label:
    return replace(label, time=f"{datetime.fromisoformat(side.created):%H:%M:%S}")


def _with_file(label: Label, side: Side) -> Label:
    return replace(label, told=(*label.told, Path(side.source).name))


def _with_path(label: Label, side: Side) -> Label:
    return replace(label, told=(*label.told, side.source))


def _own(side: Side) -> Mapping[str, Any]:
    """ganbench's own checkout; empty where it was installed."""
    return _known(side.environment.get("git"))


def _folder(side: Side) -> Mapping[str, Any]:
    """The checkout that ganbench was called in; empty where that was none."""
    return _known(side.environment.get("git_of_working_folder"))


def _one_checkout(side: Side) -> bool:
    """Whether ganbench was called in its own checkout."""
    own, folder = _own(side), _folder(side)
    return bool(own) and own.get("commit") == folder.get("commit")


def _ganbench(side: Side) -> str:
    """Which ganbench made a result: its commit, else its version."""
    own = _own(side)
    return _short(own, own.get("dirty")) or str(side.environment.get("ganbench") or "")


def _known(checkout: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return checkout if checkout and checkout.get("commit") else {}


def _short(checkout: Mapping[str, Any], dirty: object) -> str:
    return f"{str(checkout['commit'])[:7]}{'+' if dirty else ''}" if checkout else ""
