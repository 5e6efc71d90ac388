"""The bilinear kernel and its upsampler against formulas and functions written by others."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segbook.bilinear import FORMS, BilinearUpsample, bilinear_kernel, bilinear_matrix

FACTORS = range(1, 33)


def noise(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def published_kernel(channels, size):
    """The values of D2L 14.11 and of the FCN authors' surgery.py, through numpy (d2l exports no such function)."""
    factor = (size + 1) // 2
    center = factor - 1 if size % 2 == 1 else factor - 0.5
    rows, columns = np.ogrid[:size, :size]
    kernel = (1 - abs(rows - center) / factor) * (1 - abs(columns - center) / factor)
    weight = np.zeros((channels, channels, size, size), dtype=np.float32)
    weight[range(channels), range(channels)] = kernel
    return torch.from_numpy(weight)


@pytest.mark.parametrize("size", [*range(1, 12), 16, 31, 32, 63, 64])
def test_kernel_has_the_published_values(size):
    ours = bilinear_kernel(3, 3, size)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, published_kernel(3, size), atol=1e-7, rtol=0)


def test_kernel_4_by_hand():
    tent = torch.tensor([1, 3, 3, 1]) / 4
    assert torch.equal(bilinear_kernel(1, 1, 4)[0, 0], tent[:, None] * tent)


def test_kernel_has_rank_one_and_leaves_extra_channels_zero():
    weight = bilinear_kernel(3, 2, 6)
    assert weight.shape == (3, 2, 6, 6)
    assert torch.linalg.matrix_rank(weight[1, 1]) == 1
    assert weight[2].abs().max() == 0 and weight[0, 1].abs().max() == 0
    assert torch.equal(bilinear_kernel(2, 3, 6), weight.transpose(0, 1))


@pytest.mark.parametrize("sizes", [(0, 1, 4), (1, 0, 4), (1, 1, 0), (2, 2, -3)])
def test_kernel_refuses_sizes_below_one(sizes):
    with pytest.raises(ValueError, match=f"{sizes[0]}, {sizes[1]} and {sizes[2]}"):
        bilinear_kernel(*sizes)


def test_kernel_size_sets_the_factor():
    """FACTS 2: too small a kernel darkens, too small an output for the odd kernel at an even stride."""
    x = torch.ones(1, 1, 6, 6)
    half = F.conv_transpose2d(x, bilinear_kernel(1, 1, 2), stride=2)
    assert torch.allclose(half, torch.tensor(0.25))
    assert F.conv_transpose2d(x, bilinear_kernel(1, 1, 3), stride=2, padding=1).shape[-1] == 11


@pytest.mark.parametrize("factor", FACTORS)
def test_interior_equals_interpolate_and_normalised_equals_it_everywhere(factor):
    x = noise(2, 3, 4, 5, seed=factor)
    theirs = F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    inside = slice(factor // 2, -(factor // 2) or None)
    for form in FORMS:
        ours = BilinearUpsample(3, factor, form)(x)
        assert ours.shape == (2, 3, 4 * factor, 5 * factor)
        torch.testing.assert_close(ours[..., inside, inside], theirs[..., inside, inside], atol=1e-5, rtol=0)
        if factor > 1:
            assert (ours - theirs).abs().max() > 0.01  # the border does fade: the slice above is not idle
        normalised = BilinearUpsample(3, factor, form, normalise=True)(x)
        torch.testing.assert_close(normalised, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("factor", [*FACTORS, 100, 255])
def test_normalise_keeps_a_constant(factor):
    x = torch.full((1, 2, 3, 2), 0.7)
    for form in FORMS:
        y = BilinearUpsample(2, factor, form, normalise=True)(x)
        assert (y - 0.7).abs().max() < 1e-6


@pytest.mark.parametrize("factor", FACTORS)
def test_kernel_2f_minus_1_padding_f_minus_1_is_align_corners(factor):
    x = noise(1, 2, 4, 6, seed=factor)
    kernel_size = 2 * factor - 1
    ours = F.conv_transpose2d(x, bilinear_kernel(2, 2, kernel_size), stride=factor, padding=factor - 1)
    assert ours.shape[2:] == (3 * factor + 1, 5 * factor + 1)
    theirs = F.interpolate(x, ours.shape[2:], mode="bilinear", align_corners=True)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("factor", "edge"), [(2, 0.75), (32, 0.515625), (3, 2 / 3)])
@pytest.mark.parametrize("form", FORMS)
def test_border_of_a_constant(factor, edge, form):
    y = BilinearUpsample(1, factor, form)(torch.ones(1, 1, 5, 5))[0, 0]
    middle = y.shape[0] // 2
    assert y[0, middle].item() == pytest.approx(edge, abs=1e-6)
    assert y[0, 0].item() == pytest.approx(edge**2, abs=1e-6)
    assert y[middle, middle].item() == pytest.approx(1, abs=1e-6)


def test_forms_are_equal_at_any_size_and_dtype():
    for size in [(1, 1), (1, 7), (5, 1), (6, 4)]:
        for factor in (1, 2, 3, 7, 8):
            x = noise(2, 4, *size, seed=factor, dtype=torch.float64)
            outputs = [BilinearUpsample(4, factor, form)(x) for form in FORMS]
            assert all(y.dtype == torch.float64 for y in outputs)
            for other in outputs[1:]:
                torch.testing.assert_close(other, outputs[0], atol=1e-6, rtol=0)
    assert BilinearUpsample(4, 2)(x.to(torch.bfloat16)).dtype == torch.bfloat16


def test_one_sample_is_the_middle_of_the_kernel():
    y = BilinearUpsample(1, 4)(torch.ones(1, 1, 1, 1))
    torch.testing.assert_close(y, bilinear_kernel(1, 1, 8)[..., 2:-2, 2:-2])


def test_matrix_rows_have_at_most_two_weights_and_add_up_to_one_inside():
    for factor in (1, 2, 5, 32):
        matrix = bilinear_matrix(4, factor)
        assert matrix.shape == (4 * factor, 4)
        assert ((matrix > 0).sum(1) <= 2).all()
        rows = matrix.sum(1)
        inside = slice(factor // 2, -(factor // 2) or None)
        torch.testing.assert_close(rows[inside], torch.ones_like(rows[inside]))
        torch.testing.assert_close(rows, rows.flip(0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("normalise", [False, True])
def test_gradients(form, normalise):
    layer = BilinearUpsample(2, 3, form, normalise=normalise).double()
    x = noise(1, 2, 3, 2, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x,))


def test_weights_and_parameters():
    assert not list(BilinearUpsample(21, 32).parameters())
    for form, shape in [("grouped", (3, 1, 4, 4)), ("dense", (3, 3, 4, 4))]:
        frozen, learned = BilinearUpsample(3, 2, form), BilinearUpsample(3, 2, form, learnable=True)
        assert not list(frozen.parameters()) and not frozen.state_dict()
        assert [tuple(p.shape) for p in learned.parameters()] == [shape]
        assert list(learned.state_dict()) == ["weight"]
        learned(noise(1, 3, 4, 4)).square().sum().backward()
        assert learned.weight.grad.abs().sum() > 0
    dense = BilinearUpsample(21, 32, "dense", learnable=True).weight
    assert dense.numel() == 1_806_336 and dense.count_nonzero() == 86_016


def test_moves_and_compiles():
    meta = BilinearUpsample(3, 4, "grouped")(torch.empty(2, 3, 5, 6, device="meta"))
    assert meta.shape == (2, 3, 20, 24) and meta.device.type == "meta"
    x = noise(1, 3, 5, 6)
    for form in FORMS:
        layer = BilinearUpsample(3, 4, form, normalise=True)
        compiled = torch.compile(layer, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(x), layer(x))


def test_exports_with_dynamic_size():
    layer = BilinearUpsample(3, 4).eval()
    dim = torch.export.Dim
    shapes = ({0: dim("n"), 2: dim("h"), 3: dim("w")},)
    program = torch.export.export(layer, (noise(2, 3, 5, 6),), dynamic_shapes=shapes)
    x = noise(3, 3, 7, 4)
    torch.testing.assert_close(program.module()(x), layer(x))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 2), "channels=0"),
        ((3, 0), "factor=0"),
        ((3, 2.5), "factor=2.5"),
        ((3, 2, "fast"), "form='fast'"),
        ((3, 2, "separable", True), "grouped"),
    ],
)
def test_constructor_errors(arguments, words):
    with pytest.raises(ValueError, match=words):
        BilinearUpsample(*arguments)


def test_forward_errors():
    layer = BilinearUpsample(3, 2)
    with pytest.raises(ValueError, match=r"\(N, 3, H, W\), got \(1, 2, 4, 4\)"):
        layer(torch.zeros(1, 2, 4, 4))
    with pytest.raises(ValueError, match=r"got \(3, 4, 4\)"):
        layer(torch.zeros(3, 4, 4))
    with pytest.raises(TypeError, match="int64; resize labels by nearest"):
        layer(torch.zeros(1, 3, 4, 4, dtype=torch.int64))
