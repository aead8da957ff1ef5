"""Data sets: functions that return a `Source`, whose `sample(key, n)` draws batches inside compiled code."""

from jaxgan.data.digits import digits as digits
from jaxgan.data.embedded_pairs import embedded_pairs as embedded_pairs
from jaxgan.data.embedded_pairs import photo_patches as photo_patches
from jaxgan.data.files import from_path as from_path
from jaxgan.data.in_memory import from_images as from_images
from jaxgan.data.in_memory import from_points as from_points
from jaxgan.data.pairs import from_paired_images as from_paired_images
from jaxgan.data.pairs import from_pairs as from_pairs
from jaxgan.data.polygons import polygons as polygons
from jaxgan.data.polygons import uniform_polygons as uniform_polygons
from jaxgan.data.source import DataError as DataError
from jaxgan.data.source import Examples as Examples
from jaxgan.data.source import Source as Source
from jaxgan.data.source import to_unit as to_unit
from jaxgan.data.splits import split as split
from jaxgan.data.synthetic import gaussian_mixture as gaussian_mixture
from jaxgan.data.synthetic import grid as grid
from jaxgan.data.synthetic import ring as ring
from jaxgan.data.tfds import from_tfds as from_tfds
