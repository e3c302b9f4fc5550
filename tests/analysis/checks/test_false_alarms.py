"""Clean tables are rarely doubted: the benchmark of the checks, reduced."""

import importlib
from collections import Counter

import pytest
from scipy import stats

from scaling_lab.analysis.checks import Severity

TABLES = 25
DOUBTED, INVALID = 0.05, 0.01
APART = ("identifiability", "intervals")  # they say what a table cannot tell, and few levels cannot


@pytest.fixture(scope="module")
def bench(root):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "benchmarks"))
        yield importlib.import_module("checks")


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_they_should_be(bench):
    """Counts that a rate of 5% (1% for invalid) exceeds one time in a thousand."""
    total, tables = Counter(), 0
    for name, design in bench.clean().items():
        if name.endswith("1.0%"):
            total += bench.alarms(design, TABLES)
            tables += TABLES
    most = {
        Severity.DOUBT: stats.binom.ppf(0.999, tables, DOUBTED),
        Severity.INVALID: stats.binom.ppf(0.999, tables, INVALID),
    }
    many = {
        f"{check} {severity.name}": count
        for (check, severity), count in total.items()
        if check not in APART and count > most[severity]
    }
    assert many == {}


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("N and D interact, 1%", "lack_of_fit"),
        ("hold-out 5% off", "holdout"),
        ("a crashed run, 1.5 times", "outliers"),
        ("a plateau at the end", "lack_of_fit"),
    ],
)
def test_faults_are_found(bench, fault, check):
    assert bench.alarms(bench.faults()[fault], 3)[check, Severity.DOUBT] >= 2
