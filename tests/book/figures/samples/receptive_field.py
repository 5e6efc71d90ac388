LABEL = "The maps of VGG-16 over a row of 224 pixels, and the pixels that can change one cell of the last map."
DATA: dict = {"preset": "vgg", "presets": ["vgg", "three", "fcn32s"]}
