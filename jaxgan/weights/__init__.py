"""A network's weights from a file: arrays by name, and nothing else that a file may hold."""

from jaxgan.weights.files import read_weights as read_weights
