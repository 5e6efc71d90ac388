"""`make photos`: a ladder of six networks on photographs, the network that ships, and CamVid, on two cores.

    python -m bookbuild.experiments.photos                           all that results/photos does not hold yet
    python -m bookbuild.experiments.photos --list                    what there is, and what is done
    python -m bookbuild.experiments.photos photos/fcn32s_mobilenet_v2 photos/intervals    only these
    python -m bookbuild.experiments.photos ship photos               the file in the package, and its model card
    python -m bookbuild.experiments.photos ship toyvoc               the tiny networks likewise
    python -m bookbuild.experiments.photos strips                    pictures of predictions, book/_static/photos

SEGBOOK_DATA (default ../shared/data) holds voc2012-subset.tar and camvid.tar, or what they unpack to, and two files of
weights. Everything large goes to data/photos, which git ignores: a run folder a row, and the roots of `roots.py`.

A row is a `segbook train` command, kept word for word in its record. It is run in data/photos; a run that was cut off
goes on from its last checkpoint. On VOC the last weights are scored, on val, on which nothing is chosen: trainings see
the train split alone, and hyper-parameters are chosen by the rows of photos/choose on every fifth image of it. On
CamVid val chooses the step, and test is scored once.

This file is what a person changes: the settings, and which rows there are.
"""

import shlex
from dataclasses import dataclass, field

COMMAND = "python -m bookbuild.experiments.photos"

# --- the settings: options of `segbook train`, underscores for dashes ------------------------------------------------

SHARED = {"batch_size": 8, "optimizer": "adamw", "amp": "bf16", "channels_last": True, "validate_every": 200}
LADDER = SHARED | {"crop": "257x257", "steps": 400, "lr": 3e-4, "head_lr": 10.0}  # 257 = 16 * 16 + 1
# The network that ships: all of Google's tuned at once, and then half of the way taken back (shipping.midway).
WHOLE = SHARED | {"crop": "321x321", "steps": 400, "lr": 1e-5, "head_lr": 10.0}
WHOLE |= {"freeze_bn": ("backbone", "classifier")}
DECODER = WHOLE | {"lr": 3e-5, "freeze": ("backbone", "classifier.aspp", "classifier.score")}  # the decoder alone
CAMVID = SHARED | {"crop": "241x321", "steps": 900, "lr": 3e-4, "head_lr": 10.0}
LONGER = CAMVID | {"head_lr": 1.0}  # as many steps again, since val was still climbing; its head is no longer new

# What is tried on a part of train, each a row of photos/choose: the row that it is for, and what is changed in it.
TRIED_FOR = {"steps": 150}
TRIED = {
    "tuned_whole": ({"lr": 1e-5}, {"lr": 3e-5}),
    "tuned_decoder": ({"lr": 1e-5}, {"lr": 3e-5}),
    "fcn8s_mobilenet_v2": ({"lr": 1e-4}, {"lr": 3e-4}, {"lr": 1e-3}),  # the ladder's: its middle rung chooses for all
}

# --- the networks and what they begin from ---------------------------------------------------------------------------

PLUS = "deeplabv3plus_mobilenet_v2"
RUNGS = (
    "fcn32s_mobilenet_v2",
    "fcn16s_mobilenet_v2",
    "fcn8s_mobilenet_v2",
    "fcn_mobilenet_v2_d16",
    "deeplabv3_mobilenet_v2",
    PLUS,
)
SMALL = {"atrous_rates": [], "separable": True, "decoder_convs": 2, "align_centres": True}  # what ships, 2.3 M numbers
SEVEN = ("background", "cat", "cow", "dog", "horse", "person", "sheep")  # what enough images of the subset show
IMAGENET, GOOGLE = "mobilenet_v2-imagenet.pth", "deeplabv3_mobilenet_v2-voc.pth"  # in SEGBOOK_DATA
START = "start.pt"  # in data/photos: the network that ships, computing what Google's does (networks.start)
BEGUN_FROM = {
    "imagenet": f"--weights-backbone $SEGBOOK_DATA/{IMAGENET}",
    "google": f"--weights {START}",
    "google, other classes": f"--weights {START} --partial",
    "camvid_from_voc": "--weights camvid_from_voc/best.pt",
}
DATA = {
    "all": "PASCAL VOC 2012 subset: 437 train images, scored on 345 of val, last weights",
    "void": "as the ladder, void labelled as background in the train images; scored on 345 of val, last weights",
    "choose": "PASCAL VOC 2012 subset: 349 of the 437 train images, scored on the other 88, last weights",
    "real": "CamVid: 367 train images, weights chosen on 101 of val, scored once on 233 of test",
}


@dataclass(frozen=True)
class Row:
    """One training."""

    path: str  # results/<path>.json
    model: str
    settings: dict
    begun_from: str = "imagenet"  # key of BEGUN_FROM
    options: dict = field(default_factory=dict)  # of the model
    root: str = "all"  # of roots.py, key of DATA
    seeds: tuple[int, ...] = (0,)  # one, as in the command

    @property
    def name(self) -> str:
        """The run folder, within data/photos."""
        return self.path.removeprefix("photos/")

    @property
    def dataset(self) -> str:
        return "camvid" if self.root == "real" else "voc"

    @property
    def checkpoint(self) -> str:
        """The file in the run folder that counts: on CamVid val chooses, on VOC nothing is chosen."""
        return "best.pt" if self.dataset == "camvid" else "last.pt"

    @property
    def train(self) -> str:
        """The command, as a person types it in data/photos."""
        words = ["segbook", "train", self.model, "--data", self.dataset, "--root", f"roots/{self.root}"]
        words += BEGUN_FROM[self.begun_from].split()
        for key, value in self.options.items():
            words += ["--model-option", f"{key}={str(value).lower()}"]
        for key, value in self.settings.items():
            for one in value if isinstance(value, tuple) else (value,):
                words += [f"--{key.replace('_', '-')}"] + ([] if one is True else [str(one)])
        words += ["--seed", str(*self.seeds), "--out", self.name]
        return " ".join(word if word.startswith("$SEGBOOK_DATA/") else shlex.quote(word) for word in words)

    def about(self) -> dict:
        """What the record says of all its runs."""
        return {"data": DATA[self.root], "begun_from": self.begun_from, "train": self.train}


def experiments() -> list[Row]:
    """All trainings: what is tried first, then the ladder, the network that ships, void, CamVid."""
    ladder = [Row(f"photos/{name}", name, LADDER) for name in RUNGS]
    tuned = [
        Row("photos/tuned_whole", PLUS, WHOLE, "google", SMALL),
        Row("photos/tuned_decoder", PLUS, DECODER, "google", SMALL),
    ]
    tried = []
    for row in (*ladder, *tuned):
        for changes in TRIED.get(row.name, ()):
            label = "_".join(f"{key}_{value}" for key, value in changes.items()).replace(".", "_")
            settings = row.settings | TRIED_FOR | changes
            path = f"photos/choose/{row.name}_{label}"
            tried.append(Row(path, row.model, settings, row.begun_from, row.options, "choose"))
    return [
        *tried,
        *ladder,
        *tuned,
        Row("photos/void_as_background", PLUS, LADDER, root="void"),
        Row("photos/camvid_from_voc", PLUS, CAMVID, "google, other classes", SMALL, "real"),
        Row("photos/camvid_longer", PLUS, LONGER, "camvid_from_voc", SMALL, "real"),
        Row("photos/camvid_from_imagenet", PLUS, CAMVID, "imagenet", SMALL, "real"),
    ]
