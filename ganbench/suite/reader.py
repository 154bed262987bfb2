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
from ganbench.suite.locations import ErrorCollector, Items, Location, Mapping, Node, Pair, Scalar
from ganbench.suite.scalars import plain_value

_MOST_NODES = 100_000
_MOST_BYTES = 1 << 20
_AMBIGUOUS = re.compile("[\x85\u2028\u2029\ufeff]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_STANDARD_TAG = "tag:yaml.org,2002:"


def read_file(path: Path, collector: ErrorCollector) -> Node:
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
        collector.add(_Lines(before).location(len(before)), "not UTF-8 text; save the file as UTF-8")
        collector.raise_any()
        raise AssertionError("unreachable") from error
    return read_text(text, collector)


def read_text(text: str, collector: ErrorCollector) -> Node:
    """A YAML text's only document; raises `SuiteError` where it is not one."""
    node, lines = None, _Lines(text)
    if ambiguous := _AMBIGUOUS.search(text):
        what = f"the invisible character U+{ord(ambiguous[0]):04X}, which programs read in different ways"
        collector.add(lines.location(ambiguous.start()), f"{what}; remove it")
        collector.raise_any()
    try:
        with warnings.catch_warnings():  # ruamel.yaml warns of an anchor that is set twice
            warnings.simplefilter("ignore")
            node = YAML(typ="safe", pure=True).compose(io.StringIO(text))
        if node is None:
            collector.add(Location(1, 1), "the file is empty; write datasets, variants, seeds and budget")
    except ReaderError as error:
        collector.add(
            lines.location(error.position), "a control character, which YAML does not allow; remove it"
        )
    except MarkedYAMLError as error:
        collector.add(lines.location(_index_of_error(error)), _words(error))
    except RecursionError:
        collector.add(Location(1, 1), "nested too deeply; a suite needs no more than a few levels")
    except (YAMLError, ValueError, AttributeError, TypeError, IndexError) as error:
        # ruamel.yaml's parser meets some broken texts with a bare Python error
        collector.add(Location(1, 1), f"not valid YAML: {error}")
    collector.raise_any()
    assert node is not None
    made = _Converter(lines, collector).convert(node, None, ())
    collector.raise_any()
    return made


class _Lines:
    """The lines of a text as editors count them: they end at LF, CR LF or a lone CR, and nowhere else."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0, *(end.end() for end in re.finditer(r"\r\n?|\n", text))]

    def location(self, index: int) -> Location:
        """The place of a character."""
        line = bisect_right(self._starts, index)
        return Location(line, index - self._starts[line - 1] + 1)

    def dash_before(self, index: int) -> Location | None:
        """Where the `-` of an empty list item stands: the parser marks the token after it."""
        for line in range(self.location(index).line, 0, -1):
            start = self._starts[line - 1]
            text = self.text[start:index].split("#", 1)[0].rstrip()
            if text.endswith("-"):
                return Location(line, len(text))
            if text:
                return None
            index = start
        return None


class _Converter:
    def __init__(self, lines: _Lines, collector: ErrorCollector) -> None:
        self.lines = lines
        self.collector = collector
        self.nodes = 0

    def convert(self, node: YamlNode, fallback: Location | None, above: tuple[int, ...]) -> Node:
        """The node as plain values with places; an empty value stands at `fallback`."""
        location = self.lines.location(node.start_mark.index)
        self.nodes += 1
        if id(node) in above:
            self.collector.add(location, "an alias (*) inside its own anchor (&); write the value out")
            return Scalar(location, None, "")
        if self.nodes > _MOST_NODES:
            if self.nodes == _MOST_NODES + 1:
                self.collector.add(
                    location, f"more than {_MOST_NODES} values, aliases counted; make the file smaller"
                )
            return Scalar(location, None, "")
        if isinstance(node, ScalarNode):
            return self._scalar(node, location, fallback)
        if not str(node.tag).startswith(_STANDARD_TAG):
            self.collector.add(location, f"the tag {node.tag} is not used here; remove it")
        above = (*above, id(node))
        if isinstance(node, SequenceNode):
            return Items(location, tuple(self._item(item, above) for item in node.value))
        assert isinstance(node, MappingNode)
        return self._mapping(node, location, above)

    def _item(self, node: YamlNode, above: tuple[int, ...]) -> Node:
        return self.convert(node, self.lines.dash_before(node.start_mark.index), above)

    def _scalar(self, node: ScalarNode, location: Location, fallback: Location | None) -> Scalar:
        quoted = node.style is not None
        tag = str(node.tag)
        if not tag.startswith(_STANDARD_TAG) or (quoted and tag != _TEXT_TAG):
            self.collector.add(
                location, f"the tag {tag.replace(_STANDARD_TAG, '!!')} is not used here; remove it"
            )
        text = self._text(node, location)
        as_text = quoted or (tag == _TEXT_TAG and isinstance(plain_value(text), bool | int | float))
        value = text if as_text else plain_value(text)
        if value is None and text == "" and fallback is not None:
            location = fallback
        return Scalar(location, value, text, as_text)

    def _text(self, node: ScalarNode, location: Location) -> str:
        """A scalar's text; a character written as two escapes, as JSON does, is one."""
        try:
            return str(node.value).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            self.collector.add(location, "an escape of half a character; write the character itself")
            return ""

    def _mapping(self, node: MappingNode, location: Location, above: tuple[int, ...]) -> Mapping:
        pairs: dict[str, Pair] = {}
        for key_node, value in node.value:
            at = self.lines.location(key_node.start_mark.index)
            key = self._key(key_node, at)
            if key is None:
                continue
            pair = Pair(key, at, self.convert(value, at, above))
            if key in pairs:
                first = pairs[key].location.line
                self.collector.add(at, f"the key {key!r} stands twice, first in line {first}; remove one")
            pairs.setdefault(key, pair)
        return Mapping(location, tuple(pairs.values()))

    def _key(self, node: YamlNode, location: Location) -> str | None:
        if not isinstance(node, ScalarNode):
            self.collector.add(location, "a key must be a name, not a list or a mapping")
            return None
        if node.value == "<<" and node.style is None:
            self.collector.add(location, "the merge key << is not part of YAML 1.2; write the options out")
            return None
        return self._text(node, location)


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
