# %% [markdown]
# # A conditional GAN
#
# Ask for a seven and get a seven. Both players also see the label y: the generator makes G(z, y), and the
# discriminator judges whether x is a real example *of y*,
#
# $$\max_D\; E_{x, y}\,\log D(x, y) + E_{z, y}\,\log(1 - D(G(z, y), y))$$
#
# A label can enter D's score in several ways. This tutorial compares two of them on handwritten digits: as additional
# channels of the image (`concatenation`, Mirza and Osindero 2014), or as an inner product of the image's features with
# a vector for the class (`projection`, Miyato and Koyama 2018):
#
# $$v(x, y) = e_y\cdot\phi(x) + \psi(\phi(x))$$
#
# Run it with `python experiments/tutorial_conditional.py`, or as a notebook. It takes four to eight
# minutes on two cores, draws `conditional_digits.png` and leaves runs in `runs/tutorial-conditional`. If stopped, it
# resumes where it was.

# %%
import os
from pathlib import Path

import jax
import matplotlib.pyplot as plt
import numpy as np

import jaxgan as jg

jg.use_cpu_cores()
SHORT = "TUTORIAL_SHORT" in os.environ  # a trial of a few steps, as in the tests
STEPS, SEEDS, WIDTH = (4, 2, 4) if SHORT else (1500, 8, 16)
WAYS = ("concatenation", "projection")

# %% [markdown]
# ## Two trainings of many seeds
#
# `conditional` takes the classes from the data. A registered network has a field `condition` that selects the method;
# the loss, the penalty and the update rule do not depend on it.


# %%
def trained(way):
    options = {
        "data": "digits",
        "loss": ("non_saturating",),
        "conditional": True,
        "network": (f"discriminator:condition={way}",),
        "set": ("ema=0.99",),
        "width": WIDTH,
        "seeds": SEEDS,
        "steps": STEPS,
        "samples": 1000,
        "evaluate_every": STEPS // 2,
    }
    return jg.load_run(jg.run_study("train", options, out=Path("runs/tutorial-conditional", way), again=True))


runs = {way: trained(way) for way in WAYS}

# %% [markdown]
# ## Look at it
#
# There is a row for each class and a column for each latent z, the same in all rows. The features that z controls,
# slant and stroke, should stay the same while the digit changes. A picture shows one seed: what can go wrong, not how
# often.

# %%
figure, axes = plt.subplots(1, len(runs), figsize=(7, 4.6), layout="constrained")
for axis, (way, run) in zip(axes, runs.items(), strict=True):
    generator = run.generator(seed=0)
    z = jax.random.normal(jax.random.key(1), (8, generator.latent_dim))
    rows = [np.asarray(generator.generate(z, np.full(len(z), digit))) for digit in range(10)]
    images = np.stack(rows)[..., 0]  # [class, latent, height, width]
    axis.imshow(np.block([list(row) for row in images]), cmap="gray_r", interpolation="nearest")
    axis.set_title(f"{way}: seed 0", fontsize=10)
    axis.set_axis_off()
figure.savefig("conditional_digits.png", dpi=150)

# %% [markdown]
# ## What to conclude
#
# A classifier trained on the data predicts the class of every sample. The share of correct samples shows whether the
# generator follows its labels; the worst class of a seed is more informative than the mean of ten. Samples of a class
# that are all alike would count as correct too, so their spread is compared with that of the real examples.

# %%
for way, run in runs.items():
    right = run.samples["class_accuracy"][0]  # [seed, class]
    spread = run.samples["class_spread"][0].mean(axis=1) / run.samples["class_spread_data"].mean()
    cells = {"right": right.mean(axis=1), "right, worst class": right.min(axis=1), "spread against data": spread}
    words = ["{} {:.2f} [{:.2f}, {:.2f}]".format(name, *jg.iqm_interval(x, rng=0)) for name, x in cells.items()]
    print(f"{way}: {'; '.join(words)}; {run.failed.sum()} of {SEEDS} failed")

a, b = (run.samples["class_accuracy"][0].mean(axis=1) for run in runs.values())
print("right, projection minus concatenation: {:+.3f} [{:+.3f}, {:+.3f}]".format(*jg.iqm_interval(b - a, rng=0)))

# %% [markdown]
# If the interval contains 0, these seeds do not show a difference; that does not mean that there is none. For seven
# methods, see `experiments/conditioning.py`. From the command line: `jaxgan train --conditional --data digits`, and
# then `jaxgan sample --class 7`.
