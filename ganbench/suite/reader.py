"""YAML to located values; whatever is not plain YAML 1.2 is refused with its position."""

from __future__ import annotations

import io
import re
import warnings
from bisect import bisect_right
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode
from ruamel.yaml.reader import ReaderError

from ganbench import store
from ganbench.errors import GanbenchError
from ganbench.suite.located import Items, Mapping, Mistakes, Node, Pair, Place, Scalar
from ganbench.suite.scalars import plain_value

_MOST_NODES = 100_000
_MOST_BYTES = 1 << 20
_AMBIGUOUS = re.compile("[\x85\u2028\u2029\ufeff]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_STANDARD_TAG = "tag:yaml.org,2002:"


def read_file(path: Path, mistakes: Mistakes) -> Node:
    """A file's YAML document; raises `SuiteError` where it is not one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GanbenchError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise GanbenchError(
            f"{path}: {len(data) / _MOST_BYTES:.1f} MiB; a suite has at most one. Is it one? "
            "Seeds may be written as {first: 0, count: 1000}"
        )
    try:
        text = store.decoded(data)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(error.encoding, "replace")
        mistakes.add(_Lines(before).place(len(before)), "not UTF-8 text; save the file as UTF-8")
        mistakes.raise_any()
        raise AssertionError("unreachable") from error
    return read_text(text, mistakes)


def read_text(text: str, mistakes: Mistakes) -> Node:
    """A YAML text's only document; raises `SuiteError` where it is not one."""
    node, lines = None, _Lines(text)
    if ambiguous := _AMBIGUOUS.search(text):
        what = f"the invisible character U+{ord(ambiguous[0]):04X}, which programs read in different ways"
        mistakes.add(lines.place(ambiguous.start()), f"{what}; remove it")
        mistakes.raise_any()
    try:
        with warnings.catch_warnings():  # ruamel.yaml warns of an anchor that is set twice
            warnings.simplefilter("ignore")
            node = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        if node is None:
            mistakes.add(Place(1, 1), "the file is empty; write datasets, variants, seeds and budget")
    except ReaderError as error:
        mistakes.add(lines.place(error.position), "a control character, which YAML does not allow; remove it")
    except MarkedYAMLError as error:
        mistakes.add(lines.place(_index_of_error(error)), _words(error))
    except RecursionError:
        mistakes.add(Place(1, 1), "nested too deeply; a suite needs no more than a few levels")
    except (YAMLError, ValueError, AttributeError, TypeError, IndexError) as error:
        # ruamel.yaml's parser meets some broken texts with a bare Python error
        mistakes.add(Place(1, 1), f"not valid YAML: {error}")
    mistakes.raise_any()
    assert node is not None
    made = _Converter(lines, mistakes).convert(node, None, ())
    mistakes.raise_any()
    return made


class _Lines:
    """The lines of a text as editors count them: they end at LF, CR LF or a lone CR, and nowhere else."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(end.end() for end in re.finditer(r"\r\n?|\n", text))]

    def place(self, index: int) -> Place:
        """The place of a character."""
        line = bisect_right(self._starts, index)
        return Place(line, index - self._starts[line - 1] + 1)

    def dash_before(self, index: int) -> Place | None:
        """Where the `-` of an empty list item stands: the parser marks the token after it."""
        for line in range(self.place(index).line, 0, -1):
            start = self._starts[line - 1]
            text = self.text[start:index].split("#", 1)[0].rstrip()
            if text.endswith("-"):
                return Place(line, len(text))
            if text:
                return None
            index = start
        return None


class _Converter:
    def __init__(self, lines: _Lines, mistakes: Mistakes) -> None:
        self.lines = lines
        self.mistakes = mistakes
        self.nodes = 0

    def convert(self, node: YamlNode, fallback: Place | None, above: tuple[int, ...]) -> Node:
        """The node as plain values with places; an empty value stands at `fallback`."""
        place = self.lines.place(node.start_mark.index)
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
        return self.convert(node, self.lines.dash_before(node.start_mark.index), above)

    def _scalar(self, node: ScalarNode, place: Place, fallback: Place | None) -> Scalar:
        quoted = node.style is not None
        tag = str(node.tag)
        if not tag.startswith(_STANDARD_TAG) or (quoted and tag != _TEXT_TAG):
            self.mistakes.add(
                place, f"the tag {tag.replace(_STANDARD_TAG, '!!')} is not used here; remove it"
            )
        text = self._text(node, place)
        as_text = quoted or (tag == _TEXT_TAG and isinstance(plain_value(text), bool | int | float))
        value = text if as_text else plain_value(text)
        if value is None and text == "" and fallback is not None:
            place = fallback
        return Scalar(place, value, text, as_text)

    def _text(self, node: ScalarNode, place: Place) -> str:
        """A scalar's text; a character written as two escapes, as JSON does, is one."""
        try:
            return str(node.value).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self.mistakes.add(place, "an escape of half a character; write the character itself")
            return ""

    def _mapping(self, node: MappingNode, place: Place, above: tuple[int, ...]) -> Mapping:
        pairs: dict[str, Pair] = {}
        for key_node, value in node.value:
            at = self.lines.place(key_node.start_mark.index)
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
        return self._text(node, place)


def _index_of_error(error: MarkedYAMLError) -> int:
    unclosed = "quoted scalar" in str(error.context) or "flow" in str(error.context)
    mark = error.context_mark if unclosed and error.context_mark else error.problem_mark
    return 0 if mark is None else mark.index


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
