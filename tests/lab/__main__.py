# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's command line: python -m tests.lab up|status|stop|start|down [NAME …]."""

from __future__ import annotations

import argparse
import sys
import time

from . import docker29
from .directory import LabDirectory
from .engines import ENGINE_NAMES, ENGINES
from .errors import LabError
from .private_engine import private_engine

_PRIVATE = "private"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a failure is one line on the error output."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Real Docker Engines for the tests.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, text in (
        ("up", _up, "start Engines (all of the table, or the named ones) and the registry"),
        ("status", _status, "say what runs, and where"),
        ("stop", _stop, "stop the Engine of a host; the host stays up"),
        ("start", _start, "start it again"),
        ("down", _down, "remove everything but the cached host images"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(command=function)
        if name != "status":
            choices = (*ENGINE_NAMES, _PRIVATE) if name in ("up", "down") else ENGINE_NAMES
            command.add_argument(
                "names", nargs="+" if name in ("stop", "start") else "*", choices=[*choices, []], metavar="NAME"
            )
        if name == "up":
            command.add_argument(
                "--docker29", metavar="DIR", help=f"the directory of Docker 29's dockerd (default: {docker29.VARIABLE})"
            )
        if name == "down":
            command.add_argument("--purge", action="store_true", help="remove the host images too")
    return parser


def _up(options: argparse.Namespace) -> None:
    began = time.monotonic()
    names = [name for name in options.names if name != _PRIVATE]
    if _PRIVATE in options.names:
        engine = private_engine()
        engine.start()
        print(f"{_PRIVATE}: {engine.docker_host}")
    if options.docker29:
        docker29.remember(LabDirectory.from_environment(), options.docker29)
    if names or not options.names:
        from .lab import Lab

        Lab().up(names, say=lambda line: print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True))
        _status(options)


def _status(options: argparse.Namespace) -> None:
    from .lab import Lab

    lab = Lab()
    print(f"directory  {lab.directory.root}")
    private = private_engine(lab.directory)
    if private.is_running():
        print(f"private    {private.docker_host}")
    if not lab.outer.is_running():
        print("outer      not running")
        return
    print(f"outer      {lab.outer.docker_host}")
    print(f"registry   {lab.registry.address if lab.registry.is_running() else 'not running'}")
    up = {host.kind.name: host for host in lab.running()}
    can_run = {*up, *docker29.available(lab.directory)}
    for kind in ENGINES:
        host = up.get(kind.name)
        if host is None:
            print(f"{kind.name:15} {'not running' if kind.name in can_run else 'skipped'}")
        else:
            state = "up     " if host.engine_answers() else "stopped"
            print(
                f"{kind.name:15} {state} Docker {kind.version:6} {kind.store:11} ssh port {host.ssh_port}  unix://{host.socket}"
            )
    if docker29.missing(lab.directory):
        print(docker29.missing(lab.directory))
    if up:
        print(f"ssh        ssh -F {lab.directory.ssh / 'config'} NAME")


def _stop(options: argparse.Namespace) -> None:
    from .lab import Lab

    lab = Lab()
    for name in options.names:
        lab.host(name).stop_engine()


def _start(options: argparse.Namespace) -> None:
    from .lab import Lab

    lab = Lab()
    for name in options.names:
        lab.host(name).start_engine()


def _down(options: argparse.Namespace) -> None:
    if not options.names:
        from .lab import Lab

        Lab().down(purge=options.purge)
        return
    names = [name for name in options.names if name != _PRIVATE]
    if _PRIVATE in options.names:
        private_engine(LabDirectory.from_environment()).purge()
    if names:
        from .lab import Lab

        Lab().remove(names)


if __name__ == "__main__":
    sys.exit(main())
