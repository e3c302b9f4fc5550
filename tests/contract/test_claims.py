"""The contract of every kind of claim: a verdict in known words, and a check before any run."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scaling_lab.analysis import claims, experiment_tables
from scaling_lab.analysis.claims.verdict import WORDS, GateLine, Verdict
from scaling_lab.errors import LabError

every = pytest.mark.parametrize("kind", sorted(claims.found()))
KINDS = ("curve", "difference", "ordering", "parameter", "ratio", "share", "value")


def made_tables(seeds=3, noise=0.001):
    """Two families of eight sizes at eight amounts of data, of three seeds each, equally long."""
    random = np.random.default_rng(1)
    runs = []
    for model, alpha in (("transformer", 0.35), ("lstm", 0.30)):
        for N in 2.0 ** np.arange(16, 24):
            for D in 2.0 ** np.arange(18, 26):
                for seed in range(seeds):
                    loss = 1.7 + 60 * N**-alpha + 400 * D**-0.35
                    loss *= np.exp(noise * random.standard_normal())
                    runs.append(
                        {"run": f"{model} N={N:g} D={D:g} {seed}", "status": "done", "seed": seed}
                        | {"model": model, "N": N, "D": D, "C": 6 * N * 1e6, "steps": 1000}
                        | {"learning_rate": 1e-3, "best_step": 900, "batch_size": 8}
                        | {"best_valid_loss": loss, "best_test_loss": loss}
                    )
    curves = pd.DataFrame({"run": [], "step": [], "C": []})
    return experiment_tables.tables(pd.DataFrame(runs), curves, families={"model": "transformer"})


@pytest.fixture(scope="module")
def tables():
    return made_tables()


def claim(kind, **changes):
    return {**claims.get(kind).EXAMPLE, "kind": kind, **changes}


def evaluated(kind, tables, **changes):
    return claims.evaluate(claim(kind, **changes), tables, {}, {})


def test_the_kinds_are_those_of_a_prediction():
    assert claims.DEFAULT in claims.found()
    assert set(KINDS) <= set(claims.found())
    assert not {"verdict", "support", "cells", "gate"} & set(claims.found())
    with pytest.raises(LabError, match="unknown kind of claim 'paramter'; did you mean 'paramete"):
        claims.get("paramter")


@every
def test_its_example_gets_a_verdict(kind, tables):
    before = tables.families.copy()
    verdict = evaluated(kind, tables)
    assert isinstance(verdict, Verdict)
    assert verdict.word in ("held", "refuted", "undecided"), verdict.why
    assert verdict.why.endswith(".")
    assert verdict.claim["name"] == claim(kind)["name"]
    assert math.isfinite(verdict.value)
    assert verdict.interval[0] <= verdict.value <= verdict.interval[1]
    assert verdict.quantity
    assert verdict.turning.endswith(".")
    assert all(isinstance(line, GateLine) and line.passed for line in verdict.gate)
    if verdict.evidence is not None:
        assert verdict.evidence.card()
    pd.testing.assert_frame_equal(before, tables.families)


@every
def test_the_word_follows_from_what_is_predicted(kind, tables):
    """Claims about a range follow it; an ordering and a curve may be turned round or moved."""
    if "low" in (read := claims.get(kind).FIELDS):
        value = evaluated(kind, tables).value
        near = (0.92, 1.08) if kind == "ratio" else (0.7, 1.4)
        low, high = (value * factor for factor in near)
        assert evaluated(kind, tables, low=low, high=high).word == "held"
        assert evaluated(kind, tables, low=value * 1.4, high=None).word == "refuted"
        assert evaluated(kind, tables, low=None, high=value * 0.7).word == "refuted"
    elif "against" in read:
        asked = claim(kind)
        turned = {"where": asked["against"], "against": asked["where"]}
        assert evaluated(kind, tables).word == "held"
        assert evaluated(kind, tables, **turned).word == "refuted"
    else:
        moved = claim(kind)["options"] | {"E": 1.8}
        assert evaluated(kind, tables).word == "held"
        assert evaluated(kind, tables, options=moved).word == "refuted"


@every
def test_without_replicates_no_claim_about_losses_is_decided(kind):
    verdict = evaluated(kind, made_tables(seeds=1))
    if kind == "share":
        assert verdict.gate == ()
        return
    assert verdict.word == "insufficient"
    assert any("seeds" in line.name for line in verdict.failed)
    for line in verdict.failed:
        assert line.what_would_pass
        assert line.what_would_pass in verdict.turning
        assert line.name in verdict.why


@every
def test_too_few_rows_are_no_crash(kind, tables):
    few = tables.families.head(2)
    verdict = claims.evaluate(
        claim(kind), replace(tables, runs=few, families=few, chosen=few), {}, {}
    )
    assert verdict.word in WORDS
    assert verdict.why.endswith(".")
    if kind != "share":
        assert verdict.word == "insufficient"


@every
def test_it_is_checked_against_the_columns(kind, tables):
    columns = [str(name) for name in tables.runs.columns]
    claims.check(claim(kind), columns)
    with pytest.raises(LabError, match=r"^claim '.+': "):
        claims.check(claim(kind), ["seed"])


@every
def test_a_claim_of_a_kind_sets_only_the_fields_that_it_reads(kind, tables):
    columns = [str(name) for name in tables.runs.columns]
    unread = {"event": "N > 1", "theory": "none", "margin": 0.1, "parameter": "alpha"}
    for name in unread.keys() - set(claims.get(kind).FIELDS):
        with pytest.raises(LabError, match=f"a claim of kind {kind} does not read {name}; it read"):
            claims.check(claim(kind, **{name: unread[name]}), columns)


@every
def test_the_gate_of_a_claim_may_ask_for_other_numbers_and_shows_both(kind, tables):
    columns = [str(name) for name in tables.runs.columns]
    with pytest.raises(LabError, match="unknown requirement of the gate 'sedes'"):
        claims.check(claim(kind, gate={"sedes": 1}, reason="none"), columns)
    asked = {"cell_seeds": 1, "seeds": 1, "levels": 5, "curve_error": 1.0}
    verdict = evaluated(kind, tables, gate=asked, reason="a test")
    shown = [line.needed for line in verdict.gate if "seeds" in line.name]
    assert all("by the claim, usually" in text for text in shown)


@every
def test_the_planned_runs_show_what_they_cannot_decide(kind, tables):
    """The grid of the tables can decide every example; one seed of it cannot."""
    planned = tables.runs.drop(columns=[c for c in tables.runs if c.startswith("best_")])
    assert claims.plan(claim(kind), planned) == []
    short = claims.plan(claim(kind), planned[planned["seed"] == 0])
    assert [line.name for line in short] == ([] if kind == "share" else [short[0].name])
    assert all("seeds" in line.name for line in short)
    nothing = planned[planned["D"] < 0]
    if kind != "share":
        assert claims.plan(claim(kind), nothing)
