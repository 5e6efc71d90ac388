"""The scenes are as difficult as ToyVOC says, and the control is not."""

from random import Random

import numpy as np

import toyvoc


def scenes(n, **options):
    return [toyvoc.draw_scene(Random(f"test/{i}"), 96, 128, **options) for i in range(n)]


def objects_of(drawn):
    """(class, mask) of every object."""
    for scene in drawn:
        for number in set(np.unique(scene.objects)) - {0, 255}:
            seen = scene.objects == number
            yield int(scene.classes[seen][0]), seen


def thick(seen):
    """Share of an object that survives when one pixel is taken off all around: thin parts vanish."""
    core = seen.copy()
    core[1:] &= seen[:-1]
    core[:-1] &= seen[1:]
    core[:, 1:] &= seen[:, :-1]
    core[:, :-1] &= seen[:, 1:]
    return core.sum() / seen.sum()


def test_sizes_vary_and_in_the_control_they_do_not():
    whole = lambda seen: not (seen[0].any() or seen[-1].any() or seen[:, 0].any() or seen[:, -1].any())  # noqa: E731
    spread = {}
    for one_scale in (False, True):
        heights = [
            np.ptp(np.where(m)[0]) + 1 for k, m in objects_of(scenes(80, one_scale=one_scale)) if k == 15 and whole(m)
        ]
        spread[one_scale] = np.percentile(heights, 90) / np.percentile(heights, 10)
    assert spread[False] > 2.5 and spread[True] < 1.6


def test_thin_parts_and_the_control_without():
    share = {
        thin: [thick(m) for _, m in objects_of(scenes(40, thin=thin, one_scale=not thin))] for thin in (True, False)
    }
    assert np.mean(share[True]) < 0.65 and np.mean(share[False]) > 0.85


def test_every_class_appears_and_background_does_not_drown_them():
    labels = np.stack([scene.classes for scene in scenes(60)])
    shares = {k: (labels[labels != 255] == k).mean() for k in (0, 1, 2, 4, 7, 15)}
    assert 0.65 < shares.pop(0) < 0.88
    assert min(shares.values()) > 0.008


def test_colour_alone_does_not_tell_the_classes():
    """A table from colour (16 steps a channel) to the most frequent class, tested on the scenes it was made from."""
    drawn = scenes(60)
    colours = np.stack([np.asarray(s.image) for s in drawn]).astype(int) >> 4
    codes = (colours[..., 0] * 16 + colours[..., 1]) * 16 + colours[..., 2]
    labels = np.stack([s.classes for s in drawn])
    valid = labels != 255
    table = np.zeros((4096, 21))
    np.add.at(table, (codes[valid], labels[valid]), 1)
    guess = table.argmax(1)[codes]
    for k in (1, 2, 4, 7, 15):
        union = ((guess == k) | (labels == k)) & valid
        assert ((guess == k) & (labels == k) & valid).sum() / union.sum() < 0.45


def test_other_sizes():
    for height, width in ((64, 64), (192, 256), (97, 131)):
        scene = toyvoc.draw_scene(Random(3), height, width)
        assert scene.image.size == (width, height) and scene.classes.shape == (height, width)
