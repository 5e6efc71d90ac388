import pytest
import torch
from torch import nn
from torch.utils.data import Dataset, Subset

from segbook import infer
from segbook.metrics import ConfusionMatrix
from segbook.train import evaluate, predictions


class Sizes(Dataset):
    """Images of mixed sizes, some neighbours equal."""

    num_classes = 4

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.items = []
        for height, width in [(5, 7), (5, 7), (5, 7), (1, 1), (9, 4), (5, 7), (9, 4), (9, 4)]:
            image = torch.randn(3, height, width, generator=generator)
            self.items.append((image, torch.randint(0, 4, (height, width), generator=generator)))
            self.items[-1][1][0, 0] = 255

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Dropout(0.9), nn.Conv2d(8, 4, 1))


def one_by_one(model, dataset):
    model.eval()
    with torch.no_grad():
        return [model(image[None])[0].argmax(0) for image, _ in dataset.items]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
@pytest.mark.parametrize("workers", [0, 2])
def test_predictions_are_those_of_each_image_alone_in_order(model, batch_size, workers):
    dataset = Sizes()
    expected = one_by_one(model, dataset)
    found = list(predictions(model, dataset, batch_size=batch_size, num_workers=workers))
    assert [index for index, _, _ in found] == list(range(8))
    for (_, prediction, label), alone, (_, truth) in zip(found, expected, dataset.items):
        assert torch.equal(prediction, alone)
        assert torch.equal(label, truth)


def test_the_matrix_is_scikit_learns_over_all_pixels_that_are_not_void(sk, model):
    dataset = Sizes()
    truth = torch.cat([label.flatten() for _, label in dataset.items])
    guess = torch.cat([prediction.flatten() for prediction in one_by_one(model, dataset)])
    valid = truth != 255
    expected = sk.confusion_matrix(truth[valid], guess[valid], labels=range(4))
    assert evaluate(model, dataset, batch_size=3).counts.tolist() == expected.tolist()


def test_the_mode_and_the_random_state_are_given_back(model):
    model.train()
    before = torch.get_rng_state()
    evaluate(model, Sizes())
    assert model.training and all(module.training for module in model)
    assert torch.equal(before, torch.get_rng_state())
    model.eval()
    evaluate(model, Sizes())
    assert not model.training


def test_a_subset_will_do(model):
    dataset = Sizes()
    part = evaluate(model, Subset(Subset(dataset, [0, 4, 5]), [1, 2]))
    assert part.counts.sum() == 9 * 4 - 1 + 5 * 7 - 1


def test_an_empty_set_and_a_model_of_other_classes(model):
    with pytest.raises(ValueError, match="empty"):
        evaluate(model, Subset(Sizes(), []))
    with pytest.raises(ValueError, match="out of range"):
        evaluate(nn.Conv2d(3, 400, 1), Sizes())


def test_one_logit_is_a_class_where_it_is_above_zero():
    dataset = Sizes()
    dataset.num_classes = 2
    for _, label in dataset.items:
        label[label < 4] %= 2
    model = nn.Conv2d(3, 1, 1)
    for (_, prediction, _), (image, _) in zip(predictions(model, dataset), dataset.items):
        assert torch.equal(prediction, (model(image[None])[0, 0] > 0).long())
    assert evaluate(model, dataset).counts.shape == (2, 2)


def test_predictions_can_be_changed_and_used_in_a_graph(model):
    for _, prediction, label in predictions(model, Sizes()):
        prediction[0, 0] = 1
        label[0, 0] = 1
        (prediction.float() * torch.ones((), requires_grad=True)).sum().backward()


def test_predict_looks_at_each_image_in_another_way(model):
    dataset = Sizes()
    looks = {"scales": (0.5, 1), "flip": True, "window": (4, 5)}
    expected = [infer.predict(model, image, **looks) for image, _ in dataset.items]
    found = [prediction for _, prediction, _ in predictions(model, dataset, predict=looks, batch_size=3)]
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(found, one_by_one(model, dataset)))
    matrix = ConfusionMatrix(4)
    for prediction, (_, label) in zip(expected, dataset.items):
        matrix.update(prediction[None], label[None])
    assert evaluate(model, dataset, predict=looks).counts.tolist() == matrix.counts.tolist()


def test_a_threshold_moves_one_logit():
    dataset = Sizes()
    dataset.num_classes = 2
    for _, label in dataset.items:
        label[label < 4] %= 2
    model = nn.Conv2d(3, 1, 1)
    ones = [evaluate(model, dataset, predict={"threshold": t}).counts[:, 1].sum() for t in (0.2, 0.5, 0.8)]
    assert ones[0] > ones[1] > ones[2]
    assert ones[1] == evaluate(model, dataset).counts[:, 1].sum()
