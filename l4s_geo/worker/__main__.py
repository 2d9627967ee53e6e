"""``python -m l4s_geo.worker``: serve on stdin and stdout."""

from __future__ import annotations

import os

from l4s_geo.worker.supervisor import main

if __name__ == "__main__":
    # An ordinary exit would wait for the thread that listens to stdin.
    os._exit(main())
