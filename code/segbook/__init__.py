"""Semantic segmentation from the ground up: the code that the book teaches.

Images are float (N, 3, H, W), labels int64 (N, H, W), void is 255 everywhere.
"""

import os

__version__ = "0.1.0"

# Notebooks set SEGBOOK_QUICK=1 to run every cell with very few training steps: a smoke test, not a result.
QUICK = os.environ.get("SEGBOOK_QUICK") == "1"
