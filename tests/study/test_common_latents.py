"""Samples of all seeds from the same latents, where that is asked for."""

import jax
import numpy as np

from jaxgan.study.config import configure, from_stored
from jaxgan.study.planning import evaluation_keys


def test_the_keys_of_evaluations_are_common_where_that_is_asked() -> None:
    keys = jax.random.split(jax.random.key(0), 4)
    own, common, other = (
        np.asarray(jax.random.key_data(evaluation_keys(configure({"data": "ring", **given}), keys)))
        for given in ({}, {"common_latents": True}, {"common_latents": True, "key": 1})
    )
    assert len(np.unique(own, axis=0)) == 4
    assert len(np.unique(common, axis=0)) == 1 and common.shape == own.shape
    assert not np.array_equal(common, other)


def test_a_run_of_an_earlier_version_had_latents_of_each_seed() -> None:
    stored = configure({"data": "ring"}).__dict__ | {}
    del stored["common_latents"]
    assert from_stored(stored).common_latents is False
