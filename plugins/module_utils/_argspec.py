# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module_utils file is private to the collection: it can change at any time without notice.

"""Argument specs that the modules share, to be put together."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleFallbackNotFound

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.address import DEFAULT_DOCKER_HOST


def set_in_environment(*names: str) -> str:
    """The first of these variables that holds something: one that is set to nothing is unset, as for the Docker CLI."""
    for name in names:
        if os.environ.get(name, "").strip():
            return os.environ[name]
    raise AnsibleFallbackNotFound


#: As community.docker spells them, so that existing C(module_defaults) and environments carry over.
CONNECTION: dict[str, t.Any] = {
    "docker_host": {
        "type": "str",
        "default": DEFAULT_DOCKER_HOST,
        "aliases": ["docker_url"],
        "fallback": (set_in_environment, ["DOCKER_HOST"]),
    },
    "tls": {"type": "bool", "default": False, "fallback": (set_in_environment, ["DOCKER_TLS"])},
    "validate_certs": {
        "type": "bool",
        "default": False,
        "aliases": ["tls_verify"],
        "fallback": (set_in_environment, ["DOCKER_TLS_VERIFY"]),
    },
    "ca_path": {"type": "path", "aliases": ["ca_cert", "tls_ca_cert", "cacert_path"]},
    "client_cert": {"type": "path", "aliases": ["tls_client_cert", "cert_path"]},
    "client_key": {"type": "path", "aliases": ["tls_client_key", "key_path"]},
    "tls_hostname": {"type": "str", "fallback": (set_in_environment, ["DOCKER_TLS_HOSTNAME"])},
    "api_version": {
        "type": "str",
        "default": "auto",
        "aliases": ["docker_api_version"],
        "fallback": (set_in_environment, ["DOCKER_API_VERSION"]),
    },
    "timeout": {"type": "int", "default": 60, "fallback": (set_in_environment, ["DOCKER_TIMEOUT"])},
    "use_ssh_client": {"type": "bool", "default": False},
    "debug": {"type": "bool", "default": False},
}

#: How references are selected and kept from selection.
SELECTION: dict[str, t.Any] = {
    "patterns": {"type": "list", "elements": "str"},
    "use_regex": {"type": "bool", "default": False},
    "excludes": {"type": "list", "elements": "str", "default": []},
}

#: What every module that changes images offers for its result.
RESULT: dict[str, t.Any] = {
    "after": {"type": "list", "elements": "dict", "default": []},
    "layers": {"type": "bool", "default": False},
    "details": {"type": "str", "choices": ["changes", "all"], "default": "changes"},
    "archive_dir": {"type": "path"},
    "parallel": {"type": "int", "default": 8},
}


def merge(*specs: dict[str, t.Any]) -> dict[str, t.Any]:
    """One argument spec of several; an option that two of them define is a mistake in a module."""
    merged: dict[str, t.Any] = {}
    for spec in specs:
        twice = merged.keys() & spec.keys()
        if twice:
            raise ValueError(f"options defined twice: {', '.join(sorted(twice))}")
        merged.update(spec)
    return merged
