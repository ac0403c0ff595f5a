# shellcheck shell=bash
# TLS of a testbed: an authority of its own in TB_DIR/tls, and a certificate for each that listens.
#
# With --tls broker, database and metrics are reached by TLS alone.  The emulated hardware's line protocol is plain: it
# stands for a management network of its own.

TLS_NAMES=(rabbitmq postgres metrics)

# tls_settings: what the other parts put into command lines and URIs; empty without --tls.
# shellcheck disable=SC2034
tls_settings() {
    TLS_CA='' TLS_HOST=127.0.0.1 TLS_CURL=() TLS_BROKER=() TLS_METRICS=() TLS_PG=()
    ((TB_TLS)) || return 0
    TLS_CA=$TB_DIR/tls/ca.pem
    # librabbitmq compares names with a certificate, not addresses.
    TLS_HOST=localhost
    TLS_CURL=(--cacert "$TLS_CA")
    TLS_BROKER=(--broker-ca="$TLS_CA")
    TLS_PG=(PGSSLMODE=verify-full PGSSLROOTCERT="$TLS_CA")
    TLS_METRICS=(--metrics-cert="$TB_DIR/tls/metrics.pem" --metrics-key="$TB_DIR/tls/metrics.key")
}

tls_make() {
    local name
    ((TB_TLS)) || return 0
    for name in "${TLS_NAMES[@]}"; do
        "$TB_ROOT/deploy/make-ca" "$TB_DIR/tls" "$name"
        if [[ $name != metrics ]]; then chown "$name:" "$TB_DIR/tls/$name.key"; fi
    done
    env_set tls SDM_BROKER_CA="$TLS_CA" "${TLS_PG[@]}"
}

# tls_url PORT PATH: of a daemon's HTTP server.
tls_url() {
    printf 'http%s://%s:%s/%s' "${TLS_CA:+s}" "$TLS_HOST" "$1" "$2"
}
