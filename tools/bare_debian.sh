#!/usr/bin/env bash
# Runs a command in a clone of this repository on a bare Debian, to see that
# the tree brings everything it needs:
#
#   tools/bare_debian.sh 12 ./dev test       # a minimal bookworm, kept for next time
#   tools/bare_debian.sh --fresh 13 ./dev build
#
# The clone is of HEAD: commit first. A chroot is made with debootstrap the
# first time and used again afterwards, packages and build folder included;
# --fresh starts anew from the first, untouched system. Needs root.
#   MARQUEE_BARE_ROOT      folder of the chroots (default /tmp)
#   MARQUEE_DEBIAN_MIRROR  mirror to use (default: what apt uses on this machine)
set -euo pipefail

fail() { echo "tools/bare_debian.sh: $*" >&2; exit 2; }

fresh=no
if [[ ${1:-} == --fresh ]]; then fresh=yes; shift; fi
case ${1:-} in
  12 | bookworm) release=12 suite=bookworm ;;
  13 | trixie) release=13 suite=trixie ;;
  *) fail "say which Debian: 12 or 13, then the command, e.g. tools/bare_debian.sh 12 ./dev test" ;;
esac
shift
[[ $# -gt 0 ]] || fail "say what to run, e.g. tools/bare_debian.sh $release ./dev test"
[[ $EUID -eq 0 ]] || fail "a chroot needs root; run it with sudo"
command -v debootstrap > /dev/null || fail "debootstrap is missing; apt-get install debootstrap"

source_tree=$(cd "$(dirname "$0")/.." && pwd)
folder=${MARQUEE_BARE_ROOT:-/tmp}
chroot=$folder/chroot-$release
pristine=$folder/chroot-$release.base.tar

# "http://host/debian/" of the main archive and of the security updates.
uris=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2> /dev/null | sort -u || true)
mirror=${MARQUEE_DEBIAN_MIRROR:-$(grep -E '/debian/?$' <<< "$uris" | head -n 1 || true)}
security=$(grep -E '/debian-security/?$' <<< "$uris" | head -n 1 || true)
[[ -n $mirror ]] || fail "apt on this machine names no Debian mirror; set MARQUEE_DEBIAN_MIRROR"

make_pristine() {
  local made=$folder/chroot-$release.new
  rm -rf "$made"
  # A mount namespace of its own: what debootstrap mounts goes with it.
  unshare --mount debootstrap --variant=minbase "$suite" "$made" "$mirror"
  {
    echo "deb $mirror $suite main"
    echo "deb $mirror $suite-updates main"
    if [[ -n $security ]]; then echo "deb $security $suite-security main"; fi
  } > "$made/etc/apt/sources.list"
  tar -C "$made" --numeric-owner -cf "$pristine.part" .
  mv "$pristine.part" "$pristine"
  rm -rf "$made"
}

exec 9> "$folder/chroot-$release.lock"
flock -n 9 || fail "$chroot is in use by another run"
[[ -s $pristine ]] || make_pristine
if [[ $fresh == yes || ! -d $chroot/etc ]]; then
  rm -rf --one-file-system "$chroot"
  mkdir -p "$chroot"
  tar -C "$chroot" --numeric-owner -xf "$pristine"
fi
cp -L /etc/resolv.conf /etc/hosts "$chroot/etc/"
# The machine's own way to its mirror (proxy, clock checks) serves the chroot too.
apt-config dump --format '%f "%v";%n' Acquire 2> /dev/null |
  grep -E '^Acquire::(Check-|https?::(Proxy|Verify))' > "$chroot/etc/apt/apt.conf.d/90machine" || true

clone=$chroot/src/marquee
if [[ -d $clone/.git ]]; then
  git -c safe.directory='*' -C "$clone" fetch --quiet "$source_tree" HEAD
  git -c safe.directory='*' -C "$clone" reset --quiet --hard FETCH_HEAD
else
  mkdir -p "$chroot/src"
  git -c safe.directory='*' clone --quiet --no-hardlinks "$source_tree" "$clone"
fi

# Mounts and processes live in namespaces of this run and end with it.
export chroot
# shellcheck disable=SC2016  # expanded by the inner shell
exec unshare --mount --pid --fork --kill-child bash -c '
  set -e
  mount -t proc proc "$chroot/proc"
  mount --rbind /dev "$chroot/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$chroot/dev/shm"
  exec chroot "$chroot" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CI="${CI:-}" \
    bash -c "cd /src/marquee && exec \"\$@\"" bash "$@"
' bash "$@"
