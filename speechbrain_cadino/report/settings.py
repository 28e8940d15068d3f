"""The settings of a run on its page: those that were given first, then those that followed the corpus, then all."""

from __future__ import annotations

from speechbrain_cadino.report import page
from speechbrain_cadino.report.run import Run
from speechbrain_cadino.training.settings_record import tell


def settings_part(run: Run) -> str:
    """HTML of the settings; '' where nothing is known of them.

    Arguments
    ---------
    run : Run

    Returns
    -------
    str
    """
    if not run.settings:
        return ""
    given = run.options or {}
    options = given.get("options") if isinstance(given.get("options"), dict) else {}
    auto = [name for name in given.get("auto") or [] if isinstance(name, str)]
    of = f" over {given['file']}" if isinstance(given.get("file"), str) else ""
    parts = ["<h2>Settings</h2>"]
    changed = [(name, "" if value is None else tell(value)) for name, value in options.items()]
    parts.append(page.table((f"changed{of}", "to"), changed))
    if run.options is not None and not changed:
        parts.append(f"<p>None was changed{page.escape(of)}.</p>")
    if auto:
        rows = [(name, tell(run.settings.get(name))) for name in auto]
        parts.append("<p></p>" + page.table(("followed the corpus (auto)", "came to"), rows))
    rows = [(name, tell(value)) for name, value in run.settings.items() if not name.startswith("__")]
    parts.append(page.folded(f"All {len(rows)} settings", page.table(("setting", "value"), rows)))
    return "<section>" + "\n".join(filter(None, parts)) + "</section>"
