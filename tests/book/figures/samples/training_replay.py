from segbook import figures

LABEL = "Predictions of four networks for a scene while they learn, beside their losses and scores."
DATA = {**figures.recorded("training-replay"), "presets": [["random weights", 0], ["the end", 600]]}
