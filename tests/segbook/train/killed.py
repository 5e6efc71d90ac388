"""Run by test_faults.py, to be killed: `killed.py OUT WORKERS` trains slowly."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from conftest import Noise
from test_faults import RUN, Dropped

from segbook.train import fit


class Slow(Noise):
    def read(self, epoch, index):
        time.sleep(0.02)
        return super().read(epoch, index)


if __name__ == "__main__":
    fit(Dropped(), Slow(10), Noise(3, seed=1), **RUN, out=Path(sys.argv[1]), num_workers=int(sys.argv[2]))
