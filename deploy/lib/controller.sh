# shellcheck shell=bash
# sdm-controller, as database role sdm_controller, with static tokens.
#
# TB_DIR/controller/N/ for the Nth controller, from 1: control.sock, metrics-port.
# TB_DIR/tokens/NAME holds the token of a requester: admin, demo and other, each of its own project.

TOKEN_ROLES=(admin:admin demo:member other:member)

tokens_make() {
    local pair name
    install -d -m 0700 "$TB_DIR/tokens"
    for pair in "${TOKEN_ROLES[@]}"; do
        name=${pair%%:*}
        secret_new | file_secret "$TB_DIR/tokens/$name"
        printf '[%s]\ntoken=%s\nproject=%s\nroles=%s\n\n' "$name" "$(<"$TB_DIR/tokens/$name")" "$name" "${pair#*:}"
    done | file_secret "$TB_DIR/controller/tokens"
}

# Leads, and has declared what clients publish to.
controller_ready() {
    curl -fs "http://127.0.0.1:$(<"$TB_DIR/controller/$1/metrics-port")/metrics" |
        grep -q '^sdm_amqp_connected.* 1$'
}

# controller_start N
controller_start() {
    local folder=$TB_DIR/controller/$1
    # The broker's password travels in the environment: command lines can be read by everybody.
    SDM_BROKER=$(rabbitmq_uri sdm) proc_start "controller-$1" "$(testbed_program sdm-controller)" \
        --name="controller-$1" --database="$(postgres_uri sdm_controller sdm)" \
        --tokens="$TB_DIR/controller/tokens" \
        --control-socket="$folder/control.sock" --metrics-port="$(<"$folder/metrics-port")"
    wait_for_proc 60 "controller-$1" controller_ready "$1"
}

controller_up() {
    local folder=$TB_DIR/controller/1
    install -d -m 0700 "$TB_DIR/controller" "$folder"
    tokens_make
    await_part rabbitmq
    await_part emurack
    await_part schema
    port_pick >"$folder/metrics-port"
    controller_start 1
    env_set controller \
        "SDM_CONTROLLER_CONTROL=$folder/control.sock" \
        "SDM_CONTROLLER_METRICS=http://127.0.0.1:$(<"$folder/metrics-port")/metrics" \
        "SDM_TOKENS=$TB_DIR/tokens" \
        "SDM_TOKEN_FILE=$TB_DIR/tokens/demo" \
        "SDM_ADMIN_TOKEN_FILE=$TB_DIR/tokens/admin"
}

# restart controller-N
restart_controller() {
    proc_stop "controller-$1" TERM 15
    controller_start "$1"
}

controller_down() {
    local file
    for file in "$TB_DIR"/pids/controller-*; do
        [[ ! -e $file ]] || proc_stop "${file##*/}" TERM 15
    done
    rm -rf "$TB_DIR/controller" "$TB_DIR/tokens"
}
