"""What torch 2.13.0 finds in 64 bits, recorded for the tests that run without it.

`pytest tests/test_torch_reference.py`, where torch is installed, computes every number here anew.
"""

import numpy as np

# The critic tanh(x A + a) b, and WGAN-GP's penalty of weight 10 with its gradient by (A, a, b), at these points.
CRITIC = (np.sin(np.arange(6.0)).reshape(2, 3), np.array([0.1, -0.2, 0.3]), np.array([0.5, -1.0, 1.5]))
POINTS = np.array([[1, 0], [0, 2], [-1, 1]], np.float32)
PENALTY = 7.02633302127731
PENALTY_GRADIENT = (
    np.array([[-2.4333054, 1.8186942, -2.524466], [0.6211696, 5.965827, -9.4588253]]),
    np.array([-0.1803248, 7.24923, -11.3632701]),
    np.array([0.277757, 2.5317647, -0.1960315]),
)

# torch.optim.RMSprop(lr=5e-5, alpha=0.99, eps=1e-8) from zeros. One gradient is constant, one grows, and one is so
# small that it matters where eps stands.
RMSPROP_GRADIENTS = np.array([[1, -0.1 * (step + 1), 1e-7 * (-1) ** step * (step + 1)] for step in range(5)])
RMSPROP = np.array(
    [
        [-0.0004999999500000048, 0.0004999995000004998, -0.00024999999999999995],
        [-0.0008544405273785461, 0.0009476607806356329, 5.923077452853816e-05],
        [-0.001144565052926484, 0.0013494129200339955, -0.0002576498135988113],
        [-0.0013964486474852473, 0.0017157802088451427, 5.199556331744677e-05],
        [-0.0016223026828435729, 0.002054414530450504, -0.00024624147925023554],
    ]
)
