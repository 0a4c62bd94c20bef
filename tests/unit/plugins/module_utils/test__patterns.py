# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest
from ansible_collections.imagewarden.docker.plugins.module_utils._grammar import CONTAINER_NAMES
from ansible_collections.imagewarden.docker.plugins.module_utils._patterns import Glob, Regex, parse_patterns
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

from .builders import cases
from .test__reference import DIGEST, reference_texts

GLOBS = [
    # situation, pattern, reference, selected
    ("name is every tag of a repository", "redis", "redis:7", True),
    ("name is every digest of a repository", "redis", f"redis@{DIGEST}", True),
    ("name is no other repository", "redis", "redis2:7", False),
    ("name is no other namespace", "redis", "bitnami/redis:7", False),
    ("whole reference", "redis:7", "redis:7", True),
    ("another tag", "redis:7", "redis:6", False),
    ("star in a tag", "postgres:13-beta*", "postgres:13-beta2", True),
    ("star matches nothing too", "postgres:13-beta*", "postgres:13-beta", True),
    ("star does not go beyond", "postgres:13-beta*", "postgres:13", False),
    ("star stops at a slash", "*", "bitnami/redis:7", False),
    ("star for a namespace", "*/*", "bitnami/redis:7", True),
    ("star for a host", "*/*/*", "r.io/team/app:1", True),
    ("two stars are one", "**:7", "bitnami/redis:7", False),
    ("two stars alone are everything", "**", "bitnami/redis:7", True),
    ("two stars as the last part", "r.io/**", "r.io/team/app:1", True),
    ("two stars as the last part, just below", "r.io/**", "r.io/app:1", True),
    ("two stars as the last part, a digest", "r.io/**", f"r.io/app@{DIGEST}", True),
    ("two stars as the last part, of another host", "r.io/**", "r2.io/app:1", False),
    ("two stars as the last part, not the part itself", "r.io/team/**", "r.io/team:1", False),
    ("two stars as the last part behind a star", "r.*/te*m/**", "r.io/team/a/b:1", True),
    ("two stars as the last part behind a star that misses", "r.*/te*m/**", "r.io/x/team/b:1", False),
    ("two stars at the end of a part", "r.io/te**", "r.io/team/app:1", False),
    ("question mark", "redis:?", "redis:7", True),
    ("question mark is one character", "redis:?", "redis:70", False),
    ("question mark is no slash", "bitnami?redis", "bitnami/redis:7", False),
    ("class", "redis:[67]", "redis:7", True),
    ("class that misses", "redis:[67]", "redis:5", False),
    ("range", "redis:[5-7]", "redis:6", True),
    ("negated class", "redis:[^5-7]", "redis:6", False),
    ("negated class that matches", "redis:[^5-7]", "redis:8", True),
    ("several ranges", "redis:[0-24-6x]", "redis:x", True),
    ("class with a slash", "a[/]b", "a/b:1", True),
    ("negated class without a slash", "a[^x]b", "a/b:1", True),
    ("a star settles for the first place", "*[/a]*b", "a/b:1", False),
    ("stars between words", "*a*b*", "xaxbx:1", True),
    ("stars between words in the wrong order", "*a*b*", "bxa:1", False),
    ("quoted star", r"redis:\*", "redis:7", False),
    ("quoted letter", r"redi\s:7", "redis:7", True),
    ("quoted in a class", r"redis:[\5]", "redis:5", True),
    ("quoted bracket in a class", r"redis:[\]5]", "redis:5", True),
    ("dot is a dot", "redis:7.0", "redis:7x0", False),
    ("case counts", "redis:A*", "redis:alpine", False),
    ("registry host", "r.io/app:*", "r.io/app:1", True),
    ("full form of an official image selects nothing", "docker.io/library/redis", "redis:7", False),
    ("digest by a star", "node@*", f"node@{DIGEST}", True),
    ("many stars stay quick", "*a" * 30 + "b", "a" * 60 + ":1", False),
]

BAD_GLOBS = [
    # situation, pattern
    ("empty", ""),
    ("open class", "redis:[67"),
    ("empty class", "redis:[]"),
    ("negated empty class", "redis:[^]"),
    ("bracket first in a class", "redis:[]7]"),
    ("dash first in a class", "redis:[-7]"),
    ("range without an end", "redis:[6-]"),
    ("reversed range", "redis:[7-6]"),
    ("backslash at the end", "redis\\"),
    ("backslash at the end of a class", "redis:[\\"),
    ("bracket at the end", "redis:["),
]


@pytest.mark.parametrize(("pattern", "text", "selected"), cases(GLOBS))
def test_a_glob_selects_as_the_engines_filter_does(pattern, text, selected):
    assert Glob.parse(pattern, None).matches(Reference.parse(text)) is selected


@pytest.mark.parametrize("pattern", cases(BAD_GLOBS))
def test_a_malformed_glob_is_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        Glob.parse(pattern)


SEARCHES = [
    # situation, expression, reference, selected
    ("anchored", "^postgres:13-beta", "postgres:13-beta2", True),
    ("anchored elsewhere", "^postgres:13-beta", "r.io/postgres:13-beta2", False),
    ("found anywhere", "beta", "postgres:13-beta2", True),
    ("end", "-rc$", "app:1-rc", True),
    ("alternatives", "^(redis|node):", "node:18", True),
    ("look-ahead", "^redis:(?!7)", "redis:7", False),
    ("name of a digest reference", "^node@", f"node@{DIGEST}", True),
    ("a digest's digits are no text", "89ab", f"node@{DIGEST}", False),
    ("a digest's end is no text", "[0-9a-f]$", f"node@{DIGEST}", False),
    ("all of a digest reference", f"^node@{DIGEST}$", f"node@{DIGEST}", True),
    ("everything, asked for", ".*", f"node@{DIGEST}", True),
    ("nothing but the end of a name", "(-alpine)?$", "node:18", True),
    ("nothing but the end of a digest", "$", f"node@{DIGEST}", False),
]

BAD_SEARCHES = [
    # situation, expression
    ("empty", ""),
    ("open group", "(redis"),
    ("nothing to repeat", "*redis"),
    ("too many repetitions", "a{99999999999}"),
]


@pytest.mark.parametrize(("text", "reference", "selected"), cases(SEARCHES))
def test_a_regular_expression_is_searched_in_name_and_tag(text, reference, selected):
    assert Regex.parse(text).matches(Reference.parse(reference)) is selected


@pytest.mark.parametrize("text", cases(BAD_SEARCHES))
def test_a_malformed_regular_expression_is_refused(text):
    with pytest.raises(ValueError, match="regular expression"):
        Regex.parse(text)


PROTECTIONS = [
    # situation, make, text, reference, protected
    ("familiar form", Glob.parse, "redis:*", "redis:7", True),
    ("full form", Glob.parse, "docker.io/library/redis:*", "redis:7", True),
    ("full name", Glob.parse, "docker.io/library/redis", "redis:7", True),
    ("with the registry and without library", Glob.parse, "docker.io/redis:*", "redis:7", True),
    ("the name with the registry and without library", Glob.parse, "docker.io/redis", "redis:7", True),
    ("the same searched", Regex.parse, r"^docker\.io/redis:", "redis:7", True),
    ("without library on another registry", Glob.parse, "docker.io/redis", "r.io/redis:7", False),
    ("full form with a class", Glob.parse, "docker.io/library/redis:[67]", "redis:7", True),
    ("another repository", Glob.parse, "docker.io/library/redis", "node:18", False),
    ("host and namespace at will are not the default registry", Glob.parse, "*/*/*", "redis:7", False),
    ("familiar form searched", Regex.parse, "^redis:", "redis:7", True),
    ("full form searched", Regex.parse, r"^docker\.io/library/redis:", "redis:7", True),
    ("full form searched, dots not quoted", Regex.parse, "^docker.io/library/redis:7$", "redis:7", True),
    ("a word of the full form alone protects nothing", Regex.parse, "docker", "redis:7", False),
    ("the path of an official image", Glob.parse, "library/redis", "redis:7", True),
    ("the path of an official image, as an expression", Regex.parse, "^library/redis:", "redis:7", True),
    ("the legacy name of the registry", Glob.parse, "index.docker.io/library/redis:7", "redis:7", True),
    ("a name of two parts protects no official image", Glob.parse, "*/*", "redis:7", False),
    ("an anchor for another name protects nothing", Regex.parse, "^d", "redis:7", False),
    ("a digest by its digits", Regex.parse, "89ab", f"node@{DIGEST}", True),
    ("a digest by the whole of it", Glob.parse, f"node@{DIGEST}", f"node@{DIGEST}", True),
]


@pytest.mark.parametrize(("make", "text", "reference", "protected"), cases(PROTECTIONS))
def test_an_exclude_protects_in_every_spelling(make, text, reference, protected):
    assert make(text).protects(Reference.parse(reference)) is protected


# Patterns that nothing can match

IMPOSSIBLE_GLOBS = [
    # situation, pattern, what the message must say
    ("the anchor of an expression", "^v", "use_regex: true"),
    ("the end of an expression", "app:v1$", "use_regex: true"),
    ("any characters of an expression", "alpine:.*", "use_regex: true"),
    ("digits of an expression", r"app:\d+", "use_regex: true"),
    ("alternatives", "app:v1|app:v2", "one pattern for each alternative"),
    ("a group", "app:(v1)", "use_regex: true"),
    ("braces", "*:{v*.*.*,*.*.*}", "no braces"),
    ("half of a brace, cut at its comma", "*:{v*.*.*", "commas"),
    ("repository in upper case", "APP:*", "lower case"),
    ("repository of a host in upper case", "r.io/App:*", "lower case"),
    ("scheme", "https://reg.example.com/app:*", "leave out the scheme"),
    ("placeholder of docker images", "<none>:<none>", "dangling: true"),
    ("white space", "app:1 app:2", "white space"),
    ("short digest", "node@sha256:abc", "end a shorter one with *"),
    ("digest without an algorithm", "node@abc*", "64 lower-case hex digits"),
    ("two tags", "app:1:*", "two tags"),
    ("slash at the end", "r.io/", "can match no image reference"),
    ("slash at the beginning", "/app:*", "can match no image reference"),
    ("tag of an impossible character", "app:1+2", "can match no image reference"),
]

POSSIBLE_GLOBS = [
    "*", "**", "?", "a", "app", "app:*", "*:*", "*/*", "*@*", "a__b", "a--b/c", "r.io/app", "R.io/app", "UPPER/app:*", "[::1]*",
    r"\[::1\]:5000/*", "localhost:5000/*:V1.0_x", "my_r.io/a:1", "*@sha256:abc*", "*@sha512:*", f"node@{DIGEST}", "node:18@*",
    "*latest", "[a-z]*", "[^a]*", "app:[^5]", "*-rc", "?:?", "r.io/**", "app:1[.]0", "docker.io/library/redis:7", "v1.*",
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "said"), cases(IMPOSSIBLE_GLOBS))
def test_a_glob_that_no_reference_can_match_is_refused_with_a_hint(pattern, said):
    with pytest.raises(ValueError, match="can match no image reference") as failure:
        Glob.parse(pattern)
    assert repr(pattern) in str(failure.value)
    assert said in str(failure.value)


def test_a_class_that_a_shell_would_negate_is_refused():
    # Go takes the sign for a character, so that the pattern would match just what it is meant to leave out.
    with pytest.raises(
        ValueError, match=r"^'app:\[!5\]\*' is not a valid pattern: write \[\^\.\.\.\] for every character"
    ):
        Glob.parse("app:[!5]*")


@pytest.mark.parametrize("pattern", POSSIBLE_GLOBS)
def test_a_glob_that_some_reference_can_match_is_taken(pattern):
    assert Glob.parse(pattern).text == pattern


@given(reference_texts(), st.data())
def test_a_glob_that_matches_a_reference_is_never_refused(text, data):
    reference = Reference.parse(text)
    signs = ["*" if char != "/" and data.draw(st.booleans()) else "\\" + char for char in reference.familiar]
    assert Glob.parse("".join(signs)).matches(reference) or "*" in signs


IMPOSSIBLE_SEARCHES = [
    # situation, expression, what the message must say
    ("scheme", r"^https://r\.io/", "leave out the scheme"),
    ("scheme with an optional letter", "https?://r.io/app", "leave out the scheme"),
    ("placeholder of docker images", "<none>", "dangling: true"),
    ("half of a quantifier, cut at its comma", "^app:v[0-9]{1", "commas"),
    ("the other half", "3}$", "commas"),
    ("white space", "app:1 ", "can match no image reference"),
    ("every alternative", "a b|c d", "can match no image reference"),
    ("a quoted sign", r"\+build", "can match no image reference"),
    ("a sign after a class with a bracket", "[]a]#", "can match no image reference"),
    ("a sign after a class with a quoted bracket", r"[^\]a]#", "can match no image reference"),
]

POSSIBLE_SEARCHES = [
    "^app:", ".*", "a{1,3}", "a{2}", "a {0,1}b", "app:1 ?", "( |a)", "a b|c", r"\d+\.\d+", "[#a]", "(?x) ^ app # comment", r"[^\]]",
    "(?i)APP", "^(?!r.io/)", r"\bapp\b", "://?", "node@sha256:[0-9a-f]{64}$", r"[\[]::1",
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), cases(IMPOSSIBLE_SEARCHES))
def test_an_expression_that_no_reference_can_match_is_refused_with_a_hint(text, said):
    with pytest.raises(ValueError, match="can match no image reference") as failure:
        Regex.parse(text)
    assert said in str(failure.value)


@pytest.mark.parametrize("text", POSSIBLE_SEARCHES)
def test_an_expression_that_some_reference_can_match_is_taken(text):
    assert Regex.parse(text).text == text


CUT = [
    # situation, use_regex, pattern, what the message must say
    ("half of a class of a glob", False, "app:[0-9", "commas"),
    ("half of a class", True, "^app:[0-9", "commas"),
    ("half of a group", True, "^(app", "commas"),
    ("the other half of a group", True, "app)$", "commas"),
    ("a glob read as an expression", True, "*-rc", "looks like a glob"),
    ("no hint", True, "a**", "multiple repeat"),
]


@pytest.mark.parametrize(("use_regex", "text", "said"), cases(CUT))
def test_what_a_comma_cut_is_refused_with_the_reason(use_regex, text, said):
    with pytest.raises(InvalidRequest) as failure:
        parse_patterns("excludes", [text], use_regex)
    assert str(failure.value).startswith(f"excludes: {text!r} is not a valid ")
    assert said in str(failure.value)


CONTAINER_PATTERNS = [
    # situation, use_regex, pattern, what the message must say or None
    ("glob", False, "web-*", None),
    ("as the API names it", False, "/web", None),
    ("upper case", False, "Web_*", None),
    ("expression as the API names it", True, "^/web$", None),
    ("slash in the middle", False, "team/web", "letters, digits, dots, dashes and underscores only"),
    ("tag", False, "web:1", "container name"),
    ("expression with a colon", True, "^web:", "container name"),
    ("scheme", False, "http://web", "scheme"),
]


@pytest.mark.parametrize(("use_regex", "text", "said"), cases(CONTAINER_PATTERNS))
def test_a_pattern_over_container_names_knows_their_grammar(use_regex, text, said):
    if said is None:
        assert parse_patterns("patterns", [text], use_regex, CONTAINER_NAMES)[0].text == text
        return
    with pytest.raises(InvalidRequest) as failure:
        parse_patterns("patterns", [text], use_regex, CONTAINER_NAMES)
    assert said in str(failure.value)


PLAIN = [
    # situation, pattern, name, found
    ("whole glob", Glob.parse("web-*", CONTAINER_NAMES), "web-1", True),
    ("half a glob", Glob.parse("web", CONTAINER_NAMES), "web-1", False),
    ("expression", Regex.parse("^web", CONTAINER_NAMES), "web-1", True),
    ("expression elsewhere", Regex.parse("^1", CONTAINER_NAMES), "web-1", False),
    ("glob over anything", Glob.parse("a b*", None), "a b c", True),
    ("expression over anything", Regex.parse("b c", None), "a b c", True),
]


@pytest.mark.parametrize(("pattern", "name", "found"), cases(PLAIN))
def test_a_pattern_finds_plain_names_too(pattern, name, found):
    assert pattern.finds(name) is found


# Laws


@given(st.text(alphabet="ab/:*?[]^-\\.", max_size=12))
def test_any_text_is_a_glob_or_a_value_error(text):
    try:
        pattern = Glob.parse(text, None)
    except ValueError:
        return
    pattern.matches(Reference("docker.io", "library/ab", "a"))


@given(reference_texts())
def test_a_glob_without_special_characters_selects_itself_alone(text):
    reference = Reference.parse(text)
    assume("[" not in text)
    assert Glob.parse(reference.familiar).matches(reference)
    assert not Glob.parse(reference.familiar + "x", None).matches(reference)


def match_as_go_does(pattern, name):
    """Go's ``path.Match`` for well-formed patterns: its own loop over stars and the chunks between them."""
    while pattern:
        starred = pattern.startswith("*")
        pattern = pattern.lstrip("*")
        chunk, pattern = split_at_star(pattern)
        if starred and not chunk:
            return "/" not in name
        for skipped in range(len(name) + 1 if starred else 1):
            if "/" in name[:skipped]:
                return False
            rest = match_chunk(chunk, name[skipped:])
            if rest is not None and (pattern or not rest):
                name = rest
                break
        else:
            return False
    return not name


def split_at_star(pattern):
    in_class = False
    for position, char in enumerate(pattern):
        in_class = char == "[" or (in_class and char != "]")
        if char == "*" and not in_class:
            return pattern[:position], pattern[position:]
    return pattern, ""


def match_chunk(chunk, name):
    """What is left of the name, or ``None``."""
    while chunk:
        if not name:
            return None
        if chunk[0] == "[":
            end = chunk.index("]")
            negated = chunk[1] == "^"
            matches, chunk = (name[0] in chunk[1 + negated : end]) is not negated, chunk[end + 1 :]
        else:
            matches, chunk = (name[0] != "/" if chunk[0] == "?" else chunk[0] == name[0]), chunk[1:]
        if not matches:
            return None
        name = name[1:]
    return name


GLOB_PARTS = st.sampled_from(["a", "b", "/", ":", "*", "?", "[ab]", "[^a]", "[/b]", "."])


@given(st.lists(GLOB_PARTS, min_size=1, max_size=7).map("".join), st.text("ab/:.", min_size=1, max_size=8))
def test_a_glob_matches_as_gos_path_match(pattern, text):
    class Named:
        """The familiar forms are given, so that any text can be matched."""

        familiar = text
        familiar_name = text
        suffix = ""

    assume(pattern != "**" and not pattern.endswith("/**"))
    assert Glob.parse(pattern, None).matches(Named) is match_as_go_does(pattern, text)


@given(st.text(string.printable, min_size=1, max_size=10))
def test_a_quoted_glob_is_taken_literally(text):
    class Named:
        familiar = text
        familiar_name = text
        suffix = ""

    assert Glob.parse("".join("\\" + char for char in text), None).matches(Named)
