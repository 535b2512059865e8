"""Reading YAML from anybody: in bounded memory and time, whatever the text is.

A few lines of YAML can stand for billions of values, for an alias repeats what an anchor names, and PyYAML takes seconds for
one number of a million digits. So the text is measured before a value is made of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from yaml import SafeLoader
    from yaml.nodes import Node

MAX_CHARACTERS: Final = 1024 * 1024
"""As long as a statement of Snowflake's may be."""
MAX_VALUES: Final = 100_000
"""Values in all, with each alias counted as what it stands for."""
MAX_DEPTH: Final = 100
MAX_NUMBER: Final = 100
"""Characters of a number or date."""
_STRUCTURED: Final = ("str", "binary", "map", "seq", "set", "omap", "pairs", "null", "bool", "merge")


class BoundedYamlError(ValueError):
    """The text is no YAML, or stands for more than may be read."""


def load(text: str) -> Any:
    """What ``yaml.safe_load`` answers.

    :raises BoundedYamlError: the text is no YAML, is longer than :data:`MAX_CHARACTERS`, or stands for too many or too deeply
        nested values, or for itself.
    """
    import yaml

    if len(text) > MAX_CHARACTERS:
        msg = f"the text has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        raise BoundedYamlError(msg)
    try:
        loader = _loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Measure().values(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    # Beside its own errors PyYAML lets others through: of odd escapes, of numbers and dates that are none, of nesting.
    except RecursionError as error:
        raise _too_deep() from error
    except BoundedYamlError:
        raise
    except (yaml.YAMLError, ArithmeticError, ValueError, TypeError) as error:
        msg = f"the text is no YAML: {error}"
        raise BoundedYamlError(msg) from error


def _loader(text: str) -> SafeLoader:
    import yaml

    class Loader(yaml.SafeLoader):
        """Gives up as soon as there are too many nodes or levels, before it has read the rest."""

        nodes = depth = 0

        def compose_node(self, parent: Node | None, index: int) -> Node | None:
            self.nodes += 1
            self.depth += 1
            if self.nodes > MAX_VALUES:
                msg = f"the text has more than {MAX_VALUES:,} values; write fewer"
                raise BoundedYamlError(msg)
            if self.depth > MAX_DEPTH:
                raise _too_deep()
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    return Loader(text)


class _Measure:
    """Counts what a node stands for; each one is looked at once, however often it is repeated."""

    def __init__(self) -> None:
        self._known: dict[Node, tuple[int, int]] = {}
        self._within: set[Node] = set()

    def values(self, node: Node) -> tuple[int, int]:
        """How many values, and how many levels of them.

        :raises BoundedYamlError: too many.
        """
        if node in self._known:
            many, levels = self._known[node]
        elif node in self._within:
            msg = f"the text is a value that holds itself ({_where(node)})"
            raise BoundedYamlError(msg)
        else:
            self._within.add(node)
            inner = [self.values(each) for each in _inner(node)]
            self._within.remove(node)
            many, levels = 1 + sum(each for each, _ in inner), 1 + max((each for _, each in inner), default=0)
            self._known[node] = many, levels
        if levels > MAX_DEPTH:
            raise _too_deep()
        if many > MAX_VALUES:
            msg = f"the text stands for more than {MAX_VALUES:,} values, aliases included ({_where(node)}); write fewer"
            raise BoundedYamlError(msg)
        return many, levels


def _inner(node: Node) -> list[Node]:
    kind = str(node.tag).rpartition(":")[2]
    if isinstance(node.value, str):
        if kind not in _STRUCTURED and len(node.value) > MAX_NUMBER:
            msg = f"a value of the type {kind} has {len(node.value):,} characters ({_where(node)}); at most {MAX_NUMBER} are read"
            raise BoundedYamlError(msg)
        return []
    return [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]


def _where(node: Node) -> str:
    mark = node.start_mark
    return f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"


def _too_deep() -> BoundedYamlError:
    return BoundedYamlError(f"the text nests values in more than {MAX_DEPTH} levels; write it flatter")
