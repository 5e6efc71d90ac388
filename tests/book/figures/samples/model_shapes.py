from segbook import figures

LABEL = "A network as a row of blocks, one a stage: heights follow the rows of its maps, widths their channels."
DATA = figures.recorded("model-shapes") | {"model": "deeplabv3plus_resnet50", "stride": 16, "size": [512, 512]}
