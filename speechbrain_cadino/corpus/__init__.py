"""Audio on disk to a manifest: reading, scanning, lists, where samples come from, and which faces belong to them."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.corpus.audio import SAMPLE_RATE, AudioError, AudioInfo, audio_info, read_audio, read_row
    from speechbrain_cadino.corpus.character import Character, listen_to
    from speechbrain_cadino.corpus.excerpts import draw_starts, read_excerpts, wrapped
    from speechbrain_cadino.corpus.held_out import HeldOut, drop_held_out, find_held_out
    from speechbrain_cadino.corpus.listing import Listing, find_audio, list_folder, read_file_list
    from speechbrain_cadino.corpus.manifest import Manifest, read_manifest, write_manifest
    from speechbrain_cadino.corpus.pairing import Pairing, pair_by_speaker
    from speechbrain_cadino.corpus.persons import PersonPictures, list_persons
    from speechbrain_cadino.corpus.prepare import prepare_corpus
    from speechbrain_cadino.corpus.rows import fit_to_files
    from speechbrain_cadino.corpus.scan import Scan, scan_corpus, write_rejected
    from speechbrain_cadino.corpus.store import FileStore, MemoryStore
    from speechbrain_cadino.corpus.trials import Trials, read_trials, utterance_paths

__getattr__, __dir__, __all__ = lazy_names(__name__)
