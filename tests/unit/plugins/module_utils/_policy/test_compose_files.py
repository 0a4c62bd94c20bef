# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib.util
import os
import sys
import time

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._errors import InvalidRequest, LibraryMissing
from ansible_collections.imagewarden.docker.plugins.module_utils._policy import compose, compose_files
from ansible_collections.imagewarden.docker.plugins.module_utils._policy.compose_files import read_compose_files

from ..builders import cases


def written(directory, files):
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text, encoding="utf-8")


def read(directory, files, *listed):
    """What is named: exactly, and of what is only known in part its parts with a star in between."""
    written(directory, files)
    found = read_compose_files([str(directory / name) for name in listed or ("shop/compose.yaml",)])
    named = {mention.named.text for mention in found.mentions if mention.named is not None}
    alike = {"*".join(mention.likeness.parts) for mention in found.mentions if mention.likeness is not None}
    return named, alike, [warning.replace(str(directory), "") for warning in found.warnings]


BUILT = {"shop-web", "shop_web"}
PROJECTS = [
    # situation, files beside shop/compose.yaml or that one, names
    ("an image", {"shop/compose.yaml": "services: {web: {image: 'app:1'}}"}, {"app:1"}),
    ("JSON", {"shop/compose.yaml": '{"services": {"web": {"image": "app:1"}}}'}, {"app:1"}),
    ("a byte order mark", {"shop/compose.yaml": "\ufeffservices: {web: {image: 'app:1'}}"}, {"app:1"}),
    ("UTF-16", {"shop/compose.yaml": "services: {web: {image: 'app:1'}}".encode("utf-16")}, {"app:1"}),
    ("a number", {"shop/compose.yaml": "services: {web: {image: 0501}}"}, {"0501"}),
    ("no services", {"shop/compose.yaml": "services: {}"}, set()),
    ("nothing but services", {"shop/compose.yaml": "services:"}, set()),
    ("an old version", {"shop/compose.yaml": "version: '2.4'\nservices: {web: {image: app}}"}, {"app"}),
    (
        "every profile",
        {"shop/compose.yaml": "services: {a: {image: 'a:1'}, b: {image: 'b:1', profiles: [debug]}}"},
        {"a:1", "b:1"},
    ),
    (
        "several documents",
        {"shop/compose.yaml": "services: {a: {image: 'a:1'}}\n---\nservices: {b: {image: 'b:1'}}\n---\n"},
        {"a:1", "b:1"},
    ),
    (
        "anchors and merges",
        {
            "shop/compose.yaml": "x-a: &a {image: 'a:1'}\nx-b: &b {image: 'b:1', build: {tags: ['t:1']}}\n"
            "services:\n  own: {<<: *a, image: 'own:1'}\n  a: *a\n  first: {<<: [*a, *b]}\n  b: {<<: *b}"
        },
        {"own:1", "a:1", "t:1", "b:1"},
    ),
    (
        "a digest",
        {"shop/compose.yaml": f"services: {{web: {{image: 'app@sha256:{'a' * 64}'}}}}"},
        {f"app@sha256:{'a' * 64}"},
    ),
    (
        "tags of Compose",
        {"shop/compose.yaml": "services: {web: {image: !override 'app:1', ports: !reset []}}"},
        {"app:1"},
    ),
    ("tags of Python", {"shop/compose.yaml": "services: {web: {image: !!python/name:os.system 'app:1'}}"}, {"app:1"}),
    ("built", {"shop/compose.yaml": "services: {web: {build: .}}"}, BUILT),
    ("an empty image", {"shop/compose.yaml": "services: {web: {image: '', build: .}}"}, BUILT),
    ("an empty service", {"shop/compose.yaml": "services: {web: }"}, BUILT),
    ("built under a name", {"shop/compose.yaml": "services: {web: {image: 'app:1', build: .}}"}, {"app:1"}),
    (
        "built under more names",
        {
            "shop/compose.yaml": "services: {web: {build: {context: ., dockerfile_inline: FROM a, tags: ['t:1', 'u:1']}}}"
        },
        {*BUILT, "t:1", "u:1"},
    ),
    (
        "a name of the project",
        {"shop/compose.yaml": "name: my-store\nservices: {web: {build: .}}"},
        {*BUILT, "my-store-web", "my-store_web", "mystore-web", "mystore_web"},
    ),
    (
        "a name in the environment's file",
        {"shop/compose.yaml": "services: {web: {build: .}}", "shop/.env": "COMPOSE_PROJECT_NAME=store"},
        {*BUILT, "store-web", "store_web"},
    ),
    ("a key that is a list", {"shop/compose.yaml": "services: {? [a, b] : {}, web: {image: 'a:1'}}"}, {"a:1"}),
    (
        "a name of nothing but signs",
        {"shop/compose.yaml": "name: '---'\nservices: {web: {build: .}}"},
        BUILT,
    ),
    (
        "a service that has no name of an image",
        {"shop/compose.yaml": "services: {'we b': {build: .}}"},
        set(),
    ),
    (
        "variables",
        {"shop/compose.yaml": "services: {web: {image: 'app:${TAG}'}}", "shop/.env": "TAG=1.4"},
        {"app:1.4"},
    ),
    (
        "a volume of an image",
        {
            "shop/compose.yaml": "services: {web: {image: 'a:1', volumes: ['/x:/y', {type: bind, source: z},"
            " {type: image, source: 'data:1', target: /d}]}}"
        },
        {"a:1", "data:1"},
    ),
    (
        "a service that extends one of the file",
        {
            "shop/compose.yaml": "services: {base: {image: 'a:1'}, web: {extends: base}, api: {extends: {service: base}}}"
        },
        {"a:1", *BUILT, "shop-api", "shop_api"},
    ),
    (
        "a service that extends one of another file",
        {
            "shop/compose.yaml": "services: {web: {extends: {file: ../common/base.yaml, service: base}}}",
            "shop/.env": "TAG=1.4",
            "common/base.yaml": "services: {base: {image: 'base:${TAG}'}}",
            "common/.env": "TAG=2",
        },
        {"base:1.4", *BUILT},
    ),
    (
        "a file that is included",
        {
            "shop/compose.yaml": "include: [../db/compose.yaml]\nservices: {web: {image: 'a:1'}}",
            "db/compose.yaml": "services: {sql: {image: 'sql:${TAG}'}, own: {build: .}}",
            "db/.env": "TAG=3",
        },
        {"a:1", "sql:3", "shop-own", "shop_own", "db-own", "db_own"},
    ),
    (
        "the variables of the one that includes win",
        {
            "shop/compose.yaml": "include: ../db/compose.yaml",
            "shop/.env": "TAG=1",
            "db/compose.yaml": "services: {sql: {image: 'sql:${TAG}-${OTHER}'}}",
            "db/.env": "TAG=3\nOTHER=4",
        },
        {"sql:1-4"},
    ),
    (
        "included with a directory and files of variables",
        {
            "shop/compose.yaml": "include: [{path: [db/a.yaml, db/b.yaml], project_directory: other, env_file: [x.env, y.env]}]",
            "shop/db/a.yaml": "services: {a: {image: 'a:${TAG}'}}",
            "shop/db/b.yaml": "services: {b: {image: 'b:${OTHER}'}, own: {build: .}}",
            "shop/x.env": "TAG=3",
            "shop/y.env": "OTHER=4",
        },
        {"a:3", "b:4", "shop-own", "shop_own", "other-own", "other_own"},
    ),
    (
        "files that include each other",
        {
            "shop/compose.yaml": "include: [../db/compose.yaml]\nservices: {web: {image: 'a:1'}}",
            "db/compose.yaml": "include: [../shop/compose.yaml]\nservices: {sql: {image: 'sql:1'}}",
        },
        {"a:1", "sql:1"},
    ),
    (
        "an image with an ID",
        {"shop/compose.yaml": f"services: {{web: {{image: 'sha256:{'b' * 64}'}}}}"},
        {f"sha256:{'b' * 64}"},
    ),
]


@pytest.mark.parametrize(("files", "names"), cases(PROJECTS))
def test_what_a_project_names(tmp_path, files, names):
    assert read(tmp_path, files) == (names, set(), [])


def test_files_of_a_directory_are_of_one_project(tmp_path):
    files = {
        "shop/compose.yaml": "name: store\nservices: {web: {image: 'a:1'}}",
        "shop/compose.override.yaml": "services: {api: {build: .}, web: {image: 'a:2'}}",
    }
    named, _alike, warnings = read(tmp_path, files, *files)
    assert named == {"a:1", "a:2", "store-api", "store_api", "shop-api", "shop_api"}
    assert warnings == []


FILE = "keep.compose_files: '/shop/compose.yaml': "
UNRESOLVED = [
    # situation, files, likenesses, named, warnings
    (
        "a tag",
        {"shop/compose.yaml": "services: {web: {image: 'app:${TAG}'}}"},
        {"app:*"},
        set(),
        [FILE + "services.web: in 'app:${TAG}', the value of TAG is not known: every image that it may name is kept"],
    ),
    (
        "a registry and a tag",
        {"shop/compose.yaml": "services: {web: {image: '$REGISTRY/app:v${TAG}-x'}}"},
        {"*/app:v*-x"},
        set(),
        [
            FILE + "services.web: in '$REGISTRY/app:v${TAG}-x', the values of REGISTRY, TAG are not known:"
            " every image that it may name is kept"
        ],
    ),
    (
        "everything",
        {"shop/compose.yaml": "services: {web: {image: '$IMAGE'}}"},
        {"*"},
        set(),
        [FILE + "services.web: in '$IMAGE', the value of IMAGE is not known: every image is kept"],
    ),
    (
        "a string that cannot be read",
        {"shop/compose.yaml": "services: {web: {image: 'app:${TAG'}}"},
        {"*"},
        set(),
        [FILE + "services.web: in 'app:${TAG', its variables cannot be read: every image is kept"],
    ),
    (
        "a tag beside a digest",
        {"shop/compose.yaml": f"services: {{web: {{image: 'r.io:5000/app:$TAG@sha256:{'a' * 64}'}}}}"},
        {"r.io:5000/app*"},
        {f"sha256:{'a' * 64}"},
        [
            FILE + f"services.web: in 'r.io:5000/app:$TAG@sha256:{'a' * 64}', the value of TAG is not known:"
            " every image that it may name is kept"
        ],
    ),
    (
        "a digest",
        {"shop/compose.yaml": "services: {web: {image: 'app:1@$DIGEST'}}"},
        {"app*"},
        set(),
        [
            FILE
            + "services.web: in 'app:1@$DIGEST', the value of DIGEST is not known: every image that it may name is kept"
        ],
    ),
    (
        "the name of the project",
        {"shop/compose.yaml": "name: $NAME\nservices: {web: {build: .}}"},
        {"*-web", "*_web"},
        BUILT,
        [
            FILE + "the name of the project depends on a variable whose value is not known:"
            " every image that may be built for one of its services is kept"
        ],
    ),
    (
        "a name that cannot be",
        {"shop/compose.yaml": "services: {web: {image: 'App:1'}}"},
        set(),
        set(),
        [
            FILE + "services.web names no image that can exist: 'App:1' is not a valid image reference:"
            " repository names are lower case"
        ],
    ),
    (
        "a value that cannot be",
        {"shop/compose.yaml": "services: {web: {image: 'app:$TAG'}}", "shop/.env": "TAG='secret word'"},
        set(),
        set(),
        [
            FILE + "services.web names no image that can exist:"
            " with its variables, 'app:$TAG' is not a valid image reference"
        ],
    ),
    (
        "a file that is included",
        {
            "shop/compose.yaml": "include: ['$DIR/compose.yaml', other.yaml]",
            "shop/other.yaml": "services: {b: {image: 'b:1'}}",
        },
        {"*"},
        {"b:1"},
        [
            FILE
            + "include names '$DIR/compose.yaml', which cannot be read here and may name any image: every image is kept"
        ],
    ),
    (
        "a remote file",
        {"shop/compose.yaml": "include: [oci://r.io/app:1, https://github.com/a/b.git, git@x:y, github.com/a/b]"},
        {"*"},
        set(),
        [
            FILE + f"include names {name!r}, which cannot be read here and may name any image: every image is kept"
            for name in ("oci://r.io/app:1", "https://github.com/a/b.git", "git@x:y", "github.com/a/b")
        ],
    ),
    (
        "a file that is extended",
        {"shop/compose.yaml": "services: {web: {image: 'a:1', extends: {file: $FILE, service: b}}}"},
        {"*"},
        {"a:1"},
        [FILE + "extends names '$FILE', which cannot be read here and may name any image: every image is kept"],
    ),
    (
        "the directory of what is included",
        {"shop/compose.yaml": "include: [{path: a.yaml, project_directory: $DIR}]", "shop/a.yaml": "services: {}"},
        {"*"},
        set(),
        [
            FILE
            + "include.project_directory names '$DIR', which cannot be read here and may name any image: every image is kept"
        ],
    ),
    (
        "the variables of what is included",
        {
            "shop/compose.yaml": "include: [{path: a.yaml, env_file: $ENV}]",
            "shop/a.yaml": "services: {a: {image: 'a:1'}}",
        },
        {"*"},
        {"a:1"},
        [FILE + "include.env_file names '$ENV', which cannot be read here and may name any image: every image is kept"],
    ),
    (
        "an override that is not listed",
        {"shop/compose.yaml": "services: {}", "shop/compose.override.yml": "services: {}"},
        set(),
        set(),
        [
            "keep.compose_files: '/shop/compose.override.yml' belongs to a project of the list and is not listed itself:"
            " what only it names is not kept"
        ],
    ),
    (
        "files in the environment's file",
        {"shop/compose.yaml": "services: {}", "shop/.env": "COMPOSE_FILE=compose.yaml:../prod.yaml"},
        set(),
        set(),
        [
            "keep.compose_files: '/prod.yaml' belongs to a project of the list and is not listed itself:"
            " what only it names is not kept"
        ],
    ),
]


@pytest.mark.parametrize(("files", "alike", "named", "warnings"), cases(UNRESOLVED))
def test_what_cannot_be_resolved_is_a_warning(tmp_path, files, alike, named, warnings):
    assert read(tmp_path, files) == (named, alike, warnings)


def test_no_override_is_read_beside_a_file_of_another_name(tmp_path):
    files = {"shop/prod.yaml": "services: {}", "shop/compose.override.yml": "services: {}"}
    assert read(tmp_path, files, "shop/prod.yaml")[2] == []


BOMB = "\n".join(["x-0: &a0 {k: 1}"] + [f"x-{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60)])
WIDE = "x-0: &a0 {" + ", ".join(f"k{n}: 1" for n in range(3000)) + "}\n"
UNREADABLE = [
    # situation, files, message
    ("missing", {}, "/shop/compose.yaml' cannot be read: No such file or directory"),
    ("a directory", {"shop/compose.yaml/x": ""}, "cannot be read: it is not a file"),
    ("empty", {"shop/compose.yaml": ""}, "cannot be read: it has no services"),
    ("a comment", {"shop/compose.yaml": "# services:\n"}, "cannot be read: it has no services"),
    ("of the first version", {"shop/compose.yaml": "web: {image: 'app:1'}"}, "cannot be read: it has no services"),
    ("no mapping", {"shop/compose.yaml": "- services"}, "cannot be read: the file is not a mapping"),
    ("services that are a list", {"shop/compose.yaml": "services: [web]"}, "services is not a mapping"),
    ("a service that is a string", {"shop/compose.yaml": "services: {web: app}"}, "services.web is not a mapping"),
    (
        "an image that is a mapping",
        {"shop/compose.yaml": "services: {web: {image: {a: b}}}"},
        "services.web.image is not a string",
    ),
    (
        "an image that is a list of lists",
        {"shop/compose.yaml": "services: {web: {image: [[a]]}}"},
        "services.web.image is not a string",
    ),
    ("no YAML", {"shop/compose.yaml": "services:\n  web: [secret"}, "it is not YAML in line 2: "),
    (
        "an unknown alias",
        {"shop/compose.yaml": "services: *web"},
        "it is not YAML in line 1: found undefined alias 'web'",
    ),
    ("binary", {"shop/compose.yaml": b"services: \x00"}, "it is not YAML: it contains strange characters"),
    ("no UTF-8", {"shop/compose.yaml": b"services: \xff"}, "it is not YAML: it contains strange characters"),
    ("a key that is there twice", {"shop/compose.yaml": "services: {a: {}, a: {}}"}, "services has the key 'a' twice"),
    ("too large", {"shop/compose.yaml": "#" * 1_000_001}, "it is larger than 1000000 bytes"),
    ("nested too deeply", {"shop/compose.yaml": "services: " + "[" * 100_000}, "it is nested too deeply"),
    ("a merge of itself", {"shop/compose.yaml": "services: &s {<<: *s}"}, "services merges itself"),
    ("a merge of a string", {"shop/compose.yaml": "services: {<<: x}"}, "services is not a mapping"),
    (
        "merges without end",
        {
            "shop/compose.yaml": WIDE
            + "\n".join(f"x-{n}: &a{n} {{<<: *a{n - 1}}}" for n in range(1, 50))
            + "\nservices: *a49"
        },
        "it merges more than 100000 keys",
    ),
    (
        "an included file is missing",
        {"shop/compose.yaml": "include: [../db.yaml]"},
        "/db.yaml', which '*/shop/compose.yaml' names, cannot be read: No such file or directory",
    ),
    (
        "an extended file is missing",
        {"shop/compose.yaml": "services: {web: {extends: {file: b.yaml, service: b}}}"},
        "/shop/b.yaml', which '*/shop/compose.yaml' names, cannot be read: No such file or directory",
    ),
    (
        "variables that cannot be read",
        {"shop/compose.yaml": "services: {}", "shop/.env": "secret word"},
        "/shop/.env' cannot be read: line 1 is not NAME=VALUE",
    ),
    (
        "variables in another encoding",
        {"shop/compose.yaml": "services: {}", "shop/.env": b"A=\xff"},
        "/shop/.env' cannot be read: it is not UTF-8",
    ),
    ("variables that are a directory", {"shop/compose.yaml": "services: {}", "shop/.env/x": ""}, "it is not a file"),
    (
        "the variables of what is included are missing",
        {"shop/compose.yaml": "include: [{path: a.yaml, env_file: x.env}]", "shop/a.yaml": "services: {}"},
        "/shop/x.env' cannot be read: No such file or directory",
    ),
]


@pytest.mark.parametrize(("files", "message"), cases(UNREADABLE))
def test_what_cannot_be_read_is_an_error_that_names_it(tmp_path, files, message):
    with pytest.raises(InvalidRequest) as failure:
        read(tmp_path, files)
    text = str(failure.value)
    assert text.startswith(f"keep.compose_files: '{tmp_path}/")
    assert message.replace("*", str(tmp_path)) in text
    assert "secret" not in text


def test_a_pattern_is_not_expanded(tmp_path):
    with pytest.raises(
        InvalidRequest, match=r"No such file or directory; patterns are not expanded, but ansible\.builtin\.find"
    ):
        read(tmp_path, {}, "*/compose.yaml")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="it is not a file"):
        read(tmp_path, {}, "pipe")


def test_files_without_end_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(compose_files, "_MOST_FILES", 3)
    files = {f"{n}/c.yaml": f"include: [../{n + 1}/c.yaml]" for n in range(9)}
    with pytest.raises(InvalidRequest, match="more than 3 files are to be read"):
        read(tmp_path, files, "0/c.yaml")
    monkeypatch.setattr(compose_files, "_MOST_MENTIONS", 1)
    with pytest.raises(InvalidRequest, match="the files name more than 1 images"):
        read(tmp_path, {"a.yaml": "services: {a: {build: .}}"}, "a.yaml")


def test_a_long_chain_of_files_is_read(tmp_path):
    files = {f"{n}/c.yaml": f"include: [../{n + 1}/c.yaml]" for n in range(1200)}
    assert read(tmp_path, {**files, "1200/c.yaml": "services: {a: {image: 'a:1'}}"}, "0/c.yaml")[0] == {"a:1"}


def test_merges_that_multiply_take_no_time(tmp_path):
    began = time.process_time()
    files = {"shop/compose.yaml": BOMB + "\nservices: {web: {<<: *a59, image: 'a:1'}}"}
    assert read(tmp_path, files) == ({"a:1"}, set(), [])
    assert time.process_time() - began < 10


def test_where_the_library_is_missing_the_import_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    specification = importlib.util.spec_from_file_location("compose_alone", compose.__file__)
    alone = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(alone)
    assert "import of yaml halted" in alone.YAML_IMPORT_ERROR


def test_without_files_no_library_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(compose_files, "YAML_IMPORT_ERROR", "Traceback: no module")
    assert read_compose_files([]).mentions == ()
    with pytest.raises(LibraryMissing, match=r"keep\.compose_files: PyYAML is missing") as failure:
        read_compose_files([str(tmp_path)])
    assert failure.value.library == "PyYAML"
    assert "python3-yaml" in failure.value.packages
