import torch
from torch import nn

from segbook.losses import cross_entropy
from segbook.train import Objective


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.main, self.aux_classifier = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.main(x)

    def forward_with_aux(self, x):
        return self.main(x), self.aux_classifier(x)


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, 4, 5, generator=generator), torch.randint(0, 2, (2, 4, 5), generator=generator)


def test_without_an_auxiliary_head_it_is_the_loss_of_the_model():
    model, (images, labels) = nn.Conv2d(3, 2, 1), batch()
    expected = nn.functional.cross_entropy(model(images), labels)
    for objective in (Objective(model, cross_entropy), Objective(model, cross_entropy).eval()):
        torch.testing.assert_close(objective(images, labels), expected)


def test_the_auxiliary_head_counts_in_training_only():
    model, (images, labels) = TwoHeads(), batch()
    main = nn.functional.cross_entropy(model.main(images), labels)
    aux = nn.functional.cross_entropy(model.aux_classifier(images), labels)
    objective = Objective(model, cross_entropy)
    torch.testing.assert_close(objective(images, labels), main + 0.4 * aux)
    torch.testing.assert_close(Objective(model, cross_entropy, aux_weight=1)(images, labels), main + aux)
    torch.testing.assert_close(objective.eval()(images, labels), main)


def test_every_parameter_gets_a_gradient_through_its_forward():
    objective = Objective(TwoHeads(), cross_entropy)
    objective(*batch()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in objective.parameters())


def test_the_loss_is_computed_in_32_bits_under_autocast():
    objective, (images, labels) = Objective(TwoHeads(), cross_entropy), batch()
    with torch.autocast("cpu", torch.bfloat16):
        assert objective.model(images).dtype == torch.bfloat16
        assert objective(images, labels).dtype == torch.float32
        assert objective.eval()(images, labels).dtype == torch.float32
