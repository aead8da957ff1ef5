"""One function per paper: (generator, discriminator, prior, *, settings) -> Algorithm, composed of the library's parts.

`gan` takes any loss; each other recipe fixes what its paper is about: loss, terms, update rule and optimizers.
Settings default to the values in the paper or in its authors' code; the docstring says where they differ. `gan`
documents the settings that recipes share. The caller supplies the networks, and a recipe changes only what its method
requires: `sngan` and `biggan` turn on spectral normalization, `pacgan` packs the discriminator's input, and recipes
that penalize the gradient at each example turn off the discriminator's `batch_norm` (a discriminator that has batch
normalization but no such field is rejected).

`settings_of` lists a recipe's settings. Those annotated as a float can be swept with `vmap`, because none of them
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
from jaxgan.recipes.penalized import sngan as sngan
from jaxgan.recipes.penalized import wgan as wgan
from jaxgan.recipes.penalized import wgan_gp as wgan_gp
from jaxgan.recipes.schedules import r3gan as r3gan
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
"""One recipe per paper, in the order of the table that `jaxgan recipes` prints; `gan`, which takes any loss, is not
included."""
