"""Networks: pure `flax.linen` modules, called with `train=True` or `train=False`."""

from jaxgan.nn.conditional import ClassEmbedding as ClassEmbedding
from jaxgan.nn.conditional import ConditionalBatchNorm as ConditionalBatchNorm
from jaxgan.nn.conditional import Projection as Projection
from jaxgan.nn.dcgan import DCGANDiscriminator as DCGANDiscriminator
from jaxgan.nn.dcgan import DCGANGenerator as DCGANGenerator
from jaxgan.nn.minibatch import MinibatchDiscrimination as MinibatchDiscrimination
from jaxgan.nn.minibatch import Packed as Packed
from jaxgan.nn.minibatch import minibatch_standard_deviation as minibatch_standard_deviation
from jaxgan.nn.mlp import MLPDiscriminator as MLPDiscriminator
from jaxgan.nn.mlp import MLPGenerator as MLPGenerator
from jaxgan.nn.patch import PatchDiscriminator as PatchDiscriminator
from jaxgan.nn.r3gan import R3GANDiscriminator as R3GANDiscriminator
from jaxgan.nn.r3gan import R3GANGenerator as R3GANGenerator
from jaxgan.nn.registry import NETWORKS as NETWORKS
from jaxgan.nn.registry import Network as Network
from jaxgan.nn.registry import parameter_count as parameter_count
from jaxgan.nn.stylegan2 import StyleGAN2Generator as StyleGAN2Generator
from jaxgan.nn.stylegan2_discriminator import StyleGAN2Discriminator as StyleGAN2Discriminator
from jaxgan.nn.unet import UNetGenerator as UNetGenerator
