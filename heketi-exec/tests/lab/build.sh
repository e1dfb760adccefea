#!/bin/bash
# Builds what lab.sh needs, once, in a cache directory outside the repository:
#
#   $cache/image/base.ext4   root disk of a storage node (Debian 12: systemd, sshd, lvm2, glusterd)
#   $cache/image/linux.uml   a user-mode-linux kernel: a node is an ordinary process of this machine
#   $cache/image/xstate.so   see xstate.c
#   $cache/image/stamp       hash of the inputs; written last
#   $cache/id_ed25519        the key every node accepts, for root and for `storage`; kept over rebuilds
#
# $cache is ${HEKETI_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heketi-lab}.
# Does nothing, and says nothing, when the image was built from the same inputs before.
# Needs root on an x86-64 Debian-like machine with a Debian 12 (bookworm) archive
# among its apt sources; missing tools are installed with apt-get.
#
# Exit code: 0 built (now or before), 1 failed, 3 this machine cannot build it.
set -euo pipefail
umask 022

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${HEKETI_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heketi-lab}
IMAGE=$CACHE/image
WORK=$CACHE/work
LOG=$CACHE/build.log
KEY=$CACHE/id_ed25519

RELEASE=bookworm
# What the build and lab.sh run on this machine.
HOST_PACKAGES=(mmdebstrap kmod e2fsprogs gcc libc6-dev openssh-client iproute2 procps util-linux)
# What a node has.
NODE_PACKAGES=(systemd-sysv udev dbus openssh-server sudo
  lvm2 thin-provisioning-tools xfsprogs glusterfs-server
  iproute2 iputils-ping kmod procps psmisc attr lsof)
NODE_MODULES=(dm-mod dm-thin-pool dm-snapshot dm-mirror fuse loop ipv6)
NODE_LIMIT=9    # lab.sh numbers nodes with one digit

APT=(apt-get -qq -o Acquire::Retries=3 -o Acquire::http::Timeout=60 -o DPkg::Lock::Timeout=300)

say() { echo "lab build: $*" >&2; }
cannot() { say "$*"; exit 3; }

stamp() { cat "$SOURCE/build.sh" "$SOURCE/xstate.c" | sha256sum | cut -d' ' -f1; }

is_built() { [ "$(cat "$IMAGE/stamp" 2>/dev/null)" = "$(stamp)" ] && [ -e "$KEY" ]; }

check_machine() {
  [ "$(uname -m)" = x86_64 ] || cannot "the node kernel is for x86-64 machines only"
  [ "$(id -u)" = 0 ] || cannot "needs root"
  command -v apt-get >/dev/null || cannot "needs apt-get (a Debian-like machine)"
}

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Called with `||`, where bash does not stop at errors by itself: hence `|| return`.
install_host_packages() {
  local package missing=()
  for package in "${HOST_PACKAGES[@]}"; do
    is_installed "$package" || missing+=("$package")
  done
  # An up-to-date package list is needed for what is missing here and for the kernel package.
  if [ ${#missing[@]} -gt 0 ] || ! apt-cache show user-mode-linux >/dev/null 2>&1; then
    timeout 300 "${APT[@]}" update || return
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    DEBIAN_FRONTEND=noninteractive timeout 600 "${APT[@]}" install -y --no-install-recommends "${missing[@]}" || return
  fi
}

# The Debian archives this machine already uses, as lines of a sources.list.
archives() {
  # shellcheck disable=SC2016 # apt expands these
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' |
    grep -E " $RELEASE(-security)? main\$" | sort -u
}

# The kernel and its modules straight out of the package; nothing is installed on this machine.
fetch_kernel() {
  mkdir -p "$WORK/download" "$WORK/kernel"
  # Without this option apt drops its privileges and cannot write into our directory.
  (cd "$WORK/download" && timeout 300 "${APT[@]}" -o APT::Sandbox::User=root download user-mode-linux)
  dpkg-deb -x "$WORK"/download/user-mode-linux_*.deb "$WORK/kernel"
  cp "$WORK/kernel/usr/bin/linux.uml" "$WORK/image/"
}

bootstrap_root() {
  local sources packages
  mapfile -t sources < <(archives)
  packages=$(IFS=, && echo "${NODE_PACKAGES[*]}")
  timeout 900 mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$RELEASE" "$ROOT" "${sources[@]}"
  rm -rf "${ROOT:?}"/dev/*    # devtmpfs fills it
}

# Only the modules a node uses, with what they depend on.
install_modules() {
  local modules=$WORK/kernel/usr/lib/uml/modules version file module
  version=$(ls "$modules")
  mkdir -p "$ROOT/lib/modules/$version" "$WORK/kernel/lib"
  cp "$modules/$version"/modules.{order,builtin,builtin.modinfo} "$ROOT/lib/modules/$version/"
  ln -s "$modules" "$WORK/kernel/lib/modules"    # where modprobe -d looks
  for module in "${NODE_MODULES[@]}"; do
    modprobe -d "$WORK/kernel" -S "$version" --show-depends "$module"
  done | awk '$1 == "insmod" { print $2 }' | sort -u >"$WORK/modules"
  while read -r file; do
    install -D -m 644 "$file" "$ROOT/lib/modules/$version/${file#*/modules/"$version"/}"
  done <"$WORK/modules"
  depmod -b "$ROOT" "$version"
  printf '%s\n' fuse dm_mod dm_thin_pool >"$ROOT/etc/modules-load.d/lab.conf"
}

# All nodes share one image; the kernel command line says who a node is:
# lab.ip=ADDRESS/BITS here, systemd.hostname=NAME by systemd itself.
install_identity() {
  cat >"$ROOT/usr/local/sbin/lab-identity" <<'SCRIPT'
#!/bin/sh
for word in $(cat /proc/cmdline); do
  case $word in lab.ip=*) address=${word#lab.ip=} ;; esac
done
device=$(ls /sys/class/net | grep -Ev '^(lo|sit|tunl|ip6)' | head -n1)
ip link set lo up
ip addr add "$address" dev "$device"
ip link set "$device" up

# Each node makes its own host key at its first boot. It gets its final name only
# when it is on the disk: after a power cut it is either complete or made again.
key=/etc/ssh/ssh_host_ed25519_key
if [ ! -e $key ]; then
  rm -f $key.new $key.new.pub
  ssh-keygen -q -t ed25519 -N '' -C "root@$(hostname)" -f $key.new
  sync $key.new $key.new.pub
  mv $key.new.pub $key.pub
  mv $key.new $key
  sync /etc/ssh
fi
SCRIPT
  chmod 755 "$ROOT/usr/local/sbin/lab-identity"
  cat >"$ROOT/etc/systemd/system/lab-identity.service" <<'UNIT'
[Unit]
Description=Address and SSH host key of this lab node
DefaultDependencies=no
After=systemd-modules-load.service
Before=network-pre.target network.target network-online.target ssh.service glusterd.service
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-identity

[Install]
WantedBy=multi-user.target network-online.target
UNIT
  local number
  {
    # Without localhost the self-heal daemon dies and replace-brick fails at its commit.
    echo "127.0.0.1 localhost"
    for number in $(seq "$NODE_LIMIT"); do echo "10.77.0.1$number n$number"; done
  } >"$ROOT/etc/hosts"
  : >"$ROOT/etc/machine-id"                     # made at the first boot
  rm -f "$ROOT/var/lib/glusterd/glusterd.info"  # likewise; peers need different ones
}

# Both ways in that the ssh executor knows: root, and an ordinary user with sudo.
install_access() {
  local home
  chroot "$ROOT" useradd --create-home --shell /bin/bash --password '*' storage
  for home in root home/storage; do
    mkdir -p -m 700 "$ROOT/$home/.ssh"
    install -m 600 "$KEY.pub" "$ROOT/$home/.ssh/authorized_keys"
  done
  chroot "$ROOT" chown -R storage:storage /home/storage
  printf '%s\n' 'Defaults:storage !requiretty' 'storage ALL=(ALL:ALL) NOPASSWD: ALL' >"$ROOT/etc/sudoers.d/storage"
  chmod 440 "$ROOT/etc/sudoers.d/storage"
  rm -f "$ROOT"/etc/ssh/ssh_host_*
  printf '%s\n' 'UseDNS no' 'HostKey /etc/ssh/ssh_host_ed25519_key' >"$ROOT/etc/ssh/sshd_config.d/lab.conf"
}

install_storage() {
  # LVM does not know the disks of user-mode-linux by itself.
  sed -i '/^devices {/a\	types = [ "ubd", 16 ]' "$ROOT/etc/lvm/lvm.conf"
  grep -q 'types = \[ "ubd", 16 \]$' "$ROOT/etc/lvm/lvm.conf"
  echo 'SUBSYSTEM=="block", KERNEL=="ubd[b-z]", SYMLINK+="disk/by-id/lab-%k"' >"$ROOT/etc/udev/rules.d/60-lab.rules"
}

# A fork is slow in user-mode-linux, so leave out what a node does not need.
quicken_boot() {
  # glusterd runs gsyncd (geo-replication) about twenty times at each start if it is there.
  rm -f "$ROOT"/usr/lib*/*/glusterfs/gsyncd "$ROOT"/usr/libexec/glusterfs/gsyncd
  mkdir -p "$ROOT/etc/systemd/system/systemd-udev-trigger.service.d"
  cat >"$ROOT/etc/systemd/system/systemd-udev-trigger.service.d/lab.conf" <<'UNIT'
[Service]
ExecStart=
ExecStart=udevadm trigger --type=devices --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=misc
UNIT
  : >"$ROOT/etc/fstab"
  systemctl --root="$ROOT" -q mask getty.target getty@tty1 console-getty serial-getty@ttyS0 systemd-logind \
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap fstrim.timer dpkg-db-backup.timer \
    systemd-timesyncd systemd-random-seed systemd-udev-settle rpcbind rpcbind.socket
}

make_key() {
  [ ! -e "$KEY" ] || return 0
  ssh-keygen -q -t ed25519 -N '' -C heketi-lab -f "$WORK/id_ed25519"
  mv "$WORK/id_ed25519.pub" "$KEY.pub"
  mv "$WORK/id_ed25519" "$KEY"
}

build() {
  ROOT=$WORK/root
  mkdir -p "$WORK/image"
  make_key
  gcc -O2 -Wall -shared -fPIC -o "$WORK/image/xstate.so" "$SOURCE/xstate.c"
  fetch_kernel
  bootstrap_root
  install_modules
  install_identity
  install_access
  install_storage
  quicken_boot
  systemctl --root="$ROOT" -q enable lab-identity ssh glusterd
  mke2fs -q -t ext4 -J size=16 -m 0 -d "$ROOT" "$WORK/image/base.ext4" 3G
  echo "$1" >"$WORK/image/stamp"
  # Labs that run now keep their own hard links to the old files (see lab.sh).
  rm -rf "$IMAGE"
  mv -T "$WORK/image" "$IMAGE"
}

clean_work() { rm -rf --one-file-system "$WORK"; }

finish() {
  local code=$?
  clean_work
  [ $code = 0 ] || { say "failed; the end of $LOG:"; tail -n 20 "$LOG" >&2 || :; }
  exit "$code"
}

main() {
  ! is_built || return 0
  check_machine
  mkdir -p "$CACHE"
  exec 9>"$CACHE/build.lock"
  flock -w 1800 9 || { say "another build holds $CACHE/build.lock for half an hour"; exit 1; }
  ! is_built || return 0    # the other one built it
  # Before the work, so that a change of the scripts during the build is noticed by the next run.
  local inputs
  inputs=$(stamp)
  say "building the node image in $CACHE (one to three minutes)"
  : >"$LOG"
  install_host_packages >>"$LOG" 2>&1 || { tail -n 20 "$LOG" >&2; cannot "cannot install: ${HOST_PACKAGES[*]}"; }
  [ -n "$(archives)" ] || cannot "no Debian 12 ($RELEASE) archive among the apt sources of this machine"
  clean_work
  trap finish EXIT
  trap 'exit 1' INT TERM HUP
  # A plain call: after `||` or `if`, bash would go on after a failed step.
  build "$inputs" >>"$LOG" 2>&1
}

main "$@"
