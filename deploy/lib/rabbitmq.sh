# shellcheck shell=bash
# A private RabbitMQ node: own epmd, ports, cookie and database; user and vhost come from a definitions
# file at boot, because every rabbitmqctl call would start another Erlang machine.

rabbitmq_ready() {
    grep -qs 'Server startup complete' "$TB_DIR/rabbitmq/log/node.log" &&
        port_open "$(<"$TB_DIR/rabbitmq/port")"
}

# rabbitmq_definitions PASSWORD-FILE: user sdm, who may do everything in vhost sdm, and for each compute brick a
# user who may only read that brick's queue and write reports.  Passwords stand there only as salted hashes.
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
    brick = user.partition(".")[2]
    return {"configure": "", "write": r"^sdm\.reports$", "read": rf"^sdm\.agent\.{re.escape(brick)}$"}


with open(sys.argv[1]) as file:
    users = dict(line.split() for line in file)
print(json.dumps({
    "users": [{"name": user, "password_hash": hashed(password),
               "tags": ["administrator"] if user == "sdm" else [],
               "hashing_algorithm": "rabbit_password_hashing_sha256"} for user, password in users.items()],
    "vhosts": [{"name": "sdm"}],
    "permissions": [{"user": user, "vhost": "sdm", **permission(user)} for user in users]}))
PY
}

# rabbitmq_uri USER: with the password in it; for a file or an environment, never for a command line.
rabbitmq_uri() {
    printf 'amqp://%s:%s@127.0.0.1:%s/sdm\n' "$1" \
        "$(awk -v user="$1" '$1 == user {print $2}' "$TB_DIR/rabbitmq/passwords")" "$(<"$TB_DIR/rabbitmq/port")"
}

rabbitmq_passwords() {
    local brick
    printf 'sdm %s\n' "$(secret_new)"
    while read -r _ brick; do
        printf '%s %s\n' "$(agent_user "$brick")" "$(secret_new)"
    done < <(testbed_compute_bricks)
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
listeners.tcp.1 = 127.0.0.1:$(<"$dir/port")
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
