"""Can a classifier distinguish samples from data? Its accuracy on held-out examples is a statistical test."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import checked_pair, generator
from jaxgan.types import Key


class TwoSampleTest(NamedTuple):
    """The test of the hypothesis that features and reference have the same distribution."""

    accuracy: float  # on held-out rows, half from each set: about 1/2 under the hypothesis
    p_value: float  # probability of at least this accuracy under the hypothesis
    heldout: int  # number of held-out rows
    found_features: float  # share of held-out features that were classified as features
    found_reference: float  # share of held-out reference rows that were classified as reference


def classifier_two_sample_test(
    key: Key,
    features: ArrayLike,
    reference: ArrayLike,
    *,
    classifier: Literal["logistic", "neighbour"] = "logistic",
    heldout: float = 0.5,
) -> TwoSampleTest:
    """Trains a classifier to distinguish features [n, d] from a reference [m, d], and tests it on held-out rows.

        p_value = P(B >= correct),  B ~ binomial(heldout rows, 1/2)

    The same number of rows, min(n, m), is drawn at random from each set, so the accuracy of guessing is 1/2. Under the
    hypothesis the share of correct answers has mean 1/2 and at most the variance of the binomial, so the test is valid
    for any classifier, and exact if its answers are balanced. Features are standardized with the training rows; those
    that are constant there do not count.

    `logistic` detects differences in mean along some direction, with scikit-learn's default L2 regularization.
    `neighbour` predicts the set of the nearest training row; it detects any difference, but only weakly in many
    dimensions. If samples are copies of reference rows, the nearest neighbour of a held-out row is often in the other
    set; an accuracy well below 1/2 indicates this, see `found_reference`.

    Args:
      key: for the choice of rows and held-out rows.
      features: [n, d], n >= 4.
      reference: [m, d], m >= 4.
      classifier: "logistic" regression, or the nearest "neighbour".
      heldout: the share of rows used for testing.

    Raises:
      ValueError: other shapes, fewer than 4 rows, features that are not finite, an unknown classifier, or a share that
        leaves no row of a set for training or testing.
    Source: Lopez-Paz and Oquab 2017, Revisiting classifier two-sample tests.

    >>> import jax
    >>> x, y = np.random.default_rng(0).normal(size=(2, 200, 2))
    >>> found = classifier_two_sample_test(jax.random.key(0), x + 3, y)
    >>> found.accuracy > 0.95, found.p_value < 1e-6, found.heldout
    (True, True, 200)
    """
    from scipy.stats import binom
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models = {"logistic": LogisticRegression(max_iter=1000), "neighbour": KNeighborsClassifier(1)}
    if classifier not in models:
        raise ValueError(f'classifier must be "logistic" or "neighbour", got {classifier!r}')
    x, y = checked_pair(features, reference, least=4)
    count = min(len(x), len(y))
    held = round(heldout * count)
    if not 0 < held < count:
        raise ValueError(f"heldout must leave rows for training and testing out of {count} in each set, got {heldout}")
    rng = generator(key)
    x, y = (rows[rng.permutation(len(rows))[:count]] for rows in (x, y))
    model = make_pipeline(StandardScaler(), models[classifier])
    model.fit(np.concatenate([x[held:], y[held:]]), np.repeat([1, 0], count - held))
    told_x, told_y = model.predict(x[:held]) == 1, model.predict(y[:held]) == 0
    correct = int(told_x.sum() + told_y.sum())
    return TwoSampleTest(
        accuracy=correct / (2 * held),
        p_value=float(binom.sf(correct - 1, 2 * held, 0.5)),
        heldout=2 * held,
        found_features=float(told_x.mean()),
        found_reference=float(told_y.mean()),
    )
