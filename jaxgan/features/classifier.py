"""Image features for the metrics: a classifier trained on the data's labels, or principal components without labels.

A Frechet distance in the space of such features compares runs on one data set. It is not FID, which is defined by the
features of one particular Inception network.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, Int, Shaped

from jaxgan import checkpoint
from jaxgan.cache import cache_dir
from jaxgan.compiler import jit_once
from jaxgan.data.source import Examples, to_unit
from jaxgan.features.extractor import Features, in_batches
from jaxgan.nn.classifier import Classifier
from jaxgan.random import named_key
from jaxgan.types import Array, Images, Key, PyTree, Scalar, Step

MAX_FEATURES = 64


def classifier_features(
    train: Examples,
    heldout: Examples,
    classes: int,
    *,
    seed: int = 0,
    steps: int | None = None,
    batch_size: int = 128,
    learning_rate: float = 2e-3,
    cached: bool = True,
    report: Callable[[str], None] = lambda line: None,
) -> Features:
    """Train a small convolutional classifier on `train` and return its features, with its accuracy on `heldout`.

    Training takes 1,000 to 1,500 steps, depending on the number of images, with AdamW, a cosine schedule, and random
    shifts of the batches by at most a sixteenth of the image. The result is cached under a digest of the images and the
    settings. If the classifier is not clearly better than always guessing the most frequent class, it has not learned
    the classes; this is reported and stored in the notes of the features.

    Args:
      train, heldout: images with labels in 0..classes-1.
      classes: the number of classes.
      seed: the seed of the weights and batches.
      steps, batch_size, learning_rate: training settings; `steps` depends on the number of images by default.
      cached: whether to use a cached classifier and to cache this one.
      report: called with each line of progress.

    Raises:
      ValueError: if images have no labels or there are fewer than 2 classes.

    Example:
      >>> from jaxgan.data import digits
      >>> source = digits()
      >>> features = classifier_features(source.train, source.heldout, 10, steps=2, cached=False)
      >>> features.apply(jnp.zeros((3, 8, 8, 1)))[0].shape
      (3, 64)
    """
    if train.y is None or heldout.y is None:
        raise ValueError("a classifier needs labelled images, got none with labels")
    if classes < 2:
        raise ValueError(f"a classifier needs at least 2 classes, got {classes}")
    module = Classifier(classes, MAX_FEATURES)
    steps = min(max(len(train.x) // 40, 1000), 1500) if steps is None else steps
    # Everything that the weights may depend on, including the version and the device.
    settings = (module, seed, steps, batch_size, learning_rate, jax.__version__, jax.default_backend())
    key = checkpoint.digest((*train, *heldout)) + repr(settings)
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = cache_dir() / "classifiers" / name
    shape = jax.eval_shape(partial(_init, module, x=train.x[:1]), jax.random.key(0))

    variables = _cached(folder, shape) if cached else None
    if variables is None:
        report(f"training a {classes}-class classifier on {len(train.x)} images for the metrics (kept for next time)")
        x, y, seed_key = jnp.asarray(train.x), jnp.asarray(train.y), jax.random.key(seed)
        variables = jit_once(partial(_init, module))(named_key(seed_key, "init"), x[:1])
        variables = _train(module, variables, x, y, seed_key, steps, batch_size, learning_rate)
        if cached:
            _keep(folder, variables)
    apply = jax.tree_util.Partial(partial(_classify, module), variables)
    logits = jax.tree_util.Partial(partial(_with_logits, module), variables)
    _, predicted = in_batches(apply, heldout.x)
    assert predicted is not None
    accuracy = float(np.mean(predicted == heldout.y))
    note = doubt(predicted, heldout.y)
    if note is not None:
        report(note)
    return Features("classifier", apply, accuracy, () if note is None else (note,), logits)


def doubt(predicted: Shaped[np.ndarray, " n"], labels: Shaped[np.ndarray, " n"]) -> str | None:
    """Return a warning if predictions are not clearly better than the most frequent class; otherwise None.

    They are clearly better if a one-sided binomial test of the number of correct predictions rejects the share of that
    class at the 1 % level.

    Example:
      >>> labels = np.repeat([0, 1], [75, 25])
      >>> doubt(labels, labels) is None
      True
      >>> doubt(np.zeros(100), labels).partition(":")[0]
      "the metrics' classifier is correct on 75.0% of 100 held-out examples, and 75.0% are of one class"
    """
    from scipy.stats import binomtest

    n, right = len(labels), int(np.sum(predicted == labels))
    share = np.unique(labels, return_counts=True)[1].max() / n
    if binomtest(right, n, share, alternative="greater").pvalue < 0.01:
        return None
    return (
        f"the metrics' classifier is correct on {right / n:.1%} of {n:,} held-out examples, and {share:.1%} are of one "
        "class: it does not tell the classes apart, so classes captured and distances mean little; check the labels"
    )


def principal_features(train: Examples) -> Features:
    """Return the first principal components of the pixels, at most 64, as features for data without labels."""
    from sklearn.decomposition import PCA

    x = np.asarray(to_unit(train.x)).reshape(len(train.x), -1)
    pca = PCA(min(MAX_FEATURES, x.shape[1], len(x) - 1), svd_solver="randomized", random_state=0).fit(x)
    mean, components = (jnp.asarray(a, jnp.float32) for a in (pca.mean_, pca.components_))
    return Features("principal-component", jax.tree_util.Partial(_project, mean, components), None)


def _classify(module: Classifier, variables: PyTree, x: Images) -> tuple[Float[Array, "n d"], Int[Array, " n"]]:
    features, logits = _with_logits(module, variables, x)
    return features, jnp.argmax(logits, axis=-1)


def _with_logits(
    module: Classifier, variables: PyTree, x: Images
) -> tuple[Float[Array, "n d"], Float[Array, "n classes"]]:
    logits, features = cast(tuple[Array, Array], module.apply(variables, x, train=False))
    return features, logits


def _project(
    mean: Float[Array, " pixels"], components: Float[Array, "d pixels"], x: Float[Array, "n ..."]
) -> tuple[Float[Array, "n d"], None]:
    return (x.reshape(x.shape[0], -1) - mean[None]) @ components.T, None


def _init(module: Classifier, key: Key, x: Shaped[Array, "n h w c"] | Shaped[np.ndarray, "n h w c"]) -> PyTree:
    return module.init(key, jnp.zeros(x.shape), train=True)


@partial(jax.jit, static_argnums=(0, 5, 6, 7))
def _train(
    module: Classifier,
    variables: PyTree,
    x: Shaped[Array, "n h w c"],
    y: Int[Array, " n"],
    key: Key,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> PyTree:
    tx = optax.adamw(optax.cosine_decay_schedule(learning_rate, steps), weight_decay=1e-3)
    reach = max(1, x.shape[1] // 16)

    def loss(params: PyTree, stats: PyTree, images: Images, labels: Int[Array, " n"]) -> tuple[Scalar, PyTree]:
        (logits, _), moved = module.apply(
            {"params": params, "batch_stats": stats}, images, train=True, mutable=["batch_stats"]
        )
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels)), moved["batch_stats"]

    def step(carry: tuple[PyTree, PyTree, PyTree], i: Step) -> tuple[tuple[PyTree, PyTree, PyTree], None]:
        params, stats, opt_state = carry
        k = jax.random.fold_in(named_key(key, "batches"), i)
        index = jax.random.randint(k, (batch_size,), 0, x.shape[0])
        offset = jax.random.randint(named_key(k, "shift"), (2,), 0, 2 * reach + 1)
        images = _shift(to_unit(x[index]), offset, reach)
        grads, stats = jax.grad(loss, has_aux=True)(params, stats, images, y[index])
        updates, opt_state = tx.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), stats, opt_state), None

    params, stats = variables["params"], variables["batch_stats"]
    (params, stats, _), _ = jax.lax.scan(step, (params, stats, tx.init(params)), jnp.arange(steps))
    return {"params": params, "batch_stats": stats}


def _shift(images: Float[Array, "n h w c"], offset: Int[Array, "2"], reach: int) -> Float[Array, "n h w c"]:
    """Shift the batch by offset - reach pixels, repeating edge pixels."""
    padded = jnp.pad(images, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
    return jax.lax.dynamic_slice(padded, (0, offset[0], offset[1], 0), images.shape)


def _cached(folder: Path, shape: PyTree) -> PyTree | None:
    try:
        return checkpoint.load(folder, shape)[0]
    except checkpoint.CheckpointError:  # missing, damaged or of an older layout: train again
        return None


def _keep(folder: Path, variables: PyTree) -> None:
    # If the folder is not writable or another process is writing to it, the only cost is time.
    with suppress(OSError, ValueError):
        checkpoint.save(folder, 0, variables, {})
