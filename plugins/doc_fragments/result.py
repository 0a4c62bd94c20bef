# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules that remove images return, and the options that shape it."""

    DOCUMENTATION = r"""
options:
  after:
    description:
      - Results of earlier tasks of the same play, registered from modules of this collection. Of a task with a loop, the
        results of all its rounds count.
      - In check mode they are applied to the snapshot before planning, so that a chain of tasks is predicted as a chain.
        A real run finds their effects on the Engine, and ignores this option.
    type: list
    elements: dict
    default: []
  archive_dir:
    description:
      - A directory on the managed host. Before an image is deleted, it is saved there with all its tags, as a file that
        C(docker load) takes. An image that only loses a reference is not saved.
      - The archive is written aside, read back and checked, and then named after the image's ID, with the extension C(.tar) and
        the mode V(0600). An earlier archive of the same image is replaced.
      - An image that could not be saved is not removed, and the task fails after the rest is done.
      - The directory is created if it does not exist. Check mode writes nothing.
    type: path
  parallel:
    description:
      - The number of connections on which images are removed at a time; V(1) removes one image after the other.
      - Images that depend on each other, because one is the parent of the other, are removed in the order of the plan, as are
        the references of one image. The result is the same for every number, and in the same order.
      - With the containerd image store, V(16) takes about six sevenths of the time of the default; with graph drivers, more is not faster.
        Over SSH, the task uses no more than 8 connections at a time.
    type: int
    default: 8
  layers:
    description:
      - Also return C(deleted_layers), and exact bytes where the store shows enough.
      - This costs two requests for each image.
    type: bool
    default: false
  details:
    description:
      - Whether C(images) in the result lists the images that are kept too, each with the reason.
    type: str
    choices:
      changes: Only images that are deleted, untagged or skipped.
      all: Every image of the host.
    default: changes
"""
