# shellcheck shell=bash
# Processes, ports, secrets and records of one testbed.  Sourced by deploy/testbed.
#
# TB_DIR is the testbed's folder:
#   env          what clients source; env.d/PART is one part's share of it
#   pids/NAME    "process-id start-time" of each process
#   log/NAME     output of each process
#   parts/PART   exists while a part is up
# TB_SHM is its folder in memory.  Every process carries SDM_TESTBED_CHILD=TB_DIR in its environment.

PORT_CLAIMS=/tmp/.sdm-ports

# proc_start NAME COMMAND...: starts COMMAND in a session of its own, output to TB_DIR/log/NAME.
proc_start() {
    local name=$1
    shift
    rm -f "$TB_DIR/pids/$name"
    # What a shell has sourced for clients holds a password.
    SDM_TESTBED_CHILD=$TB_DIR env -u SDM_BROKER -u SDM_BROKER_CLIENT setsid "$TB_LIB/proc-exec" "$TB_DIR/pids/$name" "$@" \
        </dev/null >>"$TB_DIR/log/$name" 2>&1 &
    disown
    wait_until 10 "$name has started" test -s "$TB_DIR/pids/$name"
}

# proc_record NAME: the calling (sub)shell itself, so that `down` can end a killed `up`'s helpers.
proc_record() {
    local pid=$BASHPID
    printf '%s %s\n' "$pid" "$(proc_start_time "$pid")" >"$TB_DIR/pids/$1"
}

# helper NAME COMMAND...: a shell function to be run in the background by a part, recorded so that it ends with it.
helper() {
    local name=$1
    shift
    proc_record "starter-$name"
    "$@"
    rm -f "$TB_DIR/pids/starter-$name"
}

# proc_start_time PID: the kernel's start time of a live process; nothing for a zombie or none.
proc_start_time() {
    local stat fields
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} == Z ]] || printf '%s' "${fields[19]}"
}

# proc_pid NAME: its process id; fails when it is not running (a recycled id is not it).
proc_pid() {
    local pid started
    { read -r pid started <"$TB_DIR/pids/$1"; } 2>/dev/null || return 1
    [[ -n $started && $(proc_start_time "$pid") == "$started" ]] || return 1
    printf '%s' "$pid"
}

proc_alive() {
    proc_pid "$1" >/dev/null
}

proc_gone() {
    ! proc_alive "$1"
}

# proc_signal NAME SIGNAL: no error when it is not running.
proc_signal() {
    local pid
    pid=$(proc_pid "$1") || return 0
    kill -s "$2" "$pid" 2>/dev/null || true
}

# proc_stop NAME [SIGNAL [SECONDS]]: asks, waits, and kills what does not listen.
proc_stop() {
    local name=$1 signal=${2:-TERM} limit=${3:-5}
    proc_signal "$name" "$signal"
    if ! wait_quietly "$limit" proc_gone "$name"; then
        say "$name: still running $limit s after SIG$signal, killed"
        proc_signal "$name" KILL
        wait_quietly 5 proc_gone "$name" || say "$name: cannot be killed"
    fi
    rm -f "$TB_DIR/pids/$name"
}

# wait_quietly SECONDS COMMAND...: until COMMAND succeeds; fails after SECONDS.
wait_quietly() {
    local deadline=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        (($(now_ms) < deadline)) || return 1
        sleep 0.05
    done
}

# wait_until SECONDS WHAT COMMAND...: the same, and says what did not come.
wait_until() {
    local limit=$1 what=$2
    shift 2
    wait_quietly "$limit" "$@" || {
        say "waited $limit s in vain: $what"
        return 1
    }
}

# wait_for_proc SECONDS NAME COMMAND...: until COMMAND succeeds; fails at once when process NAME ends.
wait_for_proc() {
    local limit=$1 name=$2 deadline
    shift 2
    deadline=$(($(now_ms) + limit * 1000))
    until "$@" 2>/dev/null; do
        proc_alive "$name" || {
            say "$name: ended before it was ready"
            show_tail "$name" "$TB_DIR/log/$name"
            return 1
        }
        (($(now_ms) < deadline)) || {
            say "$name: not ready after $limit s"
            show_tail "$name" "$TB_DIR/log/$name"
            return 1
        }
        sleep 0.05
    done
}

# proc_leftovers: ids of live processes that carry this testbed's mark and are no part of this script.
proc_leftovers() {
    local file pid
    while IFS= read -r file; do
        pid=${file#/proc/}
        pid=${pid%/environ}
        [[ $pid != "$$" && -n $(proc_start_time "$pid") ]] && printf '%s\n' "$pid"
    done < <(grep -lszxF -- "SDM_TESTBED_CHILD=$TB_DIR" /proc/[0-9]*/environ)
    return 0
}

# proc_sweep: ends by id what a killed `up` or a crashed daemon left behind (an epmd, a port program).
proc_sweep() {
    local signal pid
    for signal in TERM KILL; do
        [[ -n $(proc_leftovers) ]] || return 0
        for pid in $(proc_leftovers); do
            kill -s "$signal" "$pid" 2>/dev/null || true
        done
        wait_quietly 3 proc_no_leftovers && return 0
    done
    say "processes that cannot be ended: $(proc_leftovers | tr '\n' ' ')"
    return 1
}

proc_no_leftovers() {
    [[ -z $(proc_leftovers) ]]
}

# port_pick: a TCP port on loopback that nobody listens on, claimed for this testbed until port_release_all.
# Below the kernel's ephemeral range, so that an outgoing connection never takes it.
port_pick() {
    local port
    [[ -d $PORT_CLAIMS ]] || install -d -m 1777 "$PORT_CLAIMS"
    for _ in {1..200}; do
        port=$((20000 + RANDOM % 12000))
        port_claim "$port" || continue
        [[ -z $(ss -Htln "sport = :$port") ]] || {
            rm -f "$PORT_CLAIMS/$port"
            continue
        }
        printf '%s' "$port"
        return 0
    done
    die "no free port between 20000 and 32000"
}

port_claim() {
    local owner
    owner=$(cat "$PORT_CLAIMS/$1" 2>/dev/null || true)
    if [[ -n $owner && ! -d $owner ]]; then
        rm -f "$PORT_CLAIMS/$1"
    fi
    (set -o noclobber && printf '%s\n' "$TB_DIR" >"$PORT_CLAIMS/$1") 2>/dev/null
}

port_release_all() {
    local file
    while IFS= read -r file; do
        rm -f "$file"
    done < <(grep -lxF -- "$TB_DIR" "$PORT_CLAIMS"/* 2>/dev/null)
    return 0
}

port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# secret_new: 32 random characters that need no escaping anywhere.
secret_new() {
    head -c 24 /dev/urandom | base64 -w 0 | tr '+/' 'ab'
}

# file_secret PATH: stdin to a file that only its owner can read.
file_secret() {
    (umask 077 && cat >"$1.new" && mv "$1.new" "$1")
}

# env_set PART NAME=VALUE...: what clients of PART need; the values end in TB_DIR/env.
env_set() {
    local part=$1 pair
    shift
    for pair in "$@"; do
        printf 'export %s=%q\n' "${pair%%=*}" "${pair#*=}"
    done | file_secret "$TB_DIR/env.d/$part"
}

# env_publish: one file from all parts, replaced in one step.
env_publish() {
    {
        printf 'export SDM_TESTBED_DIR=%q\n' "$TB_DIR"
        cat "$TB_DIR"/env.d/* 2>/dev/null || true
    } | file_secret "$TB_DIR/env"
}
