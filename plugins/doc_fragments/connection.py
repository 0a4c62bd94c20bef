# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How the modules reach an Engine."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The URL of the Engine, as seen from the managed host. It begins with C(unix://), C(tcp://), C(http://), C(https://) or C(ssh://).
        As for the Docker SDK, V(unix:/path), C(http+unix://) and V(host:port) are accepted too. TCP needs a port.
      - If it is not set, the environment variable E(DOCKER_HOST) is used, then the default. A context of the Docker CLI is
        never followed; if one is chosen there and nothing names the Engine, a warning says which Engine is used.
      - Like all environment variables of these options, E(DOCKER_HOST) counts as unset if it is empty.
    type: str
    default: unix:///var/run/docker.sock
    aliases: [docker_url]
  tls:
    description:
      - Use TLS without verifying the Engine's certificate. O(validate_certs) takes precedence.
      - It is an error for an address that has no TLS.
      - If it is not set, the environment variable E(DOCKER_TLS) is used.
    type: bool
    default: false
  validate_certs:
    description:
      - Use TLS and verify the Engine's certificate.
      - It is an error for an address that has no TLS.
      - If it is not set, the environment variable E(DOCKER_TLS_VERIFY) is used.
    type: bool
    default: false
    aliases: [tls_verify]
  ca_path:
    description:
      - A file with the certificate of the authority that signed the Engine's. It needs O(validate_certs).
      - Certificates that would not be used, because the connection has no TLS, are an error.
      - If it is not set and the environment variable E(DOCKER_CERT_PATH) is, C(ca.pem) of that directory is used.
    type: path
    aliases: [ca_cert, tls_ca_cert, cacert_path]
  client_cert:
    description:
      - A file with the client's certificate. Goes together with O(client_key), and needs O(tls) or O(validate_certs).
      - If it is not set and the environment variable E(DOCKER_CERT_PATH) is, C(cert.pem) of that directory is used.
    type: path
    aliases: [tls_client_cert, cert_path]
  client_key:
    description:
      - A file with the client's key. Goes together with O(client_cert), and needs O(tls) or O(validate_certs).
      - If it is not set and the environment variable E(DOCKER_CERT_PATH) is, C(key.pem) of that directory is used.
    type: path
    aliases: [tls_client_key, key_path]
  tls_hostname:
    description:
      - The name that the Engine's certificate must carry, when it is not the host of O(docker_host).
      - If it is not set, the environment variable E(DOCKER_TLS_HOSTNAME) is used.
      - Works with every supported version of the Docker SDK for Python.
    type: str
  api_version:
    description:
      - The version of the Engine's API to speak.
      - With V(auto) it is the newest that the Engine speaks and that this collection was tested with.
      - If it is not set, the environment variable E(DOCKER_API_VERSION) is used.
    type: str
    default: auto
    aliases: [docker_api_version]
  timeout:
    description:
      - Seconds to wait for a connection, and for each response of the Engine.
      - What may take much longer has a longer limit of its own, V(300) seconds for listings, V(600) for removals and stops beyond the time
        that a container has to stop, and V(3600) for commits and archives.
      - If it is not set, the environment variable E(DOCKER_TIMEOUT) is used.
    type: int
    default: 60
  use_ssh_client:
    description:
      - With a O(docker_host) that begins with C(ssh://), use the C(ssh) command instead of the Python library paramiko.
      - The Docker SDK requires paramiko to be installed all the same.
    type: bool
    default: false
  debug:
    description:
      - Accepted so that C(module_defaults) and tasks written for other collections carry over. It has no effect.
    type: bool
    default: false
requirements:
  - Docker SDK for Python 5.0.3 or newer on the managed host (C(python3-docker) of the distribution, or C(docker) from PyPI)
  - Docker Engine 20.10 or newer. Older Engines, Podman and anything else that answers are refused.
notes:
  - Options of the connection are best set once, with C(module_defaults) for the action group C(imagewarden.docker.docker).
"""
