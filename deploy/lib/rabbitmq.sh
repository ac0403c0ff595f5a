# shellcheck shell=bash
# A private RabbitMQ node: own epmd, ports, cookie and database; user and vhost come from a definitions
# file at boot, because every rabbitmqctl call would start another Erlang machine.

rabbitmq_ready() {
    grep -qs 'Server startup complete' "$TB_DIR/rabbitmq/log/node.log" &&
        port_open "$(<"$TB_DIR/rabbitmq/port")"
}

# rabbitmq_definitions PASSWORD-FILE: user sdm, who may do everything in vhost sdm; user client, who may send requests
# and read answers and events in queues of its own; and for each compute brick a user who may only read that brick's
# queue and write reports.  None is an administrator.  Passwords stand there only as salted hashes.
# The file has a line "user password" for each user.
rabbitmq_definitions() {
    /usr/bin/python3 - "$1" <<'PY'
import base64, hashlib, json, os, re, sys


def hashed(password):
    salt = os.urandom(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def permission(user):
    if user == "sdm":
        return {"configure": ".*", "write": ".*", "read": ".*"}
    if user == "client":
        own = r"sdm\.reply\..*|sdm\.events\..*|amq\.gen.*"
        return {"configure": f"^({own})$", "write": f"^(sdm|sdm_transient|{own})$", "read": f"^(sdm\\.events|{own})$"}
    brick = user.partition(".")[2]
    return {"configure": "", "write": r"^sdm\.reports$", "read": rf"^sdm\.agent\.{re.escape(brick)}$"}


with open(sys.argv[1]) as file:
    users = dict(line.split() for line in file)
print(json.dumps({
    "users": [{"name": user, "password_hash": hashed(password),
               "tags": [], "hashing_algorithm": "rabbit_password_hashing_sha256"} for user, password in users.items()],
    "vhosts": [{"name": "sdm"}],
    "permissions": [{"user": user, "vhost": "sdm", **permission(user)} for user in users]}))
PY
}

# rabbitmq_uri USER [CLIENT]: for a client with a link of its own through the proxy, if there is one; with the
# password in it: for a file or an environment, never for a command line.
rabbitmq_uri() {
    local port
    port=$(<"$TB_DIR/rabbitmq/port")
    if (($# > 1)); then port=$(proxy_port "broker.$2" "$port"); fi
    printf 'amqp%s://%s:%s@%s:%s/sdm\n' "${TLS_CA:+s}" "$1" \
        "$(awk -v user="$1" '$1 == user {print $2}' "$TB_DIR/rabbitmq/passwords")" "$TLS_HOST" "$port"
}

rabbitmq_passwords() {
    local brick
    printf 'sdm %s\nclient %s\n' "$(secret_new)" "$(secret_new)"
    while read -r _ brick; do
        printf '%s %s\n' "$(agent_user "$brick")" "$(secret_new)"
    done < <(testbed_compute_bricks)
}

# A client needs no certificate; one that it shows has to be the authority's.
rabbitmq_listeners() {
    local at
    at=127.0.0.1:$(<"$TB_DIR/rabbitmq/port")
    ((TB_TLS)) || {
        printf 'listeners.tcp.1 = %s\n' "$at"
        return 0
    }
    cat <<CONF
listeners.tcp = none
listeners.ssl.1 = $at
ssl_options.cacertfile = $TLS_CA
ssl_options.certfile = $TB_DIR/tls/rabbitmq.pem
ssl_options.keyfile = $TB_DIR/tls/rabbitmq.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
CONF
}

rabbitmq_init() {
    local dir=$TB_DIR/rabbitmq
    install -d -m 0711 "$dir"
    install -d -m 0700 "$dir/home" "$dir/mnesia" "$dir/log"
    rabbitmq_passwords | file_secret "$dir/passwords"
    secret_new | file_secret "$dir/home/.erlang.cookie"
    chmod 0400 "$dir/home/.erlang.cookie"
    rabbitmq_definitions "$dir/passwords" | file_secret "$dir/definitions.json"
    port_pick >"$dir/port"
    port_pick >"$dir/dist-port"
    port_pick >"$dir/epmd-port"
    printf '[].\n' >"$dir/enabled_plugins"
    cat >"$dir/rabbitmq.conf" <<CONF
$(rabbitmq_listeners)
load_definitions = $dir/definitions.json
log.file = node.log
log.file.level = info
log.console = false
disk_free_limit.absolute = 64MB
CONF
    chown -R rabbitmq: "$dir/home" "$dir/mnesia" "$dir/log" "$dir/definitions.json"
}

rabbitmq_env() {
    local port
    port=$(<"$TB_DIR/rabbitmq/port")
    env_set rabbitmq \
        "SDM_BROKER=$(rabbitmq_uri sdm)" \
        "SDM_BROKER_CLIENT=$(rabbitmq_uri client)" \
        "SDM_BROKER_PORT=$port"
}

# rabbitmq_vars: the node's whole environment, each NAME=VALUE ended by a zero byte.  It gets no other: its
# scripts also obey names without a prefix, such as LOGS.
rabbitmq_vars() {
    local dir=$TB_DIR/rabbitmq
    printf '%s\0' PATH="$PATH" HOME="$dir/home" LANG=C.UTF-8 \
        RABBITMQ_NODENAME=sdm@localhost RABBITMQ_CONF_ENV_FILE=/dev/null \
        RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$(<"$dir/port")" \
        RABBITMQ_DIST_PORT="$(<"$dir/dist-port")" ERL_EPMD_PORT="$(<"$dir/epmd-port")" \
        ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" \
        RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins" \
        RABBITMQ_ADVANCED_CONFIG_FILE="$dir/none" \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none'
}

# A node would start an epmd of its own as a daemon; started here it has a pid file.
rabbitmq_up() {
    local vars as=(setpriv --reuid=rabbitmq --regid=rabbitmq --init-groups)
    rabbitmq_init
    mapfile -d '' vars < <(rabbitmq_vars)
    proc_start epmd env -i "${vars[@]}" "${as[@]}" epmd
    wait_for_proc 20 epmd port_open "$(<"$TB_DIR/rabbitmq/epmd-port")"
    proc_start rabbitmq env -i "${vars[@]}" "${as[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server
    wait_for_proc 120 rabbitmq rabbitmq_ready || {
        show_tail rabbitmq "$TB_DIR/rabbitmq/log/node.log"
        return 1
    }
    rabbitmq_env
}

rabbitmq_down() {
    proc_stop rabbitmq TERM 15
    proc_stop epmd TERM 5
    rm -rf "$TB_DIR/rabbitmq"
}
