"""Known remedies for each kind of failure, as changes to a configuration that does not use them yet.

Each remedy is a single change, so that its effect can be measured; `jaxgan.study.healing` trains them.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.study import catalogue
from jaxgan.study.settings import EXTRA, known_settings

_CERTAIN = frozenset({Outcome.GRADIENT_VANISHED, Outcome.DISCRIMINATOR_DOMINATES})
_FOOLED = frozenset({Outcome.GENERATOR_DOMINATES, Outcome.JUNK})
_FEW_MODES = frozenset({Outcome.COLLAPSED, Outcome.PARTIALLY_COLLAPSED})
_CYCLES = frozenset({Outcome.OSCILLATING})
_UNCLEAR = frozenset({Outcome.NOT_LEARNED})
_ALL_ALIKE = ("lr_g", "lr_d", "b1", "b2", "d_steps", "batch_size", "ema")
"""Settings that a recipe keeps from the recipe that it replaces."""


class Case(NamedTuple):
    """A configuration: the name of its loss or recipe, and all its settings."""

    loss: str | None
    recipe: str  # gan for a loss
    settings: dict[str, Any]

    @property
    def known(self) -> Collection[str]:
        """The settings that the recipe accepts: those in `settings` and `EXTRA`."""
        return {*self.settings, *EXTRA}


class Remedy(NamedTuple):
    """One change."""

    name: str  # a label
    what: str
    source: str
    against: frozenset[Outcome]
    change: Callable[[Case], Case | None]  # None: already in use, or not applicable


def suggested(case: Case, codes: Collection[Outcome]) -> list[Remedy]:
    """Return the remedies for these outcomes that a configuration does not use yet.

    Example:
      >>> case = Case("minimax", "gan", {"lr_d": 0.002, "d_steps": 1, "label_noise": 0.0, "ema": None})
      >>> [remedy.name for remedy in suggested(case, [Outcome.GRADIENT_VANISHED])]
      ['lower_lr_d', 'practical_loss', 'relativistic', 'r1', 'label_noise', 'balance']
    """
    return [one for one in REMEDIES if one.against & set(codes) and one.change(case) is not None]


def option_of(case: Case, remedy: Remedy) -> str:
    """Return the command-line options that apply a remedy to a configuration; "" if it changes nothing.

    Example:
      >>> case = Case("minimax", "gan", {"lr_d": 0.002, "b1": 0.5})
      >>> [option_of(case, one) for one in REMEDIES if one.name in ("lower_lr_d", "practical_loss", "r1")]
      ['--set lr_d=0.0005', '--loss non_saturating', '--recipe r1_gan --set gamma=0.1']
    """
    changed = remedy.change(case)
    if changed is None:
        return ""
    if changed.loss is None and changed.recipe != case.recipe:
        words = [f"--recipe {changed.recipe}"]
    else:
        words = [] if changed.loss == case.loss else [f"--loss {changed.loss}"]
    other = {name: value for name, value in changed.settings.items() if case.settings.get(name) != value}
    return " ".join([*words, *(f"--set {name}={_plain(value)}" for name, value in other.items())])


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return repr(tuple(value)).replace(" ", "") if isinstance(value, list) else str(value)


def _scaled(factor: float, *names: str) -> Callable[[Case], Case | None]:
    def change(case: Case) -> Case | None:
        values = {name: case.settings.get(name) for name in names}
        scaled = {name: value * factor for name, value in values.items() if isinstance(value, int | float)}
        if len(scaled) < len(names):
            return None  # a schedule, or no such setting
        return case._replace(settings=case.settings | scaled)

    return change


def _set(name: str, value: Any, *unless: Any) -> Callable[[Case], Case | None]:
    """Set a setting to this value unless it already has it or one of the values in `unless`."""

    def change(case: Case) -> Case | None:
        if name not in case.known or case.settings.get(name) in (value, *unless):
            return None
        return case._replace(settings=case.settings | {name: value})

    return change


def _larger_batch(case: Case) -> Case | None:
    size = case.settings.get("batch_size")
    if isinstance(size, list):  # the sizes for data, samples and the generator's update
        return case._replace(settings=case.settings | {"batch_size": [4 * n for n in size]})
    return _set("batch_size", 4 * size)(case) if isinstance(size, int) else None


def _fewer_d_steps(case: Case) -> Case | None:
    return _set("d_steps", 1)(case) if isinstance(case.settings.get("d_steps"), int) else None


def _more_d_steps(case: Case) -> Case | None:
    steps = case.settings.get("d_steps")
    return case._replace(settings=case.settings | {"d_steps": 5}) if isinstance(steps, int) and steps < 5 else None


def _added(name: str, value: float) -> Callable[[Case], Case | None]:
    """Enable a setting that is off by default."""

    def change(case: Case) -> Case | None:
        if name not in case.known or case.settings.get(name) is not None:
            return None
        return case._replace(settings=case.settings | {name: value})

    return change


def _loss(name: str, instead_of: Collection[str] = ()) -> Callable[[Case], Case | None]:
    """Switch to another loss if the loss can be chosen; with `instead_of`, only replace these losses."""

    def change(case: Case) -> Case | None:
        own = None if case.loss is None else case.loss.rpartition("=")[2]
        if own is None or own == name or (instead_of and own not in instead_of):
            return None
        return case._replace(loss=name)

    return change


def _recipe(name: str, but: Collection[str], **settings: Any) -> Callable[[Case], Case | None]:
    """Switch to another recipe, keeping shared settings; not for the recipes in `but`, which already do the same."""

    def change(case: Case) -> Case | None:
        if case.recipe in but:
            return None
        own = known_settings(catalogue.find_recipe(name))
        kept = {key: case.settings[key] for key in _ALL_ALIKE if key in own and case.settings.get(key) is not None}
        return Case(None, name, kept | settings)

    return change


_SATURATING = ("minimax", "relativistic_minimax", "relativistic_average_minimax")
_PENALIZED = ("r1_gan", "r3gan", "wgan_gp", "dragan")

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "lower_lr_d", "a quarter of D's learning rate", "Heusel et al. 2017, two time-scale update rule", _CERTAIN,
        _scaled(0.25, "lr_d"),
    ),
    Remedy(
        "fewer_d_steps", "one update of D per update of G", "Goodfellow et al. 2014, K = 1", _CERTAIN, _fewer_d_steps
    ),
    Remedy(
        "practical_loss", "-log D(G(z)) in place of log(1 - D(G(z)))", "Goodfellow et al. 2014, section 3",
        _CERTAIN | _UNCLEAR, _loss("non_saturating", _SATURATING),
    ),
    Remedy(
        "relativistic", "the relativistic pairing loss", "Jolicoeur-Martineau 2019; Sun et al. 2020, on mode collapse",
        _CERTAIN | _FEW_MODES | _UNCLEAR, _loss("relativistic"),
    ),
    Remedy(
        "r1", "a penalty on D's gradient at real examples, gamma = 0.1", "Mescheder et al. 2018",
        _CERTAIN | _CYCLES | _FEW_MODES | _UNCLEAR | {Outcome.DIVERGED, Outcome.OVERFITTED},
        _recipe("r1_gan", _PENALIZED, gamma=0.1),
    ),
    Remedy(
        "packing", "a discriminator that sees two samples at once", "Lin et al. 2018, PacGAN", _FEW_MODES,
        _recipe("pacgan", ("pacgan",), m=2),
    ),
    Remedy(
        "larger_batch", "four times the batch size", "Brock et al. 2019, BigGAN, section 3.1",
        _FEW_MODES, _larger_batch,
    ),
    Remedy(
        "label_noise", "5 % of D's labels flipped", "Arjovsky and Bottou 2017; Salimans et al. 2016",
        _CERTAIN | {Outcome.OVERFITTED}, _set("label_noise", 0.05),
    ),
    Remedy(
        "balance", "no updates of D while its accuracy is above 75 %", "Wu et al. 2016, 3D-GAN", _CERTAIN,
        _added("balance", 0.75),
    ),
    Remedy(
        "higher_lr_d", "four times D's learning rate", "Heusel et al. 2017, two time-scale update rule", _FOOLED,
        _scaled(4.0, "lr_d"),
    ),
    Remedy(
        "more_d_steps", "five updates of D per update of G", "Arjovsky et al. 2017, a critic trained near optimality",
        _FOOLED, _more_d_steps,
    ),
    Remedy(
        "lower_rates", "a quarter of both learning rates", "Mescheder et al. 2017, the numerics of GANs",
        _CYCLES | _UNCLEAR | {Outcome.DIVERGED}, _scaled(0.25, "lr_d", "lr_g"),
    ),
    Remedy(
        "no_momentum", "Adam without momentum (b1 = 0)", "Gidel et al. 2019, negative momentum",
        _CYCLES | {Outcome.DIVERGED}, _set("b1", 0.0),
    ),
    Remedy(
        "average", "samples from a moving average of G's parameters, decay 0.99",
        "Yazici et al. 2019, the unusual effectiveness of averaging",
        _CYCLES | {Outcome.JUNK}, _added("ema", 0.99),
    ),
)  # fmt: skip
"""All remedies, in the order in which they are suggested."""
