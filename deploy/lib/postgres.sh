# shellcheck shell=bash
# A private PostgreSQL: own cluster, Unix socket and a loopback port, fsync as in production.
#
# Role "postgres" is the superuser, role "sdm" owns database "sdm", role "sdm_controller" may only read and
# write rows there (sql/deploy/roles.sql), role "sdm_auditor" reads the audit log and nothing else.  The connection strings name a password
# file instead of holding a password, so they may stand on a command line.

PG_BIN=/usr/lib/postgresql/15/bin

postgres_as() {
    setpriv --reuid=postgres --regid=postgres --init-groups "$@"
}

postgres_ready() {
    "$PG_BIN/pg_isready" -q -h "$TB_DIR/postgres" -p "$(<"$TB_DIR/postgres/port")"
}

# postgres_uri ROLE DATABASE [CLIENT]: for a client with a link of its own through the proxy, if there is one.
postgres_uri() {
    local port host passfile
    port=$(<"$TB_DIR/postgres/port")
    passfile=$(jq -rn --arg v "$TB_DIR/postgres/pgpass" '$v | @uri')
    host=$(jq -rn --arg v "$TB_DIR/postgres" '$v | @uri')
    if (($# > 2)) && [[ -d $TB_DIR/proxy ]]; then
        port=$(proxy_port "database.$3" "$port")
        host=$TLS_HOST
    fi
    if ((TB_TLS)); then
        printf 'postgresql://%s@%s:%s/%s?sslmode=verify-full&sslrootcert=%s&passfile=%s' "$1" "$TLS_HOST" "$port" \
            "$2" "$(jq -rn --arg v "$TLS_CA" '$v | @uri')" "$passfile"
        return 0
    fi
    printf 'postgresql://%s@/%s?host=%s&port=%s&passfile=%s&sslmode=disable' "$1" "$2" "$host" "$port" "$passfile"
}

postgres_init() {
    local dir=$TB_DIR/postgres admin_password owner_password controller_password auditor_password
    admin_password=$(secret_new)
    owner_password=$(secret_new)
    controller_password=$(secret_new)
    auditor_password=$(secret_new)
    install -d -m 0711 -o postgres -g postgres "$dir"
    postgres_as test -x "$dir" || {
        say "postgres: user postgres cannot enter $dir: choose a --dir below folders that others may pass"
        return 1
    }
    printf '%s\n' "$admin_password" | file_secret "$dir/admin-password"
    printf '*:*:*:%s:%s\n' postgres "$admin_password" sdm "$owner_password" \
        sdm_controller "$controller_password" sdm_auditor "$auditor_password" | file_secret "$dir/pgpass"
    {
        printf "CREATE ROLE %s LOGIN PASSWORD '%s';\n" sdm "$owner_password" \
            sdm_controller "$controller_password" sdm_auditor "$auditor_password"
        printf 'CREATE DATABASE sdm OWNER sdm;\n'
    } | file_secret "$dir/create.sql"
    chown postgres: "$dir/admin-password"
    postgres_as "$PG_BIN/initdb" -D "$dir/data" -U postgres --pwfile="$dir/admin-password" \
        --auth=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync >"$TB_DIR/log/initdb" 2>&1 || {
        show_tail initdb "$TB_DIR/log/initdb"
        return 1
    }
    port_pick >"$dir/port"
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
port = $(<"$dir/port")
unix_socket_directories = '$dir'
unix_socket_permissions = 0777
max_connections = 200
fsync = on
log_line_prefix = '%m [%p] %q%a '
CONF
    postgres_tls
}

postgres_tls() {
    local data=$TB_DIR/postgres/data
    ((TB_TLS)) || return 0
    cat >>"$data/postgresql.conf" <<CONF
ssl = on
ssl_cert_file = '$TB_DIR/tls/postgres.pem'
ssl_key_file = '$TB_DIR/tls/postgres.key'
ssl_min_protocol_version = 'TLSv1.2'
CONF
    # Who comes without TLS finds no line that lets it in.
    sed -i 's/^host /hostssl /' "$data/pg_hba.conf"
}

# The password file names each role, so it is the same for socket and port.
postgres_sql() {
    PGPASSFILE=$TB_DIR/postgres/pgpass psql -X -q -v ON_ERROR_STOP=1 -d "$(postgres_uri postgres "$1")"
}

# shellcheck disable=SC2034  # read by whoever sources the env file
postgres_env() {
    local port
    port=$(<"$TB_DIR/postgres/port")
    env_set postgres \
        "SDM_DATABASE=$(postgres_uri sdm sdm)" \
        "SDM_DATABASE_ADMIN=$(postgres_uri postgres sdm)" \
        "SDM_DATABASE_CONTROLLER=$(postgres_uri sdm_controller sdm)" \
        "SDM_DATABASE_AUDITOR=$(postgres_uri sdm_auditor sdm)" \
        "SDM_DATABASE_SOCKET_DIR=$TB_DIR/postgres" \
        "SDM_DATABASE_PORT=$port" \
        "SDM_SQITCH_TARGET=db:pg://sdm@$TLS_HOST:$port/sdm" \
        "PGPASSFILE=$TB_DIR/postgres/pgpass"
}

postgres_up() {
    postgres_init
    proc_start postgres setpriv --reuid=postgres --regid=postgres --init-groups \
        "$PG_BIN/postgres" -D "$TB_DIR/postgres/data"
    wait_for_proc 60 postgres postgres_ready
    postgres_sql postgres <"$TB_DIR/postgres/create.sql"
    rm -f "$TB_DIR/postgres/create.sql" "$TB_DIR/postgres/admin-password"
    postgres_env
}

postgres_down() {
    # SIGINT is PostgreSQL's "fast": sessions are ended and its shared memory is given back.
    proc_stop postgres INT 15
    rm -rf "$TB_DIR/postgres"
}
