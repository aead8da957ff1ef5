"""Known remedies for each kind of failure, as changes to a configuration that does not use them yet.

Most remedies are a single change, so that its effect can be measured. Packing is a recipe of its own, which also has
another loss and update rule, as its description says. `jaxgan.study.diagnosis.healing` trains them.
"""

import shlex
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from jaxgan.diagnostics.outcomes import Outcome
from jaxgan.study import catalogue
from jaxgan.study.diagnosis import changes
from jaxgan.study.diagnosis.changes import Case, Change
from jaxgan.study.settings import known_settings, plain_settings, resolve

_CERTAIN = frozenset({Outcome.GRADIENT_VANISHED, Outcome.DISCRIMINATOR_DOMINATES})
_FOOLED = frozenset({Outcome.GENERATOR_DOMINATES, Outcome.JUNK})
_FEW_MODES = frozenset({Outcome.COLLAPSED, Outcome.PARTIALLY_COLLAPSED})
_CYCLES = frozenset({Outcome.OSCILLATING})
_UNCLEAR = frozenset({Outcome.NOT_LEARNED})
_IGNORED = frozenset({Outcome.CONDITION_IGNORED})
_DIVERGED = frozenset({Outcome.DIVERGED})
_MAY_PASS = _CERTAIN | _FOOLED | _FEW_MODES | _UNCLEAR | _IGNORED
"""What a short run may leave behind with more steps."""


class Remedy(NamedTuple):
    """A known remedy."""

    name: str  # a label
    what: str
    source: str
    against: frozenset[Outcome]
    change: Change


def suggested(case: Case, codes: Collection[Outcome]) -> list[Remedy]:
    """Return the remedies for these outcomes that a configuration does not use yet.

    More steps come first where they are the likeliest remedy: if a run is short, or was still improving at its end.

    Example:
      >>> case = Case("minimax", "gan", {"lr_d": 0.002, "d_steps": 1, "label_noise": 0.0, "ema": None})
      >>> [remedy.name for remedy in suggested(case, [Outcome.GRADIENT_VANISHED])]
      ['lower_lr_d', 'practical_loss', 'relativistic', 'r1', 'label_noise', 'instance_noise', 'balance']
    """
    found = [one for one in REMEDIES if one.against & set(codes)]
    if case.shared.is_short and _MAY_PASS & set(codes):
        found = [LONGER, *(one for one in found if one != LONGER)]
    elif case.improving:
        found.sort(key=lambda one: one != LONGER)
    return [one for one in found if one.change(case) is not None]


def switches(case: Case, remedy: Remedy) -> bool:
    """Return whether a remedy replaces the loss or the recipe."""
    changed = remedy.change(case)
    return changed is not None and (changed.loss, changed.recipe) != (case.loss, case.recipe)


def option_of(case: Case, remedy: Remedy) -> str:
    """Return the command-line options that apply a remedy to a configuration; "" if it changes nothing.

    Added to the command of the run without its --vary, they give the configuration that `study.diagnosis.healing`
    trains. --loss and --recipe replace those of the command with the settings that it gives for them, a recipe all
    settings; LABEL:NAME=VALUE replaces another value of the same.

    Example:
      >>> case = Case("minimax", "gan", {"lr_d": 0.002, "b1": 0.5})
      >>> [option_of(case, one) for one in REMEDIES if one.name in ("lower_lr_d", "r1")]
      ['--set minimax:lr_d=0.0005', '--set minimax:r1=0.1']
    """
    changed = remedy.change(case)
    if changed is None:
        return ""
    words = []
    if changed.recipe != case.recipe:
        words = ["--recipe", changed.recipe]
    elif changed.loss is not None and changed.loss != case.loss:
        words = ["--loss", changed.loss]
    for name, value in _beyond_the_command(case, changed).items():
        words += ["--set", f"{changed.owner}:{setting_text(name, value)}"]
    if changed.shared.steps != case.shared.steps:
        words += ["--steps", str(changed.shared.steps)]
    for text in changed.shared.network:
        words += [] if text in case.shared.network else ["--network", text]
    return shlex.join(words)


def setting_text(name: str, value: Any) -> str:
    """Return a stored setting as NAME=VALUE.

    Example:
      >>> setting_text("lr_d", 0.25 * 0.001), setting_text("batch_size", [64, 32, 64])
      ('lr_d=0.00025', 'batch_size=(64,32,64)')
    """
    return f"{name}=({','.join(map(str, value))})" if isinstance(value, list) else f"{name}={value}"


def is_number(value: Any) -> bool:
    """Return whether a stored setting is a number, or the sizes of batches, and not the name of a function."""
    return isinstance(value, bool | int | float) or (isinstance(value, list) and all(map(is_number, value)))


def _beyond_the_command(case: Case, changed: Case) -> Mapping[str, Any]:
    """Return the settings of a changed configuration that differ from what its run's command would give it."""
    if changed.recipe not in catalogue.RECIPES:  # the user's own, whose code is not run for this
        given: Mapping[str, Any] = case.settings
    elif changed.recipe != case.recipe:
        given = plain_settings(known_settings(catalogue.find_recipe(changed.recipe)))
    elif case.shared.set:
        recipe = "gan" if changed.loss is not None else changed.owner
        full = resolve(changed.owner, recipe, catalogue.find_recipe(changed.recipe), case.shared.set)
        given = plain_settings(full)
    else:
        given = case.settings
    found = {name: value for name, value in changed.settings.items()
             if given.get(name) != value and (is_number(value) or value is None)}  # fmt: skip
    sizes = found.get("batch_size")
    if isinstance(sizes, list) and changed.recipe == case.recipe:  # a size that the command gives would count in it
        named = zip(("batch_size", "fake_batch_size", "generator_batch_size"), sizes, strict=True)
        return {**found, **dict(named)}
    return found


_SATURATING = ("minimax", "relativistic_minimax", "relativistic_average_minimax")
LONGER = Remedy("longer", "twice the steps", "Lucic et al. 2018, Are GANs Created Equal?", _UNCLEAR, changes.longer)

REMEDIES: tuple[Remedy, ...] = (
    Remedy(
        "lower_lr_d", "a quarter of D's learning rate", "Heusel et al. 2017, two time-scale update rule", _CERTAIN,
        changes.scaled(0.25, "lr_d"),
    ),
    Remedy(
        "fewer_d_steps", "one update of D per update of G", "Goodfellow et al. 2014, K = 1", _CERTAIN,
        changes.fewer_d_steps,
    ),
    Remedy(
        "practical_loss", "the practical loss -log D(G(z)) in place of log(1 - D(G(z)))",
        "Goodfellow et al. 2014, section 3", _CERTAIN | _UNCLEAR, changes.loss_to("non_saturating", _SATURATING),
    ),
    Remedy(
        "relativistic", "the relativistic pairing loss", "Jolicoeur-Martineau 2019; Sun et al. 2020, on mode collapse",
        _CERTAIN | _FEW_MODES | _UNCLEAR, changes.loss_to("relativistic"),
    ),
    Remedy(
        "r1", "a penalty on D's gradient at real examples (R1, gamma = 0.1), which allows no BatchNorm in D",
        "Mescheder et al. 2018", _CERTAIN | _CYCLES | _FEW_MODES | _UNCLEAR | _DIVERGED | {Outcome.OVERFITTED},
        changes.r1_added(0.1),
    ),
    Remedy(
        "packing", "the recipe pacgan: a discriminator that sees two samples at once, with the practical loss and "
        "simultaneous updates", "Lin et al. 2018, PacGAN", _FEW_MODES, changes.packed,
    ),
    Remedy(
        "larger_batch", "four times the batch size", "Brock et al. 2019, BigGAN, section 3.1",
        _FEW_MODES, changes.larger_batch,
    ),
    Remedy(
        "label_noise", "5 % of D's labels flipped", "Arjovsky and Bottou 2017; Salimans et al. 2016",
        _CERTAIN | {Outcome.OVERFITTED}, changes.turned_on("label_noise", 0.05),
    ),
    Remedy(
        "instance_noise", "noise on all that D sees, standard deviation 0.1",
        "Sonderby et al. 2017; Arjovsky and Bottou 2017", _CERTAIN, changes.turned_on("instance_noise", 0.1),
    ),
    Remedy(
        "balance", "no updates of D while its accuracy is above 75 %", "Wu et al. 2016, 3D-GAN", _CERTAIN,
        changes.turned_on("balance", 0.75),
    ),
    Remedy(
        "higher_lr_d", "four times D's learning rate", "Heusel et al. 2017, two time-scale update rule", _FOOLED,
        changes.scaled(4.0, "lr_d"),
    ),
    Remedy(
        "more_d_steps", "five updates of D per update of G", "Arjovsky et al. 2017, a critic trained near optimality",
        _FOOLED, changes.more_d_steps,
    ),
    Remedy(
        "lower_rates", "a quarter of both learning rates", "Mescheder et al. 2017, the numerics of GANs",
        _CYCLES | _UNCLEAR | _DIVERGED, changes.scaled(0.25, "lr_d", "lr_g"),
    ),
    Remedy(
        "no_momentum", "Adam without momentum (b1 = 0)", "Gidel et al. 2019, negative momentum",
        _CYCLES | _DIVERGED, changes.set_to("b1", 0.0),
    ),
    Remedy(
        "average", "samples from a moving average of G's parameters, decay 0.99",
        "Yazici et al. 2019, the unusual effectiveness of averaging",
        _CYCLES | {Outcome.JUNK}, changes.turned_on("ema", 0.99, unless=("half_life",)),
    ),
    Remedy(
        "spectral_norm", "spectral normalization of D, without BatchNorm", "Miyato et al. 2018",
        _DIVERGED | {Outcome.DISCRIMINATOR_DOMINATES}, changes.spectral_norm,
    ),
    Remedy(
        "projection", "a discriminator that projects on the class", "Miyato and Koyama 2018, cGANs with projection",
        _IGNORED, changes.condition_to("discriminator", "projection"),
    ),
    Remedy(
        "class_batch_norm", "a scale and an offset for each class in every BatchNorm of the generator",
        "Dumoulin et al. 2017; de Vries et al. 2017", _IGNORED,
        changes.condition_to("generator", "batch_norm", added=True),
    ),
    Remedy(
        "classifier", "a discriminator that also predicts the class", "Odena et al. 2017, AC-GAN", _IGNORED,
        changes.condition_to("discriminator", "classifier"),
    ),
    LONGER,
)  # fmt: skip
"""All remedies, in the order in which they are suggested."""
