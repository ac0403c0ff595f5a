# shellcheck shell=bash
# One private libvirtd for each compute brick that has a guest.
#
# A brick is a set of namespaces (mount, network, process ids), held open by sdm-brick-init.  libvirtd and its
# guests live inside, so libvirtd may be stopped and started beside them, and ending the holder ends all.
# Inside, libvirt's state folders are of their own; TB_DIR and /dev/shm are the same as outside, so that an
# agent outside reaches the socket and can plant links in the brick's folder for guest memory.
#
# TB_DIR/libvirt/N/ for the Nth compute brick of the rack file, from 1:
#   brick  libvirt-sock  libvirtd.pid  libvirtd.conf  qemu.conf

# libvirt_folder N / libvirt_memory_dir N: short names, for socket names end at 107 bytes.
libvirt_folder() {
    printf '%s/libvirt/%s' "$TB_DIR" "$1"
}

libvirt_memory_dir() {
    printf '%s/memory-%s' "$TB_SHM" "$1"
}

libvirt_uri() {
    printf 'qemu:///system?socket=%s/libvirt-sock' "$(libvirt_folder "$1")"
}

# libvirt_virsh N COMMAND...
libvirt_virsh() {
    local uri
    uri=$(libvirt_uri "$1")
    shift
    virsh -q -c "$uri" "$@" </dev/null
}

# libvirt_inside N COMMAND...: runs COMMAND inside the brick.
libvirt_inside() {
    local holder
    holder=$(proc_pid "brick-$1") || {
        say "libvirt: brick $1 is not held open"
        return 1
    }
    shift
    # The holder's child is the first process of the process namespace.
    SDM_TESTBED_CHILD=$TB_DIR nsenter --mount="/proc/$holder/ns/mnt" --net="/proc/$holder/ns/net" \
        --pid="/proc/$holder/ns/pid_for_children" -- "$@"
}

libvirt_configure() {
    local folder=$1 memory_dir=$2
    cat >"$folder/libvirtd.conf" <<CONF
unix_sock_dir = "$folder"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "2:stderr"
CONF
    # No stdio daemon, no security labels, no cgroups, no namespace around each QEMU: the brick is one already.
    cat >"$folder/qemu.conf" <<CONF
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "file"
namespaces = []
cgroup_controllers = []
memory_backing_dir = "$memory_dir"
CONF
    # libvirtd looks these up before it reads which ones to use; they need not exist on the machine.
    cp /etc/passwd "$folder/passwd"
    cp /etc/group "$folder/group"
    grep -q '^libvirt-qemu:' "$folder/passwd" ||
        printf 'libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin\n' >>"$folder/passwd"
    grep -q '^libvirt-qemu:' "$folder/group" || printf 'libvirt-qemu:x:64055:\n' >>"$folder/group"
    grep -q '^kvm:' "$folder/group" || printf 'kvm:x:64056:\n' >>"$folder/group"
}

# libvirt_socket_ready N: libvirtd answers.
libvirt_socket_ready() {
    [[ -S $(libvirt_folder "$1")/libvirt-sock ]] && libvirt_virsh "$1" uri >/dev/null 2>&1
}

# libvirt_daemon_start N: returns when it answers.
libvirt_daemon_start() {
    local folder
    folder=$(libvirt_folder "$1")
    libvirt_inside "$1" setsid libvirtd -d -f "$folder/libvirtd.conf" -p "$folder/libvirtd.pid" \
        </dev/null >>"$TB_DIR/log/libvirtd-$1" 2>&1 9>&- || {
        show_tail "libvirtd-$1" "$TB_DIR/log/libvirtd-$1"
        return 1
    }
    wait_for_proc 30 "brick-$1" libvirt_socket_ready "$1"
}

# libvirt_daemon_stop N: the guests go on.
libvirt_daemon_stop() {
    local pid_file
    pid_file=$(libvirt_folder "$1")/libvirtd.pid
    [[ -s $pid_file ]] || return 0
    libvirt_inside "$1" kill -TERM "$(<"$pid_file")"
    wait_until 20 "libvirtd-$1 has ended" test ! -e "$pid_file"
}

# restart libvirtd-N
restart_libvirtd() {
    libvirt_daemon_stop "$1"
    libvirt_daemon_start "$1"
}

libvirt_brick_up() {
    local n=$1 folder memory_dir
    folder=$(libvirt_folder "$n")
    memory_dir=$(libvirt_memory_dir "$n")
    install -d -m 0711 "$folder"
    install -d -m 0700 "$memory_dir"
    printf '%s\n' "$2" >"$folder/brick"
    libvirt_configure "$folder" "$memory_dir"
    proc_start "brick-$n" unshare --mount --net --pid --fork --kill-child=KILL --mount-proc \
        --propagation private "$TB_LIB/brick-namespace" "$folder" "$(testbed_program sdm-brick-init)"
    wait_for_proc 20 "brick-$n" test -e "$folder/held"
    libvirt_daemon_start "$n"
}

libvirt_up() {
    local n brick pids=() pid uris=()
    while read -r n brick; do
        helper "brick-$n" libvirt_brick_up "$n" "$brick" &
        pids+=($!)
        uris+=("SDM_LIBVIRT_$n=$(libvirt_uri "$n")")
    done < <(testbed_guest_bricks)
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    env_set libvirt "${uris[@]}"
}

libvirt_down() {
    local file
    for file in "$TB_DIR"/pids/brick-*; do
        # The holder shields itself from milder signals; what it holds dies with it.
        [[ ! -e $file ]] || proc_stop "${file##*/}" KILL
    done
    rm -rf "$TB_DIR/libvirt"
}
