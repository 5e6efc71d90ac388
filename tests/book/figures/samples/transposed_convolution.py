import torch
import torch.nn.functional as F

LABEL = "An input stamps a kernel on a canvas; beside it the same operation by zero insertion and as a matrix."


def case(name, x, kernel, **settings):
    x, kernel = torch.tensor(x), torch.tensor(kernel)
    output = F.conv_transpose2d(x[None, None].double(), kernel[None, None].double(), **settings)
    return {"name": name, "input": x.tolist(), "kernel": kernel.tolist(), "output": output[0, 0].tolist(), **settings}


SMALL, ONES = [[1, 2], [3, 4]], [[1, 1, 1]] * 3
DATA = {
    "cases": [
        case("2 × 2 stamps", [[0, 1], [2, 3]], [[0, 1], [2, 3]]),
        case("Overlap", SMALL, ONES, stride=2),
        case("Cut", SMALL, ONES, stride=2, padding=1),
        case("Cut less", SMALL, ONES, stride=2, padding=1, output_padding=1),
        case("Holes", SMALL, [[1, 2], [3, 4]], stride=3),
        case("Dilated", SMALL, [[1, 2], [3, 4]], dilation=2),
        case("36", SMALL, [[1, 2, 3], [4, 5, 6], [7, 8, 9]], stride=2, padding=1),
    ]
}
