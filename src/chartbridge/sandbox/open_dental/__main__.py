"""`python -m chartbridge.sandbox.open_dental`."""

import sys

from chartbridge.sandbox.open_dental.command import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
