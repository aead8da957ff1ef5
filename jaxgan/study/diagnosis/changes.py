"""A configuration that failed, and the changes to it that remedies consist of."""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from jaxgan.game import adversarial_game, normal_prior
from jaxgan.nn import MLPDiscriminator, MLPGenerator, Packed
from jaxgan.study import catalogue
from jaxgan.study.config import split_label
from jaxgan.study.settings import EXTRA, known_settings

_KEPT = ("lr_g", "lr_d", "b1", "b2", "d_steps", "batch_size", "ema")
"""Settings that a recipe takes over from the recipe that it replaces, where it has them."""
_PAIRING = ("relativistic", "relativistic_minimax")
"""Losses that compare each real example with a fake one, which takes as many of one as of the other."""


class Shared(NamedTuple):
    """What all configurations of a run have in common, as far as remedies change it or depend on it."""

    set: tuple[str, ...] = ()  # the run's --set
    steps: int | None = None  # None: unknown
    is_short: bool = False  # less than half of the default number of steps
    network: tuple[str, ...] = ()  # the run's --network
    fields: Mapping[str, Mapping[str, Any]] = {}  # by player: the fields of a network of `jaxgan.nn`, with their values
    conditions: Mapping[str, Collection[str]] = {}  # by player: how it can be conditioned, for conditional runs
    paired: bool = False  # whether the data are pairs of images


class Case(NamedTuple):
    """A configuration: the name of its loss or recipe, all its settings, and what its run says about it."""

    loss: str | None
    recipe: str  # gan for a loss
    settings: dict[str, Any]
    label: str = ""  # of its settings in --set; "": the name of the loss or recipe
    shared: Shared = Shared()
    improving: bool = False  # whether most runs that had not learned were still improving at the end

    @property
    def known(self) -> Collection[str]:
        """The settings that the recipe accepts: those in `settings` and `EXTRA`."""
        return {*self.settings, *EXTRA}

    @property
    def owner(self) -> str:
        """The name that precedes its settings in --set."""
        return self.label or catalogue.slug(self.recipe if self.loss is None else self.loss)


Change = Callable[[Case], Case | None]
"""Returns the changed configuration; None if it has this already, or the change is not applicable."""


class Traits(NamedTuple):
    """What a recipe does to the discriminator."""

    penalized: bool = False  # a term penalizes its gradient
    packed: bool = False  # it sees several examples at once
    spectral_norm: bool = False


@cache
def traits_of(recipe: str) -> Traits:
    """Return what a recipe of the library does to the discriminator; of the user's own, whose code is not run, nothing.

    Example:
      >>> traits_of("stylegan2").penalized, traits_of("sngan").spectral_norm, traits_of("gan").penalized
      (True, True, False)
    """
    if recipe not in catalogue.RECIPES:
        return Traits()
    found: list[Traits] = []

    def make_game(generator: Any, discriminator: Any, *args: Any, **options: Any) -> Any:
        inner = discriminator.discriminator if isinstance(discriminator, Packed) else discriminator
        found.append(Traits(bool(options.get("d_terms")), inner is not discriminator, inner.spectral_norm))
        return adversarial_game(generator, discriminator, *args, **options)

    catalogue.RECIPES[recipe](MLPGenerator(2), MLPDiscriminator(), normal_prior(2), make_game=make_game)
    return found[0]


def scaled(factor: float, *names: str) -> Change:
    """Multiply settings that are numbers, and not schedules."""

    def change(case: Case) -> Case | None:
        values = {name: case.settings.get(name) for name in names}
        found = {name: value * factor for name, value in values.items() if isinstance(value, int | float)}
        return None if len(found) < len(names) else _with(case, **found)

    return change


def set_to(name: str, value: Any) -> Change:
    """Set a setting that has another value."""

    def change(case: Case) -> Case | None:
        if name not in case.known or case.settings.get(name) == value:
            return None
        return _with(case, **{name: value})

    return change


def turned_on(name: str, value: float, unless: Collection[str] = ()) -> Change:
    """Set a setting that is off, unless the recipe has one of the settings in `unless`, which do the same."""

    def change(case: Case) -> Case | None:
        has_it = bool(case.settings.get(name)) or any(other in case.settings for other in unless)
        return None if has_it or name not in case.known else _with(case, **{name: value})

    return change


def larger_batch(case: Case) -> Case | None:
    """Use four times the batch size."""
    size = case.settings.get("batch_size")
    if isinstance(size, list):  # the sizes for data, samples and the generator's update
        return _with(case, batch_size=[4 * n for n in size])
    return _with(case, batch_size=4 * size) if isinstance(size, int) else None


def fewer_d_steps(case: Case) -> Case | None:
    """Update the discriminator once per update of the generator."""
    return set_to("d_steps", 1)(case) if isinstance(case.settings.get("d_steps"), int) else None


def more_d_steps(case: Case) -> Case | None:
    """Update the discriminator five times per update of the generator."""
    steps = case.settings.get("d_steps")
    return _with(case, d_steps=5) if isinstance(steps, int) and steps < 5 else None


def loss_to(name: str, instead_of: Collection[str] = ()) -> Change:
    """Switch to another loss if the loss can be chosen; with `instead_of`, only replace these losses."""

    def change(case: Case) -> Case | None:
        own = None if case.loss is None else split_label(case.loss)[1]
        if own is None or own == name or (instead_of and own not in instead_of):
            return None
        sizes = case.settings.get("batch_size")
        if name in _PAIRING and isinstance(sizes, list) and len(set(sizes)) > 1:
            return None
        return case._replace(loss=name, label="")

    return change


def r1_added(gamma: float) -> Change:
    """Penalize D's gradient at real examples, unless the recipe or a setting does.

    Runs on pairs keep their discriminator: a PatchGAN has BatchNorm, which the penalty does not allow.
    """

    def change(case: Case) -> Case | None:
        if case.shared.paired or traits_of(case.recipe).penalized:
            return None
        return turned_on("r1", gamma)(case)

    return change


def packed(case: Case) -> Case | None:
    """Switch to the recipe `pacgan`, keeping shared settings, unless the recipe packs already.

    Its players see one batch of packs of two, so the batch sizes have to be equal and even. Runs on pairs of images
    keep their recipe, because the new one would leave out the distance from the target.
    """
    size = case.settings.get("batch_size")
    sizes = set(size) if isinstance(size, list) else {size} - {None}
    fits = len(sizes) <= 1 and all(isinstance(n, int) and n % 2 == 0 for n in sizes)
    if not fits or case.shared.paired or traits_of(case.recipe).packed:
        return None
    own = known_settings(catalogue.find_recipe("pacgan"))
    kept = {key: case.settings[key] for key in _KEPT
            if key in own and isinstance(case.settings.get(key), int | float | list)}  # fmt: skip
    return case._replace(loss=None, recipe="pacgan", settings={"m": 2} | kept, label="")


def longer(case: Case) -> Case | None:
    """Train for twice the steps."""
    steps = case.shared.steps
    return None if steps is None else case._replace(shared=case.shared._replace(steps=2 * steps))


def spectral_norm(case: Case) -> Case | None:
    """Normalize the kernels of D, without BatchNorm, which would undo the normalization."""
    fields = case.shared.fields.get("discriminator", {})
    if fields.get("spectral_norm", True) or traits_of(case.recipe).spectral_norm:
        return None
    other = {"batch_norm": False} if fields.get("batch_norm") else {}
    return _with_fields(case, "discriminator", spectral_norm=True, **other)


def condition_to(player: str, way: str, *, added: bool = False) -> Change:
    """Condition a player in another way, instead of its own or in addition to it."""

    def change(case: Case) -> Case | None:
        own = str(case.shared.fields.get(player, {}).get("condition", ""))
        if way not in case.shared.conditions.get(player, ()) or way in own.split("+"):
            return None
        return _with_fields(case, player, condition=f"{own}+{way}" if added and own else way)

    return change


def _with(case: Case, **settings: Any) -> Case:
    return case._replace(settings=case.settings | settings)


def _with_fields(case: Case, player: str, **fields: Any) -> Case:
    """Return the case with more --network, without those of the same player that they replace."""
    kept = tuple(text for text in case.shared.network
                 if text.partition("=")[0] not in [f"{player}:{name}" for name in fields])  # fmt: skip
    new = tuple(f"{player}:{name}={value}" for name, value in fields.items())
    own = dict(case.shared.fields) | {player: dict(case.shared.fields.get(player, {})) | fields}
    return case._replace(shared=case.shared._replace(network=(*kept, *new), fields=own))
