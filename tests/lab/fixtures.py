# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as pytest fixtures: `pytest_plugins = ["tests.lab.fixtures"]`.

IMAGEWARDEN_LAB_ENGINES=e20-graph,e28-containerd narrows the Engines; IMAGEWARDEN_LAB=off skips every test that needs
one. Without that, a lab that cannot start fails these tests: a run in which nothing was tested must not look green.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

import pytest

from . import docker29
from . import tls_engine as tls
from .directory import LabDirectory
from .engine import Engine
from .engines import engine_kind
from .errors import LabError
from .lab import Lab
from .proxy import RecordingProxy
from .registry import Registry


def selected_engines(environment: t.Mapping[str, str] | None = None) -> list[str]:
    """The Engines that the environment asks for; all that can run here, if it does not."""
    environment = os.environ if environment is None else environment
    names = [name.strip() for name in environment.get("IMAGEWARDEN_LAB_ENGINES", "").split(",") if name.strip()]
    lab = LabDirectory.from_environment(environment)
    return [engine_kind(name).name for name in names] or list(docker29.available(lab, environment))


def skipped_line(environment: t.Mapping[str, str] | None = None) -> str:
    """What the end of a test run says of Engines that cannot run here; nothing if the run names its Engines."""
    environment = os.environ if environment is None else environment
    if environment.get("IMAGEWARDEN_LAB_ENGINES") or environment.get("IMAGEWARDEN_LAB", "").lower() == "off":
        return ""
    return docker29.missing(LabDirectory.from_environment(environment), environment)


#: For what an Engine is told by a proxy, or what a client makes of it: the newest Engine of each store shows it.
on_one_of_each_store = pytest.mark.parametrize(
    "engine", list({engine_kind(name).store: name for name in selected_engines()}.values()), indirect=True
)


def _skip_if_off() -> None:
    if os.environ.get("IMAGEWARDEN_LAB", "").lower() == "off":
        pytest.skip("IMAGEWARDEN_LAB=off")


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The lab, with the selected Engines up. It is left running: `python -m tests.lab down` ends it."""
    _skip_if_off()
    made = Lab()
    try:
        made.up(selected_engines())
    except LabError as error:
        pytest.fail(f"the lab cannot start: {error}", pytrace=False)
    return made


@pytest.fixture(scope="session", params=selected_engines())
def engine(request: pytest.FixtureRequest, lab: Lab) -> Engine:
    """Each of the selected Engines in turn, as it is. A test that changes its state asks for `fresh_engine`."""
    return lab.engine(request.param)


@pytest.fixture
def fresh_engine(engine: Engine) -> t.Iterator[Engine]:
    """The same, emptied before the test, and the test's alone until its end."""
    with engine.exclusive():
        engine.reset()
        yield engine


@contextlib.contextmanager
def emptied_engine(lab: Lab) -> t.Iterator[Engine]:
    """The newest Engine, emptied: one is enough for what does not depend on the Engine."""
    engine = lab.engine(selected_engines()[-1])
    with engine.exclusive():
        engine.reset()
        yield engine


@pytest.fixture
def one_engine(lab: Lab) -> t.Iterator[Engine]:
    """The same for one test."""
    with emptied_engine(lab) as engine:
        yield engine


@pytest.fixture(scope="session")
def registry(lab: Lab) -> t.Iterator[Registry]:
    """A loopback registry of this process, for test runs side by side move the same tags. Its tests share the names in it."""
    own = Registry(lab.directory.own_registry)
    own.start()
    yield own
    own.purge()


@pytest.fixture(scope="session")
def tls_engine() -> t.Iterator[tls.TlsEngine]:
    """An Engine on TCP that lets in only clients with a certificate of its own authority."""
    _skip_if_off()
    try:
        engine, access = tls.start(LabDirectory.from_environment())
    except LabError as error:
        pytest.fail(f"the Engine with TLS cannot start: {error}", pytrace=False)
    yield access
    engine.purge()


@pytest.fixture
def recording_proxy() -> t.Iterator[t.Callable[[Engine], RecordingProxy]]:
    """Makes a proxy in front of an Engine, closed at the end of the test; a callback's failure fails the test."""
    made: list[RecordingProxy] = []

    def proxy_for(engine: Engine) -> RecordingProxy:
        made.append(RecordingProxy(engine.socket))
        return made[-1]

    yield proxy_for
    for proxy in made:
        proxy.close()
    errors = [error for proxy in made for error in proxy.errors]
    if errors:
        raise errors[0]
