"""Convolutions as matrix products, fast over seeds and in loops; `JAXGAN_CONV=lax` selects XLA's own instead.

`plain=True` selects XLA's convolution for one call. The environment variable `JAXGAN_CONV=lax` selects it for a whole
process wherever `plain` is not given, including the networks of this library: for comparisons, or for a device or tool
that supports only the standard operation. Results agree up to rounding.
"""

from jaxgan.nn.conv.convolution import Padding as Padding
from jaxgan.nn.conv.convolution import conv as conv
from jaxgan.nn.conv.convolution import conv_general_dilated as conv_general_dilated
from jaxgan.nn.conv.convolution import conv_transpose as conv_transpose
