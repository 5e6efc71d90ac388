import json
from pathlib import Path

LABEL = "What three stages of a trained FCN-8s vote for a scene, and what their votes add up to."
# One validation scene and the votes of chapter 7's networks for it, to one decimal.
DATA = json.loads(Path(__file__).with_suffix(".json").read_text())
