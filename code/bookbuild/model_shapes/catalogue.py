"""The networks as numbers for the figure of chapter 11: stages, layers, grids, at every output stride."""

import inspect
from collections.abc import Callable, Iterable

import torch
from torch import nn

from bookbuild.model_shapes.trace import Layer, count, trace
from segbook.models.mobilenet import ENDS

STAGES = {"conv1": "stem", "aspp": "ASPP", "skip_scores": "skip", "upsample2x": "double", "convs": "head"}


def stages(layers: Iterable[Layer]) -> list[str]:
    """The stage of each layer, by the names that papers give them: conv1 and pool1 of VGG, layer3, ASPP, fuse."""
    found, pools = [], 0
    for layer in layers:
        name = layer.name.removeprefix("backbone.").removeprefix("classifier.")
        first, *rest = name.split(".")
        number = int(rest[0]) if rest and rest[0].isdigit() else 0
        if first == "features" and len(rest) == 1:  # VGG counts by its pools
            pools += layer.kind == "pool"
            stage = f"pool{pools}" if layer.kind == "pool" else f"conv{pools + 1}"
        elif first == "features":
            stage = f"stage {1 + sum(number > end for end in ENDS)}"
        elif first == "0" and rest[:1] in (["convs"], ["project"]):
            stage = "ASPP"
        elif first.isdigit():
            stage = "score" if layer.kernel == 1 else "head"
        else:
            stage = STAGES.get(first, first)
            if stage in ("skip", "double"):
                stage += f" {number + 1}"
        found.append(stage)
    return found


def catalogue(models: dict[str, Callable[..., nn.Module]]) -> dict:
    """What the figure "model-shapes" draws: every model, at every output stride that it has, as numbers.

    Args:
        models: name -> constructor, such as `segbook.models.MODELS` or a part of it.

    Returns:
        `layers`, each described once: name, kind, channels in and out, kernel, stride, padding, dilation, groups,
        parameters, and the same in words. `models`, by name: `aux` (parameters that only training uses), `default`
        (output stride, 0 where it is no option) and `strides`. That one, by output stride: `rules`, and `stages`, each
        with its name, the number of the stage that it reads (-1 for the image) and its steps: layer, grid that is
        read, grid that is written.
    """
    numbers: dict[tuple, int] = {}
    found = {}
    for name, constructor in models.items():
        option = inspect.signature(constructor).parameters.get("output_stride")
        entry: dict = {"aux": 0, "default": option.default if option else 0, "strides": {}}
        for stride in (8, 16, 32) if option else (0,):
            with torch.device("meta"):
                model = constructor(output_stride=stride) if option else constructor()
            shapes = trace(model)
            groups: list[list] = []
            stage_of = []
            for layer, stage in zip(shapes.layers, stages(shapes.layers)):
                if not groups or groups[-1][0] != stage:
                    groups.append(
                        [stage, stage_of[layer.source] if layer.source not in (None, -1) else layer.source, []]
                    )
                stage_of.append(len(groups) - 1)
                number = numbers.setdefault(layer[:10], len(numbers))
                groups[-1][2].append([number, layer.reads, layer.writes])
            for i, group in enumerate(groups):
                group[1] = i - 1 if group[1] is None else group[1]
            entry["strides"][stride] = {"rules": [list(rule) for rule in shapes.rules], "stages": groups}
        entry["aux"] = count(model) - sum(layer.parameters for layer in shapes.layers)
        found[name] = entry
    return {"layers": [[*layer, describe(Layer(*layer, 0, 0, None))] for layer in numbers], "models": found}


def describe(layer: Layer) -> str:
    """A layer in a few words: "3×3, 64 → 128, stride 2"."""
    if layer.kind == "upsample":
        return f"bilinear ×{layer.stride}, frozen"
    if layer.kind not in ("convolution", "pool"):
        return "over the image" if layer.kind == "mean" else f"{layer.kind} to the image"
    words = [f"{layer.kernel}×{layer.kernel}"]
    words.append("pool" if layer.kind == "pool" else f"{layer.in_channels} → {layer.out_channels}")
    words += [f"stride {layer.stride}"] if layer.stride > 1 else []
    words += [f"dilation {layer.dilation}"] if layer.dilation > 1 else []
    words += [f"padding {layer.padding}"] if layer.padding > layer.kernel * layer.dilation else []
    words += ["depthwise"] if layer.groups > 1 else []
    return ", ".join(words)
