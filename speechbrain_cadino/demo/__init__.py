"""The demo corpus: speakers and faces that are synthesised, in sessions with channels and light of their own."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.demo.channel import Channel, apply_channel, draw_channel
    from speechbrain_cadino.demo.corpus import make_demo_corpus
    from speechbrain_cadino.demo.description import folder_hash
    from speechbrain_cadino.demo.espeak import Espeak
    from speechbrain_cadino.demo.faces import make_demo_faces
    from speechbrain_cadino.demo.source_filter import SourceFilter
    from speechbrain_cadino.demo.synthesiser import open_synthesiser, say_for

__getattr__, __dir__, __all__ = lazy_names(__name__)
