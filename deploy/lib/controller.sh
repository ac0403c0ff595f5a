# shellcheck shell=bash
# sdm-controller, as database role sdm_controller, with static tokens.
#
# TB_DIR/controller/N/ for the Nth controller, from 1: control.sock, metrics-port.  All have one database and broker;
# one of them leads, the others stand by.
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

# It answers.
controller_ready() {
    curl -fs "${TLS_CURL[@]}" "$(tls_url "$(<"$TB_DIR/controller/$1/metrics-port")" healthz)" >/dev/null
}

# controller_leads N: and has declared what clients publish to.
controller_leads() {
    curl -fs "${TLS_CURL[@]}" "$(tls_url "$(<"$TB_DIR/controller/$1/metrics-port")" metrics)" |
        grep -q '^sdm_amqp_connected.* 1$'
}

controllers_any_leads() {
    local n
    for n in $(controller_numbers); do
        ! controller_leads "$n" || return 0
    done
    return 1
}

# controller_numbers: of those that were started.
controller_numbers() {
    find "$TB_DIR/controller" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort -n
}

# controller_start N: returns when it answers.
controller_start() {
    local folder=$TB_DIR/controller/$1
    rabbitmq_uri sdm "controller-$1" | file_secret "$folder/broker"
    proc_start "controller-$1" "$(testbed_program sdm-controller)" \
        --name="controller-$1" --database="$(postgres_uri sdm_controller sdm "controller-$1")" \
        --broker-file="$folder/broker" --tokens="$TB_DIR/controller/tokens" \
        --control-socket="$folder/control.sock" --metrics-port="$(<"$folder/metrics-port")" \
        "${TLS_BROKER[@]}" "${TLS_METRICS[@]}"
    wait_for_proc 60 "controller-$1" controller_ready "$1"
}

controller_up() {
    local n controls=() metrics=()
    install -d -m 0700 "$TB_DIR/controller"
    tokens_make
    if [[ $TB_PROXY ]]; then await_part proxy; fi
    await_part rabbitmq
    await_part emurack
    await_part schema
    for ((n = 1; n <= TB_CONTROLLERS; n++)); do
        install -d -m 0700 "$TB_DIR/controller/$n"
        port_pick >"$TB_DIR/controller/$n/metrics-port"
        # The first of them leads.
        controller_start "$n"
        wait_until 60 "a controller leads" controllers_any_leads
        controls+=("controller-$n=$TB_DIR/controller/$n/control.sock")
        metrics+=("controller-$n=$(tls_url "$(<"$TB_DIR/controller/$n/metrics-port")" metrics)")
    done
    env_set controller \
        "SDM_CONTROLLER_CONTROL=$TB_DIR/controller/1/control.sock" \
        "SDM_CONTROLLER_METRICS=$(tls_url "$(<"$TB_DIR/controller/1/metrics-port")" metrics)" \
        "SDM_CONTROLLER_CONTROLS=${controls[*]}" \
        "SDM_CONTROLLERS_METRICS=${metrics[*]}" \
        "SDM_TOKENS=$TB_DIR/tokens" \
        "SDM_TOKEN_FILE=$TB_DIR/tokens/demo" \
        "SDM_ADMIN_TOKEN_FILE=$TB_DIR/tokens/admin"
}

# restart controller-N: of several, another one may lead afterwards.
restart_controller() {
    [[ -d $TB_DIR/controller/${1:-none} ]] || die "no controller number '$1'"
    proc_stop "controller-$1" TERM 15
    controller_start "$1"
    wait_until 60 "a controller leads" controllers_any_leads
}

controller_down() {
    local file
    for file in "$TB_DIR"/pids/controller-*; do
        [[ ! -e $file ]] || proc_stop "${file##*/}" TERM 15
    done
    rm -rf "$TB_DIR/controller" "$TB_DIR/tokens"
}
