"""What is wrong with a run, in sentences: what was seen, what follows from it, what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ILL, DOUBTFUL, NOTE = "ill", "doubtful", "note"
LEVELS = ILL, DOUBTFUL, NOTE  # the most serious first


@dataclass(frozen=True)
class Finding:
    """One complaint.

    Arguments
    ---------
    rule : str
        Its name, for machines.
    level : str
        One of ``LEVELS``.
    seen : str
        A sentence with the figures that it rests on.
    consequence, remedy : str
        Sentences; the remedy names settings.
    figures : dict
        The figures by name, numbers or text.
    part : str
        Of a run of several trainings the one that it is about; '' for the run as a whole.

    Example
    -------
    >>> finding = Finding("waiting", DOUBTFUL, "It waited.", "A GPU stood idle.", "Raise num_workers.")
    >>> finding.text()
    'It waited. A GPU stood idle. Raise num_workers.'
    """

    rule: str
    level: str
    seen: str
    consequence: str = ""
    remedy: str = ""
    figures: dict[str, Any] = field(default_factory=dict)
    part: str = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"A finding's level is one of {', '.join(LEVELS)}, not {self.level!r}.")

    def text(self) -> str:
        """All in one line."""
        sentences = " ".join(filter(None, [self.seen, self.consequence, self.remedy]))
        return f"{self.part[0].upper()}{self.part[1:]}: {sentences}" if self.part else sentences


def by_severity(findings: list[Finding]) -> list[Finding]:
    """The most serious first; those of one level stay in their order."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))
