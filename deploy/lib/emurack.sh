# shellcheck shell=bash
# emurackd: the hardware of the rack file.  Bytes are kept in TB_SHM/rack, everything else in TB_DIR/emurack.

emurack_ready() {
    [[ -s $TB_DIR/emurack/rack.json ]] && port_open "$(<"$TB_DIR/emurack-port")"
}

emurack_start() {
    proc_start emurack "$(testbed_program emurackd)" --rack="$TB_DIR/rack.json" \
        --listen="127.0.0.1:$(<"$TB_DIR/emurack-port")" --state-dir="$TB_DIR/emurack" \
        --bytes-dir="$TB_SHM/rack" --control-socket="$TB_DIR/emurack/control.sock" \
        --metrics-port="$(<"$TB_DIR/emurack-metrics-port")" "${TLS_METRICS[@]}"
    wait_for_proc 60 emurack emurack_ready
}

emurack_up() {
    install -d -m 0700 "$TB_DIR/emurack"
    install -d -m 0700 "$TB_SHM/rack"
    port_pick >"$TB_DIR/emurack-metrics-port"
    emurack_start
    env_set emurack \
        "SDM_RACK_FILE=$TB_DIR/rack.json" \
        "SDM_EMURACK_STATE=$TB_DIR/emurack" \
        "SDM_EMURACK_BYTES=$TB_SHM/rack" \
        "SDM_EMURACK_CONTROL=$TB_DIR/emurack/control.sock" \
        "SDM_EMURACK_METRICS=$(tls_url "$(<"$TB_DIR/emurack-metrics-port")" metrics)"
}

restart_emurack() {
    proc_stop emurack TERM 15
    # What it published before says nothing about this start.
    rm -f "$TB_DIR/emurack/rack.json"
    emurack_start
}

emurack_down() {
    proc_stop emurack TERM 15
    unmount_below "$TB_DIR/emurack"
    rm -rf "$TB_DIR/emurack" "$TB_DIR/emurack-metrics-port"
}
