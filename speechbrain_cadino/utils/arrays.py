"""What NumPy raises over a file that holds no arrays, or damaged ones: more kinds than it says."""

from __future__ import annotations

import zlib
from tokenize import TokenError
from zipfile import BadZipFile

# RuntimeError: a damaged flag of a zip says that it is encrypted, or of a version to come; TokenError, SyntaxError: a
# header that is no Python; AttributeError: one array where several are asked for.
ARRAY_FAULTS = (
    OSError, ValueError, EOFError, LookupError, AttributeError, RuntimeError, SyntaxError, TokenError, BadZipFile,
    zlib.error,
)  # fmt: skip
