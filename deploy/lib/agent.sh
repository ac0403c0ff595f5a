# shellcheck shell=bash
# One sdm-agent a compute brick, with a broker user of its own; those of bricks with a guest have a libvirt.
#
# TB_DIR/agent/N/ for the Nth compute brick of the rack file, from 1: broker, boot-id, control.sock, state/.

# agent_user BRICK: the broker's name for the brick's agent.
agent_user() {
    printf 'agent.%s' "$1"
}

agent_folder() {
    printf '%s/agent/%s' "$TB_DIR" "$1"
}

# Up, not yet connected: the broker has no queue for it before its brick is registered.
agent_ready() {
    [[ -S $(agent_folder "$1")/control.sock ]]
}

# agent_start N BRICK
agent_start() {
    local n=$1 brick=$2 folder libvirt=() sysfs=$TB_DIR/emurack/sys/$2
    folder=$(agent_folder "$n")
    libvirt=(--libvirt-uri= --memory-dir=)
    if [[ -e $(libvirt_folder "$n")/libvirt-sock ]]; then
        libvirt=(--libvirt-uri="$(libvirt_uri "$n")" --memory-dir="$(libvirt_memory_dir "$n")")
    fi
    proc_start "agent-$n" "$(testbed_program sdm-agent)" --brick="$brick" --user-id="$(agent_user "$brick")" \
        --broker-file="$folder/broker" --rmc-socket="$TB_DIR/emurack/rmc/$brick.sock" --sysfs-root="$sysfs" \
        --state-dir="$folder/state" --boot-id-file="$folder/boot-id" --control-socket="$folder/control.sock" \
        --metrics-port="$(<"$folder/metrics-port")" "${libvirt[@]}" "${TLS_BROKER[@]}" "${TLS_METRICS[@]}"
    wait_for_proc 60 "agent-$n" agent_ready "$n"
}

agent_init() {
    local folder
    folder=$(agent_folder "$1")
    install -d -m 0700 "$folder" "$folder/state"
    rabbitmq_uri "$(agent_user "$2")" "agent-$1" | file_secret "$folder/broker"
    cp /proc/sys/kernel/random/uuid "$folder/boot-id"
    port_pick >"$folder/metrics-port"
}

agent_up() {
    local n brick pids=() pid sockets=()
    if [[ $TB_PROXY ]]; then await_part proxy; fi
    await_part rabbitmq
    await_part emurack
    if ((TB_GUESTS > 0)); then await_part libvirt; fi
    while read -r n brick; do
        agent_init "$n" "$brick"
        helper "agent-$n" agent_start "$n" "$brick" &
        pids+=($!)
        sockets+=("$brick=$(agent_folder "$n")/control.sock")
    done < <(testbed_compute_bricks)
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    env_set agent "SDM_AGENT_CONTROLS=${sockets[*]}"
}

# restart agent-N
restart_agent() {
    local brick
    brick=$(testbed_compute_bricks | awk -v n="$1" '$1 == n {print $2}')
    [[ $brick ]] || die "no compute brick number '$1'"
    proc_stop "agent-$1" TERM 15
    agent_start "$1" "$brick"
}

agent_down() {
    local file
    for file in "$TB_DIR"/pids/agent-*; do
        [[ ! -e $file ]] || proc_signal "${file##*/}" TERM
    done
    for file in "$TB_DIR"/pids/agent-*; do
        [[ ! -e $file ]] || proc_stop "${file##*/}" TERM 15
    done
    rm -rf "$TB_DIR/agent"
}
