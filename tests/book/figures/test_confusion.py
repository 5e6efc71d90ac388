"""The arithmetic of the figure confusion against segbook.metrics and torch, and what painting does."""

import math

import pytest
import torch
import torch.nn.functional as F

from segbook.metrics import ConfusionMatrix, boundary_f1

SCORES = ("accuracy", "precision", "recall", "iou", "dice")


def package_scores(prediction: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    confusion = ConfusionMatrix(2)
    confusion.update(prediction[None], truth[None])
    per_class = {name: getattr(confusion, name)()[1].item() for name in SCORES[1:]}
    return {"accuracy": confusion.pixel_accuracy(), **per_class}


def random_maps(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A prediction and a truth with void: noise, blobs, empty and full ones, also of a single row or column."""
    g = torch.Generator().manual_seed(seed)
    rows, columns = [(1, 1), (1, 9), (7, 1), (24, 32), (48, 64), (30, 17)][seed % 6]
    maps = torch.rand(2, 1, rows, columns, generator=g)
    if seed % 2:
        maps = F.avg_pool2d(maps, 3, 1, 1, count_include_pad=False)
    prediction, truth = (maps[:, 0] > torch.rand(2, 1, 1, generator=g)).long()
    if seed % 5 == 1:
        prediction = torch.full_like(prediction, seed % 3 % 2)
    if seed % 7 == 3:
        truth = torch.zeros_like(truth)
    truth[torch.rand(rows, columns, generator=g) < (0.2 if seed % 3 else 0)] = 255
    return prediction, truth


def same(mine: float | str, theirs: float) -> bool:
    mine = float(mine)  # "NaN" comes as text
    return math.isnan(mine) and math.isnan(theirs) or mine == pytest.approx(theirs, abs=1e-12)


def test_counts_and_scores_are_the_packages(maths):
    call = maths("confusion")
    for seed in range(24):
        prediction, truth = random_maps(seed)
        counts = call("counts", prediction.flatten().tolist(), truth.flatten().tolist())
        assert sum(counts.values()) == truth.numel()
        assert counts["void"] == (truth == 255).sum()
        mine, theirs = call("scores", counts), package_scores(prediction, truth)
        assert all(same(mine[name], theirs[name]) for name in SCORES), (seed, mine, theirs)


def test_boundary_f1_is_the_packages(maths):
    call = maths("confusion")
    for seed in range(30):
        prediction, truth = random_maps(seed)
        mine = call("boundary", prediction.flatten().tolist(), truth.flatten().tolist(), *truth.shape)["f1"]
        assert same(mine, boundary_f1(prediction, truth, 2)[1].item()), (seed, mine)
    for size in ((1, 1), (48, 48), (48, 64), (96, 128), (120, 160), (333, 500), (240, 320)):
        assert call("radius", *size) == math.ceil(0.0075 * math.hypot(*size))


def test_neighbourhoods_are_euclidean_discs(maths):
    call = maths("confusion")
    mask = torch.zeros(15, 21, dtype=torch.int64)
    mask[4, 5] = mask[0, 20] = mask[14, 0] = 1
    y, x = torch.meshgrid(torch.arange(15.0), torch.arange(21.0), indexing="ij")
    points = mask.nonzero().double()
    distance = torch.cdist(torch.stack([y.flatten(), x.flatten()], 1).double(), points).amin(1)
    for radius in (0, 1, 2, 3, 5):
        assert call("near", mask.flatten().tolist(), 15, 21, radius) == (distance <= radius).long().tolist()


def test_moves_are_torchs(maths):
    call = maths("confusion")
    cross = torch.tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0]]).view(1, 1, 3, 3).double()
    for seed in range(8):
        mask = random_maps(seed)[0]
        rows, columns = mask.shape
        flat = mask.flatten().tolist()
        grown = F.conv2d(mask[None, None].double(), cross, padding=1)[0, 0] > 0
        ones = F.pad(mask[None, None].double(), (1, 1, 1, 1), value=1)
        shrunk = F.conv2d(ones, cross)[0, 0] == 5
        assert call("grow", flat, rows, columns) == grown.long().flatten().tolist()
        assert call("shrink", flat, rows, columns) == shrunk.long().flatten().tolist()
        padded = F.pad(mask, (3, 3, 3, 3))
        for down, right in ((0, 1), (-2, 0), (3, -3)):
            moved = padded[3 - down : 3 - down + rows, 3 - right : 3 - right + columns]
            assert call("shift", flat, rows, columns, down, right) == moved.flatten().tolist()


def state(page, key):
    page.drawn()
    return page.figure.evaluate(f"node => node.state.{key}")


def shown(page) -> dict[str, str]:
    """The scores as the reader sees them."""
    page.drawn()
    names = page.figure.locator(".score b").all_inner_texts()
    return dict(zip(names, page.figure.locator(".score strong").all_inner_texts(), strict=True))


def press(page, name):
    page.figure.get_by_role("button", name=name, exact=True).click()


def test_presets_show_what_each_score_fails_to_see(figure_page):
    page = figure_page("confusion")
    start = shown(page)
    assert float(start["Pixel accuracy"]) > 0.8 > 0.75 > float(start["IoU"])
    press(page, "Nothing marked")
    nothing = shown(page)
    assert float(nothing["Pixel accuracy"]) > 0.95
    assert (nothing["IoU"], nothing["Recall"], nothing["Precision"]) == ("0.000", "0.000", "no value (0/0)")
    press(page, "Everything marked")
    everything = shown(page)
    assert everything["Recall"] == "1.000"
    assert everything["IoU"] == everything["Precision"] == everything["Pixel accuracy"]
    press(page, "Thin, 1 px off")
    assert (shown(page)["IoU"], shown(page)["Boundary F1"]) == ("0.000", "1.000")
    press(page, "Thin, 1 px fat")
    assert float(shown(page)["IoU"]) < 0.34 and shown(page)["Boundary F1"] == "1.000"
    press(page, "Pinholes")
    assert float(shown(page)["IoU"]) > 0.85 > 0.7 > float(shown(page)["Boundary F1"])
    press(page, "Void counted")
    counted = float(shown(page)["IoU"])
    page.figure.get_by_label("Count void as rest").uncheck()
    assert float(shown(page)["IoU"]) == 1 > counted + 0.05
    assert page.faults == []


def test_what_is_shown_is_what_the_package_says_of_the_painted_mask(figure_page):
    page = figure_page("confusion")
    board = page.figure.locator(".board")
    press(page, "Clear")
    box = board.bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])  # noqa: E731
    page.mouse.move(*at(0.3, 0.5))
    page.mouse.down()
    page.mouse.move(*at(0.7, 0.52))  # one jump: the stroke must have no gaps
    page.mouse.up()
    prediction = torch.tensor(state(page, "prediction")).view(24, 32)
    assert (prediction[:, 10:22].sum(0) >= 3).all() and prediction.sum() < 60
    truth = torch.tensor(state(page, "truth")).view(24, 32)
    theirs, seen = package_scores(prediction, truth), shown(page)
    for name, label in (("accuracy", "Pixel accuracy"), ("precision", "Precision"), ("iou", "IoU"), ("dice", "Dice")):
        assert seen[label] == f"{theirs[name]:.3f}"
    assert seen["Boundary F1"] == f"{boundary_f1(prediction, truth, 2)[1]:.3f}"
    press(page, "Undo")
    assert sum(state(page, "prediction")) == 0  # a stroke is one step


def test_the_keyboard_paints_and_erases(figure_page):
    page = figure_page("confusion")
    press(page, "Clear")
    page.figure.get_by_label("Size").fill("1")
    page.figure.locator(".board").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    painted = torch.tensor(state(page, "prediction")).view(24, 32)
    assert painted.nonzero().tolist() == [[12, 16], [13, 17]]
    page.figure.get_by_label("Erase").check(force=True)
    page.figure.locator(".board").focus()
    page.keyboard.press("Space")
    assert sum(state(page, "prediction")) == 1


def test_the_perfect_mask_and_the_other_scenes(figure_page):
    page = figure_page("confusion")
    press(page, "Copy truth")
    assert set(shown(page).values()) == {"1.000"}
    press(page, "Shift left")
    assert float(shown(page)["IoU"]) < 1
    press(page, "Undo")
    assert shown(page)["IoU"] == "1.000"
    page.figure.get_by_label("Thin").check(force=True)
    assert len(state(page, "prediction")) == 256 and shown(page)["IoU"] == "1.000"
    page.figure.get_by_label("Outlines").check(force=True)
    page.drawn()
    assert "within 1 px" in page.figure.locator(".left .note").inner_text()
    assert page.faults == []
