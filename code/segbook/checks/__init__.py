"""Checkers for the exercises: `checks.name(answer)` says what is right, what is wrong and why.

One file a chapter, named as the chapter.
"""

from typing import NoReturn

from segbook.checks.aspp_and_deeplabv3 import *  # noqa: F403 (each file lists its checkers in __all__)
from segbook.checks.beyond_convolutions import *  # noqa: F403
from segbook.checks.bilinear_kernels import *  # noqa: F403
from segbook.checks.capstone_rooftops import *  # noqa: F403
from segbook.checks.checkerboards import *  # noqa: F403
from segbook.checks.col2im import *  # noqa: F403
from segbook.checks.convolution_arithmetic import *  # noqa: F403
from segbook.checks.core import Outcome, repeat, report, seed
from segbook.checks.costs_and_shapes import *  # noqa: F403
from segbook.checks.d2l_audited import *  # noqa: F403
from segbook.checks.deeplabv3plus import *  # noqa: F403
from segbook.checks.dilated_convolution import *  # noqa: F403
from segbook.checks.from_classifier_to_fcn import *  # noqa: F403
from segbook.checks.frozen_or_learned import *  # noqa: F403
from segbook.checks.half_a_cell import *  # noqa: F403
from segbook.checks.holes_and_multi_grid import *  # noqa: F403
from segbook.checks.inference_any_size import *  # noqa: F403
from segbook.checks.losses_compared import *  # noqa: F403
from segbook.checks.many_gpus_and_16_bits import *  # noqa: F403
from segbook.checks.measuring_and_losses import *  # noqa: F403
from segbook.checks.ours_against_the_papers import *  # noqa: F403
from segbook.checks.own_images import *  # noqa: F403
from segbook.checks.pad_100_crop_19 import *  # noqa: F403
from segbook.checks.pixels_to_labels import *  # noqa: F403
from segbook.checks.pspnet_and_the_crf import *  # noqa: F403
from segbook.checks.receptive_fields_measured import *  # noqa: F403
from segbook.checks.skip_connections import *  # noqa: F403
from segbook.checks.training_that_holds_up import *  # noqa: F403
from segbook.checks.transposed_convolution import *  # noqa: F403
from segbook.naming import unknown_name

__all__ = ["Outcome", "repeat", "report", "seed"]


def __getattr__(name: str) -> NoReturn:
    """Name the checker that was probably meant; reached for unknown names only."""
    checkers = [known for known, value in globals().items() if hasattr(value, "__wrapped__")]
    raise AttributeError(str(unknown_name("checker", name, [*checkers, *__all__])))
