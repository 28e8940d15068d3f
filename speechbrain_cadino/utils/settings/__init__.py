"""Settings: YAML files on a base, checked, and loaded; options of a command line."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.utils.settings.load import Settings, load_settings

__getattr__, __dir__, __all__ = lazy_names(__name__)
