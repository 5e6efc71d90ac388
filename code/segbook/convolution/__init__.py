"""Convolution and transposed convolution: sizes, receptive fields, matrices, stamps."""

from segbook.convolution.geometry import ReceptiveField, conv_output_size, conv_transpose_output_size, receptive_field
from segbook.convolution.transpose import conv_matrix, conv_transpose2d, conv_transpose2d_matrix, conv_transpose2d_stamp

__all__ = ["ReceptiveField", "conv_matrix", "conv_output_size", "conv_transpose2d", "conv_transpose2d_matrix"]
__all__ += ["conv_transpose2d_stamp", "conv_transpose_output_size", "receptive_field"]
