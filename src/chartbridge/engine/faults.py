"""Where our own code failed, in words that hold nobody's data. Must not be in it: an error's message."""

from __future__ import annotations

import traceback
from pathlib import Path


def place_of(error: BaseException) -> str:
    """Return `room/module.py:line function` of the innermost frame that is ours, or of the innermost frame."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [each for each in frames if "chartbridge" in each[0].co_filename] or frames
    if not ours:
        return "unknown"
    code, line = ours[-1]
    return f"{'/'.join(Path(code.co_filename).parts[-2:])}:{line} {code.co_name}"
