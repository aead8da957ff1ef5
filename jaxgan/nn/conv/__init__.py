"""Convolutions made of matrix products, fast over seeds and in loops; `JAXGAN_CONV=lax` takes XLA's own instead.

`plain=True` of each function does so for one call. A process that is started with the environment variable
`JAXGAN_CONV=lax` does so for all that says nothing, the networks of this library too: to compare, or where a device or
a tool knows the stock operation alone. Results agree to rounding.
"""

from jaxgan.nn.conv.convolution import Padding as Padding
from jaxgan.nn.conv.convolution import conv as conv
from jaxgan.nn.conv.convolution import conv_general_dilated as conv_general_dilated
from jaxgan.nn.conv.convolution import conv_transpose as conv_transpose
