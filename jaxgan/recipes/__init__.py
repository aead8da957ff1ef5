"""One function per paper: (generator, discriminator, prior, *, settings) -> Algorithm, each a composition of parts.

`gan` takes any loss; the others fix what their paper is about: the loss, the terms, the update rule, the optimizers.
Settings default to the paper's, or its authors' code's, and a docstring says where they are others; `gan` documents
those that recipes share. Networks are the caller's, and a recipe changes of them only what its method is about: `sngan`
and `biggan` turn spectral normalization on, `pacgan` packs, and where a penalty is on the gradient at each example, a
discriminator's `batch_norm` is turned off (one with batch normalization and no such field is refused).

`settings_of` lists a recipe's settings. Those that are annotated as a float can be swept with `vmap`: none of them
selects code. Learning rates may be schedules.
"""

from collections.abc import Callable

from jaxgan.recipes.alternating_adam import gan as gan
from jaxgan.recipes.by_loss import dcgan as dcgan
from jaxgan.recipes.by_loss import hinge_gan as hinge_gan
from jaxgan.recipes.by_loss import lsgan as lsgan
from jaxgan.recipes.by_loss import minimax_gan as minimax_gan
from jaxgan.recipes.by_loss import ns_gan as ns_gan
from jaxgan.recipes.by_loss import ragan as ragan
from jaxgan.recipes.large_scale import biggan as biggan
from jaxgan.recipes.mode_coverage import pacgan as pacgan
from jaxgan.recipes.mode_coverage import unrolled_gan as unrolled_gan
from jaxgan.recipes.penalized import dragan as dragan
from jaxgan.recipes.penalized import r1_gan as r1_gan
from jaxgan.recipes.penalized import r3gan as r3gan
from jaxgan.recipes.penalized import sngan as sngan
from jaxgan.recipes.penalized import wgan as wgan
from jaxgan.recipes.penalized import wgan_gp as wgan_gp
from jaxgan.recipes.schedules import r3gan_schedules as r3gan_schedules
from jaxgan.recipes.settings import Setting as Setting
from jaxgan.recipes.settings import settings_of as settings_of
from jaxgan.recipes.style import r1_gamma as r1_gamma
from jaxgan.recipes.style import stylegan2 as stylegan2
from jaxgan.recipes.translation import pix2pix as pix2pix
from jaxgan.types import Algorithm

ALL: tuple[Callable[..., Algorithm], ...] = (
    minimax_gan, ns_gan, wgan, wgan_gp, lsgan, hinge_gan, sngan, dragan, r1_gan, ragan, r3gan, unrolled_gan, pacgan,
    dcgan, biggan, pix2pix, stylegan2,
)  # fmt: skip
"""One for each paper, in the order of the table that `jaxgan recipes` prints; `gan`, which has any loss, is not one."""
