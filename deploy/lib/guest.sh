# shellcheck shell=bash
# Test guests: one on each of the first TB_GUESTS compute bricks, named guest1, guest2, ...
#
# TB_DIR/guests/NAME.serial is the serial line's socket (one client at a time), NAME.log all that it ever said.
# TB_DIR/guests.json lists {name, uuid, brick, libvirt_uri, serial, serial_log, memory_dir}.

guest_domain_xml() {
    local name=$1 uuid=$2 image=$3
    sed -e "s|@NAME@|$name|; s|@UUID@|$uuid|; s|@KERNEL@|$image/vmlinux|; s|@INITRD@|$image/initrd|" \
        -e "s|@SERIAL@|$TB_DIR/guests/$name.serial|; s|@SERIAL_LOG@|$TB_DIR/guests/$name.log|" \
        "$TB_ROOT/deploy/guest/domain.xml.in"
}

guest_ready() {
    grep -qs '^READY ' "$TB_DIR/guests/$1.log"
}

# guest_start N IMAGE: defines and starts guest N on brick N; ready when it takes commands.
guest_start() {
    local n=$1 name=guest$1
    guest_domain_xml "$name" "$(</proc/sys/kernel/random/uuid)" "$2" >"$TB_DIR/guests/$name.xml"
    libvirt_virsh "$n" define "$TB_DIR/guests/$name.xml"
    libvirt_virsh "$n" start "$name"
    wait_for_proc 120 "brick-$n" guest_ready "$name" || {
        show_tail "$name" "$TB_DIR/guests/$name.log"
        return 1
    }
}

guest_list() {
    local n brick name
    while read -r n brick; do
        name=guest$n
        jq -n --arg name "$name" --arg brick "$brick" --arg libvirt_uri "$(libvirt_uri "$n")" \
            --arg uuid "$(libvirt_virsh "$n" domuuid "$name" | head -n 1)" \
            --arg serial "$TB_DIR/guests/$name.serial" --arg serial_log "$TB_DIR/guests/$name.log" \
            --arg memory_dir "$(libvirt_memory_dir "$n")" '$ARGS.named'
    done < <(testbed_guest_bricks) | jq -s .
}

guest_up() {
    local n image pids=() pid
    # Without guests nothing is made for them.
    if ((TB_GUESTS == 0)); then
        printf '[]\n' >"$TB_DIR/guests.json"
        env_set guest "SDM_GUESTS=$TB_DIR/guests.json"
        return 0
    fi
    await_part libvirt
    install -d -m 0700 "$TB_DIR/guests"
    image=$("$TB_ROOT/deploy/guest/mkinitrd.sh" "$(testbed_program sdm-guest-init)" "$TB_BUILD/guest-image")
    for ((n = 1; n <= TB_GUESTS; n++)); do
        helper "guest-$n" guest_start "$n" "$image" &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    guest_list >"$TB_DIR/guests.json"
    env_set guest "SDM_GUESTS=$TB_DIR/guests.json"
}

# Guests end with their brick.
guest_down() {
    rm -rf "$TB_DIR/guests" "$TB_DIR/guests.json"
}
