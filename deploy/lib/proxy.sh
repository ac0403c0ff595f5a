# shellcheck shell=bash
# One tcp_proxy.py before broker and database, with a port for each client: `testbed up --proxy`.
#
# TB_DIR/proxy/control.sock takes its commands; links are named broker.CLIENT and database.CLIENT, where CLIENT is
# controller-N or agent-N.  TB_DIR/proxy/ports/LINK holds a link's port.

proxy_ready() {
    [[ -S $TB_DIR/proxy/control.sock ]]
}

proxy_ask() {
    /usr/bin/python3 "$TB_LIB/tcp_proxy.py" ask "$TB_DIR/proxy/control.sock" "$@"
}

# proxy_port LINK PORT: where a client finds what listens at PORT: a link's port, or PORT itself when there is no proxy.
proxy_port() {
    local file=$TB_DIR/proxy/ports/$1 port
    if [[ ! -d $TB_DIR/proxy ]]; then
        printf '%s' "$2"
        return 0
    fi
    if [[ ! -e $file ]]; then
        port=$(port_pick)
        proxy_ask add link="$1" target="127.0.0.1:$2" port="$port" >/dev/null || return
        printf '%s\n' "$port" >"$file"
    fi
    printf '%s' "$(<"$file")"
}

proxy_up() {
    install -d -m 0700 "$TB_DIR/proxy" "$TB_DIR/proxy/ports"
    proc_start proxy /usr/bin/python3 "$TB_LIB/tcp_proxy.py" serve "$TB_DIR/proxy/control.sock"
    wait_for_proc 20 proxy proxy_ready
    env_set proxy "SDM_PROXY_CONTROL=$TB_DIR/proxy/control.sock"
}

proxy_down() {
    proc_stop proxy TERM 5
    rm -rf "$TB_DIR/proxy"
}
