# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._options import at_least, written

from .builders import cases

NO_STRINGS = [
    # situation, value, what the message says
    ("a number", 1.1, 'names: 1.1 is, in YAML, a number and not a string: quote it, as in "1.10"'),
    ("a boolean", True, 'names: True is, in YAML, a boolean and not a string: quote it, as in "1.10"'),
    ("a list", ["a"], "names: ['a'] is not a string"),
]


@pytest.mark.parametrize(("value", "message"), cases(NO_STRINGS))
def test_what_is_no_string_is_quoted(value, message):
    with pytest.raises(InvalidRequest) as raised:
        written("names", [value])
    assert str(raised.value) == message


def test_strings_lose_the_white_space_around_them():
    assert written("names", [" app:1 "]) == ["app:1"]


def test_a_number_that_is_too_small():
    with pytest.raises(InvalidRequest, match=r"^guard.max_images: 0 is less than 1$"):
        at_least("guard.max_images", 0, 1)
    assert at_least("guard.max_images", 1, 1) == 1
