"""What is filmed during a training is what the network predicts then, and filming leaves the training as it is."""

import base64
import io

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Subset

from bookbuild.experiments.replay import film
from segbook import data, models, train

SETTINGS = {"batch_size": 4, "lr": 0.01, "seed": 3}


def test_a_film_holds_the_predictions_of_its_moments():
    train_set, val = data.load("toy", "train", crop_size=(96, 128)), Subset(data.load("toy", "val"), range(3))
    torch.manual_seed(0)
    model = models.create("fcn32s_tiny")
    scores = [train.evaluate(model, val).mean_iou()]
    first = [prediction for _, prediction, _ in train.predictions(model, val)]
    got = film(model, train_set, val, [2, 0], [0, 1, 3], **SETTINGS)

    torch.manual_seed(0)
    other = models.create("fcn32s_tiny")  # the same run, without a camera
    history = train.fit(other, train_set, steps=3, progress=False, **SETTINGS)
    last = [prediction for _, prediction, _ in train.predictions(other, val)]
    scores.append(train.evaluate(other, val).mean_iou())

    assert got["losses"] == [round(sum(history.losses) / 3, 4)]
    assert [got["mean_iou"][0], got["mean_iou"][-1]] == [round(score, 4) for score in scores]
    for i, strip in zip((2, 0), got["films"]):
        frames = np.asarray(Image.open(io.BytesIO(base64.b64decode(strip.partition(",")[2])))).reshape(3, 96, 128)
        np.testing.assert_array_equal(frames[0], first[i])
        np.testing.assert_array_equal(frames[-1], last[i])
