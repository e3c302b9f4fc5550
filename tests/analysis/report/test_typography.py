"""Numbers and equations as they are set."""

from types import SimpleNamespace

import pytest

from scaling_lab.analysis.report import typography


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.500"),
        (123.4, "123"),
        (12345.0, "12,345"),
        (-0.25, "−0.250"),
        (8.3e13, "8.30 × 10<sup>13</sup>"),
        (2e-5, "2.00 × 10<sup>−5</sup>"),
        (float("nan"), "—"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_are_written_for_reading(value, text):
    assert typography.number(value) == text


def test_an_equation_is_typeset():
    fit = SimpleNamespace(equation="L = E + A N^-alpha + B D^-beta")
    assert typography.equation(fit) == (
        "<i>L</i> = <i>E</i> + <i>A</i> <i>N</i><sup>−α</sup> + <i>B</i> <i>D</i><sup>−β</sup>"
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("N* = N_1 C^a", "<i>N</i>* = <i>N</i><sub>1</sub> <i>C</i><sup>a</sup>"),
        ("(D_c / D)^alpha_D", "(<i>D</i><sub>c</sub> / <i>D</i>)<sup>α<sub>D</sub></sup>"),
        ("x^(-1 / (a + b)) (E - t)", "x<sup>−1 / (a + b)</sup> (<i>E</i> - t)"),
        ("1 - exp(-alpha x_0)", "1 - exp(-α x<sub>0</sub>)"),
    ],
)
def test_indices_are_lowered_and_exponents_raised_whole(text, html):
    assert typography.equation(SimpleNamespace(equation=text)) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "10^24 (10^22.8 to 10^-1.5).",
            "10<sup>24</sup> (10<sup>22.8</sup> to 10<sup>−1.5</sup>).",
        ),
        ("1e8 and 7.1e11", "10<sup>8</sup> and 7.1\u00a0×\u00a010<sup>11</sup>"),
        ("e02_mnist <b> 1,200", "e02_mnist &lt;b&gt; 1,200"),
    ],
)
def test_powers_of_ten_are_raised(text, html):
    assert typography.raised(text) == html
