"""Settings: YAML files on a base, checked, and loaded; options of a command line."""

from speechbrain_cadino.utils.settings.load import Settings, load_settings

__all__ = ["Settings", "load_settings"]
