"""Image features for the metrics: from a classifier of the data's labels or from any other map."""

from jaxgan.features.classifier import classifier_features as classifier_features
from jaxgan.features.classifier import doubt as doubt
from jaxgan.features.classifier import principal_features as principal_features
from jaxgan.features.extractor import Features as Features
from jaxgan.features.extractor import in_batches as in_batches
from jaxgan.features.inception import inception_features as inception_features
