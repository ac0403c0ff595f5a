# shellcheck shell=bash
# Bash completion of sdmctl(1): the program itself says what may follow.

# The words up to the cursor as they were typed: COMP_WORDS is broken at '=' too.
_sdmctl_words() {
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"$line"
    words=("${words[@]:1}")
    [[ $line != *' ' ]] || words+=('')
}

_sdmctl() {
    local current=${COMP_WORDS[COMP_CWORD]} words answer
    COMPREPLY=()
    _sdmctl_words
    [[ $current != = ]] || current=''
    mapfile -t answer < <("${COMP_WORDS[0]}" complete -- "${words[@]}" 2>/dev/null)
    if [[ ${answer[0]-} == FILES ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return
    fi
    COMPREPLY=("${answer[@]}")
    # A value follows at once.
    [[ ${#answer[@]} -ne 1 || ${answer[0]} != *= ]] || compopt -o nospace 2>/dev/null
}
complete -F _sdmctl sdmctl
