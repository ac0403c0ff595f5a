# shellcheck shell=bash
# The database's schema: the Sqitch plan of sql/, deployed as the owner of the database.

schema_up() {
    await_part postgres
    # Who deployed is written into Sqitch's own tables; without a name it asks the machine's mail settings.
    (cd "$TB_ROOT/sql" && env PGPASSFILE="$TB_DIR/postgres/pgpass" HOME="$TB_DIR/postgres" \
        SQITCH_FULLNAME=SDM SQITCH_EMAIL=sdm@localhost "${TLS_PG[@]}" \
        sqitch deploy --no-verify "db:pg://sdm@$TLS_HOST:$(<"$TB_DIR/postgres/port")/sdm") \
        >"$TB_DIR/log/schema" 2>&1 </dev/null || {
        show_tail schema "$TB_DIR/log/schema"
        return 1
    }
}

# It goes with its cluster.
schema_down() {
    :
}
