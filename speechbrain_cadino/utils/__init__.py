"""What every room of the package may import: errors, safe files, settings, memory, and what ranks send each other."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.utils.distributed import (
        all_gather,
        all_gather_object,
        all_reduce,
        all_reduce_mean,
        broadcast,
        is_distributed,
        is_main,
        join_ranks,
        rank,
        shard,
        world_size,
    )
    from speechbrain_cadino.utils.errors import UserError, one_sentence_errors
    from speechbrain_cadino.utils.files import atomic_folder, atomic_path, make_folder, write_csv
    from speechbrain_cadino.utils.memory import available_memory, check_memory
    from speechbrain_cadino.utils.settings.load import Settings, load_settings

__getattr__, __dir__, __all__ = lazy_names(__name__)
