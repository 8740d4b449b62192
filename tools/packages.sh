# shellcheck shell=bash
# Debian packages: which a sub-command of ./dev needs, and installing those
# that are missing. Sourced by ./dev, which has `say` and `fail`.

# The release decides names: Boost and clang carry their version in them.
debian_release() {
  [[ -r /etc/os-release ]] || return 0
  (. /etc/os-release && [[ $ID == debian ]] && echo "${VERSION_ID:-13}") || true
}

packages_of() {  # SUBCOMMAND -> package names, one word each
  local boost=1.83 clang=19
  if [[ $(debian_release) == 12 ]]; then boost=1.81 clang=14; fi
  local build="g++ cmake ninja-build ccache mold libboost$boost-dev libboost-json$boost-dev
    libssl-dev libnghttp2-dev libyaml-cpp-dev libc-ares-dev libidn2-dev libspdlog-dev libcli11-dev
    prometheus-cpp-dev libsqlite3-dev libpq-dev libhiredis-dev zlib1g-dev libbrotli-dev libzstd-dev"
  case $1 in
    build) echo $build ;;
    run) echo $build ca-certificates curl ;;
    test) echo $build doctest-dev python3 python3-pytest python3-h2 python3-hpack python3-hyperframe \
      python3-grpcio python3-jwt python3-cryptography curl openssl wrk nghttp2-client slowhttptest \
      nodejs node-ws node-jose chromium postgresql pgbouncer sqlite3 redis-server ;;
    bench) echo $build libbenchmark-dev python3 curl openssl nginx-light haproxy wrk \
      nghttp2-client valgrind linux-perf postgresql python3-h2 python3-hpack ;;
    fuzz) echo $build clang "libclang-rt-$clang-dev" ;;
    lint) echo $build doctest-dev libbenchmark-dev clang-format clang-tidy git python3 shellcheck ;;
    fmt) echo clang-format git ;;
    *) fail "no packages are known for '$1'; try build, run, test, bench, fuzz, lint or fmt" ;;
  esac
}

as_root() {
  if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

# Installing a server's package must not start the server: a policy that
# forbids it stands while apt runs, unless the machine has one of its own.
policy=/usr/sbin/policy-rc.d
forbid_services() {
  [[ -e $policy ]] && return 0
  trap 'as_root rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" > /dev/null
  as_root chmod 755 "$policy"
}
allow_services() {
  [[ $(trap -p EXIT) == *policy* ]] || return 0
  as_root rm -f "$policy"
  trap - EXIT
}

need() {  # SUBCOMMAND: installs what it needs and what is missing
  local wanted=() missing=() name servers=()
  read -ra wanted <<< "$(packages_of "$1" | tr '\n' ' ')"
  if ! command -v dpkg-query > /dev/null || [[ -z $(debian_release) ]]; then
    [[ -n ${MARQUEE_NO_PACKAGES:-} ]] ||
      echo "./dev: not Debian, so nothing is installed; needed are (by Debian's names): ${wanted[*]}" >&2
    return 0
  fi
  local installed
  installed=" $(dpkg-query -W -f '${db:Status-Status}=${Package} ' "${wanted[@]}" 2> /dev/null || true)"
  for name in "${wanted[@]}"; do
    [[ $installed == *" installed=$name "* ]] && continue
    missing+=("$name")
    case $name in nginx-light) servers+=(nginx) ;; haproxy) servers+=(haproxy) ;;
      postgresql) servers+=(postgresql) ;; pgbouncer) servers+=(pgbouncer) ;;
      redis-server) servers+=(redis-server) ;; esac
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  [[ $EUID -eq 0 ]] || command -v sudo > /dev/null ||
    fail "packages are missing, and this is neither root nor is there sudo. As root: apt-get install --no-install-recommends ${missing[*]}"

  say "installing: ${missing[*]}"
  local log apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  log=$(mktemp)
  if [[ ${#servers[@]} -gt 0 ]]; then forbid_services; fi
  if ! { as_root "${apt[@]}" update &&
    as_root "${apt[@]}" install --no-install-recommends "${missing[@]}"; } < /dev/null > "$log" 2>&1; then
    tail -n 30 "$log" >&2
    fail "apt-get could not install ${missing[*]}; the whole of its output is in $log"
  fi
  rm -f "$log"
  if [[ ${#servers[@]} -gt 0 ]]; then
    allow_services
    # Nor may they start at the next boot: they are here to be measured only.
    for name in "${servers[@]}"; do as_root update-rc.d "$name" disable > /dev/null 2>&1 || true; done
  fi
}
