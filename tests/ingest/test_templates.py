"""Value templates that are paths, filters and factors are read; everything beyond is left alone."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.templates import Template, simple_template

READ = {
    "{{ value }}": ((), "1"),
    "{{value}}": ((), "1"),
    "{{ value | float }}": ((), "1"),
    "{{- value_json.energy -}}": (("energy",), "1"),
    "{{ value_json.a.b }}": (("a", "b"), "1"),
    "{{value_json['ENERGY']['Total']}}": (("ENERGY", "Total"), "1"),
    '{{ value_json["meter reading"].value }}': (("meter reading", "value"), "1"),
    "{{ value_json['emeters'][0].power }}": (("emeters", 0, "power"), "1"),
    "{{ value_json.ENERGY.Power.0 }}": (("ENERGY", "Power", 0), "1"),
    "{{ value_json.ENERGY.Power.1 | float }}": (("ENERGY", "Power", 1), "1"),
    "{{ value_json[0] }}": ((0,), "1"),
    "{{ value_json.total | float(0) | round(2) }}": (("total",), "1"),
    "{{ value_json.total | round(1, default=0) }}": (("total",), "1"),
    "{{ value_json.total | is_defined }}": (("total",), "1"),
    "{{ value_json.total | default('unknown') }}": (("total",), "1"),
    "{{ value_json.total|int }}": (("total",), "1"),
    "{{ value_json.total * 0.001 }}": (("total",), "0.001"),
    "{{ value_json.total / 1000 }}": (("total",), "0.001"),
    "{{ (value_json.total | float) / 1000 }}": (("total",), "0.001"),
    "{{ (value_json.total | float / 1000) | round(3) }}": (("total",), "0.001"),
    "{{ 0.001 * value_json.total }}": (("total",), "0.001"),
    "{{ value_json.total / 60000 }}": (("total",), "1/60000"),
    "{{ value_json.power * -1 }}": (("power",), "-1"),
    "{{ value_json.power * 2 / 4 }}": (("power",), "0.5"),
}

LEFT_ALONE = [
    "",
    "value",
    "{{ }}",
    "{{ value_json }}",
    "{{ 5 }}",
    "{{ value_json.a + 1 }}",
    "{{ value_json.a * value_json.b }}",
    "{{ 1 / value_json.a }}",
    "{{ value_json.a / 0 }}",
    "{{ value_json.a * 0 }}",
    "{{ value_json.get('a') }}",
    "{{ value_json.a if value_json.a else 0 }}",
    "{{ states('sensor.x') }}",
    "{{ value_json.a | timestamp_local }}",
    "{{ value_json.a | float(value_json.b) }}",
    "{% if value_json.a %}{{ value_json.a }}{% endif %}",
    "{{ value_json.a }}{{ value_json.b }}",
    "{{ value_json.a }} kWh",
    "{{ value_json['a }}",
    "{{ value_json[-1] }}",
    "{{ ''.__class__.__mro__ }}",
    "{{ value.__class__ }}",
    "{{ value_json[value_json.a] }}",
    "{{ value_json.a ** 2 }}",
    "{{ value_json.a // 2 }}",
    "{{ value_json.a | float(",
    "{{ value" + " * 999999999999999" * 20 + " }}",
    "{{ " + "(" * 100 + "value" + ")" * 100 + " }}",
    "{{ value_json." + "a" * 600 + " }}",
]


@pytest.mark.parametrize("text", READ)
def test_a_simple_template_is_read(text: str) -> None:
    path, factor = READ[text]
    assert simple_template(text) == Template(path, Fraction(factor))


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_anything_beyond_is_left_alone(text: str) -> None:
    assert simple_template(text) is None


PARTS = ["value", "value_json", ".", "a", "[", "]", "'b'", "0", "1e9", "(", ")", "|", "float", "*", "/", "-1", " ", ","]


@given(st.lists(st.sampled_from(PARTS)) | st.lists(st.characters()))
def test_whatever_the_text_is_nothing_is_raised(parts: list[str]) -> None:
    found = simple_template("{{ " + "".join(parts) + " }}")
    assert found is None or found.factor
