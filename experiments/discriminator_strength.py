"""How strong can the discriminator be before the theoretical loss and the practical loss fail? 16 seeds per cell.

    python experiments/discriminator_strength.py [--seeds 16] [--data ring digits] [--out discriminator-strength]

With `minimax` the generator minimizes log(1 - D(G(z))), with `non_saturating` -log D(G(z)). On the ring and on digits
the discriminator is made stronger in two ways: by the ratio of the learning rates, lr_d / lr_g, with one discriminator
update per generator update, and by K, the discriminator updates per generator update, at a ratio at which both losses
work well. The generator's learning rate, its number of updates and everything else stay fixed. All ratios and seeds of
a loss share one compiled program, and each K has its own. A seed fails if `jaxgan.classify` says so
(`jaxgan.Outcome`), and the threshold of a loss is the strength at which half of its seeds fail.

On digits everything but the ratio has the default value of `jaxgan compare`. On the ring there are 3,000 steps with
batches of 128 and beta1 = 0.5, and an average of the generator is evaluated, so that a generator that oscillates does
not count as failed. These settings were chosen by the performance of the practical loss at equal rates.
Takes about half an hour on two cores; finished cells are kept and not trained again.
"""

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.isotonic import isotonic_regression

import jaxgan as jg

LOSSES = {"minimax": jg.minimax, "non_saturating": jg.non_saturating}
SETTINGS: dict[str, dict[str, Any]] = {
    "ring": {"steps": 3000, "lr_g": 1e-3, "gan": {"b1": 0.5, "batch_size": 128, "ema": 0.99}},
    "digits": {"steps": 1200, "lr_g": 4e-4, "gan": {"b1": 0.5, "batch_size": 64}},
}
BASE = {"ring": 1.0, "digits": 0.25}  # the ratio at which K is swept
SWEEPS: dict[str, dict[str, list[float]]] = {
    "ring": {"ratio": [2.0**i for i in range(-3, 7)], "K": [1, 2, 4, 8]},
    "digits": {"ratio": [2.0**i for i in range(-4, 5)], "K": [1, 2, 4]},
}
QUICK = {"ring": 200, "digits": 30}  # steps of a quick trial
RECORDS = 500  # per run
MEANING = {"ratio": "learning rate of D over that of G", "K": "K, updates of D per update of G"}
RESAMPLES = 2000
COLOURS, DASHES = ("#0072B2", "#D55E00"), ("-", (0, (5, 1.5)))


class Estimate(NamedTuple):
    """A strength, or a ratio of two, with its 95 % interval. 0 and infinity: below and above the swept range."""

    value: float
    low: float
    high: float


@cache
def parts_of(data):
    """Source, networks, prior, evaluator, and a game for sampling generators, however they were trained."""
    if data == "ring":
        source, samples, prior = jg.data.ring(), 2500, jg.normal_prior(2)
        networks: tuple[Any, Any] = jg.nn.MLPGenerator(2, (128, 128)), jg.nn.MLPDiscriminator((128, 128))
    else:
        source, samples, prior = jg.data.digits(), 5000, jg.normal_prior(64)
        networks = jg.nn.DCGANGenerator(size=8, channels=1, width=32), jg.nn.DCGANDiscriminator(width=32)
    game = jg.adversarial_game(networks[0], networks[1], prior, jg.minimax)
    return source, networks, prior, jg.evaluator_for(source, samples), game


def train(data, setting, loss, k, ratios, seeds):
    """One program: every seed at every ratio of the learning rates. Returns the record of each ratio."""
    source, (generator, discriminator), prior, evaluator, game = parts_of(data)

    def make(lr_d):
        settings = setting["gan"] | {"loss": LOSSES[loss], "d_steps": k, "lr_g": setting["lr_g"], "lr_d": lr_d}
        return jg.recipes.gan(generator, discriminator, prior, **settings)

    def by_run(tree):
        return jax.tree.map(lambda a: np.asarray(a).reshape(-1, *a.shape[2:]), tree)

    keys, rates = jg.seed_keys(jax.random.key(0), seeds), setting["lr_g"] * np.array(ratios)
    how = {"record_every": max(1, setting["steps"] // RECORDS), "progress": True}
    result = jg.sweep(make, {"lr_d": rates}, source.sample, keys, setting["steps"], **how)
    info, evaluation = by_run(result.info), jg.seed_keys(jax.random.key(1), list(range(seeds)) * len(ratios))
    found = jg.evaluate(evaluator, game, by_run(jg.best_generator(result.state)), evaluation)
    rules: dict[str, Any] = {role: (found[metric], reference) for role, (metric, reference) in evaluator.rules.items()}
    codes = jg.classify([info.g_loss, info.d_loss], info.g_grad_norm, found["finite"], **rules)
    late = slice(-info.d_loss.shape[1] // 10, None)
    early = slice(max(10, info.d_loss.shape[1] // 100))  # the steps that the test for vanished gradients uses
    of_run = {
        "gradient": np.median(info.g_grad_norm[:, late], axis=1) / np.median(info.g_grad_norm[:, early], axis=1),
        "d_real": info.d_real.mean[:, late].mean(axis=1),
        "d_fake": info.d_fake.mean[:, late].mean(axis=1),
    }
    return [
        {"outcomes": [jg.Outcome(code).name for code in codes[own]]}
        | {name: float(np.nanmedian(np.where(np.isfinite(v), v, np.nan)[own])) for name, v in of_run.items()}
        for own in np.arange(len(codes)).reshape(len(ratios), seeds)
    ]


def cells_of(data, kind, strengths):
    """The names of a sweep's cells for each loss, weakest first."""
    points = [(x, 1) if kind == "ratio" else (BASE[data], x) for x in strengths]
    return [f"{data}-ratio-{ratio:g}-k-{k}" for ratio, k in points]


def fill(kept, data, sweeps, file):
    """Trains and saves missing cells, one program at a time: all ratios at K = 1, the base ratio at other K."""
    for k in sweeps["K"]:
        ratios = sweeps["ratio"] if k == 1 else [BASE[data]]
        names = cells_of(data, "ratio", ratios) if k == 1 else cells_of(data, "K", [k])
        for loss in LOSSES:
            cells = [kept["cells"].setdefault(name, {}) for name in names]
            if any(loss not in cell for cell in cells):
                print(f"{data}, {loss}, K = {k}: {len(ratios)} ratios x {kept['setting']['seeds']} seeds", flush=True)
                setting = kept["setting"]["settings"][data]
                found = train(data, setting, loss, k, ratios, kept["setting"]["seeds"])
                for cell, row in zip(cells, found, strict=True):
                    cell[loss] = row | {"commit": jg.provenance()["commit"]}
                file.write_text(json.dumps(kept, indent=2) + "\n")


def crossing(x, failed):
    """The point on x [cell] at which the share of failed [cell, seed] reaches 1/2, above the cell with fewest failures.

    The share is made monotone first. -inf: at least half fail everywhere; inf: it stays below half from there on.
    """
    shares = failed.mean(axis=1)
    best = int(shares.argmin())
    x, shares = x[best:], isotonic_regression(shares[best:])
    half = np.flatnonzero(shares >= 0.5 - 1e-9)
    if not len(half):
        return np.inf
    i = int(half[0])
    return -np.inf if i == 0 else float(np.interp(0.5, shares[i - 1 : i + 1], x[i - 1 : i + 1]))


def estimate(value, lows, highs):
    """From log2 values; percentiles are order statistics, because values may be infinite."""
    tail = int(0.025 * len(lows))
    return Estimate(*(float(2.0**end) for end in (value, np.sort(lows)[tail], np.sort(highs)[-1 - tail])))


def thresholds(strengths, failed):
    """For a sweep with failed [loss, cell, seed]: where each loss fails, and the ratio of the two upper thresholds.

    Seeds are resampled jointly for all cells and both losses, which share them. If a threshold is outside the range,
    only a bound on the ratio is known, and the interval covers all possible values.
    """
    x, seeds = np.log2(strengths), failed.shape[2]
    draws = [np.arange(seeds), *np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds))]
    losses, upper = {}, []
    for loss, one in zip(LOSSES, failed, strict=True):
        strong = np.array([crossing(x, one[:, draw]) for draw in draws])
        weak = np.array([-crossing(-x[::-1], one[::-1, draw]) for draw in draws])
        counts = one.sum(axis=1)
        losses[loss] = {
            "failed": counts.tolist(),
            "monotone": bool((np.diff(counts) >= 0).all()),
            "too_strong": estimate(strong[0], strong[1:], strong[1:]),  # half fail from here on
            "too_weak": estimate(weak[0], weak[1:], weak[1:]),  # half fail below
        }
        upper.append(strong)
    theory, practice = upper
    low = np.minimum(practice, x[-1]) - np.maximum(theory, x[0])
    high = np.maximum(practice, x[0]) - np.minimum(theory, x[-1])
    low[(practice == -np.inf) | (theory == np.inf)] = -np.inf
    high[(practice == np.inf) | (theory == -np.inf)] = np.inf
    return {
        "strengths": list(strengths),
        "losses": losses,
        "ratio": estimate(low[0], low[1:], high[1:]),
        "ratio_is_a_bound": bool(low[0] != high[0]),
    }


def number(value):
    """1/8 for 0.125, otherwise three digits."""
    return f"1/{round(1 / value)}" if 0 < value < 1 and (1 / value).is_integer() else f"{value:.3g}"


def said(strength, strengths):
    """In words, also if it is outside the range."""
    outside = {0.0: f"below {number(strengths[0])}", np.inf: f"above {number(strengths[-1])}"}
    value, low, high = (outside.get(end) or number(end) for end in strength)
    return value if value == low == high else f"{value} [{low}, {high}]"


def said_ratio(found):
    value, low, high = found["ratio"]
    if (low, high) == (0, np.inf):
        return "unknown"
    bound = "at least " if found["ratio_is_a_bound"] else ""
    return f"{bound}{number(value)} [{number(low)}, {'open' if high == np.inf else number(high)}]"


def markdown(head, rows):
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows])


def title(data, kind):
    return f"{data}: lr_d / lr_g, at K = 1" if kind == "ratio" else f"{data}: K, at lr_d / lr_g = {number(BASE[data])}"


def cell_text(row):
    failed = [code for code in row["outcomes"] if code != "HEALTHY"]
    share = jg.wilson_interval(len(failed), len(row["outcomes"]))
    reasons = ", ".join(f"{failed.count(code)} {code}" for code in sorted(set(failed)))
    text = f"{len(failed)} [{share.low:.0%}, {share.high:.0%}] {reasons}".strip()
    return [text, *(f"{float(row[name]):.2g}" for name in ("gradient", "d_real", "d_fake"))]


def summary(kept):
    """Markdown: the thresholds of all sweeps."""
    rows = []
    for (data, kind), found in sweeps_of(kept):
        strengths = found["strengths"]
        for loss, row in found["losses"].items():
            rising = "yes" if row["monotone"] else f"no: {', '.join(map(str, row['failed']))}"
            weak = said(row["too_weak"], strengths) if row["too_weak"].value else "none in the range"
            ratio = said_ratio(found) if loss == "non_saturating" else ""
            rows.append([title(data, kind), loss, said(row["too_strong"], strengths), ratio, weak, rising])
    head = ["sweep", "loss", "too strong from", "practical / theoretical", "too weak below", "failures only rise"]
    about = (
        f"The strength of the discriminator from which half of the {kept['setting']['seeds']} seeds fail [95 % "
        "bootstrap interval over seeds], counted from where the fewest fail upwards, and on the other side that below "
        "which half fail. The ratio of thresholds is paired by seed. K: the discriminator's updates per update of the "
        "generator. A threshold without an interval lies between two strengths, none failing at one and all at the "
        "other."
    )
    return f"{about}\n\n{markdown(head, rows)}\n"


def table(kept):
    """Markdown: the summary, then the cells of each sweep."""
    parts = [summary(kept).strip()]
    for (data, kind), found in sweeps_of(kept):
        head = [f"{loss}: {what}" for loss in LOSSES for what in ("failed", "gradient", "D(x)", "D(G(z))")]
        cells = [kept["cells"][name] for name in cells_of(data, kind, found["strengths"])]
        texts = [[text for loss in LOSSES for text in cell_text(cell[loss])] for cell in cells]
        rows = [[number(x), *cell] for x, cell in zip(found["strengths"], texts, strict=True)]
        parts += [f"### {title(data, kind)}", markdown([kind, *head], rows)]
    parts += [
        "Failed: seeds, their share's 95 % Wilson interval, and why. Gradient: the norm of the generator's in the last "
        "tenth of the steps as a multiple of that in the first steps, median over seeds. D: mean in the last tenth.",
        jg.provenance_line(kept["machine"], kept["versions"]),
    ]
    return "\n\n".join(parts) + "\n"


def figure(kept):
    """A panel for each sweep: failures over strength, with the thresholds and their intervals above."""
    setting, columns = kept["setting"], list(kept["thresholds"])
    drawn = Figure(figsize=(5.2 * len(columns), 7.2), dpi=150, layout="constrained")
    axes = drawn.subplots(2, len(columns), squeeze=False, sharey=True)
    styles: list[dict[str, Any]] = [
        {"color": COLOURS[i], "linestyle": DASHES[i], "marker": "os"[i], "markerfacecolor": (COLOURS[0], "white")[i]}
        for i in range(2)
    ]
    for (data, kind), found in sweeps_of(kept):
        axis, strengths = axes[int(kind == "K"), columns.index(data)], np.array(found["strengths"])
        ends = strengths[0] / 2**0.4, strengths[-1] * 2**0.4
        axis.axhline(0.5, color="#555555", linestyle=":", linewidth=1.2)
        for i, row in enumerate(found["losses"].values()):
            share = np.array([jg.wilson_interval(n, setting["seeds"]) for n in row["failed"]]).T
            aside = strengths * (strengths[-1] / strengths[0]) ** (0.012 * i - 0.006)
            axis.errorbar(aside, share[0], np.abs(share[1:] - share[0]), elinewidth=1, capsize=2, **styles[i])
            for threshold in [row["too_strong"]] + [row["too_weak"]] * (row["too_weak"].value > 0):
                draw_threshold(axis, threshold, ends, 1.22 - 0.1 * i, styles[i])
        axis.set_xscale("log", base=2)
        axis.set_xticks(strengths, [number(value) for value in strengths])
        axis.set_xlim(ends[0] / 2**0.1, ends[1] * 2**0.1)
        axis.set_ylim(-0.04, 1.3)
        axis.set_yticks(np.linspace(0, 1, 5), ["0", "25 %", "50 %", "75 %", "100 %"])
        axis.set_title(title(data, kind), fontsize=9.5, loc="left")
        axis.set_xlabel(MEANING[kind], fontsize=9)
        axis.set_ylabel("seeds that failed", fontsize=9)
        axis.tick_params(which="both", labelsize=8)
        axis.grid(color="#dddddd", linewidth=0.6)
    handles = [Line2D([], [], **style) for style in styles] + [Line2D([], [], color="#555555", linewidth=2)]
    names = [*LOSSES, "above: where half of the seeds fail (95 % interval; arrow: outside of the range)"]
    drawn.legend(handles, names, loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return drawn


def draw_threshold(axis, threshold, ends, height, style):
    """Draws the interval as a bar at a height, with an arrow if it extends beyond the range."""
    value, low, high = np.clip(threshold, *ends)
    axis.plot([low, high], [height] * 2, color=style["color"], linewidth=2, solid_capstyle="butt")
    for end, marker in zip(ends, "<>", strict=True):
        if end in (low, high):
            axis.plot(end, height, marker, color=style["color"], markersize=5)
    if value == threshold.value:
        axis.plot([value] * 2, [0.5, height], color=style["color"], linestyle=":", linewidth=0.8)
        axis.plot(value, height, markersize=6, **style)


def sweeps_of(kept):
    return [((data, kind), found) for data, kinds in kept["thresholds"].items() for kind, found in kinds.items()]


def failures(kept, data, kind):
    """[loss, cell, seed]: whether it failed."""
    cells = [kept["cells"][name] for name in cells_of(data, kind, kept["sweeps"][data][kind])]
    return np.array([[np.array(cell[loss]["outcomes"]) != "HEALTHY" for cell in cells] for loss in LOSSES])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, help="independent runs of each cell (default 16)")
    parser.add_argument("--out", type=Path, default=Path("discriminator-strength"), help="the folder for everything")
    parser.add_argument("--data", nargs="+", choices=SETTINGS, default=list(SETTINGS), help="only these (default all)")
    parser.add_argument("--quick", action="store_true", help="a trial run: 2 seeds, few steps, two cells each")
    options = parser.parse_args()
    jg.use_cpu_cores()
    jax.config.update("jax_default_matmul_precision", "float32")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "results.json"
    chosen = {data: one | ({"steps": QUICK[data]} if options.quick else {}) for data, one in SETTINGS.items()}
    setting = {"seeds": options.seeds or (2 if options.quick else 16), "settings": chosen, "base": BASE}
    quick = " --quick" if options.quick else ""
    now = {
        "command": f"python experiments/discriminator_strength.py --seeds {setting['seeds']}{quick}",
        "setting": setting,
        "machine": {name: value for name, value in jg.provenance().items() if name not in ("versions", "commit")},
        "versions": jg.provenance()["versions"],
    }
    kept = json.loads(file.read_text()) if file.exists() else now | {"cells": {}}
    if any(kept[name] != value for name, value in now.items()):
        parser.error(f"{file} was made with other settings or versions, or on another machine; choose another --out")
    kept["estimates"] = "[value, low, high] with the 95 % interval; 0 and inf are below and above what was swept"
    few = {data: {"ratio": [BASE[data], SWEEPS[data]["ratio"][-1]], "K": [1, 2]} for data in options.data}
    kept["sweeps"] = few if options.quick else {data: SWEEPS[data] for data in options.data}
    for data, sweeps in kept["sweeps"].items():
        fill(kept, data, sweeps, file)
    kept["thresholds"] = {
        data: {kind: thresholds(strengths, failures(kept, data, kind)) for kind, strengths in kinds.items()}
        for data, kinds in kept["sweeps"].items()
    }
    file.write_text(json.dumps(kept, indent=2) + "\n")
    for name, text in (("summary", summary(kept)), ("table", table(kept))):
        (options.out / f"{name}.md").write_text(text, encoding="utf-8")
    drawn = figure(kept)
    for suffix in ("png", "svg"):
        drawn.savefig(options.out / f"strength.{suffix}")
    print(table(kept))


if __name__ == "__main__":
    main()
