# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of the hosts: a Debian release with its Engine, its Python, its Docker SDK and an SSH server."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import typing as t

from . import machine
from .engines import Suite
from .errors import LabError

if t.TYPE_CHECKING:
    from docker import APIClient

_REPOSITORY = "imagewarden-lab/host"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def host_image(client: APIClient, suite: Suite, mirror: str | None = None) -> str:
    """The reference of a suite's host image in the outer Engine, made if it is not there yet.

    Without a mirror, and none in IMAGEWARDEN_LAB_MIRROR, mmdebstrap uses its own.
    """
    mirror = mirror or os.environ.get("IMAGEWARDEN_LAB_MIRROR")
    reference = f"{_REPOSITORY}:{suite.name}-{_recipe(suite)}"
    if not client.images(name=reference, quiet=True):
        machine.require("mmdebstrap")
        _make(client, suite, mirror, reference)
    return reference


def _recipe(suite: Suite) -> str:
    """Changes with whatever goes into the image, so that an outdated one is not taken."""
    return hashlib.sha256(repr((suite, _options(suite))).encode()).hexdigest()[:10]


def _options(suite: Suite) -> list[str]:
    options = [
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(suite.packages)}",
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        '--aptopt=Acquire::Retries "3"',
    ]
    if suite.stale_release_file_ok:
        options.append('--aptopt=Acquire::Check-Valid-Until "false"')
    return options


def _make(client: APIClient, suite: Suite, mirror: str | None, reference: str) -> None:
    source = [f"deb [signed-by={_KEYRING}] {mirror} {suite.name} main"] if mirror else []
    command = [machine.program("mmdebstrap"), *_options(suite), suite.name, "-", *source]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        repository, tag = reference.split(":")
        # An image that was cut short must not take the tag: it gets one when mmdebstrap is known to have finished.
        answer = client.import_image_from_data(_blocks(process.stdout), changes=['CMD ["/bin/sh"]'])
        if process.wait() != 0:
            log.seek(0)
            raise LabError(f"mmdebstrap {suite.name} failed{f' with {mirror}' if mirror else ''}: {_tail(log.read())}")
        image = _imported(answer)
    for outdated in client.images(name=_REPOSITORY):
        for tagged in outdated["RepoTags"] or []:
            if tagged.startswith(f"{_REPOSITORY}:{suite.name}-"):
                client.remove_image(tagged, force=True)
    client.tag(image, repository, tag)


def _blocks(stream: t.IO[bytes]) -> t.Iterator[bytes]:
    while True:
        block = stream.read(1 << 20)
        if not block:
            return
        yield block


def _imported(answer: str) -> str:
    for word in answer.replace('"', " ").split():
        if word.startswith("sha256:"):
            return word
    raise LabError(f"the host image was not imported: {answer.strip()[-400:]}")


def _tail(output: bytes) -> str:
    lines = [line.strip() for line in output.decode(errors="replace").splitlines()]
    return " | ".join([line for line in lines if line.startswith(("E:", "W:", "Err"))][-6:] or lines[-6:])
