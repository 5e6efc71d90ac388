"""VGG-16 as a backbone: its fully connected layers turned into convolutions."""

from collections.abc import Sequence

from torch import Tensor, nn

from segbook.convolution import ReceptiveField, receptive_field


class VGG16(nn.Module):
    """VGG-16 that slides: (N, 3, H, W) -> features after pool3, pool4 and fc7, at strides 8, 16 and 32.

    fc6 read the whole 7x7 map of a 224x224 image; here it is a 7x7 convolution and reads every 7x7 window. It has no
    padding, so small images need a frame: with `padding` zeros around them, 97 or more, any image from 1x1 up leaves
    fc6 its 7x7 cells. A smaller frame refuses small images with a ValueError.

    Source: Simonyan and Zisserman 2015, configuration D; Long et al. 2015, with the released networks' padding and
    pools that round up. `features` has torchvision's layout.
    """

    def __init__(self, widths: Sequence[int] = (64, 128, 256, 512, 512), fc_width: int = 4096, padding: int = 100):
        super().__init__()
        layers: list[nn.Module] = []
        in_channels = 3
        for depth, width in zip((2, 2, 3, 3, 3), widths):
            for _ in range(depth):
                layers += [nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                in_channels = width
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        layers[0] = nn.Conv2d(3, widths[0], 3, padding=padding)
        self.features = nn.Sequential(*layers)
        self.fc6 = nn.Conv2d(in_channels, fc_width, 7)
        self.fc7 = nn.Conv2d(fc_width, fc_width, 1)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        self.channels = (widths[2], widths[3], fc_width)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> list[Tensor]:
        pool3 = self.features[:17](x)  # (N, 256, h, w), h = ceil((H + 198) / 8)
        pool4 = self.features[17:24](pool3)  # (N, 512, h / 2, w / 2)
        pool5 = self.features[24:](pool4)  # (N, 512, h / 4, w / 4)
        if min(pool5.shape[-2:]) < 7:
            raise ValueError(
                f"fc6 reads 7x7 cells, and an image of {tuple(x.shape[-2:])} pixels with a padding of "
                f"{self.features[0].padding[0]} leaves {tuple(pool5.shape[-2:])}: use a larger image or padding=100"
            )
        x = self.dropout(self.relu(self.fc6(pool5)))  # (N, 4096, h / 4 - 6, w / 4 - 6)
        x = self.dropout(self.relu(self.fc7(x)))
        return [pool3, pool4, x]

    def fields(self) -> list[ReceptiveField]:
        """Size, stride and centre of the three features' cells, in pixels of the image."""
        return [
            receptive_field(self.features[:17]),
            receptive_field(self.features[:24]),
            receptive_field([self.features, self.fc6, self.fc7]),
        ]
