#!/bin/bash
# mkinitrd.sh INIT CACHE: makes the test guest's kernel and initial RAM disk and prints the folder that
# holds them as "vmlinux" and "initrd".
#
# The folder is CACHE/KERNEL-HASH, HASH being of INIT and of this script, so a second call only prints.
# The kernel is the newest installed linux-image-cloud-amd64, decompressed: QEMU boots an ELF kernel by PVH
# at once, while the packed one would unpack itself under emulation for seconds.
set -euo pipefail

MODULES=(virtio_pci virtio_balloon virtio_mem)

fail() {
    printf 'mkinitrd.sh: %s\n' "$*" >&2
    exit 1
}

newest_kernel() {
    find /boot -maxdepth 1 -name 'vmlinuz-*-cloud-amd64' -printf '%f\n' | sed 's/^vmlinuz-//' | sort -V | tail -n 1
}

# unpack_kernel VMLINUZ OUT: LZ4's magic number starts the payload.
unpack_kernel() {
    local offset
    offset=$(LC_ALL=C grep -aboP '\x02\x21\x4c\x18' "$1" | head -n 1 | cut -d: -f1)
    [[ -n $offset ]] || fail "$1 holds no LZ4 payload"
    # What follows the payload is no LZ4 stream, of which lz4 complains after it has written everything.
    tail -c "+$((offset + 1))" "$1" | lz4 -dc >"$2" 2>/dev/null || true
    [[ $(head -c 4 "$2" | tr -d '\0') == $'\x7fELF' ]] || fail "$1 does not unpack to an ELF kernel"
}

# add_modules KERNEL ROOT: the modules with what they need, in loading order.
add_modules() {
    local kernel=$1 root=$2 module path
    mkdir -p "$root/m"
    for module in "${MODULES[@]}"; do
        modprobe --set-version "$kernel" --show-depends "$module" | awk '$1 == "insmod" {print $2}'
    done | awk '!seen[$0]++' | while IFS= read -r path; do
        case $path in
        *.xz) xz -dc "$path" >"$root/m/$(basename "$path" .xz)" ;;
        *) cp "$path" "$root/m/" ;;
        esac
        printf '/m/%s\n' "$(basename "$path" .xz)" >>"$root/modules"
    done
    strip --strip-debug "$root"/m/*.ko
    [[ -s $root/modules ]] || fail "kernel $kernel has no virtio modules"
}

build() {
    local init=$1 kernel=$2 out=$3
    mkdir -p "$out/root/proc" "$out/root/sys" "$out/root/dev"
    install -m 0755 "$init" "$out/root/init"
    # Present before /dev is mounted: the kernel opens it for the first process.
    mknod "$out/root/dev/console" c 5 1
    add_modules "$kernel" "$out/root"
    # Packed for reading by an emulated processor: not at all.
    (cd "$out/root" && find . -print0 | sort -z | cpio --null -o -H newc --quiet) >"$out/initrd"
    unpack_kernel "/boot/vmlinuz-$kernel" "$out/vmlinux"
    rm -rf "$out/root"
}

main() {
    local init=${1:?usage: mkinitrd.sh INIT CACHE} cache=${2:?usage: mkinitrd.sh INIT CACHE} kernel key out
    [[ -x $init ]] || fail "no guest init '$init'"
    kernel=$(newest_kernel)
    [[ -n $kernel ]] || fail "no kernel /boot/vmlinuz-*-cloud-amd64 (package linux-image-cloud-amd64)"
    key=$kernel-$(cat "$init" "$0" | sha256sum | cut -c -12)
    out=$(realpath -m "$cache")/$key
    if [[ ! -d $out ]]; then
        mkdir -p "$cache"
        build "$init" "$kernel" "$out.$$"
        # Another call may have been quicker; then its folder is as good.
        mv -T "$out.$$" "$out" 2>/dev/null || rm -rf "$out.$$"
    fi
    printf '%s\n' "$out"
}

main "$@"
