"""Metrics: arrays in, numbers out."""

from jaxgan.metrics.classes import class_reference as class_reference
from jaxgan.metrics.classes import class_report as class_report
from jaxgan.metrics.frechet import Moments as Moments
from jaxgan.metrics.frechet import frechet_distance as frechet_distance
from jaxgan.metrics.frechet import moments as moments
from jaxgan.metrics.modes import mode_report as mode_report
from jaxgan.metrics.modes import perfect_mode_report as perfect_mode_report
