"""Can a classifier tell samples from data? Its accuracy on examples that it was not trained on is a test."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from jaxgan.metrics.inputs import checked_pair, generator
from jaxgan.types import Key


class TwoSampleTest(NamedTuple):
    """Of the hypothesis that features and reference are of one distribution."""

    accuracy: float  # on held-out rows, half of them of each kind: about 1/2 under the hypothesis
    p_value: float  # of so high an accuracy under the hypothesis
    heldout: int  # rows that the accuracy is taken over
    found_features: float  # the share of held-out features that were told to be such
    found_reference: float  # the share of the held-out reference


def classifier_two_sample_test(
    key: Key,
    features: ArrayLike,
    reference: ArrayLike,
    *,
    classifier: Literal["logistic", "neighbour"] = "logistic",
    heldout: float = 0.5,
) -> TwoSampleTest:
    """Train a classifier to tell features [n, d] from a reference [m, d], and test it on rows held out.

        p_value = P(B >= correct),  B ~ binomial(heldout rows, 1/2)

    Of either set the same number is taken at random, min(n, m), so chance is 1/2. Under the hypothesis the number of
    correct answers has mean 1/2 and at most the binomial's variance, so the test is valid for any classifier, and exact
    where it answers evenly. Features are standardized by the training rows; one that is constant there does not count.

    `logistic` sees differences in mean along some direction, with L2 regularization of scikit-learn's strength;
    `neighbour` takes the kind of the nearest training row and sees any difference, if weakly in many dimensions. Where
    samples are copies of reference rows, the nearest neighbour of a held-out row is often of the other kind: an
    accuracy well below 1/2 tells of that, see `found_reference`.

    Args:
      key: of what is taken and what held out.
      features: [n, d], n >= 4.
      reference: [m, d], m >= 4.
      classifier: "logistic" regression, or the nearest "neighbour".
      heldout: the share of rows to test on.

    Raises:
      ValueError: other shapes, fewer than 4 rows, features that are not finite, another classifier, or a share that
        leaves less than one row of a kind on either side.
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
        raise ValueError(f"heldout must leave rows on both sides of {count} of a kind, got {heldout}")
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
