# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs C(cleanup_chain) for every Engine of a host by the variables of the role C(image_cleanup), and sums up."""

from __future__ import annotations

import posixpath
import typing as t

from ansible import constants, context
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.imagewarden.docker.plugins.action.cleanup_report import callback, show
from ansible_collections.imagewarden.docker.plugins.module_utils._argspec import CONNECTION
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.elsewhere import (
    Union,
    in_words,
    unknown_hosts,
    with_kept,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.files import ReportDirectory, utc_now
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.metrics import host_metrics
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.page import shortened
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.shared_target import BUILD_CACHE, POLICY
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.summary import (
    CHANGED,
    FAILED,
    OK,
    UNREACHABLE,
    failed_summary,
    host_report,
    host_summary,
    lines_of_engines,
    with_failure,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._cleanup.variables import (
    KEEP_USED_ON,
    STOP,
    Settings,
    chosen_stages,
    plain,
    read_settings,
    unknown_variables,
)
from ansible_collections.imagewarden.docker.plugins.module_utils._errors import ImageWardenError
from ansible_collections.imagewarden.docker.plugins.plugin_utils._hosts import hosts_of
from ansible_collections.imagewarden.docker.plugins.plugin_utils._progress import pause, told

_WIDTH = 100
#: Callbacks that print what belongs to an event: programs', and that of AWX, which shows it elsewhere.
_WITHOUT_PROGRESS = ("json", "jsonl", "awx_display")
_COLORS = {
    CHANGED: constants.COLOR_CHANGED,
    OK: constants.COLOR_OK,
    FAILED: constants.COLOR_ERROR,
    UNREACHABLE: constants.COLOR_UNREACHABLE,
}


class ActionModule(ActionBase):
    """The one task of the role that does something: everything that fails is in its summary, which another task judges."""

    _supports_check_mode = True
    _supports_diff = True
    # Connection options that module_defaults set for the action group.
    _VALID_ARGS = frozenset(CONNECTION)

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        host, check_mode = variables["inventory_hostname"], bool(self._task.check_mode)
        began = utc_now()
        chains: list[dict[str, t.Any]] = []
        directory, textfile = None, ""
        try:
            # Before the first stage: what was done must not be lost for a directory.
            directory = self._directory(variables, "image_cleanup_report_dir")
            snapshots = self._directory(variables, "image_cleanup_snapshot_dir")
            textfile = self._textfile(variables)
            settings = self._settings(variables)
            elsewhere = self._elsewhere(settings, variables)
            if elsewhere is not None and elsewhere.forbids(settings.if_unknown):
                summary = elsewhere.refusal(host, check_mode)
            else:
                saves, numbers = snapshots is not None, range(len(settings.engines))
                chains = [self._chain(number, settings, elsewhere, saves, variables) for number in numbers]
                summary = host_summary(chains, check_mode)
            if elsewhere is not None:
                summary = {**summary, "keep_used_on": elsewhere.told()}
            if snapshots is not None:
                summary = _saved(snapshots, host, summary, chains)
        except (AnsibleError, ImageWardenError) as exc:
            summary = failed_summary(str(exc), check_mode)
        if textfile and not check_mode and summary["status"] != UNREACHABLE:
            summary = self._with_metrics(textfile, host, summary, variables)
        if directory is not None:
            summary = _written(directory, host, summary, began)
        statistics = {key: value for key, value in summary.items() if key != "engines"}
        result.update(
            changed=summary["changed"],
            summary={**summary, "run": self._run_of(variables)},
            message=shortened(summary["message"]),
            diff=[diff for chain in chains for diff in chain.get("diff") or ()],
            ansible_stats={"data": {"image_cleanup_summary": {host: statistics}}, "per_host": False, "aggregate": True},
        )
        # The message of a failure follows when the next task fails, and once more at the end.
        line = summary["summary"].replace(f": {summary['message']}", "", 1) if summary["failed"] else summary["summary"]
        show(shortened(f"{host}: {line}", _WIDTH), color=_COLORS[summary["status"]])
        for line in lines_of_engines(summary):
            show(shortened(f"  {line}", _WIDTH), color=_COLORS[summary["status"]])
        for key in ("warnings", "deprecations"):
            result.setdefault(key, []).extend(text for chain in chains for text in chain.get(key) or ())
        unknown = summary.get("keep_used_on", {}).get("unknown")
        if unknown and chains:
            known = in_words({found["host"]: found["reason"] for found in unknown})
            result["warnings"].append(f"{host}: {KEEP_USED_ON}: {known}, and removed here by image_cleanup_if_unknown")
        return result

    def _run_of(self, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """Which play this is, and which batch of it: that of its first host."""
        batch = variables["ansible_play_batch"]
        return {"play": self._task._parent._play._uuid, "batch": min(batch, default=""), "hosts": len(batch)}

    def _directory(self, variables: t.Mapping[str, t.Any], option: str) -> ReportDirectory | None:
        name = plain(self._templar.template(variables.get(option)))
        return ReportDirectory.create(str(name), option) if name else None

    def _textfile(self, variables: t.Mapping[str, t.Any]) -> str:
        """The path on the host of the file of metrics, or nothing."""
        name = str(plain(self._templar.template(variables.get("image_cleanup_textfile_dir"))) or "")
        if name and not posixpath.isabs(name):
            raise ImageWardenError(f"image_cleanup_textfile_dir: {name!r} is not an absolute path")
        return posixpath.join(name, "imagewarden.prom") if name else ""

    def _with_metrics(
        self, path: str, host: str, summary: dict[str, t.Any], variables: dict[str, t.Any]
    ) -> dict[str, t.Any]:
        """The summary after its metrics were written on the host, or with the reason why they could not be."""
        task = self._task.copy()
        task.args = {"dest": path, "content": host_metrics(host, summary, utc_now()), "mode": "0644"}
        plugins = self._shared_loader_obj
        copy = plugins.action_loader.get(
            "ansible.legacy.copy",
            task=task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=plugins,
        )
        try:
            found = copy.run(task_vars=variables)
        except AnsibleError as exc:
            found = {"failed": True, "msg": str(exc)}
        if not found.get("failed"):
            return summary
        return with_failure(summary, f"image_cleanup_textfile_dir: cannot write {path}: {found.get('msg')}")

    def _settings(self, variables: t.Mapping[str, t.Any]) -> Settings:
        """What the role's variables ask for. Raises :class:`AnsibleError` for a mistake in any of them."""
        errors = unknown_variables(variables)
        values = {}
        for name in Settings.VARIABLES:
            try:
                values[name] = plain(self._templar.template(variables.get(name)))
            except AnsibleError as exc:
                errors.append(f"{name}: {exc}")
        settings, mistakes = read_settings(values, plain(self._task.args)) if not errors else (None, [])
        if settings is None:
            raise AnsibleError("; ".join([*errors, *mistakes]))
        return settings

    def _chosen(self, settings: Settings, variables: t.Mapping[str, t.Any]) -> dict[str, dict[str, t.Any]]:
        """The options of the stages that C(--tags) and C(--skip-tags) choose."""
        run_tags, skip_tags = variables.get("ansible_run_tags") or ["all"], variables.get("ansible_skip_tags") or []
        chosen = chosen_stages(self._task.tags, run_tags, skip_tags)
        return {stage: options for stage, options in settings.stages.items() if stage in chosen}

    def _elsewhere(self, settings: Settings, variables: t.Mapping[str, t.Any]) -> Elsewhere | None:
        """What other hosts use, if a policy is to keep it. Raises :class:`AnsibleError` for a pattern without hosts."""
        hosts, errors = hosts_of(KEEP_USED_ON, settings.keep_used_on, variables)
        if errors:
            raise AnsibleError("; ".join(errors))
        if not hosts or not self._chosen(settings, variables).get("policy"):
            return None
        return Elsewhere.of(hosts, variables)

    def _chain(
        self,
        number: int,
        settings: Settings,
        elsewhere: Elsewhere | None,
        saves: bool,
        variables: dict[str, t.Any],
    ) -> dict[str, t.Any]:
        """The result of the chain of one Engine; of a host that cannot be reached, what Ansible says of it."""
        engine, stages = settings.engines[number], self._chosen(settings, variables)
        if elsewhere is not None:
            entries = elsewhere.union.kept_for(elsewhere.hosts, variables["inventory_hostname"], number)
            stages["policy"] = with_kept(stages["policy"], entries)
        arguments = {**engine, **stages, "totals": settings.totals, "on_error": settings.on_error}
        if settings.target and any(stages.get(name) for name in (POLICY, BUILD_CACHE)):
            arguments["target"] = settings.target
        if saves:
            arguments["snapshot"] = True
        seconds = self._seconds_between_lines(settings, variables)
        try:
            with told(self, variables["inventory_hostname"], seconds, show):
                found = self._execute_module("imagewarden.docker.cleanup_chain", arguments, task_vars=variables)
        except AnsibleConnectionFailure as exc:
            found = {"unreachable": True, "msg": str(exc)}
        except AnsibleError as exc:
            found = {"failed": True, "msg": str(exc)}
        used = (found.get("invocation") or {}).get("module_args") or engine
        return {**found, "docker_host": used.get("docker_host") or used.get("docker_url")}

    def _seconds_between_lines(self, settings: Settings, variables: t.Mapping[str, t.Any]) -> float:
        """How often the host says how far it is; 0 for never."""
        if callback() in _WITHOUT_PROGRESS:
            return 0
        hosts = min(context.CLIARGS.get("forks") or 1, len(variables["ansible_play_batch"]))
        return pause(settings.progress, hosts)


def _saved(
    directory: ReportDirectory, host: str, summary: dict[str, t.Any], chains: t.Iterable[t.Mapping[str, t.Any]]
) -> dict[str, t.Any]:
    """The summary after the snapshots of all Engines were written, or with the reason why one could not be."""
    try:
        for number, chain in enumerate(chains, 1):
            if chain.get("snapshot"):
                directory.write_snapshot(host, number, chain["snapshot"])
    except ImageWardenError as exc:
        return with_failure(summary, str(exc))
    return summary


class Elsewhere(t.NamedTuple):
    """What the hosts of C(image_cleanup_keep_used_on) use, and of which of them it is not known."""

    hosts: tuple[str, ...]
    union: Union
    unknown: dict[str, str]

    @classmethod
    def of(cls, hosts: t.Sequence[str], variables: t.Mapping[str, t.Any]) -> Elsewhere:
        """By what earlier plays of this run left."""
        union = _left_by(variables, Union())
        for host in hosts:
            if host not in union.hosts:
                union = _left_by(variables["hostvars"][host], union)
        return cls(tuple(hosts), union, unknown_hosts(union, hosts, bool(variables.get("ansible_limit"))))

    def forbids(self, if_unknown: str) -> bool:
        """Whether nothing may be removed here."""
        return bool(self.unknown) and if_unknown == STOP

    def refusal(self, own: str, check_mode: bool) -> dict[str, t.Any]:
        """The summary of a host that is left alone. One that could not be read itself says why."""
        if own in self.union.unknown:
            why, is_unreachable = self.union.unknown[own]
            return failed_summary(why, check_mode, UNREACHABLE if is_unreachable else FAILED)
        advice = "image_cleanup_if_unknown: continue removes nonetheless"
        return failed_summary(f"{KEEP_USED_ON}: {in_words(self.unknown)}, so nothing was removed; {advice}", check_mode)

    def told(self) -> dict[str, t.Any]:
        """What the report says of it."""
        unknown = [{"host": host, "reason": why} for host, why in self.unknown.items()]
        return {"hosts": len(self.hosts), "unknown": unknown}


def _left_by(variables: t.Mapping[str, t.Any], union: Union) -> Union:
    """With the union that a host holds, if it holds one."""
    left = (variables.get("image_cleanup__union") or {}).get("union")
    return union.joined(Union.load(str(left))) if left else union


def _written(directory: ReportDirectory, host: str, summary: dict[str, t.Any], began: str) -> dict[str, t.Any]:
    """The summary after it was written, or with the reason why it could not be."""
    try:
        directory.write_host(host, host_report(summary, host, began))
    except ImageWardenError as exc:
        return with_failure(summary, str(exc))
    return summary
