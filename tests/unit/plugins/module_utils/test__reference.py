# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.imagewarden.docker.plugins.module_utils._reference import (
    Reference,
    id_prefix,
    is_image_id,
    short_id,
)

from .builders import cases

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
    ("longest path", f"r.io/{'a' * 255}", "r.io", "a" * 255, "latest", None, f"r.io/{'a' * 255}:latest"),
    ("first part with a dot and an underscore", "my_r.io/a/b:1", "", "my_r.io/a/b", "1", None, "my_r.io/a/b:1"),
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
    ("scheme", "https://r.io/a", "leave out the scheme"),
    ("placeholder of docker images", "<none>:<none>", "dangling: true"),
    ("host with an underscore and upper case", "My_registry.local/app:1", "'My_registry.local/app:1'"),
    ("host with an underscore and a port", "my_registry:5000/app", "'my_registry:5000/app'"),
    ("digest too short", "a@sha256:abc", "'a@sha256:abc'"),
    ("digest with too few digits", f"a@sha256:{HEX[:63]}", "64 lower-case hex digits"),
    ("digest in upper case", f"a@sha256:{HEX.upper()}", "64 lower-case hex digits"),
    ("digest of an unknown algorithm", f"a@md5:{HEX[:32]}", "sha256"),
    ("image ID", HEX, "is an image ID"),
    ("path too long", f"r.io/{LONG}{'b' * 56}", "longer than 255"),
    ("line break", "redis\n", "white space"),
    ("not ASCII", "rédis", "'rédis'"),
    ("shell pattern", "redis:*", "use the option patterns"),
]


@pytest.mark.parametrize(("text", "domain", "path", "tag", "digest", "familiar"), cases(READABLE))
def test_a_reference_is_read_as_the_engine_does(text, domain, path, tag, digest, familiar):
    reference = Reference.parse(text)
    assert reference == Reference(domain, path, tag, digest)
    assert reference.familiar == familiar
    assert (
        reference.full == f"{domain and domain + '/'}{path}{':' + tag if tag else ''}{'@' + digest if digest else ''}"
    )


@pytest.mark.parametrize(("text", "said"), cases(UNREADABLE))
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


@pytest.mark.parametrize(("text", "whole", "digits"), cases(IDS))
def test_an_id_is_told_from_a_name(text, whole, digits):
    assert is_image_id(text) is whole
    assert id_prefix(text) == digits


def test_a_short_id_has_twelve_digits():
    assert short_id(DIGEST) == HEX[:12]
    assert short_id(HEX) == HEX[:12]


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
