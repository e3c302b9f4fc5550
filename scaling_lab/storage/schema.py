"""The schema of the run and curve tables: each column's type, unit, origin and meaning.

`records` writes tables by it and `results/README.md` is generated from it.
"""

from __future__ import annotations

from typing import NamedTuple

# The layout of parts, written into each. Raise it when an older version could misread new parts:
# it then refuses them by name. A new column is no new layout; where a part lacks it, it is null.
# 1: parts are ordered by the time in their name, and carry no number. 2: by a sequence.
SCHEMA = 2


class Column(NamedTuple):
    """One column: its Arrow type, unit ("" where it has none), origin and meaning.

    Origin is one of: axis (set by the grid), config (part of the run's definition), counted
    (computed analytically), measured (by training or the clock), provenance (versions, device,
    source code).
    """

    name: str
    type: str
    unit: str
    origin: str
    meaning: str


RUN_COLUMNS = (
    Column("experiment", "string", "", "config", "the experiment's name: its file in experiments/"),
    Column("run", "string", "", "axis", "readable identity: the values on the grid's axes"),
    Column("fingerprint", "string", "", "config", "digest of everything that can change a number"),
    Column("status", "string", "", "measured", "done, diverged or failed"),
    Column("reason", "string", "", "measured", "why the run is not done; null if it is"),
    Column("learner", "string", "", "config", "registered name of the learner"),
    Column("data", "string", "", "config", "registered name of the data source"),
    Column("model", "string", "", "config", "registered name of the architecture family"),
    Column("N", "int64", "parameters", "counted", "all trained parameters"),
    Column("N_embedding", "int64", "parameters", "counted", "look-up tables"),
    Column("N_matmul", "int64", "parameters", "counted", "matrices and kernels except the head"),
    Column("N_head", "int64", "parameters", "counted", "matrix of the last layer (the head)"),
    Column("N_other", "int64", "parameters", "counted", "biases, scales and the rest"),
    Column(
        "D",
        "int64",
        "examples",
        "counted",
        "distinct training examples seen: the data size, at most D_target",
    ),
    Column(
        "C",
        "float64",
        "FLOP",
        "counted",
        "training compute: 3 x forward, or as the learner counts",
    ),
    Column("C_matmul", "float64", "FLOP", "counted", "part of C in matrices except the head"),
    Column("C_attention", "float64", "FLOP", "counted", "part of C in attention scores and values"),
    Column("C_head", "float64", "FLOP", "counted", "part of C in the last layer"),
    Column("steps", "int64", "steps", "config", "steps of the learner"),
    Column("examples", "int64", "examples", "counted", "training examples seen, with repetition"),
    Column(
        "updates",
        "int64",
        "updates",
        "counted",
        "optimiser updates, one a step unless the learner makes more; null in old records",
    ),
    Column(
        "env_steps",
        "int64",
        "steps",
        "counted",
        "steps taken in an environment; null where the learner acts in none",
    ),
    Column("epochs", "float64", "passes", "counted", "examples / Run.D, the examples available"),
    Column("seed", "int64", "", "config", "seed of initialisation and of minibatch order"),
    Column(
        "data_seed",
        "int64",
        "",
        "config",
        "which D examples of the source; 0: the first of its fixed order; null in old records",
    ),
    Column(
        "parent",
        "string",
        "",
        "config",
        "the run whose parameters it starts from; null if it is initialised",
    ),
    Column(
        "parent_experiment",
        "string",
        "",
        "config",
        "the experiment of the parent; null if there is none",
    ),
    Column(
        "parent_share",
        "float64",
        "fraction",
        "counted",
        "share of N that is taken from the parent; the rest is initialised",
    ),
    Column(
        "parent_content",
        "string",
        "",
        "provenance",
        "digest of the parent's kept parameters that it started from; null in old records and if "
        "there is no parent",
    ),
    Column("train_loss", "float64", "nats", "measured", "minibatch loss, mean since the last row"),
    Column("valid_loss", "float64", "nats", "measured", "validation loss at the last step"),
    Column("valid_error", "float64", "fraction", "measured", "validation error at the last step"),
    Column("test_loss", "float64", "nats", "measured", "test loss at the last step"),
    Column("test_error", "float64", "fraction", "measured", "test error at the last step"),
    Column(
        "best_step", "int64", "steps", "measured", "evaluated step of the best validation objective"
    ),
    Column("best_valid_loss", "float64", "nats", "measured", "validation loss at best_step"),
    Column("best_valid_error", "float64", "fraction", "measured", "validation error at best_step"),
    Column("best_test_loss", "float64", "nats", "measured", "test loss at best_step"),
    Column("best_test_error", "float64", "fraction", "measured", "test error at best_step"),
    Column("program", "string", "", "provenance", "digest of the static choices: the executable"),
    Column("width", "int64", "runs", "measured", "runs trained together in the ensemble"),
    Column(
        "ensemble",
        "string",
        "",
        "measured",
        "digest of the names of the runs that were trained together; null in old records",
    ),
    Column("wall_s", "float64", "s", "measured", "wall time of the ensemble / runs in it"),
    Column(
        "compile_s", "float64", "s", "measured", "wall time of compiling or loading the executable"
    ),
    Column("energy_J", "float64", "J", "measured", "device energy / runs in it; null if unknown"),
    Column("started", "string", "UTC, ISO 8601", "measured", "when its ensemble began"),
    Column("finished", "string", "UTC, ISO 8601", "measured", "when its ensemble ended"),
    Column("device", "string", "", "provenance", "platform and kind of device"),
    Column("devices", "int64", "", "provenance", "how many devices the ensemble used"),
    Column("versions", "string", "", "provenance", "JSON: python, jax, flax, optax, numpy, ..."),
    Column("git_commit", "string", "", "provenance", "commit of the source; null outside git"),
    Column("git_dirty", "bool", "", "provenance", "whether the source had uncommitted changes"),
    Column(
        "registered",
        "string",
        "",
        "provenance",
        "digest of question, prediction and claims as registered when the run was trained; null in "
        "old records",
    ),
    Column(
        "code",
        "string",
        "",
        "provenance",
        "digest of the source code of learner, model and data; null in old records and notebooks",
    ),
    Column(
        "data_digest",
        "string",
        "",
        "provenance",
        "digest of the files of the data; null in old records, for data without files, and where "
        "the fingerprint holds it",
    ),
    Column(
        "environment",
        "string",
        "",
        "provenance",
        "JSON of what can change last bits beside versions and device: threads, instruction sets, "
        "XLA_FLAGS, precision, CUDA, ...; null in old records",
    ),
    Column("config", "string", "", "config", "JSON of the whole run; loaded only on request"),
)

CURVE_COLUMNS = (
    Column("experiment", "string", "", "config", "as in the run table"),
    Column("run", "string", "", "axis", "as in the run table"),
    Column("fingerprint", "string", "", "config", "as in the run table"),
    Column("step", "int64", "steps", "measured", "steps of the learner done"),
    Column("examples", "int64", "examples", "counted", "training examples seen by then"),
    Column("updates", "int64", "updates", "counted", "optimiser updates done by then"),
    Column("env_steps", "int64", "steps", "counted", "steps taken in an environment by then"),
    Column("C", "float64", "FLOP", "counted", "training compute spent by then"),
    Column("train_loss", "float64", "nats", "measured", "mean minibatch loss since the last row"),
    Column("valid_loss", "float64", "nats", "measured", "validation loss"),
    Column("valid_error", "float64", "fraction", "measured", "validation error"),
    Column("test_loss", "float64", "nats", "measured", "test loss"),
    Column("test_error", "float64", "fraction", "measured", "test error"),
)

COLUMNS = {"runs": RUN_COLUMNS, "curves": CURVE_COLUMNS}

# Each field of a run's parts is a column: the recipe's by its bare name, the others' prefixed by
# the part (model.width). A learner's own metrics keep their names.
OPEN_COLUMNS = (
    ("N_target", "float64", "parameters", "axis", "the N that the grid asks for"),
    ("D_target", "float64", "examples", "axis", "the D that the grid asks for: Run.D"),
    ("C_target", "float64", "FLOP", "axis", "the C that the grid asks for"),
    ("FIELD", "", "", "config", "field of the recipe: learning_rate, batch_size, ..."),
    ("model.FIELD", "", "", "config", "field of the model: model.width, model.depth, ..."),
    ("data.FIELD", "", "", "config", "field of the data source"),
    ("learner.FIELD", "", "", "config", "field of the learner"),
    ("METRIC, best_METRIC", "float64", "", "measured", "other metrics that the learner evaluates"),
    ("METRIC", "float64", "", "measured", "final metrics, computed once after training"),
)


def dictionary() -> str:
    """The column dictionary in Markdown, the text of results/README.md."""
    lines = [
        "# Results: the columns of the tables",
        "",
        "Per experiment: `runs/` (one row a run), `curves/` (one row a run and evaluated step), "
        "`fits/` (fit cards), `figures/`, `report.html`. The tables are Parquet; "
        "`scaling-lab export EXPERIMENT` writes them as CSV. A missing value is null. "
        "This page is generated from `scaling_lab/storage/schema.py`.",
        "",
        "Three columns count the progress of a run: `updates` of the optimiser, on which "
        "schedules, branches and first evaluations are based; `env_steps`, if a learner acts in "
        "an environment; and `examples`, with repetition.",
        "",
        "Three things are called D. `Run.D`, a field of the run, is the number of distinct "
        "training examples that it may learn from: the first D in the fixed order of the data "
        "source or, with a `data_seed`, in an order of that seed's own. `D_target` is the same "
        "number where D is an axis of the grid. The column `D`, which laws are fitted to, is the "
        "number of distinct examples that the run saw: `Run.D`, or fewer if its steps end before "
        "the first epoch does.",
    ]
    for title, columns in (("Run table", RUN_COLUMNS), ("Curve table", CURVE_COLUMNS)):
        lines += ["", f"## {title}", "", "| column | type | unit | origin | meaning |"]
        lines += ["|---|---|---|---|---|"]
        lines += [f"| `{c[0]}` | {c[1]} | {c[2]} | {c[3]} | {c[4]} |" for c in columns]
    lines += ["", "## Further columns of the run table", ""]
    lines += ["| column | type | unit | origin | meaning |", "|---|---|---|---|---|"]
    lines += [f"| `{c[0]}` | {c[1]} | {c[2]} | {c[3]} | {c[4]} |" for c in OPEN_COLUMNS]
    return "\n".join(lines) + "\n"
