"""Terms: penalties and regularizers that a player adds to its loss, as functions of a `View`.

Each returns values that the game averages. A *decision* is one output of the discriminator: for one example, for a pack
of m consecutive examples, or for one image as a map of patch logits. In these docstrings D(x) is that output itself, a
logit or score rather than a probability; for a map of patches it is the mean. A gradient penalty uses the gradient of a
decision with respect to its whole input.

Coefficients multiply the expectation over decisions exactly as the equations show; note which ones have a factor 1/2.
Each weight or gamma may be a schedule, a function of `view.step`, and every number can be swept with `vmap`.
"""

from jaxgan.terms.classes import class_of_fake as class_of_fake
from jaxgan.terms.classes import class_of_real as class_of_real
from jaxgan.terms.gradients import dragan as dragan
from jaxgan.terms.gradients import gradient_penalty as gradient_penalty
from jaxgan.terms.gradients import one_sided_gradient_penalty as one_sided_gradient_penalty
from jaxgan.terms.gradients import r1 as r1
from jaxgan.terms.gradients import r2 as r2
from jaxgan.terms.gradients import zero_centered_gradient_penalty as zero_centered_gradient_penalty
from jaxgan.terms.lazy import every as every
from jaxgan.terms.logits import balanced_consistency as balanced_consistency
from jaxgan.terms.logits import consistency as consistency
from jaxgan.terms.logits import latent_consistency as latent_consistency
from jaxgan.terms.logits import latent_diversity as latent_diversity
from jaxgan.terms.logits import lecam as lecam
from jaxgan.terms.parts import Coefficient as Coefficient
from jaxgan.terms.players import feature_matching as feature_matching
from jaxgan.terms.players import l1_to_real as l1_to_real
from jaxgan.terms.players import l2_to_real as l2_to_real
from jaxgan.terms.players import orthogonal as orthogonal
from jaxgan.terms.players import path_length as path_length
