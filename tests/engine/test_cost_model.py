"""How fast this machine is, for plans and progress bars."""

import pytest

from scaling_lab.engine import cost_model


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Two cores under a load that can be set; the rates that are measured, one after another."""
    monkeypatch.setenv("SCALING_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(cost_model.os, "cpu_count", lambda: 2)
    rates = iter([1e9, 8e9])
    monkeypatch.setattr(cost_model, "_measured", lambda: next(rates))

    def rate(load):
        monkeypatch.setattr(cost_model.os, "getloadavg", lambda: (load, load, load))
        cost_model.rate.cache_clear()
        return cost_model.rate()

    yield rate
    cost_model.rate.cache_clear()


def test_a_rate_measured_on_a_busy_machine_is_not_that_of_an_idle_one(machine):
    assert machine(6.0) == 1e9
    assert machine(0.1) == 8e9
    assert machine(5.5) == 1e9
    assert machine(0.2) == 8e9
