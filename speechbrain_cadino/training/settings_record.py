"""The settings of a run as plain values, to be kept with it and compared with those of another start."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from hyperpyyaml import resolve_references
from ruamel.yaml import YAML
from speechbrain.utils.run_opts import RunOptions

from speechbrain_cadino.utils.settings.kinds import AUTO
from speechbrain_cadino.utils.settings.load import sentences

# Run options of SpeechBrain that decide nothing of the weights: where, how fast and how loudly a run works, and when it
# saves. All others are compared like settings of the YAML.
_FREE_RUN_OPTIONS = (
    "device", "data_parallel_*", "distributed_*", "find_unused_parameters", "noprogressbar", "tqdm_*",
    "ckpt_interval_*", "profile_*", "log_config", "param_file", "overridden_args", "debug_persistently",
)  # fmt: skip


class SettingsRecord(NamedTuple):
    """Settings by name; those within an object or a list as ``crops.n_global`` and ``modules.0``.

    Arguments
    ---------
    written : dict
        As they stand in the YAML with all overrides, references as text: ``{"epochs": "!ref <number_of_epochs>"}``.
    resolved : dict
        With the values that references lead to.
    """

    written: dict
    resolved: dict

    def get(self, name: str, default: Any = None) -> Any:
        """A value, references resolved."""
        return self.resolved.get(name, default)

    def filled(self, numbers: dict[str, Any]) -> SettingsRecord:
        """The same with numbers in place of ``auto``."""
        return SettingsRecord(self.written | _plain(numbers), self.resolved | _plain(numbers))

    def users_of(self, name: str) -> list[str]:
        """The settings that refer to another one, in the YAML's order."""
        return [user for user, value in self.written.items() if f"<{name}>" in str(value)]

    def differences(self, other: SettingsRecord) -> list[str]:
        """Names whose value another record has otherwise, or not at all; what only follows from them is left out.

        The kind of run comes first, then the settings of the top level.
        """
        differ = []
        for name in [*self.written, *(name for name in other.written if name not in self.written)]:
            if self.written.get(name) == other.written.get(name) and (name in self.written) == (name in other.written):
                continue
            if name in self.resolved and self.resolved[name] == other.resolved.get(name):
                continue  # written otherwise, such as 0.2 in place of a reference to it
            differ.append(name)
        first = ("brain_class", "run")
        return sorted(differ, key=lambda name: (name not in first, "." in name))


def record_settings(
    text: str, run_opts: RunOptions | None = None, name: str = "The settings", auto: Sequence[str] = ()
) -> SettingsRecord:
    """Make the record of a HyperPyYAML text that has all overrides in it.

    Arguments
    ---------
    text : str
    run_opts : speechbrain.utils.run_opts.RunOptions, optional
        A run option stands for the setting of that name, as in SpeechBrain's `Brain`.
    name : str
        What the text is called in a `UserError`.
    auto : sequence of str
        The settings that are ``auto``, whatever number stands in the text.

    Returns
    -------
    SettingsRecord

    Example
    -------
    >>> record = record_settings("lr: 0.1\\nopt: !name:torch.optim.SGD\\n    lr: !ref <lr>")
    >>> record.written
    {'lr': 0.1, 'opt': '!name:torch.optim.SGD', 'opt.lr': '!ref <lr>'}
    >>> record.resolved["opt.lr"]
    0.1
    """
    yaml = YAML()
    written, resolved = {}, {}
    _flatten(yaml.load(text), "", written, {})
    with sentences(name):
        _flatten(yaml.load(resolve_references(text)), "", resolved, {})
    for included in [name for name, value in written.items() if str(value).startswith("!include:")]:
        written |= {name: value for name, value in resolved.items() if name.startswith(f"{included}.")}
    options = {} if run_opts is None else run_opts.as_dict()
    for name, value in options.items():
        if any(fnmatchcase(name, pattern) for pattern in _FREE_RUN_OPTIONS):
            written.pop(name, None), resolved.pop(name, None)
        elif name in run_opts.overridden_args or name not in resolved:
            written[name] = resolved[name] = _plain(value)
    return SettingsRecord(written, resolved).filled(dict.fromkeys(auto, AUTO))


def tell(value: Any) -> str:
    """A value for a sentence."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)


def _flatten(node, name, found, seen):
    """Put a YAML node's values into ``found``; ``seen``: id of each mapping and list to the name it had first."""
    tag = str(getattr(getattr(node, "tag", None), "value", None) or "")
    tag = tag if tag.startswith("!") else ""
    if isinstance(node, (dict, list)):
        if name and id(node) in seen and len(node):
            found[name] = f"*{seen[id(node)]}"
            return
        seen[id(node)] = name
        if isinstance(node, list) and not any(isinstance(item, (dict, list)) or hasattr(item, "tag") for item in node):
            found[name] = [_plain(item) for item in node] if not tag else f"{tag} {json.dumps(_plain(list(node)))}"
            return
        if tag or (name and not node):
            found[name] = tag or {}
        entries = node.items() if isinstance(node, dict) else enumerate(node)
        for key, child in entries:
            _flatten(child, f"{name}.{key}" if name else str(key), found, seen)
    elif tag:
        found[name] = f"{tag} {node.value}".strip()
    else:
        found[name] = _plain(node)


def _plain(value):
    """A value as JSON has it; 1 and 1.0 are the same."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else str(value)
