from bookbuild.model_shapes.catalogue import catalogue
from segbook.models import MODELS

LABEL = "A network as a row of blocks, one a stage: heights follow the rows of its maps, widths their channels."
SHOWN = ("deeplabv3plus_tiny", "fcn8s_vgg16", "deeplabv3_resnet50", "deeplabv3plus_resnet50", "fcn_resnet50_d8")
DATA = {
    "catalogue": catalogue({name: MODELS[name] for name in SHOWN}),
    "model": "deeplabv3plus_resnet50",
    "stride": 16,
    "size": [512, 512],
}
