"""A YAML file as a tree that keeps tags, order and comments: read, and written again.

ruamel hangs a comment on the value before it, so that merged comments land on other values; here each is its key's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from speechbrain_cadino.utils.settings.scalars import read_scalar, write_scalar

COMMENT_COLUMN = 34
INDENT = "    "


@dataclass
class Node:
    """A value of a YAML file.

    Arguments
    ---------
    value : str, list of Node or dict of str to Node
        The text of a scalar, or what is in it.
    tag : str
        As in the file, such as ``!new:torch.nn.Linear``; empty if there is none.
    quoted : bool
        Whether the scalar is text whatever it looks like.
    flow : bool
        Whether a mapping stands on one line.
    anchor : str
        ``&name``, or ``*name`` for an alias, or nothing.
    comment : str
        What stands behind it, from the ``#`` on.
    above : list of str
        The comments and empty lines above its key.
    """

    value: object
    tag: str = ""
    quoted: bool = False
    flow: bool = False
    anchor: str = ""
    comment: str = ""
    above: list = field(default_factory=list)

    @property
    def items(self):
        """The entries of a mapping (dict); None if it is something else. A tag alone is a call without arguments."""
        if self.tag and self.value == "" and self.tag != "!PLACEHOLDER":
            return {}
        return self.value if isinstance(self.value, dict) else None

    def plain(self):
        """The value as Python has it; what has a tag or is an alias is the `Node` itself."""
        if self.tag or self.anchor.startswith("*"):
            return self
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value if self.quoted else read_scalar(self.value)


def read_tree(text: str) -> Node:
    """Read YAML.

    Arguments
    ---------
    text : str

    Returns
    -------
    Node
        Its ``above`` is the head of the file: the comments up to the first empty line.

    Raises
    ------
    yaml.YAMLError
        If it is no YAML.
    ValueError
        If a key stands twice, or is no plain text.

    Example
    -------
    >>> tree = read_tree("a: 1  # one\\nb: !ref <a>")
    >>> tree.items["a"].plain(), tree.items["a"].comment, tree.items["b"].tag
    (1, '# one', '!ref')
    """
    events = [
        event for event in yaml.parse(text) if not isinstance(event, (yaml.StreamStartEvent, yaml.StreamEndEvent))
    ]
    if sum(isinstance(event, yaml.DocumentStartEvent) for event in events) > 1:
        raise ValueError("it holds several documents ('---')")
    reader = _Reader(text.splitlines(), iter(events[1:]))
    tree = reader.node(next(reader.events)) if len(events) > 2 else Node("")
    for first in list((tree.items or {}).values())[:1]:
        end = first.above.index("") if "" in first.above else len(first.above)
        if end < len(first.above):
            tree.above, first.above = first.above[:end], first.above[end:]
    return tree


class _Reader:
    def __init__(self, lines, events):
        self.lines, self.events, self.last = lines, events, -1

    def node(self, event):
        if isinstance(event, yaml.AliasEvent):
            self.last = event.end_mark.line
            return Node("", anchor=f"*{event.anchor}")
        tag = re.sub("^tag:yaml.org,2002:", "!!", event.tag or "")
        anchor = f"&{event.anchor}" if event.anchor else ""
        if isinstance(event, yaml.ScalarEvent):
            self.last = event.end_mark.line
            return Node(event.value, tag, bool(event.style), anchor=anchor)
        if isinstance(event, yaml.SequenceStartEvent):
            node = Node([], tag, flow=event.flow_style, anchor=anchor)
            while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
                node.value.append(self.node(event))
        else:
            node = Node({}, tag, flow=event.flow_style, anchor=anchor)
            while not isinstance(key := next(self.events), yaml.MappingEndEvent):
                self.entry(node, key)
        if node.flow:
            self.last = event.end_mark.line if isinstance(event, yaml.SequenceEndEvent) else key.end_mark.line
        return node

    def entry(self, parent, key):
        if not isinstance(key, yaml.ScalarEvent):
            raise ValueError(f"line {key.start_mark.line + 1} has a key that is no plain text")
        if key.value in parent.value:
            raise ValueError(f"line {key.start_mark.line + 1} says {key.value} again")
        above = [] if parent.flow else self.above(key.start_mark.line)
        event = next(self.events)
        node = parent.value[key.value] = self.node(event)
        node.above = above
        if not parent.flow:
            mark = event.end_mark if isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent)) else key.end_mark
            found = re.search(
                r"(?:^|\s)(#.*)$", self.lines[mark.line][mark.column :] if mark.line < len(self.lines) else ""
            )
            node.comment = found.group(1) if found else ""

    def above(self, line):
        first = line
        while first - 1 > self.last and (not self.lines[first - 1].strip() or self.lines[first - 1].lstrip()[0] == "#"):
            first -= 1
        return [text.strip() for text in self.lines[first:line]]


def write_tree(tree: Node) -> str:
    """The text of a tree whose top level is a mapping; `read_tree` and HyperPyYAML read the same from it."""
    return "\n".join([*tree.above, *_block(tree, "")]) + "\n"


def _block(node, indent):
    for key, child in node.value.items():
        yield from (f"{indent}{text}" if text else "" for text in child.above)
        nested = isinstance(child.value, dict) and child.value and not child.flow
        value = " ".join(filter(None, (child.anchor, child.tag))) if nested else inline(child)
        line = f"{indent}{write_scalar(key)}: {value}"
        yield f"{line:<{COMMENT_COLUMN - 2}}  {child.comment}" if child.comment else line.rstrip()
        if nested:
            yield from _block(child, indent + INDENT)


def inline(node: Node, in_flow: bool = False) -> str:
    """A value on one line."""
    if isinstance(node.value, dict) and (node.value or not node.tag):
        entries = ", ".join(f"{write_scalar(key, True)}: {inline(child, True)}" for key, child in node.value.items())
        text = "{" + entries + "}"
    elif isinstance(node.value, list):
        text = "[" + ", ".join(inline(child, True) for child in node.value) + "]"
    elif node.anchor.startswith("*") or node.value in ("", {}) and not node.quoted:
        text = "" if node.tag or node.anchor else "null"
    else:
        text = write_scalar(node.value, in_flow, node.quoted, bool(node.tag))
    return " ".join(filter(None, (node.anchor, node.tag, text)))
