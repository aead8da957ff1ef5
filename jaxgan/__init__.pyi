from . import data as data
from . import metrics as metrics
from . import nn as nn
from .dynamics import alternating as alternating
from .dynamics import averaged as averaged
from .dynamics import best_generator as best_generator
from .game import adversarial_game as adversarial_game
from .game import gradient_field as gradient_field
from .game import normal_prior as normal_prior
from .losses import minimax as minimax
from .losses import non_saturating as non_saturating
from .train import fit as fit
from .train import run as run
from .train import run_seeds as run_seeds
from .train import seed_keys as seed_keys
from .types import Algorithm as Algorithm
from .types import Batch as Batch
from .types import BatchSizes as BatchSizes
from .types import Game as Game
from .types import Loss as Loss
from .types import Players as Players
from .types import View as View

__version__: str
