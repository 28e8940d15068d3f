"""A YAML on top of another one: ``base`` names the file, or the files, that hold what it does not say."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import yaml

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.tree import Node, inline, read_tree

BASE, DROP, SECTION = "base", "!drop", "# ---"
PART = "part"  # the option that names further files
WHOLE = {"brain_class", "data_folder", "output_folder"}  # what has all of these is the settings of a run, no part


def merge(base: Node, other: Node, top: Node | None = None) -> None:
    """Put the entries of a mapping into another one, which is changed.

    Mappings are merged, entry by entry; what is a list, a scalar, or has another tag (``!new:`` of another class)
    replaces what was there. ``key: !drop`` takes an entry away. A new entry comes before the next one that the base
    has, or at the end. A value that is replaced loses its comment, which says where it came from.

    Arguments
    ---------
    base, other : Node
        Mappings.
    top : Node, optional
        The whole file that ``base`` is a part of. Default: itself.

    Raises
    ------
    UserError
        If some settings of an object are to stand in place of a reference to it.

    Example
    -------
    >>> tree = read_tree("a: 1\\nb: {c: 2, d: 3}")
    >>> merge(tree, read_tree("b: {c: !drop , e: 4}\\na: 5"))
    >>> {key: node.plain() for key, node in tree.items.items()}
    {'a': 5, 'b': {'d': 3, 'e': 4}}
    """
    if base.value == "":
        base.value = {}
    entries, order, new, top = base.value, list(base.value), [], top or base
    for key, node in other.items.items():
        if key not in entries:
            new.append(key)
        else:
            order[order.index(key) : order.index(key)], new = new, []
        _check_reference(key, entries.get(key), node, top)
        entries[key] = _merged(entries.get(key), node, top)
    base.value = {key: entries[key] for key in [*order, *new] if entries[key] is not None}


def _merged(old, node, top):
    """The node that stands in place of an old one (None: there was none); None if it is dropped."""
    if node.tag == DROP:
        return None
    if old is None:
        return deepcopy(node)
    if None not in (old.items, node.items) and node.tag in ("", old.tag) and (node.items or not node.tag):
        merge(old, node, top)
        old.flow, old.comment = old.flow and node.flow, node.comment or old.comment
    elif node.tag and node.tag == old.tag and old.items is not None and node.value == "":
        old.comment = node.comment or old.comment
    else:
        old = Node(**{**vars(deepcopy(node)), "above": old.above})
    heads = [line for line in node.above if line.startswith(SECTION)]
    old.above = [heads[0] if heads and line.startswith(SECTION) else line for line in old.above]
    old.above += [line for line in node.above if line and line not in heads]
    return old


def _check_reference(key, old, node, top):
    """Refuse some settings in place of ``!ref <name>``: nothing would say of which object they are."""
    named = re.fullmatch(r"<(\w+)>", old.value) if old is not None and old.tag == "!ref" else None
    if named and node.items and not node.tag and (object_ := top.items.get(named[1])) and object_.tag:
        text = inline(node)
        raise UserError(
            f"{key} is {text}, some settings of an object, where it refers to {named[1]}: set {named[1]} to {text} "
            f"(--{named[1]} '{text}'), which holds for all that refer to it."
        )


def read_file(path: str | Path, below: tuple[Path, ...] = ()) -> Node:
    """Read a YAML with its bases, merged.

    Arguments
    ---------
    path : str or Path
    below : tuple of Path
        The files whose base it is.

    Returns
    -------
    Node

    Raises
    ------
    UserError
        If a file is missing, is no YAML or no mapping, or is its own base.
    """
    path = Path(path)
    where = f", the base of {below[-1]}," if below else ""
    if path.resolve() in [file.resolve() for file in below]:
        raise UserError(
            f"The settings file {path} is its own base (by way of {below[-1]}): correct 'base' in one of them."
        )
    tree = _read(path, where)
    named = tree.value.pop(BASE, Node([])).plain()
    bases = named if isinstance(named, list) else [named]
    if not all(isinstance(name, str) for name in bases):
        raise UserError(
            f"The settings {path} have the base {named}: give a path, or a list of paths, from that file's folder."
        )
    merged = Node({})
    for base in bases:
        merge(merged, read_file(path.parent / base, (*below, path)))
    if not bases:
        return tree
    merge(merged, tree)
    _head_each_section_once(merged)
    merged.above = tree.above
    return merged


def read_with_parts(path: str | Path, parts: str | None) -> Node:
    """Read a YAML with its bases, and merge further files into it, as if a YAML had all of them as its base.

    Arguments
    ---------
    path : str or Path
    parts : str or None
        Paths, separated by commas, of which a later one counts more; from here, or from the folder of ``path``.

    Returns
    -------
    Node

    Raises
    ------
    UserError
        As `read_file`; or if a part is a whole settings file, of which nothing would be left of ``path``.
    """
    tree = read_file(path)
    if parts is None:
        return tree
    merged = deepcopy(tree)
    for name in (part.strip() for part in parts.strip("[] ").split(",")):
        if not name:
            raise UserError(f"The option --{PART} is '{parts}': give the path of a YAML, or several, A.yaml,B.yaml.")
        part = read_file(name if Path(name).is_file() else Path(path).parent / name)
        if WHOLE <= set(part.items):
            raise UserError(
                f"{name}, given as --{PART}, is a whole settings file, which would replace all of {path}: give it in "
                f"place of {path}, or a file with no more than what is to change."
            )
        merge(merged, part)
    _head_each_section_once(merged)
    merged.above = tree.above
    return merged


def files_named(path: str | Path, parts: str | None) -> str:
    """What to call in a sentence the file that `read_with_parts` has read.

    Example
    -------
    >>> files_named("dino.yaml", "parts/resnet.yaml"), files_named("dino.yaml", None)
    ('dino.yaml (with --part parts/resnet.yaml)', 'dino.yaml')
    """
    return f"{path} (with --{PART} {parts})" if parts else f"{path}"


def _head_each_section_once(tree):
    """A new entry at the beginning of a section has its head, too."""
    seen = set()
    for node in tree.value.values():
        heads = [line for line in node.above if line.startswith(SECTION)]
        if heads and seen.issuperset(heads):
            node.above = [line for line in node.above if line and line not in heads]
        seen.update(heads)


def _read(path, where):
    try:
        tree = read_tree(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(
            f"The settings file {path}{where} cannot be read ({error.strerror}): check the path."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        text = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise UserError(f"The settings {path} are not YAML ({text}): correct the file.") from error
    if tree.items is None or tree.tag:
        raise UserError(f"The settings {path} are no mapping of names to values: correct the file.")
    tree.value = tree.items
    return tree
