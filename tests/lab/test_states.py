# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every state that the lab can make, on every Engine."""

from __future__ import annotations

import subprocess
import typing as t

import docker
import pytest

from tests.lab import archive, published, state
from tests.lab.engine import Engine
from tests.lab.lab import Lab
from tests.lab.proxy import RecordingProxy
from tests.lab.registry import Registry
from tests.lab.tls_engine import TlsEngine

pytest_plugins = ["tests.lab.fixtures"]
pytestmark = pytest.mark.engine

ProxyFor = t.Callable[[Engine], RecordingProxy]


def tags(engine: Engine, image: str) -> list[str]:
    client: t.Any = engine.client
    return sorted(client.inspect_image(image)["RepoTags"])


def layers(engine: Engine, image: str) -> list[str]:
    client: t.Any = engine.client
    return list(client.inspect_image(image)["RootFS"]["Layers"])


def test_an_engine_is_the_one_of_its_row(engine: Engine) -> None:
    assert engine.version.startswith(engine.host.kind.version)
    assert state.uses_containerd(engine.client) == (engine.store == "containerd")


def test_imported_images_differ_unless_their_content_is_given(fresh_engine: Engine) -> None:
    client = fresh_engine.client
    one = state.import_image(client, "a:1", labels={"stage": "build it"}, runnable=False)
    other = state.import_image(client, "a:2", runnable=False)
    same = [state.import_image(client, f"same:{number}", content="same", runnable=False) for number in (1, 2)]
    assert layers(fresh_engine, one) != layers(fresh_engine, other)
    assert layers(fresh_engine, same[0]) == layers(fresh_engine, same[1])
    assert client.inspect_image("a:1")["Config"]["Labels"] == {"stage": "build it"}


def test_an_imported_image_can_have_no_reference(fresh_engine: Engine) -> None:
    image = state.import_image(fresh_engine.client, runnable=False)
    assert fresh_engine.client.inspect_image(image)["RepoTags"] == []


def test_derived_and_built_images_have_parents(fresh_engine: Engine) -> None:
    client = fresh_engine.client
    base = state.import_image(client, "base:1")
    child = state.derive(client, base, "child:1", labels={"stage": "derived"})
    dockerfile = 'FROM base:1\nLABEL a=b\nRUN ["/bin/busybox", "touch", "/made"]\n'
    built = state.build(client, dockerfile, "built:1")
    assert client.inspect_image(child)["Parent"] == base
    assert layers(fresh_engine, child)[:1] == layers(fresh_engine, base)
    parent = client.inspect_image(client.inspect_image(built)["Parent"])
    assert (parent["RepoTags"], parent["Parent"]) == ([], base)


def test_buildkit_leaves_a_cache(fresh_engine: Engine) -> None:
    client = fresh_engine.client
    state.import_image(client, "base:1")
    image = state.buildkit(client, "FROM base:1\nCOPY file /file\n", "built:1", files={"file": b"content"})
    assert tags(fresh_engine, image) == ["built:1"]
    assert state.build_cache(client)


@pytest.mark.parametrize("created", ["1970-01-01T00:00:00Z", "1980-01-01T00:00:01Z", "2020-07-07T12:00:00Z", None])
def test_loaded_images_have_any_date_and_any_label(fresh_engine: Engine, created: str | None) -> None:
    image = state.load_image(fresh_engine.client, ["a:1", "b/c:2"], created=created, labels={"long": "x" * 2000})
    seen = fresh_engine.client.inspect_image("b/c:2")
    assert (seen["Id"], tags(fresh_engine, image)) == (image, ["a:1", "b/c:2"])
    assert seen["Config"]["Labels"] == {"long": "x" * 2000}
    # Without a date, some releases show the beginning of all times, and others leave the key out.
    assert seen.get("Created", "0001-01-01T00:00:00Z") == (created or "0001-01-01T00:00:00Z")


def test_loaded_images_share_layers(fresh_engine: Engine) -> None:
    shared = archive.token_layer("shared")
    images = [archive.Image((shared, archive.token_layer(name))) for name in ("one", "two")]
    ids = state.load(fresh_engine.client, [(images[0], ["one:1"]), (images[1], ["two:1", "two:2"])])
    assert [layers(fresh_engine, image)[0] for image in ids] == [archive.digest(shared)] * 2


def test_an_index_is_one_image(fresh_engine: Engine, registry: Registry) -> None:
    client = fresh_engine.client
    loaded = state.load_index(client, "multi:1", left_out=["arm64"])
    assert tags(fresh_engine, loaded) == ["multi:1"]
    name = f"{fresh_engine.name}/{state.token()}:1"
    index = published.publish_index(registry, name, state.platform_images(["amd64", "arm64"]))
    pulled = state.pull(client, f"{registry.address}/{name}")
    assert (pulled == index) == (fresh_engine.store == "containerd")


def test_a_pushed_image_comes_back_by_tag_and_by_digest(fresh_engine: Engine, registry: Registry) -> None:
    client = fresh_engine.client
    repository = f"{registry.address}/{fresh_engine.name}/{state.token()}"
    image = state.import_image(client, f"{repository}:1")
    digest = state.push(client, f"{repository}:1")
    client.remove_image(f"{repository}:1")
    assert state.pull(client, f"{repository}:1") == image
    fresh_engine.reset()
    assert state.pull(client, f"{repository}@{digest}") == image


def test_a_moved_tag_is_pulled_again(fresh_engine: Engine, registry: Registry) -> None:
    client = fresh_engine.client
    name = f"{fresh_engine.name}/{state.token()}:1"
    pulled = []
    for _turn in (1, 2):
        published.publish(registry, name, archive.Image((archive.token_layer(state.token()),)))
        pulled.append(state.pull(client, f"{registry.address}/{name}"))
    assert pulled[0] != pulled[1]
    assert tags(fresh_engine, pulled[1])[0] == f"{registry.address}/{name}"


@pytest.mark.parametrize("wanted", ["created", "running", "paused", "exited", "restarting"])
def test_a_container_is_in_the_wanted_state(fresh_engine: Engine, wanted: str) -> None:
    client = fresh_engine.client
    state.import_image(client, "a:1")
    made = state.container(client, "a:1", wanted, name="it", named_volumes={"named": "/n"}, anonymous_volumes=["/a"])
    seen = client.inspect_container(made)
    assert (seen["State"]["Status"], len(seen["Mounts"])) == (wanted, 2)


def test_a_dead_container(fresh_engine: Engine) -> None:
    state.import_image(fresh_engine.client, "a:1")
    made = state.dead_container(fresh_engine.client, fresh_engine.host, "a:1")
    assert fresh_engine.client.inspect_container(made)["State"]["Status"] == "dead"
    fresh_engine.reset()
    assert fresh_engine.client.containers(all=True) == []


def test_a_container_that_removes_itself(fresh_engine: Engine) -> None:
    state.import_image(fresh_engine.client, "a:1")
    made = state.container(fresh_engine.client, "a:1", "running", auto_remove=True)
    assert fresh_engine.client.inspect_container(made)["HostConfig"]["AutoRemove"] is True


def test_a_container_that_mounts_an_image(fresh_engine: Engine) -> None:
    if not fresh_engine.mounts_images:
        pytest.skip("image mounts came with Docker 28")
    for name in ("a:1", "mounted:1"):
        state.import_image(fresh_engine.client, name)
    made = state.container(fresh_engine.client, "a:1", "running", image_mounts={"mounted:1": "/mnt"})
    assert fresh_engine.client.inspect_container(made)["Mounts"][0]["Type"] == "image"


def test_reset_empties_the_engine(fresh_engine: Engine) -> None:
    client = fresh_engine.client
    base = state.import_image(client, "a:1")
    state.derive(client, base, "child:1")
    state.container(client, "a:1", "running", named_volumes={"named": "/n"})
    state.container(client, "child:1", "paused", anonymous_volumes=["/v"])
    state.buildkit(client, "FROM a:1\nCOPY file /file\n", files={"file": b"content"})
    fresh_engine.reset()
    assert client.containers(all=True) == []
    assert client.images(all=True) == []
    assert not client.volumes()["Volumes"]
    assert state.build_cache(client) == []


def test_a_proxy_passes_all_that_the_lab_does(fresh_engine: Engine, recording_proxy: ProxyFor) -> None:
    proxy = recording_proxy(fresh_engine)
    client = fresh_engine.connect(proxy.docker_host)
    state.load_image(client, "a:1", size_bytes=3_000_000)
    made = state.container(client, "a:1", "running")
    created = client.exec_create(made, ["/bin/busybox", "echo", "hello"])
    assert client.exec_start(created["Id"]) == b"hello\n"
    state.build(client, "FROM a:1\nCOPY file /file\n", "built:1", files={"file": b"x" * 100_000})
    assert len(b"".join(client.get_image("a:1"))) > 3_000_000
    proxy.clear()
    client.images()
    assert [(method, path.rpartition("/images")[2]) for method, path in proxy.requests] == [
        ("GET", "/json?only_ids=0&all=0")
    ]
    client.close()


def test_reset_refuses_an_engine_that_is_not_of_the_lab(fresh_engine: Engine, recording_proxy: ProxyFor) -> None:
    proxy = recording_proxy(fresh_engine)
    proxy.answer("GET", "/info$", 200, {"Labels": ["some=label"]})
    with pytest.raises(Exception, match="not one of the lab's"):
        state.reset(fresh_engine.connect(proxy.docker_host))
    assert proxy.writes == []


def test_an_engine_can_be_stopped_and_started(fresh_engine: Engine) -> None:
    state.import_image(fresh_engine.client, "a:1")
    made = state.container(fresh_engine.client, "a:1", "running", stop_timeout=1)
    fresh_engine.stop()
    with pytest.raises(Exception, match="Connection"):
        fresh_engine.client.version()
    fresh_engine.start()
    assert fresh_engine.client.inspect_container(made)["State"]["Status"] == "exited"


def test_a_host_is_reached_over_ssh(engine: Engine, lab: Lab) -> None:
    command = ["ssh", "-F", str(lab.directory.ssh / "config"), engine.name, "python3 -c 'import docker'; hostname"]
    assert subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().split() == [engine.name]


def test_the_engine_with_tls_lets_in_only_its_clients(tls_engine: TlsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    # The requests library prefers these to the authority that it is given.
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    tls = docker.tls.TLSConfig(
        client_cert=(str(tls_engine.cert), str(tls_engine.key)), ca_cert=str(tls_engine.ca), verify=True
    )
    assert docker.APIClient(base_url=tls_engine.by_name, tls=tls, version="auto").version()["Version"]
    with pytest.raises(docker.errors.DockerException, match=r"127\.0\.0\.1"):
        docker.APIClient(base_url=tls_engine.docker_host, tls=tls, version="auto")
    stranger = docker.tls.TLSConfig(ca_cert=str(tls_engine.ca), verify=True)
    with pytest.raises(docker.errors.DockerException, match="certificate"):
        docker.APIClient(base_url=tls_engine.by_name, tls=stranger, version="auto")
