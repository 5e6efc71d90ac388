"""Training, one concern a file. `loop.fit` joins them, and reads from top to bottom."""

from segbook.train.batches import order
from segbook.train.checkpoint import load as load_checkpoint
from segbook.train.evaluation import evaluate, predicted_batches, predictions
from segbook.train.history import History, read_log
from segbook.train.loop import fit
from segbook.train.objective import Objective
from segbook.train.optimizer import parameter_groups
from segbook.train.run import load_run
from segbook.train.schedule import poly, warm_up
from segbook.train.settings import Settings

__all__ = ["History", "Objective", "Settings", "evaluate", "fit", "load_checkpoint", "load_run", "order", "poly"]
__all__ += ["parameter_groups", "predicted_batches", "predictions", "read_log", "warm_up"]
