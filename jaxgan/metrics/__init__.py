"""Metrics: arrays in, numbers out."""

from jaxgan.metrics.classes import class_reference as class_reference
from jaxgan.metrics.classes import class_report as class_report
from jaxgan.metrics.frechet import Moments as Moments
from jaxgan.metrics.frechet import frechet_distance as frechet_distance
from jaxgan.metrics.frechet import moments as moments
from jaxgan.metrics.modes import mode_report as mode_report
from jaxgan.metrics.modes import perfect_mode_report as perfect_mode_report
from jaxgan.metrics.neighbours import distinctness as distinctness
from jaxgan.metrics.neighbours import memorization as memorization
from jaxgan.metrics.paths import PathReport as PathReport
from jaxgan.metrics.paths import path_report as path_report
from jaxgan.metrics.paths import perceptual_path_length as perceptual_path_length
from jaxgan.metrics.ranks import superiority as superiority
from jaxgan.metrics.sharpness import RadialSpectrum as RadialSpectrum
from jaxgan.metrics.sharpness import high_frequency_share as high_frequency_share
from jaxgan.metrics.sharpness import laplacian_variance as laplacian_variance
from jaxgan.metrics.sharpness import radial_power_spectrum as radial_power_spectrum
