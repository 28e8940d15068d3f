"""Audio on disk to a manifest: reading, scanning, lists, and where samples come from."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, AudioInfo, audio_info, read_audio
    from speechbrain_cadino.corpus.character import Character, listen_to
    from speechbrain_cadino.corpus.excerpts import draw_starts, read_excerpts, wrapped
    from speechbrain_cadino.corpus.held_out import leave_out
    from speechbrain_cadino.corpus.listing import find_audio, read_file_list
    from speechbrain_cadino.corpus.manifest import Manifest, read_manifest, write_manifest
    from speechbrain_cadino.corpus.scan import Scan, scan_corpus, write_rejected
    from speechbrain_cadino.corpus.store import FileStore, MemoryStore
    from speechbrain_cadino.corpus.trials import Trials, read_trials, utterance_paths

__getattr__, __dir__, __all__ = lazy_names(__name__)
