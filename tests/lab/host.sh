#!/bin/sh
# Copyright (c) 2026, imagewarden contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What a host of the lab runs: there is no systemd in it. `boot` is its first process; `start` and `stop` are for its Engine alone.
set -eu

shared=/run/lab
containerd_socket=/run/containerd/containerd.sock

alive() {
    [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null
}

start_containerd() {
    alive /run/containerd.pid && return 0
    rm -f "$containerd_socket"
    containerd >>"$shared/containerd.log" 2>&1 &
    echo $! >/run/containerd.pid
    while [ ! -S "$containerd_socket" ]; do
        alive /run/containerd.pid || { echo "containerd did not start" >&2; return 1; }
        sleep 0.05
    done
}

start() {
    alive /var/run/docker.pid && return 0
    rm -f /var/run/docker.pid /var/run/docker.sock "$shared/docker.sock"
    start_containerd
    # shellcheck disable=SC2046 # the file holds one argument on each line
    setsid dockerd --host=unix:///var/run/docker.sock --host=unix://$shared/docker.sock \
        --containerd=$containerd_socket $(cat $shared/arguments) >>"$shared/dockerd.log" 2>&1 </dev/null &
}

stop() {
    alive /var/run/docker.pid || return 0
    pid=$(cat /var/run/docker.pid)
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm -f "$shared/docker.sock" /var/run/docker.sock
}

boot() {
    # These outlive a restart of the host, and the processes that they name do not.
    rm -f /run/containerd.pid /var/run/docker.pid
    mkdir -p /etc/docker /run/sshd /root/.ssh
    cp "$shared/daemon.json" /etc/docker/daemon.json
    install -m 0600 "$shared/authorized_keys" /root/.ssh/authorized_keys
    install -m 0600 "$shared/host_key" /etc/ssh/lab_host_key
    start
    /usr/sbin/sshd -o ListenAddress=127.0.0.1 -o Port="$(cat $shared/ssh_port)" -o HostKey=/etc/ssh/lab_host_key \
        -o UsePAM=no -o UseDNS=no -o PasswordAuthentication=no -o MaxStartups=100 -E "$shared/sshd.log"
    # The first process waits for its children, and for those that lost their parent.
    trap 'stop; exit 0' TERM
    while :; do
        sleep 3600 &
        wait $! || :
    done
}

"$1"
