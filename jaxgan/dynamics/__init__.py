"""Update rules: they turn a `Game` and optax transformations into an `Algorithm`."""

from jaxgan.dynamics.alternating import alternating as alternating
from jaxgan.dynamics.alternating import critic_warm_up as critic_warm_up
from jaxgan.dynamics.alternating import two_time_scales as two_time_scales
from jaxgan.dynamics.alternating import unrolled as unrolled
from jaxgan.dynamics.averages import averaged as averaged
from jaxgan.dynamics.averages import half_life_decay as half_life_decay
from jaxgan.dynamics.averages import lookahead as lookahead
from jaxgan.dynamics.balance import Balance as Balance
from jaxgan.dynamics.balance import balanced as balanced
from jaxgan.dynamics.discriminator_only import DiscriminatorInfo as DiscriminatorInfo
from jaxgan.dynamics.discriminator_only import discriminator_only as discriminator_only
from jaxgan.dynamics.discriminator_only import with_generator as with_generator
from jaxgan.dynamics.fields import consensus_field as consensus_field
from jaxgan.dynamics.fields import symplectic_field as symplectic_field
from jaxgan.dynamics.joint import consensus as consensus
from jaxgan.dynamics.joint import extragradient as extragradient
from jaxgan.dynamics.joint import optimistic as optimistic
from jaxgan.dynamics.joint import simultaneous as simultaneous
from jaxgan.dynamics.joint import symplectic as symplectic
from jaxgan.dynamics.moves import Move as Move
from jaxgan.dynamics.moves import best_generator as best_generator
from jaxgan.dynamics.moves import current_generator as current_generator
from jaxgan.dynamics.moves import update_player as update_player
from jaxgan.dynamics.standing import standing_statistics as standing_statistics
