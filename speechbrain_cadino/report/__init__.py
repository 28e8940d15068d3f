"""What a run looks like: one page of HTML from what its folder holds, be it finished or not."""

from typing import TYPE_CHECKING

from speechbrain_cadino.utils.lazy import lazy_names

if TYPE_CHECKING:
    from speechbrain_cadino.report.run import Run, Training, read_run
    from speechbrain_cadino.report.write import report_html, report_or_warn, write_report

__getattr__, __dir__, __all__ = lazy_names(__name__)
