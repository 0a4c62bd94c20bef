# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._sizes import Size, human_size

SIZES = [
    ("20GB", 20 * 10**9),
    ("20GiB", 20 * 2**30),
    ("1.5 MB", 1_500_000),
    ("1 kb", 1000),
    (" 2TiB ", 2 * 2**40),
    ("20B", 20),
    ("0B", 0),
]
SHARES = [("50%", 500), ("0.5 %", 5), ("100%", 1000), ("0%", 0)]
NO_SIZES = [
    ("", "is not a size such as"),
    ("GB", "is not a size such as"),
    ("-1GB", "is not a size such as"),
    ("20G", "is not a size such as"),
    ("1e3", "is not a size such as"),
    ("20 GBs", "is not a size such as"),
    ("1,5GB", "is not a size such as"),
    ("20", "has no unit: write 20GB (10^9 bytes each) or 20GiB (2^30 bytes each)"),
    ("0", "has no unit"),
    ("1.5", "has no unit: write 1.5GB"),
    ("101%", "is not a percentage from 0% to 100%"),
]


WRITTEN = [
    # bytes, text
    (0, "0 B"),
    (999, "999 B"),
    (1000, "1 kB"),
    (1_500, "1.5 kB"),
    (123_456, "123 kB"),
    (999_499, "999 kB"),
    (999_600, "1 MB"),
    (1_234_567, "1.23 MB"),
    (1_000_000_000, "1 GB"),
    (1_200_000_000, "1.2 GB"),
    (20_000_000_000_000, "20 TB"),
    (5_000_000_000_000_000_000, "5000 PB"),
]


@pytest.mark.parametrize(("text", "size"), SIZES)
def test_sizes_are_read_in_decimal_and_binary_units(text, size):
    assert Size.parse(text).of(7) == size


@pytest.mark.parametrize(("text", "size"), SHARES)
def test_a_percentage_is_of_what_the_file_system_holds(text, size):
    assert Size.parse(text).of(1000) == size


@pytest.mark.parametrize(("text", "message"), NO_SIZES)
def test_what_is_no_size_is_quoted_with_the_hint(text, message):
    with pytest.raises(ValueError, match=re.escape(f"{text!r} {message}")):
        Size.parse(text)


@pytest.mark.parametrize(("size", "text"), WRITTEN, ids=[text for _size, text in WRITTEN])
def test_a_size_is_written_for_a_person(size, text):
    assert human_size(size) == text


@given(st.integers(0, 10**15))
def test_a_size_never_has_more_than_three_digits(size):
    number, unit = human_size(size).split(" ")
    assert float(number) < 1000
    assert "e" not in number
    factor = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}[unit]
    assert float(number) * factor == pytest.approx(size, rel=0.006)
