from __future__ import annotations

from typing import Any

import pytest

from jupyter_continuum.errors import RunError
from jupyter_continuum.runs.sweep.values import axes_of, combinations, values_of


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.2", [0.1, 0.2]),
        ("1:4", [1, 2, 3, 4]),
        ("1:10:4", [1, 5, 9]),
        ("3:1:-1", [3, 2, 1]),
        ("5:5", [5]),
        ("-1:1", [-1, 0, 1]),
        ("0.1:0.3:0.1", [0.1, 0.2, 0.3]),
        ("0:1:0.5", [0.0, 0.5, 1.0]),
        ("1:2,7", [1, 2, 7]),
        ("7", [7]),
        ("a, b", ["a", "b"]),
        ("[1, 2]", [[1, 2]]),
        ("[1, 2],[3]", [[1, 2], [3]]),
        ('{"a": [1, 2]},null', [{"a": [1, 2]}, None]),
        ('"a,b",c', ["a,b", "c"]),
        (r'"a\",b"', ['a",b']),
        ('"1:3"', ["1:3"]),
        ("true,false,None", [True, False, None]),
        ("1,1.0,true", [1, 1.0, True]),
        ("", [""]),
        ("12:30:00,x", None),
        ("s3://a/b", ["s3://a/b"]),
    ],
)
def test_values_are_lists_ranges_and_what_a_run_takes(text: str, values: Any) -> None:
    if values is None:
        with pytest.raises(RunError, match="its step is 0"):
            values_of("x", text)
        return
    found = values_of("x", text)
    assert found == values
    assert [type(each) for each in found] == [type(each) for each in values]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("5:1", "it ends before it starts"),
        ("1:5:-1", "it ends before it starts"),
        ("1:5:0", "its step is 0"),
        ("1,,2", "a value is missing"),
        ("1,2,", "a value is missing"),
        ("1,2,1", "the value 1 is there twice"),
        ("1:100001", "more than 100,000 values"),
        ("0:1:1e-300", "more than 100,000 values"),
        ("1:60000,100001:160001", "more than 100,000 values"),
    ],
)
def test_what_makes_no_values_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(RunError, match=said) as caught:
        values_of("seed", text)
    assert "-p seed" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_last_parameter_varies_fastest_and_the_fixed_ones_are_in_every_run() -> None:
    axes = axes_of([("alpha", "0.1,0.2"), ("seed", "1:3")])
    runs = list(combinations(axes, {"n": 5}))
    assert len(runs) == 6
    assert runs[0] == {"n": 5, "alpha": 0.1, "seed": 1}
    assert runs[1] == {"n": 5, "alpha": 0.1, "seed": 2}
    assert runs[5] == {"n": 5, "alpha": 0.2, "seed": 3}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([("a", "1:1000"), ("b", "1:101")], r"101,000 runs \(1000 x 101\)"),
        ([("a", "1"), ("a", "2")], "-p a is given twice"),
        ([], "A sweep needs parameters"),
    ],
)
def test_a_product_that_cannot_be_is_told_before_it_is_made(given: Any, said: str) -> None:
    with pytest.raises(RunError, match=said):
        axes_of(given)
