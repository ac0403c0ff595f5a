# shellcheck shell=bash
# Installs what deploy/packages.txt names and the machine lacks.  Sourced; needs progress.sh.
#
# Works on a fresh Debian 12 without systemd.  No service is started and no database cluster is made.

SETUP_APT=(-q -y --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0
    -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)

# setup_wanted FILE [bench]: the packages of the list, one a line; with "bench" those that only benchmarks want.
setup_wanted() {
    awk -v only="${2:-}" '/^# / {part = ($2 == "bench" ? "bench" : "")} {sub(/#.*/, "")} NF && part == only {print $1}' "$1"
}

# setup_missing FILE [bench]: those of them that are not installed.
setup_missing() {
    local wanted
    wanted=$(setup_wanted "$@")
    comm -23 <(printf '%s\n' "$wanted" | sort -u) <(
        # shellcheck disable=SC2016,SC2086  # dpkg-query's own ${...}; one word a package
        dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
            awk '$1 == "installed" {print $2}' | sort -u
    )
}

# setup_retry TIMES COMMAND...: another apt may hold the lock of the package lists.
setup_retry() {
    local times=$1 i
    shift
    for ((i = 1; i < times; i++)); do
        "$@" && return 0
        printf 'try %d of %d failed, again in 5 s\n' "$i" "$times"
        sleep 5
    done
    "$@"
}

# setup_apt PACKAGE...: installs them, with services kept from starting and without a default cluster.
setup_apt() (
    policy=/usr/sbin/policy-rc.d
    cluster_conf=/etc/postgresql-common/createcluster.conf
    mine=()
    # shellcheck disable=SC2317  # called by the trap
    clean() {
        rm -f "${mine[@]}"
        # The package's own file was put aside for ours.
        if [[ -e $cluster_conf.ucf-dist && ! -e $cluster_conf ]]; then
            mv "$cluster_conf.ucf-dist" "$cluster_conf"
        fi
    }
    trap clean EXIT
    if [[ ! -e $policy ]]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
        mine+=("$policy")
    fi
    if [[ ! -e $cluster_conf ]]; then
        install -d -m 0755 "${cluster_conf%/*}"
        printf 'create_main_cluster = false\n' >"$cluster_conf"
        mine+=("$cluster_conf")
    fi
    # Guests have an initial RAM disk of their own; the kernel package's hook need not spend time on one.
    export DEBIAN_FRONTEND=noninteractive INITRD=No
    setup_retry 6 apt-get -q update
    setup_retry 3 apt-get "${SETUP_APT[@]}" install "$@"
)

# setup_packages ROOT LOG [bench]: everything is there afterwards, or it says what is not.
setup_packages() {
    local list=("$1/deploy/packages.txt" "${@:3}") log=$2 missing
    mapfile -t missing < <(setup_missing "${list[@]}")
    if ((${#missing[@]} == 0)); then
        say "  all $(setup_wanted "${list[@]}" | wc -l) packages are installed"
        return 0
    fi
    [[ -r /etc/debian_version ]] || die "this machine is no Debian; install by hand: ${missing[*]}"
    ((EUID == 0)) || die "run as root, or install first: ${missing[*]}"
    say "  ${#missing[@]} packages are missing: $(printf '%s ' "${missing[@]}" | cut -c -100)"
    run_quiet "apt" "$log" setup_apt "${missing[@]}" || return 1
    mapfile -t missing < <(setup_missing "${list[@]}")
    ((${#missing[@]} == 0)) || die "still missing after installation: ${missing[*]}"
}
