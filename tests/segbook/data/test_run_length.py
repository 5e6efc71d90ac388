"""Run lengths against a walk over the pixels, one by one."""

import numpy as np
import pytest
import torch

from segbook import data


def walk(mask):
    """Column by column, pixel by pixel."""
    height, width = mask.shape
    pixels = [int(mask[k % height][k // height]) for k in range(height * width)]
    runs, k = [], 0
    while k < len(pixels):
        length = 0
        while k + length < len(pixels) and pixels[k + length]:
            length += 1
        runs += [str(k + 1), str(length)] if length else []
        k += max(length, 1)
    return " ".join(runs)


def test_the_fixed_case():
    assert data.encode_runs(torch.tensor([[0, 1, 0], [1, 1, 0]])) == "2 3"
    assert data.decode_runs("2 3", 2, 3).tolist() == [[0, 1, 0], [1, 1, 0]]
    assert data.decode_runs("2 1 4 2", 2, 3).tolist() == [[0, 0, 1], [1, 1, 0]]  # row order is another mask


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (5, 9), (16, 16)])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 1])
def test_random_masks_both_ways(size, share):
    mask = (np.random.default_rng(7).random(size) < share).astype(np.uint8)
    text = data.encode_runs(mask)
    assert text == walk(mask)
    back = data.decode_runs(text, *size)
    assert back.dtype == torch.uint8 and np.array_equal(back, mask)
    assert data.encode_runs(torch.tensor(mask).bool()) == data.encode_runs(mask.astype(np.int64)) == text


def test_empty_and_full():
    assert data.encode_runs(np.zeros((3, 4))) == "" and data.encode_runs(np.ones((3, 4))) == "1 12"
    assert data.decode_runs("", 3, 4).sum() == 0 and data.decode_runs(" 1 12\n", 3, 4).sum() == 12
    assert data.decode_runs("1 2 3 4", 2, 3).tolist() == [[1, 1, 1], [1, 1, 1]]  # neighbours may touch


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("2", "pairs of whole numbers"),
        ("2 3 5", "pairs of whole numbers"),
        ("2 x", "got '2 x'"),
        ("2 -1", "pairs of whole numbers"),
        ("1.0 2", "pairs of whole numbers"),
        ("٢ 3", "pairs of whole numbers"),
        ("2,3", "pairs of whole numbers"),
        ("0 3", "starts before pixel 1"),
        ("2 0", "is empty"),
        ("4 2 1 2", "'1 2' is empty or starts before pixel 6"),
        ("1 3 3 1", "starts before pixel 4"),
        ("5 3", "ends at pixel 7, a mask of 2x3 has 6"),
    ],
)
def test_malformed_runs_are_refused(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        data.decode_runs(text, 2, 3)


@pytest.mark.parametrize(
    "mask", [np.array([[0, 255]]), np.array([[0, -1]]), np.array([[0.5, 1]]), np.array([[np.nan]])]
)
def test_masks_of_other_values_are_refused(mask):
    with pytest.raises(ValueError, match="holds 0 and 1, this one holds"):
        data.encode_runs(mask)
    with pytest.raises(ValueError, match="one mask"):
        data.encode_runs(np.zeros((1, 2, 2)))


def test_a_submission_written_and_read_back(tmp_path):
    masks = {"a.b": np.eye(3), "nothing": np.zeros((2, 2)), "dach 3": np.ones((1, 2))}
    path = tmp_path / "submission.tsv"
    data.write_runs(path, masks.items())
    assert path.read_bytes() == b"a.b\t1 1 5 1 9 1\nnothing\t\ndach 3\t1 2\n"
    back = data.read_runs(path)
    assert list(back) == list(masks)
    assert all(np.array_equal(data.decode_runs(runs, *masks[name].shape), masks[name]) for name, runs in back.items())


def test_a_csv_has_commas_a_header_and_windows_line_ends(tmp_path):
    (tmp_path / "runs.csv").write_bytes(b"\xef\xbb\xbfImageId,EncodedPixels\r\none.png,1 2 9 4\r\ntwo.png,\r\n\r\n")
    assert data.read_runs(tmp_path / "runs.csv") == {"one.png": "1 2 9 4", "two.png": ""}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"one\t1 2\ntwo 3 4\n", "line 2: 'name<TAB>run lengths' is expected, found 1 cells"),
        (b"one\t1 2\t3\n", "line 1: .* found 3 cells"),
        (b"\t1 2\n", "line 1: "),
        (b"one\t1 2\none\t3 4\n", "line 2: 'one' has a mask already"),
        (b"\x89PNG\xff\xfe", "not a text file"),
    ],
)
def test_broken_tables_are_refused(tmp_path, content, sentence):
    (tmp_path / "runs.tsv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"runs.tsv.*{sentence}"):
        data.read_runs(tmp_path / "runs.tsv")


def test_what_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.tsv: no such file"):
        data.read_runs(tmp_path / "gone.tsv")
    for name in ("", "a\tb", "a\nb"):
        with pytest.raises(ValueError, match="cannot be a name"):
            data.write_runs(tmp_path / "runs.tsv", [("good", np.eye(2)), (name, np.eye(2))])
    assert not (tmp_path / "runs.tsv").exists()
