"""The experiment's YAML: merged, checked, and its objects built; sentences instead of stack traces."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

from hyperpyyaml import load_hyperpyyaml, resolve_references
from ruamel.yaml.error import YAMLError

from speechbrain_cadino.utils.errors import UserError
from speechbrain_cadino.utils.settings.check import check_changes, check_idle, check_parts, check_paths, check_values
from speechbrain_cadino.utils.settings.faults import FAULTS, fault_line
from speechbrain_cadino.utils.settings.merge import PART, files_named, merge, read_with_parts
from speechbrain_cadino.utils.settings.options import from_options, from_values
from speechbrain_cadino.utils.settings.tree import Node, read_tree, write_tree
from speechbrain_cadino.utils.settings.unread import warn_of_idle


class Settings(SimpleNamespace):
    """The YAML's top level as attributes, as ``brain.hparams`` is; a missing one is a `UserError`.

    Example
    -------
    >>> Settings(batch_size=32).batch_size
    32
    """

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise UserError(f"The YAML lacks the setting {name}: add it, as the recipe's own YAML files have it.")


def read_settings(path: str | Path, options: dict | str | None = None) -> Node:
    """Read a YAML with its bases, put the options of a command line in, and check it; nothing is built.

    Arguments
    ---------
    path : str or Path
    options : dict or str, optional
        Of a command line, as `from_options` takes them; ``part`` among them as of `read_with_parts`.

    Returns
    -------
    Node
        `write_tree` makes the text of it, which HyperPyYAML reads.

    Raises
    ------
    UserError
        If a file is missing or is not YAML, an option matches no setting, or a value is of the wrong kind.
    """
    parts = None
    if isinstance(options, dict) and PART in options:
        options = dict(options)
        parts = options.pop(PART) or ""
    tree = read_with_parts(path, parts)
    try:
        tree = changed_settings(tree, {})
    except UserError as error:
        raise UserError(f"In the settings {files_named(path, parts)}: {error}") from error
    if not options:
        return tree
    changes = from_options(options, tree)
    tree = changed_settings(tree, changes)
    warn_of_idle(tree, changes.items)
    return tree


def changed_settings(tree: Node, changes: Node | dict, source: str = "the command line") -> Node:
    """A tree with changes merged into it, checked.

    Arguments
    ---------
    tree : Node
        As `read_settings` gives it.
    changes : Node or dict
        A tree, or values as Python has them.
    source : str
        Where the changes come from.

    Returns
    -------
    Node
    """
    tree = deepcopy(tree)
    changes = from_values(changes) if isinstance(changes, dict) else changes
    if changes.items:
        check_changes(tree, changes, source=source)
        merge(tree, changes)
    check_values(tree)
    check_idle(tree, write_tree(tree))
    check_parts(tree)
    return tree


def resolved_settings(tree: Node, name: str = "The settings") -> Node:
    """All settings with their references resolved, as a tree; classes and functions are still tags.

    Arguments
    ---------
    tree : Node
    name : str
        What it is called in a `UserError`.

    Returns
    -------
    Node
    """
    with sentences(name):
        resolved = read_tree(resolve_references(io.StringIO(write_tree(tree))).read())
    _keep_words(resolved)
    check_paths({name: node.plain() for name, node in resolved.items.items()})
    return resolved


def build_settings(tree: Node, name: str = "The settings") -> dict:
    """Build the objects of a tree.

    Arguments
    ---------
    tree : Node
        As `read_settings` gives it.
    name : str
        What it is called in a `UserError`.

    Returns
    -------
    dict
        The top level.

    Raises
    ------
    UserError
        If the tree names a class, argument or reference that is not there, or leaves a placeholder.
    """
    with sentences(name):
        return load_hyperpyyaml(io.StringIO(write_tree(tree)))


def load_settings(path: str | Path, options: dict | str | None = None) -> dict:
    """Read a YAML with its bases and the options of a command line, check it, and build its objects.

    Arguments
    ---------
    path, options :
        As for `read_settings`.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        As for `read_settings` and `build_settings`.
    """
    parts = options.get(PART) if isinstance(options, dict) else None
    tree, name = read_settings(path, options), f"The settings {files_named(path, parts)}"
    resolved_settings(tree, name)
    return build_settings(tree, name)


def _keep_words(node):
    """What HyperPyYAML writes as ``no`` is text, since flags are True or False by now."""
    children = (
        node.value.values() if isinstance(node.value, dict) else node.value if isinstance(node.value, list) else ()
    )
    for child in children:
        _keep_words(child)
    node.quoted = node.quoted or isinstance(node.value, str) and node.value.lower() in ("yes", "no", "on", "off")


@contextmanager
def sentences(what: str) -> Iterator[None]:
    """Turn the errors of HyperPyYAML, and of the objects that it builds, into a `UserError` about ``what``."""
    try:
        yield
    except YAMLError as error:
        raise UserError(f"{what} are not YAML ({fault_line(error)}): correct the file.") from error
    except FAULTS as error:
        left = re.match(r"'(\w+)' is a !PLACEHOLDER", str(error))
        if left:
            raise UserError(f"{what} leave {left[1]} open: give it, as --{left[1]} VALUE.") from error
        raise UserError(
            f"{what} cannot be used ({fault_line(error)}): correct the file or the --option that replaces it."
        ) from error
