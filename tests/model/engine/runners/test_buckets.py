"""Which shape a step is rounded up to."""

import pytest

from model.engine.runners.buckets import Bucket, Buckets


def make_buckets(*widths: int, num_rows: int = 24) -> Buckets:
    return Buckets(
        num_rows=num_rows, max_target_tokens=200, max_source_tokens=64, widths=widths or (1,)
    )


def test_a_step_is_rounded_up_in_every_direction() -> None:
    bucket = make_buckets().fit(num_sources=5, width=1, num_own=65, num_keys=3)
    assert bucket == Bucket(num_sources=8, width=1, num_own=128, num_keys=64)


@pytest.mark.parametrize(
    ("number", "rounded"), [(1, 1), (2, 4), (4, 4), (5, 8), (16, 16), (17, 24), (24, 24)]
)
def test_the_last_step_is_the_limit_itself(number: int, rounded: int) -> None:
    bucket = make_buckets().fit(num_sources=number, width=1, num_own=1, num_keys=1)
    assert bucket is not None
    assert bucket.num_rows == rounded


@pytest.mark.parametrize(("num_own", "rounded"), [(64, 64), (65, 128), (128, 128), (129, 200)])
def test_lengths_double_up_to_the_longest(num_own: int, rounded: int) -> None:
    bucket = make_buckets().fit(num_sources=1, width=1, num_own=num_own, num_keys=1)
    assert bucket is not None
    assert bucket.num_own == rounded


def test_narrower_searches_go_where_the_next_wider_ones_go() -> None:
    bucket = make_buckets(1, 4).fit(num_sources=3, width=2, num_own=1, num_keys=1)
    assert bucket == Bucket(num_sources=4, width=4, num_own=64, num_keys=64)
    assert bucket.num_rows == 16


def test_what_no_shape_holds_has_none() -> None:
    buckets = make_buckets(1, 4)
    assert buckets.fit(num_sources=7, width=4, num_own=1, num_keys=1) is None  # 28 rows
    assert buckets.fit(num_sources=1, width=5, num_own=1, num_keys=1) is None


def test_a_width_beyond_the_rows_is_no_shape() -> None:
    assert {bucket.width for bucket in make_buckets(1, 8, num_rows=4)} == {1}


def test_all_shapes_come_largest_first_and_each_is_its_own_fit() -> None:
    buckets = make_buckets(1, 4)
    shapes = list(buckets)
    assert len(set(shapes)) == len(shapes) == 3 * (5 + 3)
    assert shapes[0] == Bucket(num_sources=24, width=1, num_own=200, num_keys=64)
    assert [bucket.num_rows for bucket in shapes] == sorted(
        (bucket.num_rows for bucket in shapes), reverse=True
    )
    for bucket in shapes:
        found = buckets.fit(
            num_sources=bucket.num_sources,
            width=bucket.width,
            num_own=bucket.num_own,
            num_keys=bucket.num_keys,
        )
        assert found == bucket


def test_sources_are_encoded_in_powers_of_two_but_none_beyond_the_longest() -> None:
    buckets = Buckets(num_rows=8, max_target_tokens=50, max_source_tokens=50)
    assert buckets.encoded(num_sources=3, num_tokens=17) == (4, 32)
    assert buckets.encoded(num_sources=1, num_tokens=1) == (1, 16)
    assert buckets.encoded(num_sources=4, num_tokens=33) == (4, 50)
