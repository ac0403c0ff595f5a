# shellcheck shell=bash
# Configures and builds one CMake preset.  Sourced; needs progress.sh.

# build_preset ROOT LOG PRESET [CMAKE-OPTION...] [-- TARGET...]: everything unless targets are named.
build_preset() {
    local root=$1 log=$2 preset=$3 options=()
    shift 3
    while (($#)) && [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    (($# == 0)) || shift
    run_quiet "configure $preset" "$log" build_configure "$root" "$preset" "${options[@]}" || return
    run_quiet "compile $preset" "$log" ninja -C "$root/build/$preset" "$@"
}

build_configure() (
    cd "$1" || exit
    shift
    cmake --preset "$@"
)
