"""Training, one concern a file: schedule, checkpoint, objective, history, evaluation, and the loop that joins them."""

from segbook.train.checkpoint import load as load_checkpoint
from segbook.train.checkpoint import load_model
from segbook.train.evaluation import evaluate, predictions
from segbook.train.history import History, read_log
from segbook.train.loop import fit, order
from segbook.train.objective import Objective
from segbook.train.schedule import poly

__all__ = [
    "History",
    "Objective",
    "evaluate",
    "fit",
    "load_checkpoint",
    "load_model",
    "order",
    "poly",
    "predictions",
    "read_log",
]
