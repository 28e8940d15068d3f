"""What griffe, which reads the docstrings for the reference, is told: two headings of SpeechBrain's are numpy's."""

import re

import griffe

HEADINGS = {"Arguments": "Parameters", "Example": "Examples"}
HEADING = re.compile(r"^([ \t]*)(Arguments|Example)\n\1-+$", re.MULTILINE)


class SpeechBrainHeadings(griffe.Extension):
    """Renames the headings in every docstring."""

    def on_object(self, *, obj, **kwargs):
        if obj.docstring is not None:
            obj.docstring.value = HEADING.sub(_numpy, obj.docstring.value)


def _numpy(match):
    name = HEADINGS[match[2]]
    return f"{match[1]}{name}\n{match[1]}{'-' * len(name)}"
