import nbformat
from nbclient import NotebookClient

from segbook.train import History, LivePlot
from segbook.train.live import thin

CELL = """
from segbook.train import History, LivePlot

plot, history = LivePlot(seconds=0), History()
for step in range(1, 11):
    row = {"step": step, "loss": 2 / step, "val_mean_iou": step / 50 if step % 5 == 0 else None}
    history.add(row | {"seconds": 0, "broken": None})
    plot(history, 10)
"""


def test_ten_updates_in_a_notebook_leave_one_small_picture(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "display_data"
    assert 5_000 < len(output.data["image/png"]) < 60_000


def test_outside_of_a_notebook_nothing_happens(capsys):
    history = History()
    LivePlot()(history, 0)
    assert capsys.readouterr() == ("", "")


def test_a_long_curve_is_thinned_by_means():
    assert thin([1.0, 3.0, 5.0, 7.0, 9.0], 3) == [2, 6, 9]
    assert thin([], 3) == []
    assert thin([1.0, 2.0], 3) == [1, 2]
    assert len(thin(list(range(10_001)), 200)) <= 200
