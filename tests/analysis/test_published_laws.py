"""What the papers behind some laws report of them, from the tables that they published.

The tables are not part of this repository: SCALING_LAB_PUBLISHED names the folder that holds them.
"""

import os
from pathlib import Path

import pandas as pd
import pytest

from analysis import fit
from analysis.tables import checked


def published(name):
    folder = os.environ.get("SCALING_LAB_PUBLISHED", "")
    path = Path(folder, name)
    if not folder or not path.is_file():
        pytest.skip(f"no published table {name}: set SCALING_LAB_PUBLISHED to their folder")
    return pd.read_csv(path)


def test_five_small_models_predict_two_large_ones():
    """Gadre et al. 2024: c4 loss of models trained on RedPajama, to 0.7%."""
    runs = published("overtraining/table_rpj.csv")
    columns = {"N": "N", "D": "D", "L": "loss_c4_val"}
    small = (
        "(tok_mult == 20 and model_name in ('d=96_l=8_h=4', 'd=512_l=8_h=4', 'd=576_l=24_h=8', "
        "'d=1024_l=24_h=8')) or (tok_mult == 320 and model_name == 'd=96_l=8_h=4')"
    )
    table = checked(runs, columns, where=small)
    assert len(table) == 5
    found = fit("overtraining", table, penalty="squares", space="raw", bootstrap=0)
    errors = {}
    for model, multiplier in (("open_lm_1b", 640), ("open_lm_7b", 20)):
        large = checked(
            runs, columns, where=f"model_name == '{model}' and tok_mult == {multiplier}"
        ).frame
        (told,), (loss,) = found.predict(large).center, large["L"]
        errors[model] = abs(told / loss - 1)
    assert errors == pytest.approx({"open_lm_1b": 0.007103, "open_lm_7b": 0.007320}, abs=1e-6)


def test_over_training_is_chinchilla_with_tied_exponents():
    runs = published("overtraining/table_rpj.csv")
    table = checked(runs, {"N": "N", "D": "D", "L": "loss_c4_val"})
    own = fit("overtraining", table, bootstrap=0)
    tied = fit("chinchilla", table, tie={"beta": "alpha"}, bootstrap=0)
    assert tied.objective == pytest.approx(own.objective, rel=1e-8)
    assert tied.params["beta"].value == tied.params["alpha"].value
    for name, parameter in own.params.items():
        assert tied.params[name].value == pytest.approx(parameter.value, rel=1e-5)
