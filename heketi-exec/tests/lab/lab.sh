#!/bin/bash
# A storage cluster on this machine: n1, n2, ... with the addresses 10.77.0.11, 10.77.0.12, ...
# Each node is a user-mode-linux process with systemd, sshd, LVM, glusterd and two spare
# disks, /dev/ubdb and /dev/ubdc. The addresses exist only in a network namespace of the
# lab's own (this machine is 10.77.0.1 there), so what talks to the nodes runs inside it.
#
#   lab.sh up [N]               make sure that n1..nN run (default 3) and wait for their glusterd
#   lab.sh down                 end all nodes, forget their disks
#   lab.sh ssh [USER@]N CMD...  run a command on a node, as root or as USER (`storage` has sudo)
#   lab.sh ns CMD...            run a command of this machine inside the lab's network namespace
#   lab.sh kill N               power cut; what was not synced is lost
#   lab.sh off N                clean shutdown
#   lab.sh start N              boot a node again on the disks it had, and wait
#   lab.sh blank N DISK         put an empty disk in the place of ubdb or ubdc of a node that is off
#   lab.sh rebuild N            a node that is off gets a new system and empty disks under its old name
#   lab.sh status               one line per node
#   lab.sh env                  namespace, state directory, key and user as NAME=VALUE lines
#
# Run build.sh once before. Needs root. Settings, with their defaults:
#   HEKETI_LAB_NS=heketi-lab     HEKETI_LAB_CACHE=~/.cache/heketi-lab   HEKETI_LAB_RUN=$HEKETI_LAB_CACHE/run
#   HEKETI_LAB_DISK_SIZE=4G      HEKETI_LAB_MEMORY=512 (MiB per node)   HEKETI_LAB_BOOT_TIMEOUT=240 (seconds)
#
# Exit code: 0 done, 1 failed, 2 wrong usage, 3 this machine cannot run it or the image is
# not built. `ssh` and `ns` give the code of their command (ssh: 255 when there is no
# connection). `status`: 0 all nodes run, 1 some do not, 3 no lab.
set -euo pipefail
umask 022

CACHE=${HEKETI_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/heketi-lab}
CACHE=$(realpath -m "$CACHE")
RUN=$(realpath -m "${HEKETI_LAB_RUN:-$CACHE/run}")
NAMESPACE=${HEKETI_LAB_NS:-heketi-lab}
DISK_SIZE=${HEKETI_LAB_DISK_SIZE:-4G}
MEMORY=${HEKETI_LAB_MEMORY:-512}
BOOT_TIMEOUT=${HEKETI_LAB_BOOT_TIMEOUT:-240}

KEY=$CACHE/id_ed25519
DISKS=(ubdb ubdc)
NODE_LIMIT=9
# The file that says that $RUN is ours to delete; it holds the name of our namespace.
MARK=$RUN/heketi-lab

SSH=(ssh -i "$KEY" -o IdentitiesOnly=yes -o BatchMode=yes -o LogLevel=ERROR
  -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
  -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4)

say() { echo "lab: $*" >&2; }
fail() { say "$*"; exit 1; }
cannot() { say "$*"; exit 3; }
usage() { sed -n '/^#   lab.sh/s/^# *//p' "$0" >&2; exit 2; }

address() { echo "10.77.0.1$1"; }
in_namespace() { ip netns exec "$NAMESPACE" "$@"; }

check_number() { [[ ${1:-} =~ ^[1-$NODE_LIMIT]$ ]] || usage; }
check_node() { check_number "${1:-}"; [ -e "$RUN/n$1.pid" ] || fail "there is no node n$1"; }
check_lab() {
  [ -e "$MARK" ] || cannot "no lab in $RUN: run lab.sh up"
  NAMESPACE=$(cat "$MARK")
}

check_machine() {
  local file
  [ "$(id -u)" = 0 ] || cannot "needs root"
  [ -e /dev/net/tun ] || cannot "needs /dev/net/tun"
  for file in base.ext4 linux.uml xstate.so stamp; do
    [ -e "$CACHE/image/$file" ] || cannot "no node image in $CACHE: run build.sh"
  done
  # The kernel splits its arguments at spaces, commas and colons.
  [[ $RUN =~ ^[A-Za-z0-9_./@+-]+$ ]] || cannot "the path $RUN has characters the node kernel does not take"
}

# One lab.sh at a time changes the lab. The nodes must not inherit this lock.
lock() {
  mkdir -p "$(dirname "$RUN")"
  exec 9>"$RUN.lock"
  flock -w 600 9 || fail "another lab.sh holds $RUN.lock"
}

# The living processes of a node. A node is a process group whose number we noted at its
# start; a number may since belong to somebody else, but our kernel's own path cannot.
processes() {
  local group process
  group=$(cat "$RUN/n$1.pid")
  for process in $(pgrep -g "$group" || :); do
    case $(readlink "/proc/$process/exe" || :) in
      "$RUN/image/linux.uml"*) echo "$process" ;;
    esac
  done
}

is_running() { [ -n "$(processes "$1")" ]; }

# Creates the state directory with its own (hard-linked) copy of the image, so that a
# rebuild cannot pull it away from under running nodes.
make_run() {
  if [ -e "$MARK" ]; then
    [ "$(cat "$MARK")" = "$NAMESPACE" ] || fail "the lab in $RUN uses the namespace $(cat "$MARK"), not $NAMESPACE"
    return 0
  fi
  [ ! -e "$RUN" ] || [ -z "$(ls -A "$RUN")" ] || fail "$RUN exists and is not a lab"
  [ ! -e "/run/netns/$NAMESPACE" ] || fail "the network namespace $NAMESPACE exists already and is not of a lab in $RUN"
  mkdir -p "$RUN"
  echo "$NAMESPACE" >"$MARK"
  cp -al "$CACHE/image" "$RUN/image" 2>/dev/null ||
    { rm -rf "$RUN/image"; cp -a --sparse=always "$CACHE/image" "$RUN/image"; }
}

make_network() {
  local number
  if [ ! -e "/run/netns/$NAMESPACE" ]; then
    ip netns add "$NAMESPACE"
  fi
  in_namespace ip link set lo up
  if ! in_namespace ip link show br0 >/dev/null 2>&1; then
    in_namespace ip link add br0 type bridge
    in_namespace ip addr add 10.77.0.1/24 dev br0
    in_namespace ip link set br0 up
  fi
  for number in $(seq "$1"); do
    if ! in_namespace ip link show "tap$number" >/dev/null 2>&1; then
      in_namespace ip tuntap add "tap$number" mode tap
    fi
    in_namespace ip link set "tap$number" master br0 up
  done
}

# The kernel keeps a node's memory in an unlinked file below TMPDIR. A tmpfs is fastest,
# but in a container it may be smaller than the memory, which would end in a bus error.
memory_directory() {
  local free
  free=$(df --output=avail --block-size=1M /dev/shm 2>/dev/null | tail -n 1) || free=0
  if [ "${free:-0}" -gt $((MEMORY * NODE_LIMIT)) ]; then echo /dev/shm; else echo "$RUN"; fi
}

boot() {
  local number=$1 disk command
  command=(env "TMPDIR=$(memory_directory)" "LD_PRELOAD=$RUN/image/xstate.so" "$RUN/image/linux.uml"
    "mem=${MEMORY}M" root=/dev/ubda rw quiet "ubda=$RUN/n$number.root,$RUN/image/base.ext4"
    "systemd.hostname=n$number" "lab.ip=$(address "$number")/24"
    "vec0:transport=tap,ifname=tap$number,depth=128,gro=1,mac=52:54:00:77:00:1$number"
    con=null con0=fd:0,fd:1 "uml_dir=$RUN/uml" "umid=n$number")
  for disk in "${DISKS[@]}"; do
    [ -e "$RUN/n$number.$disk" ] || truncate -s "$DISK_SIZE" "$RUN/n$number.$disk"
    command+=("$disk=$RUN/n$number.$disk")
  done
  mkdir -p "$RUN/uml"
  rm -rf "$RUN/uml/n$number"    # a left-over of a power cut would block the name
  # Every program of this chain replaces itself by the next one, so $! stays the node's
  # number, and with setsid its process group. Nothing of the caller's is left open in it.
  setsid ip netns exec "$NAMESPACE" "${command[@]}" </dev/null >"$RUN/n$number.log" 2>&1 9>&- &
  echo $! >"$RUN/n$number.pid"
  # Until the last program of the chain runs, the node would be taken for one that is off.
  local deadline=$((SECONDS + 20))
  until is_running "$number"; do
    [ -e "/proc/$!" ] && [ $SECONDS -lt $deadline ] || fail "n$number: does not start: $(tail -n 3 "$RUN/n$number.log")"
    sleep 0.05
  done
}

# Waits until the given nodes answer and their glusterd runs.
wait_ready() {
  local number deadline=$((SECONDS + BOOT_TIMEOUT))
  for number in "$@"; do
    until in_namespace timeout 30 "${SSH[@]}" -n "root@$(address "$number")" \
      systemctl -q is-active glusterd 2>/dev/null; do
      if [ $SECONDS -ge $deadline ] || ! is_running "$number"; then
        say "n$number: not up; the end of $RUN/n$number.log:"
        tail -n 10 "$RUN/n$number.log" >&2
        exit 1
      fi
      sleep 0.5
    done
  done
}

cut_power() {
  local process deadline=$((SECONDS + 20))
  while is_running "$1"; do
    for process in $(processes "$1"); do kill -KILL "$process" 2>/dev/null || :; done
    [ $SECONDS -lt $deadline ] || fail "n$1: its processes do not end"
    sleep 0.1
  done
}

shut_down() {
  local deadline=$((SECONDS + 90))
  in_namespace timeout 30 "${SSH[@]}" -n "root@$(address "$1")" systemctl start --no-block poweroff.target ||
    fail "n$1: does not answer; lab.sh kill $1 cuts its power"
  while is_running "$1"; do
    if [ $SECONDS -ge $deadline ]; then
      cut_power "$1"
      fail "n$1: did not shut down in time, its power was cut"
    fi
    sleep 0.2
  done
}

numbers() {
  local file
  for file in "$RUN"/n[1-9].pid; do
    [ ! -e "$file" ] || basename "$file" .pid | cut -c2-
  done
}

must_be_off() { ! is_running "$1" || fail "n$1 runs: lab.sh off $1 or lab.sh kill $1 first"; }

blank() {
  must_be_off "$1"
  [[ " ${DISKS[*]} " = *" ${2:-} "* ]] || usage
  rm -f "$RUN/n$1.$2"
}

rebuild() {
  local disk
  must_be_off "$1"
  for disk in root "${DISKS[@]}"; do rm -f "$RUN/n$1.$disk"; done
}

up() {
  local number
  check_machine
  make_run
  make_network "$1"
  for number in $(seq "$1"); do
    [ -e "$RUN/n$number.pid" ] && is_running "$number" || boot "$number"
  done
  # shellcheck disable=SC2046 # one word per number
  wait_ready $(seq "$1")
}

down() {
  local number
  [ -e "$MARK" ] || return 0
  NAMESPACE=$(cat "$MARK")
  for number in $(numbers); do cut_power "$number"; done
  if [ -e "/run/netns/$NAMESPACE" ]; then ip netns del "$NAMESPACE"; fi
  rm -rf "$RUN"
}

status() {
  local number state code=0
  check_lab
  for number in $(numbers); do
    if is_running "$number"; then state=running; else state=off code=1; fi
    echo "n$number $(address "$number") $state"
  done
  return $code
}

start() {
  check_machine
  is_running "$1" || boot "$1"
  wait_ready "$1"
}

main() {
  local action=${1:-} target user=root
  shift || :
  case $action in
    up)
      check_number "${1:-3}"
      lock
      up "${1:-3}"
      ;;
    down) lock && down ;;
    kill | off | start | blank | rebuild)
      check_lab
      check_node "${1:-}"
      lock
      case $action in
        kill) cut_power "$1" ;;
        off) shut_down "$1" ;;
        start) start "$1" ;;
        blank) blank "$1" "${2:-}" ;;
        rebuild) rebuild "$1" ;;
      esac
      ;;
    ssh)
      target=${1:-}
      shift || :
      case $target in *@*) user=${target%@*} target=${target##*@} ;; esac
      check_lab
      check_node "$target"
      in_namespace "${SSH[@]}" "$user@$(address "$target")" "$@"
      ;;
    ns)
      [ $# -gt 0 ] || usage
      check_lab
      in_namespace "$@"
      ;;
    status) status ;;
    env)
      printf '%s\n' "HEKETI_LAB_NS=$NAMESPACE" "HEKETI_LAB_RUN=$RUN" "HEKETI_LAB_KEY=$KEY" "HEKETI_LAB_USER=storage"
      ;;
    *) usage ;;
  esac
}

main "$@"
