"""`python -m pytest_llmharness.cli` is `llmharness`."""

from __future__ import annotations

import sys

from . import main

sys.exit(main())
