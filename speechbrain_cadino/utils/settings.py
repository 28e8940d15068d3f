"""The experiment's YAML: loaded with sentences instead of stack traces, and with one for a setting that is missing."""

import re
from types import SimpleNamespace

from hyperpyyaml import load_hyperpyyaml
from ruamel.yaml.error import YAMLError

from speechbrain_cadino.utils.errors import UserError


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


def load_settings(path, overrides=""):
    """Load a HyperPyYAML file, its objects built.

    Arguments
    ---------
    path : str or Path
    overrides : str
        YAML of settings to replace, as `speechbrain.parse_arguments` returns it.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If the file is missing, is not YAML, names a class, argument or reference that is not there, leaves a
        placeholder, or an override matches no setting.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return load_hyperpyyaml(file, overrides)
    except OSError as error:
        raise UserError(f"The settings file {path} cannot be read ({error.strerror}): check the path.") from error
    except YAMLError as error:
        raise UserError(f"The settings {path} are not YAML ({_one_line(error)}): correct the file.") from error
    except (ValueError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise UserError(
            f"The settings {path} cannot be used ({_one_line(error)}): correct the file or the --option that "
            "replaces it."
        ) from error


def _one_line(error):
    parts = error.args if all(isinstance(part, str) for part in error.args) and error.args else [str(error)]
    # HyperPyYAML lists all the settings there are.
    return re.sub(r" not found in: \[.*\]", " matches no setting", " ".join(" ".join(parts).split()))
