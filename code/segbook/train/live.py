"""A plot that follows a training in a notebook and stays one picture."""

import io
import time

from segbook.train.history import History


class LivePlot:
    """Callback of `fit`: loss and validation mIoU over the steps, redrawn in place.

    The notebook holds one picture of some 20 kB, however long the training is: an update replaces the picture, and a
    curve has at most `points` points, each the mean of its neighbours. Outside of a notebook nothing is shown.

    Args:
        seconds: shortest time between two updates; the last step is always drawn.
        points: most points of the loss curve.
    """

    def __init__(self, seconds: float = 5.0, points: int = 200):
        self.seconds = seconds
        self.points = points
        self.drawn = float("-inf")
        self.handle = None

    def __call__(self, history: History, steps: int) -> None:
        """Draw what has happened, if it is time; `steps` is the length of the whole training."""
        now = time.perf_counter()
        if history.step < steps and now - self.drawn < self.seconds:
            return
        try:
            from IPython import get_ipython
            from IPython.display import Image, display
        except ImportError:
            return
        if getattr(get_ipython(), "kernel", None) is None:
            return
        picture = Image(draw(history, steps, self.points))
        if self.handle is None:
            self.handle = display(picture, display_id=True)
        else:
            self.handle.update(picture)
        self.drawn = now


def thin(values: list[float], points: int) -> list[float]:
    """At most `points` means of neighbouring values, in order."""
    size = -(-len(values) // points)
    return [sum(part) / len(part) for part in (values[i : i + size] for i in range(0, len(values), size or 1))]


def draw(history: History, steps: int, points: int) -> bytes:
    """The two curves as a PNG."""
    from matplotlib.figure import Figure  # not pyplot: nothing global, nothing left open

    figure = Figure(figsize=(7, 2.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(thin(history.steps, points), thin(history.losses, points))
    left.set(xlabel="step", ylabel="loss", xlim=(0, steps), yscale="log")
    right.plot(history.val_steps, history.val_mious, marker="o")
    right.set(xlabel="step", ylabel="validation mIoU", xlim=(0, steps), ylim=(0, 1))
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()
