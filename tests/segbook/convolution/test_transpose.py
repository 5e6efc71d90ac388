"""The three transposed convolutions against torch's, its gradients, and the adjoint of a convolution."""

import random

import pytest
import torch
import torch.nn.functional as F

from segbook.convolution import conv_matrix, conv_transpose2d, conv_transpose2d_matrix, conv_transpose2d_stamp

OURS = [conv_transpose2d_stamp, conv_transpose2d_matrix, conv_transpose2d]
CASES = 300


def random_case(seed):
    """Shapes and options that torch accepts, small enough for the dense matrix."""
    pick = random.Random(seed)

    def pair(low, high):
        return pick.randint(low, high), pick.randint(low, high)

    while True:
        groups = pick.choice([1, 1, 1, 2, 3])
        in_channels, out_channels = groups * pick.randint(1, 2), groups * pick.randint(1, 2)
        size, kernel, stride, dilation = pair(1, 5), pair(1, 4), pair(1, 3), pair(1, 3)
        padding = pair(0, 2)
        output_padding = tuple(pick.randint(0, max(s, d) - 1) for s, d in zip(stride, dilation))
        out = [
            (n - 1) * s - 2 * p + d * (k - 1) + o + 1
            for n, s, p, d, k, o in zip(size, stride, padding, dilation, kernel, output_padding)
        ]
        if min(out) > 0:
            break
    g = torch.Generator().manual_seed(seed)
    batch = pick.choice([(), (1,), (2,)])
    x = torch.randn(*batch, in_channels, *size, dtype=torch.float64, generator=g)
    weight = torch.randn(in_channels, out_channels // groups, *kernel, dtype=torch.float64, generator=g)
    bias = torch.randn(out_channels, dtype=torch.float64, generator=g) if pick.random() < 0.5 else None
    options = dict(stride=stride, padding=padding, output_padding=output_padding, groups=groups, dilation=dilation)
    if pick.random() < 0.3 and stride[0] == stride[1]:  # one number where both are the same
        options["stride"] = stride[0]
    return x, weight, bias, options


def with_gradients(function, x, weight, bias, options, seed):
    """The output, and the gradients of a random weighted sum of it."""
    leaves = [t.clone().requires_grad_() for t in (x, weight, bias) if t is not None]
    output = function(*leaves, **options) if bias is not None else function(*leaves, None, **options)
    direction = torch.randn(output.shape, dtype=output.dtype, generator=torch.Generator().manual_seed(seed + 1))
    return [output.detach(), *torch.autograd.grad(output, leaves, direction)]


@pytest.mark.parametrize("ours", OURS)
def test_values_and_gradients_are_torchs(ours):
    for seed in range(CASES):
        case = random_case(seed)
        expected = with_gradients(F.conv_transpose2d, *case, seed)
        found = with_gradients(ours, *case, seed)
        for name, a, b in zip(["output", "x's gradient", "weight's gradient", "bias's gradient"], found, expected):
            assert a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-9), f"case {seed}: {name}"


def test_the_random_cases_reach_the_corners():
    cases = [random_case(seed) for seed in range(CASES)]
    options = [c[3] for c in cases]
    assert any(x.dim() == 3 for x, *_ in cases) and any(x.shape[-2:] == (1, 1) for x, *_ in cases)
    assert any(bias is not None for _, _, bias, _ in cases) and any(o["groups"] == 3 for o in options)
    # output_padding that a stride alone would not allow, and one that reaches beyond the canvas
    pairs = [(o["stride"], o["dilation"], o["output_padding"], o["padding"]) for o in options]
    pairs = [(s if isinstance(s, tuple) else (s, s), d, o, p) for s, d, o, p in pairs]
    assert any(o[0] >= s[0] for s, _, o, _ in pairs) and any(o[0] > p[0] for _, _, o, p in pairs)


@pytest.mark.parametrize("ours", OURS)
def test_d2l_example_by_hand(ours):
    """Dive into Deep Learning, section 14.10: x = kernel = [[0, 1], [2, 3]]."""
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    assert ours(x, x)[0, 0].tolist() == [[0, 0, 1], [0, 4, 6], [4, 12, 9]]
    assert ours(x, x, padding=1)[0, 0].tolist() == [[4]]
    assert ours(x, x, stride=2)[0, 0].tolist() == [[0, 0, 0, 1], [0, 0, 2, 3], [0, 2, 0, 3], [4, 6, 6, 9]]


@pytest.mark.parametrize("ours", OURS)
def test_output_padding_uncovers_cells_and_only_then_adds_zeros(ours):
    ones, kernel = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3)
    whole = ours(ones, kernel, stride=2)
    assert torch.equal(ours(ones, kernel, stride=2, padding=1, output_padding=1), whole[..., 1:, 1:])
    beyond = ours(ones, kernel, stride=2, output_padding=1)
    assert torch.equal(beyond[..., :5, :5], whole) and beyond[..., 5:, :].abs().sum() == 0


def test_conv_matrix_is_the_convolution():
    for seed in range(100):
        pick = random.Random(seed)
        pairs = {name: (pick.randint(1, 3), pick.randint(1, 3)) for name in ("stride", "dilation")}
        pairs["padding"] = (pick.randint(0, 2), pick.randint(0, 2))
        g = torch.Generator().manual_seed(seed)
        x = torch.randn(pick.randint(1, 3), pick.randint(5, 8), pick.randint(5, 8), dtype=torch.float64, generator=g)
        kernel = pick.randint(1, 2), pick.randint(1, 2)
        weight = torch.randn(pick.randint(1, 3), x.shape[0], *kernel, dtype=torch.float64, generator=g)
        expected = F.conv2d(x[None], weight, **pairs)
        matrix = conv_matrix(weight, tuple(x.shape[-2:]), **pairs)
        torch.testing.assert_close(matrix @ x.flatten(), expected.flatten())


def test_conv_matrix_takes_one_number_for_a_square_and_is_differentiable():
    weight = torch.ones(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    matrix = conv_matrix(weight, 3)
    assert matrix[0].tolist() == [1, 1, 0, 1, 1, 0, 0, 0, 0]
    assert torch.equal(matrix, conv_matrix(weight, (3, 3)))
    assert torch.autograd.gradcheck(lambda w: conv_matrix(w, (3, 4), stride=2, padding=1), weight)


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("size, stride, padding, dilation", [((9, 7), 2, 1, 1), ((8, 8), 3, 0, 1), ((10, 9), 1, 2, 2)])
def test_adjoint_of_the_convolution(ours, size, stride, padding, dilation):
    """<Cx, y> = <x, Cᵀy> for every x and y, on sizes that the stride divides and on others."""
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64, generator=g)
    weight = torch.randn(4, 3, 3, 3, dtype=torch.float64, generator=g)
    cx = F.conv2d(x, weight, None, stride, padding, dilation)
    y = torch.randn(cx.shape, dtype=torch.float64, generator=g)
    restored = [(m - 1) * stride - 2 * padding + dilation * 2 + 1 for m in cx.shape[-2:]]
    rest = [n - m for n, m in zip(size, restored)]
    cty = ours(y, weight, None, stride, padding, rest, 1, dilation)
    assert cty.shape == x.shape
    torch.testing.assert_close((cx * y).sum(), (x * cty).sum())
    # its neighbour, the same kernel flipped, is not the adjoint
    flipped = ours(y, weight.flip(-1, -2), None, stride, padding, rest, 1, dilation)
    assert not torch.isclose((cx * y).sum(), (x * flipped).sum())


@pytest.mark.parametrize("ours", OURS)
def test_gradient_of_a_convolution(ours):
    """What autograd sends back through conv2d is a transposed convolution with the same weight."""
    g = torch.Generator().manual_seed(1)
    x = torch.randn(2, 4, 8, 7, dtype=torch.float64, generator=g, requires_grad=True)
    weight = torch.randn(6, 2, 3, 3, dtype=torch.float64, generator=g)
    y = F.conv2d(x, weight, stride=2, padding=1, groups=2)
    upstream = torch.randn(y.shape, dtype=torch.float64, generator=g)
    (gradient,) = torch.autograd.grad(y, x, upstream)
    torch.testing.assert_close(ours(upstream, weight, None, 2, 1, (1, 0), 2), gradient)


@pytest.mark.parametrize("ours", OURS)
def test_float32_and_an_empty_batch(ours):
    g = torch.Generator().manual_seed(2)
    x, weight = torch.randn(2, 3, 4, 4, generator=g), torch.randn(3, 5, 4, 4, generator=g)
    output = ours(x, weight, stride=2, padding=1)
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, F.conv_transpose2d(x, weight, stride=2, padding=1), rtol=1e-4, atol=1e-5)
    assert ours(x[:0], weight, stride=2, padding=1).shape == (0, 5, 8, 8)


X, W = torch.ones(1, 4, 3, 3), torch.ones(4, 2, 3, 3)
MISTAKES = [
    (X, W.transpose(0, 1), {}, r"input channels first, got shapes \(1, 4, 3, 3\) and \(2, 4, 3, 3\)"),
    (X, W, dict(groups=3), "groups=3 does not divide the 4 input channels"),
    (X, W, dict(groups=0), "groups=0"),
    (X, W, dict(bias=torch.ones(3)), r"each of 2 output channels, got \(3,\)"),
    (X, W, dict(bias=torch.ones(2), groups=2), r"each of 4 output channels, got \(2,\)"),
    (X, W[0], {}, r"weight \(in, out / groups, height, width\)"),
    (X[0, 0], W, {}, r"got shapes \(3, 3\)"),
    (X, W, dict(stride=2, output_padding=2), "output_padding must be smaller than stride or dilation"),
    (X, W, dict(output_padding=(0, 1)), "output_padding 1, stride 1"),
    (X, W, dict(padding=3), "padding 3 cuts away all of the output"),
]


@pytest.mark.parametrize("ours", OURS)
@pytest.mark.parametrize("x, weight, options, sentence", MISTAKES)
def test_mistakes_are_explained(ours, x, weight, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ours(x, weight, **options)


def test_conv_matrix_explains_mistakes():
    with pytest.raises(ValueError, match=r"weight \(out, in, height, width\), got shape \(3, 3\)"):
        conv_matrix(torch.ones(3, 3), 5)
    with pytest.raises(ValueError):
        conv_matrix(torch.ones(1, 1, 3, 3), 2)
