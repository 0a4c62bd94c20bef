# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds the data that the pure files work on, with short names and readable IDs."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.imagewarden.docker.plugins.module_utils._engine.snapshot import (
    CONTAINERD,
    GRAPHDRIVER,
    Container,
    EngineFacts,
    Image,
    Snapshot,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._reference import Reference

STORES = (GRAPHDRIVER, CONTAINERD)

#: 2023-11-14T22:13:20Z
CREATED = 1_700_000_000


def cases(rows):
    """The rows of a table as parameters of a test; the first cell, the situation, is the name of the row."""
    return [pytest.param(*row[1:], id=row[0]) for row in rows]


def image_id(digits):
    """A whole image ID that begins with these hex digits."""
    return "sha256:" + digits.ljust(64, "0")


def digest_reference(repository, digits):
    """A reference by a digest that begins with these hex digits."""
    return f"{repository}@{image_id(digits)}"


def references(*texts):
    """Parsed references, in the Engine's order."""
    return tuple(sorted(map(Reference.parse, texts), key=lambda reference: reference.full))


def image(digits, *names, **fields):
    """An image by the first digits of its ID and its references; ``parent`` is given by its first digits too."""
    parent = fields.pop("parent", "")
    fields.setdefault("created", CREATED)
    return Image(
        id=image_id(digits), references=references(*names), parent=image_id(parent) if parent else "", **fields
    )


def container(name, of, state="exited", **fields):
    """A container by its name and the first digits of its image's ID."""
    return Container(id=name.encode().hex().ljust(64, "0"), name=name, image_id=image_id(of), state=state, **fields)


def _with_record(image):
    """On the containerd store an image without names is there by its dangling record alone."""
    return image if image.references or image.names_unread else dataclasses.replace(image, has_dangling_record=True)


def snapshot(*parts, **fields):
    """A snapshot of images and containers, on the graphdriver store unless ``store`` says otherwise."""
    store = fields.pop("store", GRAPHDRIVER)
    if store == CONTAINERD:
        parts = [_with_record(part) if isinstance(part, Image) else part for part in parts]
    return Snapshot(
        engine=EngineFacts("28.5.2", "1.51", store, "overlay2", "host"),
        images=tuple(sorted((part for part in parts if isinstance(part, Image)), key=lambda image: image.id)),
        containers=tuple(
            sorted((part for part in parts if isinstance(part, Container)), key=lambda container: container.id)
        ),
        **fields,
    )
