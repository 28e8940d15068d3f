"""Is this run well? What its folder says of it, in sentences, and beside healthy runs."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.doctor.curves import ReferenceCurve, read_references
    from speechbrain_cadino.doctor.diagnosis import Diagnosis, examine
    from speechbrain_cadino.doctor.finding import Finding
    from speechbrain_cadino.doctor.log import LogFacts, read_log
    from speechbrain_cadino.doctor.part import Part
    from speechbrain_cadino.doctor.record import RunRecord, read_run

__getattr__, __dir__, __all__ = lazy_names(__name__)
