"""Where our own code failed, in words that hold nobody's data. Must not be in it: an error's message."""

from __future__ import annotations

import traceback
from pathlib import Path


def place_of(error: BaseException) -> str:
    """Return `room/module.py:line function` of the innermost frame that is ours, or of the innermost frame."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "chartbridge" in frame.filename] or list(frames)
    if not ours:
        return "unknown"
    last = ours[-1]
    return f"{'/'.join(Path(last.filename).parts[-2:])}:{last.lineno} {last.name}"
