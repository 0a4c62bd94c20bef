# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configuration of the documentation site. `make docs` copies it to where the pages are."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

project = "imagewarden.docker"
copyright = "2026, imagewarden contributors"  # noqa: A001
title = "imagewarden.docker"
html_short_title = "imagewarden.docker"

extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
highlight_language = "YAML+Jinja"
pygments_style = "ansible"
nitpicky = True

html_theme = "sphinx_ansible_theme"
html_theme_options = {
    "documentation_home_url": "index.html",
    "topbar_links": {
        "Source": "https://github.com/imagewarden/imagewarden.docker",
        "Issues": "https://github.com/imagewarden/imagewarden.docker/issues",
        "Changelog": "https://github.com/imagewarden/imagewarden.docker/blob/main/CHANGELOG.md",
    },
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_use_index = False
html_copy_source = False

# The labels of Ansible's own documentation that the pages of modules refer to, so that no build downloads its inventory.
ANSIBLE_LABELS = {
    "action_plugins": "plugins/action.html",
    "ansible_configuration_settings": "reference_appendices/config.html",
    "common_return_values": "reference_appendices/common_return_values.html",
}


def inventory(labels: dict[str, str]) -> str:
    """Write an inventory of Sphinx's format, and return its path."""
    entries = "".join(f"{name} std:label -1 {page}#{name.replace('_', '-')} -\n" for name, page in labels.items())
    header = "# Sphinx inventory version 2\n# Project: Ansible\n# Version: \n# The rest is compressed using zlib.\n"
    path = Path(tempfile.mkdtemp(), "ansible.inv")
    path.write_bytes(header.encode() + zlib.compress(entries.encode()))
    return str(path)


intersphinx_mapping = {"ansible": ("https://docs.ansible.com/ansible/latest/", inventory(ANSIBLE_LABELS))}
