"""Splits off held-out examples such that none of them is a copy of a training example."""

import hashlib
import math

import numpy as np
from jaxtyping import Int, Shaped

from jaxgan.data.source import DataError, Examples


def split(
    examples: Examples, fraction: float, seed: int, classes: tuple[str, ...] = ()
) -> tuple[Examples, Examples | None]:
    """(train, held out): holds out a random `fraction` of the distinct examples, class by class if y holds labels.

    All copies of an example are on the same side, because a held-out example that is also a training example would
    measure memorization, not generalization. If that leaves nothing to hold out, copies are split as if they were
    distinct: in a class that repeats a single example, and without labels if fewer than 2 distinct examples would be
    held out. A fraction of 0 holds nothing out (None).

    Raises:
      DataError: the set, or a class (named as in `classes`), is too small for both parts.
      ValueError: a fraction outside [0, 1).

    Example:
      >>> train, heldout = split(Examples(np.arange(10).reshape(10, 1)), 0.3, seed=0)
      >>> len(train.x), len(heldout.x)
      (7, 3)
    """
    from sklearn.model_selection import train_test_split

    if not 0 <= fraction < 1:
        raise ValueError(f"expected a held-out fraction in [0, 1), got {fraction}")
    if fraction == 0:
        return examples, None
    labelled = _labelled(examples)
    units = _units(labelled, fraction)
    labels = None if labelled.y is None else labelled.y[np.unique(units, return_index=True)[1]]
    count = units.max(initial=-1) + 1
    _check_sizes(labels, count, fraction, classes)
    parts = train_test_split(np.arange(count), test_size=fraction, random_state=seed, stratify=labels)
    train, heldout = (_members(units, part) for part in parts)
    return _take(examples, train), _take(examples, heldout)


def distinct(*parts: Shaped[np.ndarray, " _ *example"]) -> list[Int[np.ndarray, " _"]]:
    """For each array of examples [n, ...], the numbers [n] of its examples: equal examples have equal numbers.

    Examples are numbered 0, 1, ... by first appearance. Equal means equal bytes of one data type, except that -0.0
    equals 0.0.

    Example:
      >>> distinct(np.array([[3, 1], [2, 2], [3, 1]]), np.array([[2, 2], [0, 0]]))
      [array([0, 1, 0]), array([1, 2])]
    """
    numbers: dict[bytes, int] = {}

    def number(example: np.ndarray) -> int:
        digest = hashlib.blake2b((example + example.dtype.type(0)).tobytes(), digest_size=16).digest()
        return numbers.setdefault(digest, len(numbers))

    return [np.array([number(example) for example in part], int) for part in parts]


def copies_note(train: Examples, heldout: Examples | None) -> str | None:
    """A line that counts copies, also between training and held-out examples; None if there are none.

    Example:
      >>> copies_note(Examples(np.array([[1], [2], [2]])), Examples(np.array([[1]])))
      '4 examples, of which 2 are distinct; 1 of 1 held-out examples is a copy of a training example'
    """
    parts = list(map(_labelled, [train] if heldout is None else [train, heldout]))
    numbers = distinct(*(part.x for part in parts))
    everything = np.concatenate(numbers)
    count = len(np.unique(everything))
    if count == len(everything):
        return None
    line = f"{len(everything):,} examples, of which {count:,} {'is' if count == 1 else 'are'} distinct"
    if all(part.y is not None for part in parts):
        pairs = np.unique(np.stack([everything, np.concatenate([part.y for part in parts])], axis=1), axis=0)
        twice = int(np.sum(np.bincount(pairs[:, 0]) > 1))
        line += f", {twice:,} of them under more than one label" if twice else ""
    if heldout is None:
        return line
    shared = int(np.isin(numbers[1], numbers[0]).sum())
    if not shared:
        return f"{line}; no held-out example is a copy of a training example"
    words = "is a copy" if shared == 1 else "are copies"
    return f"{line}; {shared:,} of {len(heldout.x):,} held-out examples {words} of a training example"


def _labelled(examples: Examples) -> Examples:
    """Drops conditions that are not labels."""
    return examples if examples.y is None or examples.y.ndim == 1 else Examples(examples.x)


def _units(examples: Examples, fraction: float) -> Int[np.ndarray, " n"]:
    """The number of each example's unit; the split assigns whole units."""
    (numbers,) = distinct(examples.x)
    n, count = len(numbers), numbers.max(initial=-1) + 1
    if count == n:
        return numbers
    alone = np.zeros(n, bool)  # examples that are split although they are copies
    if examples.y is None:
        alone[:] = math.ceil(fraction * count) < 2 or count - math.ceil(fraction * count) < 2
    else:
        owner = examples.y[np.unique(numbers, return_index=True)[1]]  # the label of each distinct example
        labels, counts = np.unique(owner, return_counts=True)
        alone = np.isin(owner[numbers], labels[counts == 1])
    units = np.where(alone, count + np.arange(n), numbers)
    _, first, inverse = np.unique(units, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]  # numbered by first appearance


def _check_sizes(labels: Int[np.ndarray, " n"] | None, n: int, fraction: float, classes: tuple[str, ...]) -> None:
    if n < 2:
        raise DataError(f"holding examples out needs at least 2 distinct ones, got {n}")
    number = 1
    if labels is not None:
        values, counts = np.unique(labels, return_counts=True)
        number = len(values)
        if counts.min() < 2:
            label = int(values[counts.argmin()])
            name = classes[label] if classes else label
            raise DataError(
                f"holding examples out needs at least 2 of each class, class {name!r} has 1: add examples of it, or "
                "leave it out"
            )
    held = math.ceil(fraction * n)
    if min(held, n - held) < number:
        needed = math.ceil(number / min(fraction, 1 - fraction))
        raise DataError(
            f"holding out {fraction:g} of the examples, of each of {number} classes, "
            f"needs at least {needed} distinct ones, got {n}"
        )


def _members(units: Int[np.ndarray, " n"], chosen: Int[np.ndarray, " c"]) -> Int[np.ndarray, " m"]:
    """The examples of the chosen units, in the order of the choice."""
    position = np.full(units.max() + 1, -1)
    position[chosen] = np.arange(len(chosen))
    members = np.flatnonzero(position[units] >= 0)
    return members[np.argsort(position[units[members]], kind="stable")]


def _take(examples: Examples, index: Int[np.ndarray, " m"]) -> Examples:
    return Examples(examples.x[index], None if examples.y is None else examples.y[index])
