# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Engine that speaks only TLS and lets in only clients that it knows."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .directory import LabDirectory
from .ports import free_port
from .private_engine import PrivateEngine

_DAYS = "30"
_NAME = "engine.lab.test"


@dataclass(frozen=True)
class TlsEngine:
    """Where it listens, and what a client needs.

    The certificate is for `hostname` and for localhost, not for the address in `docker_host`: that one takes a client
    that is told the name to expect. `by_name` is the same Engine for a client that cannot be told.
    """

    docker_host: str
    by_name: str
    hostname: str
    ca: Path
    cert: Path
    key: Path


def start(lab: LabDirectory) -> tuple[PrivateEngine, TlsEngine]:
    """Start it with new certificates. The Engine's unix socket works too, for the lab's own use."""
    machine.require("dockerd", "openssl")
    lab.prepare()
    PrivateEngine(lab.tls, lab).purge()
    certificates = lab.tls / "certificates"
    certificates.mkdir(parents=True, mode=0o700)
    make_certificates(certificates)
    port = free_port()
    engine = PrivateEngine(
        lab.tls,
        lab,
        (
            f"--host=tcp://127.0.0.1:{port}",
            "--tlsverify",
            f"--tlscacert={certificates / 'ca.pem'}",
            f"--tlscert={certificates / 'server.pem'}",
            f"--tlskey={certificates / 'server.key'}",
        ),
    )
    engine.start()
    client = (certificates / "ca.pem", certificates / "client.pem", certificates / "client.key")
    return engine, TlsEngine(f"tcp://127.0.0.1:{port}", f"tcp://localhost:{port}", _NAME, *client)


def make_certificates(directory: Path) -> None:
    """A certificate authority, and a certificate of it for a server and for a client."""
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", _DAYS),
        *("-subj", "/CN=imagewarden lab", "-keyout", directory / "ca.key", "-out", directory / "ca.pem"),
        # Python 3.13 and newer refuse an authority that does not say that it may sign.
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    for name, usage in (("server", "serverAuth"), ("client", "clientAuth")):
        request, extensions = directory / f"{name}.csr", directory / f"{name}.ext"
        extensions.write_text(
            f"subjectAltName=DNS:{_NAME},DNS:localhost\nextendedKeyUsage={usage}\nkeyUsage=critical,digitalSignature\n"
            "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        _openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={_NAME}"),
            *("-keyout", directory / f"{name}.key", "-out", request),
        )
        _openssl(
            *("x509", "-req", "-in", request, "-CA", directory / "ca.pem", "-CAkey", directory / "ca.key"),
            *("-CAcreateserial", "-days", _DAYS, "-extfile", extensions, "-out", directory / f"{name}.pem"),
        )


def _openssl(*arguments: str | Path) -> None:
    command = [machine.program("openssl"), *map(str, arguments)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
