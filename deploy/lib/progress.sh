# shellcheck shell=bash
# Progress for people: headings with elapsed time, and quiet commands whose log is shown when they fail.
# Everything is written to stderr; stdout stays free for results.
# Sourced, never run.

PROGRESS_START_MS=${PROGRESS_START_MS:-$(date +%s%3N)}
PROGRESS_NAMES=()
PROGRESS_MS=()

# Milliseconds on the wall clock.
now_ms() {
    date +%s%3N
}

# seconds_text MS: "12.3".
seconds_text() {
    printf '%d.%d' $(($1 / 1000)) $(($1 % 1000 / 100))
}

# say TEXT...: one line with the time since the start.
say() {
    printf '[%7s s] %s\n' "$(seconds_text $(($(now_ms) - PROGRESS_START_MS)))" "$*" >&2
}

# die TEXT...: says why and ends with status 1.
die() {
    say "error: $*"
    exit 1
}

# show_tail TITLE FILE [LINES]: the end of a log, indented.
show_tail() {
    local title=$1 file=$2 lines=${3:-12}
    [[ -s $file ]] || return 0
    printf '    --- %s, end of %s ---\n' "$title" "$file" >&2
    tail -n "$lines" "$file" | cut -c -300 | sed 's/^/    | /' >&2
}

# run_quiet TITLE LOG COMMAND...: output goes to LOG (appended); a line every 10 s says that it still
# runs and where it is; on failure the end of LOG is shown and the command's status returned.
run_quiet() {
    local title=$1 log=$2 started pid status=0 waited=0
    shift 2
    mkdir -p "$(dirname "$log")"
    started=$(now_ms)
    "$@" >>"$log" 2>&1 </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        waited=$((waited + 1))
        if ((waited % 100 == 0)); then
            say "  $title: $(tail -c 300 "$log" | tr '\r' '\n' | tail -n 1 | cut -c -90)"
        fi
    done
    wait "$pid" || status=$?
    if ((status != 0)); then
        say "  $title: failed with status $status"
        show_tail "$title" "$log" 40
        return "$status"
    fi
    say "  $title: $(seconds_text $(($(now_ms) - started))) s"
}

# stage NAME COMMAND...: a heading, the command, and its duration kept for stage_report.
stage() {
    local name=$1 started status=0
    shift
    started=$(now_ms)
    say "== $name"
    "$@" || status=$?
    PROGRESS_NAMES+=("$name")
    PROGRESS_MS+=($(($(now_ms) - started)))
    return "$status"
}

# stage_report: a table of all stages so far.
stage_report() {
    local i
    printf '\n%-28s %9s\n' 'stage' 'seconds' >&2
    for i in "${!PROGRESS_NAMES[@]}"; do
        printf '%-28s %9s\n' "${PROGRESS_NAMES[i]}" "$(seconds_text "${PROGRESS_MS[i]}")" >&2
    done
    printf '%-28s %9s\n' 'total' "$(seconds_text $(($(now_ms) - PROGRESS_START_MS)))" >&2
}

# stage_json: the same as a JSON list of {name, seconds}, on stdout.
stage_json() {
    local i
    for i in "${!PROGRESS_NAMES[@]}"; do
        jq -n --arg name "${PROGRESS_NAMES[i]}" --argjson ms "${PROGRESS_MS[i]}" \
            '{name: $name, seconds: ($ms / 1000)}'
    done | jq -s .
}
