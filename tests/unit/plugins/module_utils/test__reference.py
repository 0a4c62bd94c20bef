# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Pattern,
    Reference,
    id_prefix,
    is_image_id,
    short_id,
)

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
LONG = "a" * 200

READABLE = [
    # situation, text, domain, path, tag, digest, familiar
    ("bare name", "redis", "docker.io", "library/redis", "latest", None, "redis:latest"),
    ("tag", "redis:alpine", "docker.io", "library/redis", "alpine", None, "redis:alpine"),
    ("namespace", "bitnami/redis:7", "docker.io", "bitnami/redis", "7", None, "bitnami/redis:7"),
    ("digest", f"node@{DIGEST}", "docker.io", "library/node", None, DIGEST, f"node@{DIGEST}"),
    ("tag and digest", f"node:18@{DIGEST}", "docker.io", "library/node", "18", DIGEST, f"node:18@{DIGEST}"),
    ("default registry spelled out", "docker.io/redis", "docker.io", "library/redis", "latest", None, "redis:latest"),
    ("official image spelled out", "docker.io/library/redis:7", "docker.io", "library/redis", "7", None, "redis:7"),
    ("official namespace", "library/redis:7", "docker.io", "library/redis", "7", None, "redis:7"),
    ("legacy registry", "index.docker.io/redis:7", "docker.io", "library/redis", "7", None, "redis:7"),
    ("longer official path", "library/a/b:1", "docker.io", "library/a/b", "1", None, "library/a/b:1"),
    ("registry host", "r.example.com/app:1", "r.example.com", "app", "1", None, "r.example.com/app:1"),
    ("registry port", "localhost:5000/app", "localhost:5000", "app", "latest", None, "localhost:5000/app:latest"),
    ("localhost", "localhost/app:1", "localhost", "app", "1", None, "localhost/app:1"),
    ("upper-case host", "Registry/app:1", "Registry", "app", "1", None, "Registry/app:1"),
    ("IPv6 host", "[::1]:5000/app:1", "[::1]:5000", "app", "1", None, "[::1]:5000/app:1"),
    ("deep path", "r.io/a/b/c:1", "r.io", "a/b/c", "1", None, "r.io/a/b/c:1"),
    ("all separators", "a.b_c__d-e---f:1", "docker.io", "library/a.b_c__d-e---f", "1", None, "a.b_c__d-e---f:1"),
    ("tag with every character", "a:_V1.2-rc", "docker.io", "library/a", "_V1.2-rc", None, "a:_V1.2-rc"),
    ("longest tag", "a:" + "t" * 128, "docker.io", "library/a", "t" * 128, None, "a:" + "t" * 128),
    ("a name that looks like a short ID", "cafe", "docker.io", "library/cafe", "latest", None, "cafe:latest"),
    ("longest name", f"r.io/{'a' * 250}", "r.io", "a" * 250, "latest", None, f"r.io/{'a' * 250}:latest"),
    (
        "sha512 digest",
        f"a@sha512:{HEX * 2}",
        "docker.io",
        "library/a",
        None,
        f"sha512:{HEX * 2}",
        f"a@sha512:{HEX * 2}",
    ),
]

UNREADABLE = [
    # situation, text, what the message must say
    ("empty", "", "''"),
    ("upper case", "Redis", "lower case"),
    ("upper case in a path", "r.io/App:1", "lower case"),
    ("white space inside", "redis alpine", "white space"),
    ("white space around", " redis", "white space"),
    ("empty tag", "redis:", "'redis:'"),
    ("tag with a slash", "redis:a/b", "'redis:a/b'"),
    ("tag too long", "a:" + "t" * 129, "not a valid image reference"),
    ("two tags", "a:1:2", "'a:1:2'"),
    ("leading separator", "-redis", "'-redis'"),
    ("trailing separator", "redis-", "'redis-'"),
    ("three underscores", "a___b", "'a___b'"),
    ("empty path component", "r.io//a", "'r.io//a'"),
    ("host alone", "r.io/", "'r.io/'"),
    ("scheme", "https://r.io/a", "'https://r.io/a'"),
    ("digest too short", "a@sha256:abc", "'a@sha256:abc'"),
    ("digest with too few digits", f"a@sha256:{HEX[:63]}", "64 lower-case hex digits"),
    ("digest in upper case", f"a@sha256:{HEX.upper()}", "64 lower-case hex digits"),
    ("digest of an unknown algorithm", f"a@md5:{HEX[:32]}", "sha256"),
    ("image ID", HEX, "is an image ID"),
    ("name too long", f"r.io/{LONG}{'b' * 51}", "longer than 255"),
    ("line break", "redis\n", "white space"),
    ("not ASCII", "rédis", "'rédis'"),
    ("shell pattern", "redis*", "'redis*'"),
]


@pytest.mark.parametrize(
    ("text", "domain", "path", "tag", "digest", "familiar"), [r[1:] for r in READABLE], ids=[r[0] for r in READABLE]
)
def test_a_reference_is_read_as_the_engine_does(text, domain, path, tag, digest, familiar):
    reference = Reference.parse(text)
    assert reference == Reference(domain, path, tag, digest)
    assert reference.familiar == familiar
    assert reference.full == f"{domain}/{path}{':' + tag if tag else ''}{'@' + digest if digest else ''}"


@pytest.mark.parametrize(("text", "said"), [r[1:] for r in UNREADABLE], ids=[r[0] for r in UNREADABLE])
def test_what_is_no_reference_is_refused_with_the_input_quoted(text, said):
    with pytest.raises(ValueError, match="not a") as failure:
        Reference.parse(text)
    assert said in str(failure.value)
    assert repr(text) in str(failure.value)


def test_a_digest_reference_comes_after_the_tags_of_its_repository():
    texts = [f"a@{DIGEST}", "a:2", "a:1", "b:1"]
    assert [ref.familiar for ref in sorted(map(Reference.parse, texts), key=lambda ref: ref.full)] == [
        "a:1",
        "a:2",
        f"a@{DIGEST}",
        "b:1",
    ]


def test_a_tag_beside_a_digest_can_be_dropped():
    assert Reference.parse(f"node:18@{DIGEST}").without_tag() == Reference.parse(f"node@{DIGEST}")


IDS = [
    # situation, text, is whole ID, hex digits
    ("whole ID", DIGEST, True, HEX),
    ("whole ID without algorithm", HEX, False, HEX),
    ("short ID", "501", False, "501"),
    ("short ID with algorithm", "sha256:501d", False, "501d"),
    ("two digits are too few", "50", False, None),
    ("upper case is no ID", "ABC", False, None),
    ("more than 64 digits", HEX + "0", False, None),
    ("name", "redis", False, None),
    ("name with a tag of hex digits", "cafe:123", False, None),
    ("line break", "501\n", False, None),
]


@pytest.mark.parametrize(("text", "whole", "digits"), [row[1:] for row in IDS], ids=[row[0] for row in IDS])
def test_an_id_is_told_from_a_name(text, whole, digits):
    assert is_image_id(text) is whole
    assert id_prefix(text) == digits


def test_a_short_id_has_twelve_digits():
    assert short_id(DIGEST) == HEX[:12]
    assert short_id(HEX) == HEX[:12]


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
    ("two stars are one", "**", "bitnami/redis:7", False),
    ("question mark", "redis:?", "redis:7", True),
    ("question mark is one character", "redis:?", "redis:70", False),
    ("question mark is no slash", "bitnami?redis", "bitnami/redis:7", False),
    ("class", "redis:[67]", "redis:7", True),
    ("class that misses", "redis:[67]", "redis:5", False),
    ("range", "redis:[5-7]", "redis:6", True),
    ("negated class", "redis:[^5-7]", "redis:6", False),
    ("negated class that matches", "redis:[^5-7]", "redis:8", True),
    ("an exclamation mark negates nothing", "redis:[!5]", "redis:5", True),
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


@pytest.mark.parametrize(("pattern", "text", "selected"), [row[1:] for row in GLOBS], ids=[row[0] for row in GLOBS])
def test_a_glob_selects_as_the_engines_filter_does(pattern, text, selected):
    assert Pattern.glob(pattern).matches(Reference.parse(text)) is selected


@pytest.mark.parametrize("pattern", [row[1] for row in BAD_GLOBS], ids=[row[0] for row in BAD_GLOBS])
def test_a_malformed_glob_is_refused(pattern):
    with pytest.raises(ValueError, match="pattern"):
        Pattern.glob(pattern)


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


@pytest.mark.parametrize(
    ("text", "reference", "selected"), [row[1:] for row in SEARCHES], ids=[row[0] for row in SEARCHES]
)
def test_a_regular_expression_is_searched_in_name_and_tag(text, reference, selected):
    assert Pattern.search(text).matches(Reference.parse(reference)) is selected


@pytest.mark.parametrize("text", [row[1] for row in BAD_SEARCHES], ids=[row[0] for row in BAD_SEARCHES])
def test_a_malformed_regular_expression_is_refused(text):
    with pytest.raises(ValueError, match="regular expression"):
        Pattern.search(text)


PROTECTIONS = [
    # situation, make, text, reference, protected
    ("familiar form", Pattern.glob, "redis:*", "redis:7", True),
    ("full form", Pattern.glob, "docker.io/library/redis:*", "redis:7", True),
    ("full name", Pattern.glob, "docker.io/library/redis", "redis:7", True),
    ("with the registry and without library", Pattern.glob, "docker.io/redis:*", "redis:7", True),
    ("the name with the registry and without library", Pattern.glob, "docker.io/redis", "redis:7", True),
    ("the same searched", Pattern.search, r"^docker\.io/redis:", "redis:7", True),
    ("without library on another registry", Pattern.glob, "docker.io/redis", "r.io/redis:7", False),
    ("full form with a class", Pattern.glob, "docker.io/library/redis:[67]", "redis:7", True),
    ("another repository", Pattern.glob, "docker.io/library/redis", "node:18", False),
    ("host and namespace at will are not the default registry", Pattern.glob, "*/*/*", "redis:7", False),
    ("familiar form searched", Pattern.search, "^redis:", "redis:7", True),
    ("full form searched", Pattern.search, r"^docker\.io/library/redis:", "redis:7", True),
    ("full form searched, dots not quoted", Pattern.search, "^docker.io/library/redis:7$", "redis:7", True),
    ("a word of the full form alone protects nothing", Pattern.search, "docker", "redis:7", False),
    ("the path of an official image", Pattern.glob, "library/redis", "redis:7", True),
    ("the path of an official image, as an expression", Pattern.search, "^library/redis:", "redis:7", True),
    ("the legacy name of the registry", Pattern.glob, "index.docker.io/library/redis:7", "redis:7", True),
    ("a name of two parts protects no official image", Pattern.glob, "*/*", "redis:7", False),
    ("an anchor for another name protects nothing", Pattern.search, "^d", "redis:7", False),
    ("a digest by its digits", Pattern.search, "89ab", f"node@{DIGEST}", True),
    ("a digest by the whole of it", Pattern.glob, f"node@{DIGEST}", f"node@{DIGEST}", True),
]


@pytest.mark.parametrize(
    ("make", "text", "reference", "protected"), [row[1:] for row in PROTECTIONS], ids=[row[0] for row in PROTECTIONS]
)
def test_an_exclude_protects_in_every_spelling(make, text, reference, protected):
    assert make(text).protects(Reference.parse(reference)) is protected


# Laws

COMPONENTS = st.from_regex(r"[a-z0-9]{1,5}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
HOSTS = st.sampled_from(
    ["docker.io", "localhost", "r.io", "localhost:5000", "registry.example.com", "[::1]:5000", "UPPER"]
)
TAGS = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True)
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)


@st.composite
def reference_texts(draw):
    host, path = draw(HOSTS), draw(st.lists(COMPONENTS, min_size=1, max_size=3))
    # Docker's own familiar form is not unique there: docker.io/a.b/c is printed as a.b/c, which is on the host a.b.
    assume(host != "docker.io" or not ("." in path[0] or path[0] == "localhost"))
    tag, digest = draw(st.none() | TAGS), draw(st.none() | DIGESTS)
    return f"{host}/{'/'.join(path)}{':' + tag if tag else ''}{'@' + digest if digest else ''}"


@given(reference_texts())
def test_the_familiar_and_the_full_form_mean_the_same_reference(text):
    reference = Reference.parse(text)
    assert Reference.parse(reference.familiar) == reference
    assert Reference.parse(reference.full) == reference


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_a_value_error(text):
    try:
        reference = Reference.parse(text)
    except ValueError:
        return
    assert reference.tag or reference.digest


@given(st.text(alphabet="ab/:*?[]^-\\.", max_size=12))
def test_any_text_is_a_glob_or_a_value_error(text):
    try:
        pattern = Pattern.glob(text)
    except ValueError:
        return
    pattern.matches(Reference("docker.io", "library/ab", "a"))


@given(reference_texts())
def test_a_glob_without_special_characters_selects_itself_alone(text):
    reference = Reference.parse(text)
    assume("[" not in text)
    assert Pattern.glob(reference.familiar).matches(reference)
    assert not Pattern.glob(reference.familiar + "x").matches(reference)


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

    assert Pattern.glob(pattern).matches(Named) is match_as_go_does(pattern, text)


@given(st.text(string.printable, min_size=1, max_size=10))
def test_a_quoted_glob_is_taken_literally(text):
    class Named:
        familiar = text
        familiar_name = text
        suffix = ""

    assert Pattern.glob("".join("\\" + char for char in text)).matches(Named)
