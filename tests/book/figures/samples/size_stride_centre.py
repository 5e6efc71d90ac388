import numpy as np
from PIL import Image

from bookbuild import ROOT
from segbook import figures

IMAGE = np.array(Image.open(ROOT / "book" / "_static" / "network" / "chelsea.webp").convert("RGB"))
LABEL = "A cat under the cells of a layer: what one cell sees, how far apart the cells stand, where the first one is."
DATA: dict = {"picture": figures.picture(IMAGE, 60), "size": IMAGE.shape[:2]}
