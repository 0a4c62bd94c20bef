# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_variables import (
    ANYTHING,
    Resolved,
    interpolate,
    read_environment,
)

from ..builders import cases

VALUES = {"TAG": "1.4", "EMPTY": "", "_x1": "y", "OUTSIDE": ANYTHING, "PARTLY": f"1.{ANYTHING}"}
STRINGS = [
    # situation, string, resolved, unknown
    ("nothing to resolve", "shop:1", "shop:1", ()),
    ("braces", "shop:${TAG}", "shop:1.4", ()),
    ("without braces", "shop:$TAG-$_x1", "shop:1.4-y", ()),
    ("a dollar sign", "shop:$$TAG", "shop:$TAG", ()),
    ("several", "$TAG${TAG}${EMPTY}", "1.41.4", ()),
    ("unknown", "shop:${RELEASE}", f"shop:{ANYTHING}", ("RELEASE",)),
    ("unknown ones side by side", "${A}${B}/shop:${A}", f"{ANYTHING}/shop:{ANYTHING}", ("A", "B")),
    ("from the environment", "shop:$OUTSIDE", f"shop:{ANYTHING}", ("OUTSIDE",)),
    ("known in part", "shop:$PARTLY", f"shop:1.{ANYTHING}", ("PARTLY",)),
    ("a default that is not needed", "${TAG:-2}", "1.4", ()),
    ("a default", "shop:${RELEASE:-2}", "shop:2", ()),
    ("a default for an empty value", "${EMPTY:-2}", "2", ()),
    ("a default for a missing value only", "${EMPTY-2}", "", ()),
    ("a default for a missing value", "${RELEASE-2}", "2", ()),
    ("a default beside a value of the environment", "${OUTSIDE:-2}", ANYTHING, ("OUTSIDE",)),
    ("a default beside a value that is known in part", "${PARTLY:-2}", f"1.{ANYTHING}", ("PARTLY",)),
    ("a default with a colon and braces", "${IMAGE:-shop:${RELEASE:-${TAG}}}-x", "shop:1.4-x", ()),
    ("an empty default", "shop${SUFFIX:-}:1", "shop:1", ()),
    ("a default that is unknown", "${A:-$B}", ANYTHING, ("B",)),
    ("required and there", "${TAG:?set it}", "1.4", ()),
    ("required, and missing", "${RELEASE:?set it}", ANYTHING, ("RELEASE",)),
    ("required, and empty", "${EMPTY:?set it}", ANYTHING, ("EMPTY",)),
    ("required to be set, and empty", "${EMPTY?set it}", "", ()),
    ("another value if set", "${TAG:+x}", "x", ()),
    ("another value if not empty", "${EMPTY:+x}", "", ()),
    ("another value, of an empty one", "${EMPTY+x$TAG}", "x1.4", ()),
    ("another value if set, unknown", "a${RELEASE:+x}", f"a{ANYTHING}", ("RELEASE",)),
    ("another value if set, in the environment", "${OUTSIDE+x}", ANYTHING, ("OUTSIDE",)),
    ("another value if set, known in part", "${PARTLY:+x}", "x", ()),
    ("no name", "shop:$1", ANYTHING, ()),
    ("no name in braces", "shop:${1}", ANYTHING, ()),
    ("a dollar sign at the end", "shop:$", ANYTHING, ()),
    ("no end", "$A/shop:${TAG", ANYTHING, ("A",)),
    ("no such operator", "shop:${TAG!x}", ANYTHING, ()),
    ("nested without end", "${A:-" * 100 + "}" * 100, ANYTHING, ()),
    ("endless", "$TAG" * 2000, ANYTHING, ()),
    ("endless when resolved", "${LONG}${LONG}", ANYTHING, ()),
]


@pytest.mark.parametrize(("text", "resolved", "unknown"), cases(STRINGS))
def test_a_string_with_variables(text, resolved, unknown):
    assert interpolate(text, {**VALUES, "LONG": "x" * 3000}) == Resolved(resolved, unknown)


FILES = [
    # situation, text, variables
    ("nothing", "", {}),
    ("lines", "A=1\nB=2\n", {"A": "1", "B": "2"}),
    ("a later one wins", "A=1\nA=2", {"A": "2"}),
    ("Windows", "\ufeffA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
    ("comments", "# x\n\n  # y\nA=1 # z\nB=a#b\nC= # d\n", {"A": "1", "B": "a#b", "C": ""}),
    ("exported", "export A=1\nexport  B = 2", {"A": "1", "B": "2"}),
    ("a colon", "A: 1\nB:2", {"A": "1", "B": "2"}),
    ("white space", "  A = 1 2  \n", {"A": "1 2"}),
    ("empty", "A=\nB=''\nC=\"\"", {"A": "", "B": "", "C": ""}),
    ("from the environment", "A\nexport B\nC=$A", {"A": ANYTHING, "B": ANYTHING, "C": ANYTHING}),
    ("another variable", "A=1\nB=$A.2\nC=${A:-x}\nD=${E:-x}", {"A": "1", "B": "1.2", "C": "1", "D": "x"}),
    ("one that is unknown", "A=1.$B", {"A": f"1.{ANYTHING}"}),
    ("single quotes", "A='$B # c' # d", {"A": "$B # c"}),
    ("a quote in single quotes", r"A='it\'s'", {"A": "it's"}),
    ("double quotes", 'A=1\nB="$A # c"\n', {"A": "1", "B": "1 # c"}),
    ("escapes", r'A="\$x \"y\" \n"', {"A": '$x "y" \n'}),
    ("several lines", "A='1\n2'\nB=\"3\n4\"\nC=5", {"A": "1\n2", "B": "3\n4", "C": "5"}),
    ("a quote in the middle", "A=1'2", {"A": "1'2"}),
    ("what is around wins", "OUT=1\nA=$OUT", {"A": "out"}),
]


@pytest.mark.parametrize(("text", "variables"), cases(FILES))
def test_a_file_of_variables(text, variables):
    assert read_environment(text, {"OUT": "out"}) == {"OUT": "out", **variables}


NO_FILES = [
    ("no assignment", "A=1\nsecret word", "line 2 is not NAME=VALUE"),
    ("no name", "=1", "line 1 is not NAME=VALUE"),
    ("no end", "A=1\nB='2\n3", "line 2 begins a quoted value that does not end"),
    ("more", "A='1' 2", "line 1 has more than a quoted value"),
    ("binary", "A=\x00", "it contains a NUL character"),
]


@pytest.mark.parametrize(("text", "message"), cases(NO_FILES))
def test_what_is_no_file_of_variables(text, message):
    with pytest.raises(ValueError, match=message) as failure:
        read_environment(text)
    assert "secret" not in str(failure.value)


def test_a_file_that_refers_to_itself_again_and_again_ends():
    lines = ["A0=xxxxxxxxxx"] + [f"A{n}=$A{n - 1}$A{n - 1}" for n in range(1, 200)]
    assert read_environment("\n".join(lines))["A199"] == ANYTHING
