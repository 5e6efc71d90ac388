"""Chapter 5, From classifier to FCN-32s."""

import copy
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook.bilinear import BilinearUpsample
from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import Wrong, close, number, numbers, whole

__all__ = ["as_convolution", "enlarge_to_image", "fcn_boundary", "fcn_cells", "fcn_count", "training_step"]


@checker
@own_numbers(
    "an image of {height}x{width}",
    {"height": 128, "width": 192},
    {"height": 96, "width": 160},
    {"height": 160, "width": 224},
    {"height": 192, "width": 256},
)
def fcn_cells(rows: int, columns: int, work: float, height: int, width: int) -> str:
    found = whole(rows, "rows"), whole(columns, "columns")
    cells = height // 8, width // 8
    truth = cells[0] - 7, cells[1] - 7
    slips = {
        cells: "those are the cells that the layer reads; it needs 8x8 of them and is not padded",
        (height // 64, width // 64): "the kernel does not jump from tile to tile, it moves on by one cell",
        truth[::-1]: "rows come first: an image of height x width",
        (cells[0] - 8, cells[1] - 8): "count the first place too",
        (height - 63, width - 63): "the window moves on by one cell at a time, and a cell is not a pixel",
    }
    require(found not in slips or found == truth, f"{found[0]} x {found[1]}: {slips.get(found)}")
    require(
        found == truth,
        f"{found[0]} x {found[1]} is not the number of places that a window of 8 has on {cells[0]} x {cells[1]} cells",
    )
    times = number(work, "work")
    crops = truth[0] * truth[1]
    require(not close(times, crops * 64 * 64), "that is a number of pixels; how many images of this size is it?")
    require(not close(times, crops), "that is the number of crops; each of them has fewer pixels than the image")
    require(
        close(times, crops * 64 * 64 / (height * width), rtol=5e-3),
        f"work of {times:g}: all crops together, each 64x64 pixels, over the pixels of the image once",
    )
    return "a window without padding loses its size less one, and overlapping crops are paid for many times"


@checker
@own_numbers("{classes} classes", {"classes": 12}, {"classes": 5}, {"classes": 8}, {"classes": 11})
def fcn_count(score: int, upsampling: int, classes: int) -> str:
    one, two = whole(score, "score"), whole(upsampling, "upsampling")
    slips = {
        2048 * classes: "the bias is missing, one number a class",
        512 * classes + classes: "a ResNet-18 ends in 512 channels, this one does not",
        2048 * classes + 2048: "there is one bias for each *output* of a layer",
        2048 * classes * 9 + classes: "a 1x1 convolution has one weight for each pair of channels",
    }
    require(one not in slips, f"score layer, {one:,}: {slips.get(one)}")
    require(
        one == 2048 * classes + classes, f"score layer, {one:,}: from 2048 channels to {classes} logits, and a bias"
    )
    slips = {
        classes**2 * 4096: "the bias is missing, one number a class",
        classes * 4096: "that is one kernel a class; this layer has one for each *pair* of classes",
        classes * 4096 + classes: "that is one kernel a class; this layer has one for each *pair* of classes",
        classes**2 * 1024 + classes: "the stride is 32, the kernel is twice as wide",
        2048 * classes * 4096 + classes: "the layer upsamples logits, not the backbone's channels",
    }
    require(two not in slips, f"upsampling layer, {two:,}: {slips.get(two)}")
    require(
        two == classes**2 * 4096 + classes,
        f"upsampling layer, {two:,}: from {classes} maps to {classes} maps, each pair with a kernel, and a bias",
    )
    return "the score layer grows with the backbone's channels, the upsampling with the square of the classes"


@checker
def as_convolution(as_convolution: Callable) -> str:
    random = generator()

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random)

    for channels, size, out in ((8, 3, 5), (2, 4, 7), (1, 1, 1), (5, 2, 3)):
        linear = nn.Linear(channels * size * size, out)
        linear.weight.data, linear.bias.data = noise(*linear.weight.shape), noise(out)
        before = copy.deepcopy(linear)
        said = f"as_convolution(linear, {channels}, {size})"
        # not through `call`'s copies: a layer that is handed over has to come back as it was
        layer = call(lambda given, of=linear: as_convolution(of, *given), (channels, size), said=said)
        require(callable(layer), f"{said} returns a layer, this is {type(layer).__name__}")
        unchanged = linear.weight.shape == before.weight.shape and torch.equal(linear.weight, before.weight)
        require(
            unchanged and linear.bias is not None and torch.equal(linear.bias, before.bias) and linear.training,
            f"{said} changed the linear layer; its weights are still needed as they were",
        )
        for batch, rows, columns in ((3, size, size), (2, size + 2, size + 3), (1, size + 5, size)):
            x = noise(batch, channels, columns, rows).transpose(2, 3)  # not contiguous
            where = f"{said} on {batch} map{'s' * (batch > 1)} of {rows} x {columns} cells"
            with torch.no_grad():
                made = numbers(call(layer, x, said=where), f"{where}: the output")
            windows = x.unfold(2, size, 1).unfold(3, size, 1)  # (N, channels, places, places, size, size)
            windows = windows.permute(0, 2, 3, 1, 4, 5)
            with torch.no_grad():
                truth = before(windows.flatten(3)).permute(0, 3, 1, 2)  # (N, out, places, places)
                channels_last = before(windows.permute(0, 1, 2, 4, 5, 3).flatten(3)).permute(0, 3, 1, 2)
            require(
                made.shape == tuple(truth.shape),
                f"{where} gives an output of {tuple(made.shape)}, and {tuple(truth.shape)} is needed: "
                "each image of the batch, each output, and every place that the window has, no padding and stride 1",
            )
            if close(made, truth, atol=1e-3):
                continue
            hint = "; random numbers? The weights are those of the linear layer"
            if close(made, channels_last, atol=1e-3):
                hint = ": the weights were read with the channels last, and `flatten` goes through the channels first"
            elif close(made, truth - before.bias.detach().view(-1, 1, 1), atol=1e-3):
                hint = ": the bias is missing"
            elif close(made[:1], truth[:1], atol=1e-3):
                hint = ": the first image of the batch is right, the others are not"
            raise Wrong(f"{where} does not give the linear layer's numbers{hint}")
    return "the linear layer's numbers at every place of a map of any size"


@checker
def enlarge_to_image(enlarge_to_image: Callable) -> str:
    """The border may fade, as under a transposed convolution, or not, as in F.interpolate."""
    random = generator()
    cases = ((2, 3, 4, 96, 128), (3, 2, 3, 64, 96), (1, 1, 1, 32, 32), (2, 3, 4, 90, 101), (2, 3, 2, 65, 64))
    for batch, rows, columns, height, width in cases:
        cells = torch.randn(batch, 21, columns, rows, generator=random).transpose(2, 3)  # not contiguous
        said = f"enlarge_to_image of {batch} x {rows} x {columns} cells to {height} x {width}"
        out = call(enlarge_to_image, cells, height, width, said=said)
        out = numbers(out, said, (batch, 21, height, width))
        truths = [BilinearUpsample(21, 32, normalise=kept)(cells)[..., :height, :width] for kept in (False, True)]
        if any(close(out, truth, atol=1e-4) for truth in truths):
            continue
        require(
            not any(close(out[:1], truth[:1], atol=1e-4) for truth in truths),
            f"{said}: the first image of the batch is right, the others are not",
        )
        impulse = torch.zeros(batch, 21, rows, columns)
        impulse[0, 0, -1, -1] = 1
        drawn = numbers(call(enlarge_to_image, impulse, height, width, said=said), said)[0, 0]
        y, x = divmod(int(drawn.argmax()), width)
        hint = "What is cut away, on which sides?"
        if (height, width) != (32 * rows, 32 * columns) and abs(drawn.max() - 1) < 0.5:
            hint += " The cells keep their 32 pixels, also where the image ends before the last one does."
        raise Wrong(
            f"{said} is not bilinear upsampling by 32 with cell i around 32 i + 15.5. The logit of the last cell "
            f"({rows - 1}, {columns - 1}), set to 1, is drawn brightest at row {y}, column {x}, with "
            f"{drawn.max():.3g}. {hint}"
        )
    return "cell i is drawn around 32 i + 15.5, at every size, and the map ends where the image does"


def _network(random: torch.Generator) -> nn.Module:
    """Four classes, a batch norm and random weights: enough for a step to go wrong in."""
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 1))
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=random) / 2
    return network


def _right_step(network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> float:
    network.train()
    log_q = network(images).log_softmax(1)  # (N, 4, H, W)
    valid = labels != 255
    loss = -log_q.gather(1, labels.where(valid, 0)[:, None])[:, 0][valid].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _distance(a: nn.Module, b: nn.Module) -> float:
    """The largest difference between the weights and running means of two networks."""
    pairs = zip(a.state_dict().values(), b.state_dict().values())
    return max((x.double() - y.double()).abs().max().item() for x, y in pairs)


@checker
def training_step(training_step: Callable) -> str:
    random = generator()
    for make in (lambda p: torch.optim.SGD(p, lr=0.2), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)):
        theirs = _network(random)
        right = copy.deepcopy(theirs)
        first, second = make(theirs.parameters()), make(right.parameters())
        for turn in range(3):
            images = torch.randn(2 + turn, 3, 5, 7, generator=random)
            labels = torch.randint(4, (2 + turn, 5, 7), generator=random)
            void = torch.rand(labels.shape, generator=random) < (0.2, 0.7, 0.4)[turn]
            labels[void] = 255
            theirs.train(turn != 1)  # as after a validation
            before = copy.deepcopy(theirs)
            said = f"training_step, call {turn + 1}"
            with torch.enable_grad():
                loss = call(lambda x, y, of=theirs, by=first: training_step(of, by, x, y), images, labels, said=said)
                truth = _right_step(right, second, images, labels)
            loss = number(loss, f"{said}: what it returns")
            if not math.isclose(loss, truth, rel_tol=1e-3, abs_tol=1e-5):
                raise Wrong(f"{said} returns {loss:.6g}, which is not its loss{_slip(before, images, labels, loss)}")
            require(
                theirs[1].num_batches_tracked >= right[1].num_batches_tracked,
                f"{said} ran the network in evaluation mode: its batch norm counted no batch",
            )
            moved = any(not torch.equal(p, q) for p, q in zip(theirs.parameters(), before.parameters()))
            require(
                moved,
                f"{said} leaves the weights as they were: is there a backward pass, and a step of the optimizer?",
            )
            require(
                _distance(theirs, right) < 1e-3,
                f"{said} returns the right loss and makes another step"
                + ("" if turn == 0 else ": are gradients of earlier calls still there?"),
            )
            require(theirs.training, f"{said} left the network in evaluation mode, and the next step needs the other")
    return "loss over the valid pixels, fresh gradients, one step, three times in a row"


def _slip(network: nn.Module, images: Tensor, labels: Tensor, loss: float) -> str:
    """What a loss that is not the right one may be."""
    with torch.no_grad():
        evaluated = network.eval()(images)  # first: in training mode the running means move
        logits = network.train()(images)
        known = labels.where(labels != 255, 0)
        slips = {
            "void was trained as class 0": F.cross_entropy(logits, known),
            "it was divided by all pixels, and void ones are none": F.cross_entropy(
                logits, labels, ignore_index=255, reduction="sum"
            )
            / labels.numel(),
            "it is a sum, and a mean over the valid pixels is asked for": F.cross_entropy(
                logits, labels, ignore_index=255, reduction="sum"
            ),
            "cross-entropy takes a softmax itself": F.cross_entropy(logits.softmax(1), labels, ignore_index=255),
            "the network was in evaluation mode": F.cross_entropy(evaluated, labels, ignore_index=255),
        }
    for why, value in slips.items():
        if math.isclose(loss, value.item(), rel_tol=1e-3):
            return f": {why}"
    return ": the mean cross-entropy over the pixels that are not void"


@checker
@own_numbers(
    "logits {a} and 0, then 0 and {b}",
    {"a": 4, "b": 2},
    {"a": 3, "b": 1},
    {"a": 5, "b": 2},
    {"a": 6, "b": 3},
)
def fcn_boundary(with_logits: float, with_probabilities: float, a: int, b: int) -> str:
    one, two = number(with_logits, "with_logits"), number(with_probabilities, "with_probabilities")
    left, right = 1 / (1 + math.exp(-a)), 1 / (1 + math.exp(b))
    truth = 32 * a / (a + b), 32 * (left - 0.5) / (left - right)
    for name, found, asked, other in (("logits", one, *truth), ("probabilities", two, *truth[::-1])):
        if close(found, asked, rtol=5e-3):
            continue
        hint = ""
        if close(32 * found, asked, rtol=5e-3):
            hint = ": that is a share of the way, and pixels are asked for"
        elif close(32 - found, asked, rtol=5e-3):
            hint = ": that is counted from the right cell"
        elif close(found, other, rtol=5e-3):
            hint = ": that is where the other way has its boundary"
        elif close(found, 16, rtol=5e-3):
            hint = ": half-way, both cells would have to be equally sure"
        raise Wrong(f"upsampled {name}, pixel {found:.4g}{hint}. There both classes have the same value")
    return "logits give the surer cell more ground; a probability stops at 1"
