"""Training, one concern a file: schedule, batches, objective, optimizer, distributed, checkpoint, history, evaluation,
live; and the loop that joins them.
"""

from segbook.train.batches import order
from segbook.train.checkpoint import load as load_checkpoint
from segbook.train.checkpoint import load_model
from segbook.train.evaluation import evaluate, predictions
from segbook.train.history import History, read_log
from segbook.train.live import LivePlot
from segbook.train.loop import fit
from segbook.train.objective import Objective
from segbook.train.optimizer import parameter_groups
from segbook.train.schedule import poly, warm_up

__all__ = [
    "History",
    "LivePlot",
    "Objective",
    "evaluate",
    "fit",
    "load_checkpoint",
    "load_model",
    "order",
    "parameter_groups",
    "poly",
    "predictions",
    "read_log",
    "warm_up",
]
