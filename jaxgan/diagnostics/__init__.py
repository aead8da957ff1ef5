"""Why runs fail, and which gradients losses give the generator: outcomes, gradient profiles, theory in numbers."""

from jaxgan.diagnostics import theory as theory
from jaxgan.diagnostics.closed_forms import closed_form as closed_form
from jaxgan.diagnostics.episodes import VanishingEpisodes as VanishingEpisodes
from jaxgan.diagnostics.episodes import vanishing_episodes as vanishing_episodes
from jaxgan.diagnostics.frozen import FrozenGeneratorResult as FrozenGeneratorResult
from jaxgan.diagnostics.frozen import ImageGradients as ImageGradients
from jaxgan.diagnostics.frozen import against_discriminators as against_discriminators
from jaxgan.diagnostics.frozen import generators_of_ages as generators_of_ages
from jaxgan.diagnostics.frozen import image_gradients as image_gradients
from jaxgan.diagnostics.frozen import log_spaced as log_spaced
from jaxgan.diagnostics.gradients import Gradients as Gradients
from jaxgan.diagnostics.gradients import direction_probe as direction_probe
from jaxgan.diagnostics.gradients import gradient_probe as gradient_probe
from jaxgan.diagnostics.outcomes import Outcome as Outcome
from jaxgan.diagnostics.outcomes import classify as classify
from jaxgan.diagnostics.pictures import Between as Between
from jaxgan.diagnostics.pictures import Blur as Blur
from jaxgan.diagnostics.pictures import between_modes as between_modes
from jaxgan.diagnostics.pictures import blur as blur
from jaxgan.diagnostics.profiles import Profile as Profile
from jaxgan.diagnostics.profiles import float32_limits as float32_limits
from jaxgan.diagnostics.profiles import is_probability as is_probability
from jaxgan.diagnostics.profiles import profile as profile
from jaxgan.diagnostics.profiles import saturation as saturation
from jaxgan.diagnostics.profiles import saturation_sentence as saturation_sentence
