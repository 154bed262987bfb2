"""YAML to located values; whatever is not plain YAML 1.2 is refused with its position."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from ganbench.errors import GanbenchError
from ganbench.suite.located import Items, Mapping, Mistakes, Node, Pair, Place, Scalar
from ganbench.suite.scalars import plain_value

_MOST_NODES = 100_000
_TEXT_TAG = "tag:yaml.org,2002:str"
_STANDARD_TAG = "tag:yaml.org,2002:"


def read_file(path: Path, mistakes: Mistakes) -> Node:
    """A file's YAML document; raises `SuiteError` where it is not one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GanbenchError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        mistakes.add(_end_of(before), "not UTF-8 text; save the file as UTF-8")
        mistakes.raise_any()
        raise AssertionError("unreachable") from error
    return read_text(text, mistakes)


def read_text(text: str, mistakes: Mistakes) -> Node:
    """A YAML text's only document; raises `SuiteError` where it is not one."""
    node = None
    try:
        with warnings.catch_warnings():  # ruamel.yaml warns of an anchor that is set twice
            warnings.simplefilter("ignore")
            node = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        if node is None:
            mistakes.add(Place(1, 1), "the file is empty; write datasets, variants, seeds and budget")
    except ReaderError as error:
        mistakes.add(
            _end_of(text[: error.position]), "a control character, which YAML does not allow; remove it"
        )
    except MarkedYAMLError as error:
        mistakes.add(_place_of_error(error), _words(error))
    except RecursionError:
        mistakes.add(Place(1, 1), "nested too deeply; a suite needs no more than a few levels")
    except (YAMLError, ValueError, AttributeError, TypeError, IndexError) as error:
        # ruamel.yaml's parser meets some broken texts with a bare Python error
        mistakes.add(Place(1, 1), f"not valid YAML: {error}")
    mistakes.raise_any()
    assert node is not None
    made = _Converter(text, mistakes).convert(node, None, ())
    mistakes.raise_any()
    return made


class _Converter:
    def __init__(self, text: str, mistakes: Mistakes) -> None:
        self.lines = text.split("\n")
        self.mistakes = mistakes
        self.nodes = 0

    def convert(self, node: YamlNode, fallback: Place | None, above: tuple[int, ...]) -> Node:
        """The node as plain values with places; an empty value stands at `fallback`."""
        place = _place(node.start_mark)
        self.nodes += 1
        if id(node) in above:
            self.mistakes.add(place, "an alias (*) inside its own anchor (&); write the value out")
            return Scalar(place, None, "")
        if self.nodes > _MOST_NODES:
            if self.nodes == _MOST_NODES + 1:
                self.mistakes.add(
                    place, f"more than {_MOST_NODES} values, aliases counted; make the file smaller"
                )
            return Scalar(place, None, "")
        if isinstance(node, ScalarNode):
            return self._scalar(node, place, fallback)
        if not str(node.tag).startswith(_STANDARD_TAG):
            self.mistakes.add(place, f"the tag {node.tag} is not used here; remove it")
        above = (*above, id(node))
        if isinstance(node, SequenceNode):
            return Items(place, tuple(self._item(item, above) for item in node.value))
        assert isinstance(node, MappingNode)
        return self._mapping(node, place, above)

    def _item(self, node: YamlNode, above: tuple[int, ...]) -> Node:
        return self.convert(node, self._dash_before(_place(node.start_mark)), above)

    def _dash_before(self, place: Place) -> Place | None:
        """Where the `-` of an empty list item stands: the parser marks the token after it."""
        for line in range(place.line, 0, -1):
            text = self.lines[line - 1] if line < place.line else self.lines[line - 1][: place.column - 1]
            text = text.split("#", 1)[0].rstrip()
            if text.endswith("-"):
                return Place(line, len(text))
            if text:
                return None
        return None

    def _scalar(self, node: ScalarNode, place: Place, fallback: Place | None) -> Scalar:
        quoted = node.style is not None
        tag = str(node.tag)
        if not tag.startswith(_STANDARD_TAG) or (quoted and tag != _TEXT_TAG):
            self.mistakes.add(
                place, f"the tag {tag.replace(_STANDARD_TAG, '!!')} is not used here; remove it"
            )
        as_text = quoted or (tag == _TEXT_TAG and isinstance(plain_value(node.value), bool | int | float))
        value = node.value if as_text else plain_value(node.value)
        if value is None and node.value == "" and fallback is not None:
            place = fallback
        return Scalar(place, value, node.value, as_text)

    def _mapping(self, node: MappingNode, place: Place, above: tuple[int, ...]) -> Mapping:
        pairs: dict[str, Pair] = {}
        for key_node, value in node.value:
            at = _place(key_node.start_mark)
            key = self._key(key_node, at)
            if key is None:
                continue
            pair = Pair(key, at, self.convert(value, at, above))
            if key in pairs:
                first = pairs[key].place.line
                self.mistakes.add(at, f"the key {key!r} stands twice, first in line {first}; remove one")
            pairs.setdefault(key, pair)
        return Mapping(place, tuple(pairs.values()))

    def _key(self, node: YamlNode, place: Place) -> str | None:
        if not isinstance(node, ScalarNode):
            self.mistakes.add(place, "a key must be a name, not a list or a mapping")
            return None
        if node.value == "<<" and node.style is None:
            self.mistakes.add(place, "the merge key << is not part of YAML 1.2; write the options out")
            return None
        return str(node.value)


def _place(mark: StringMark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _end_of(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _place_of_error(error: MarkedYAMLError) -> Place:
    unclosed = "quoted scalar" in str(error.context) or "flow" in str(error.context)
    mark = error.context_mark if unclosed and error.context_mark else error.problem_mark
    return Place(1, 1) if mark is None else _place(mark)


def _words(error: MarkedYAMLError) -> str:
    problem = str(error.problem or error)
    context = str(error.context or "")
    if "'\\t'" in problem:
        return "a tab; indent with spaces"
    if "cannot start any token" in problem:
        what = problem.removesuffix(" that cannot start any token")
        return f"{what.replace('found', 'the', 1)} cannot begin a value; put the text in quotes"
    if "quoted scalar" in context:
        return "text in quotes that is not closed or holds an unknown escape; check the quotes"
    if "flow sequence" in context:
        return "a list that is not closed or lacks a comma; check the brackets [ ]"
    if "flow mapping" in context:
        return "a mapping that is not closed or lacks a comma; check the brackets { }"
    if "mapping values are not allowed" in problem:
        return "a key is not allowed here; check the indentation, or put text that holds ': ' in quotes"
    if "single document" in context:
        return "a second document begins here; a suite is one document, so remove the line ---"
    if "undefined alias" in problem:
        return f"{problem.removeprefix('found ')}; write the value out"
    if "block end" in problem:
        return "this does not line up with the lines above; check the indentation"
    return f"not valid YAML: {problem}" + (f" ({context})" if context else "")
