"""Generators to numbers: evaluators for mixtures, images and points, in a compiled run as probes or after it."""

from jaxgan.evaluation.evaluator import EVIDENCE as EVIDENCE
from jaxgan.evaluation.evaluator import Evaluator as Evaluator
from jaxgan.evaluation.evaluator import evaluate as evaluate
from jaxgan.evaluation.evaluator import evaluation_probe as evaluation_probe
from jaxgan.evaluation.evaluator import with_untrained as with_untrained
from jaxgan.evaluation.images import PIECE as PIECE
from jaxgan.evaluation.obeyed import BY_CLASS as BY_CLASS
from jaxgan.evaluation.select import evaluator_for as evaluator_for
