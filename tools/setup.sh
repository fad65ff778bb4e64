#!/usr/bin/env bash
# All set-up for `npm start` and `npm test`: npm packages, Node 24, host packages, the starter image.
# Says what it does and why; does nothing twice. Usage: setup.sh start|test
set -euo pipefail
cd "$(dirname "$0")/.."
mode="${1:-start}"

say() { echo "setup: $*"; }

# 1. npm packages, Node 24 among them.
stamp=node_modules/.longshore-lock
if [ ! -f "$stamp" ] || ! cmp -s package-lock.json "$stamp"; then
  say "installing npm packages (package-lock.json is new or changed)"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
node="$PWD/node_modules/.bin/node"
case "$("$node" --version 2>/dev/null || true)" in
  v24.*) ;;
  *)
    say "Node 24 is missing from node_modules: running the install script of npm's package \"node\""
    npm rebuild node --loglevel=error
    case "$("$node" --version 2>/dev/null || true)" in
      v24.*) ;;
      *) say "npm's package \"node\" brought no Node 24 for $(uname -sm); remove node_modules and try again"; exit 1 ;;
    esac
    ;;
esac

# 2. Host packages: all probes first, then one apt call.
has_lib() {
  [ -n "${libraries:-}" ] || libraries="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null || true)"
  grep -qF "$1 " <<<"$libraries"
}
is_there() {
  case "$1" in
    cmd:*) PATH="$PATH:/sbin:/usr/sbin" command -v "${1#cmd:}" >/dev/null ;;
    display:*) [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ "$mode" = start ] || command -v "${1#display:}" >/dev/null ;;
    lib:*) has_lib "${1#lib:}" ;;
    static:*) [ -x "/bin/${1#static:}" ] && ! ldd "/bin/${1#static:}" >/dev/null 2>&1 ;;
    *) say "tools/host-packages.txt: unknown probe \"$1\""; exit 1 ;;
  esac
}
missing=()
reasons=()
while IFS='|' read -r when probe packages why; do
  when="${when//[[:space:]]/}"
  case "$when" in '' | \#*) continue ;; esac
  [ "$when" = start ] || [ "$mode" = test ] || continue
  probe="${probe//[[:space:]]/}"
  is_there "$probe" && continue
  missing+=("$(xargs <<<"$packages")")
  reasons+=("$(sed 's/^ *//' <<<"$why")")
done <tools/host-packages.txt

if [ "${#missing[@]}" -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    say "this machine lacks host packages (named as Debian does; install them with your package tool):"
    for i in "${!missing[@]}"; do say "  ${missing[$i]%% *}: ${reasons[$i]}"; done
    exit 1
  fi
  root="$([ "$(id -u)" = 0 ] && echo yes || echo no)"
  # apt's lists may be empty on a fresh machine or image; without them no name resolves.
  if [ "$root" = yes ] && ! apt-cache show crun >/dev/null 2>&1; then
    say "fetching apt's package lists (they are empty here)"
    apt-get update -qq
  fi
  chosen=()
  for i in "${!missing[@]}"; do
    pick=""
    for name in ${missing[$i]}; do
      if apt-cache show "$name" 2>/dev/null | grep -q '^Version:'; then pick="$name"; break; fi
    done
    chosen+=("${pick:-${missing[$i]%% *}}")
    say "missing: ${chosen[-1]} (${reasons[$i]})"
  done
  line="apt-get install -y --no-install-recommends ${chosen[*]}"
  if [ "$root" = no ]; then
    say "not root, so please type this and start again:"
    echo "  sudo $line"
    exit 1
  fi
  say "$line"
  # policy-rc.d for this one call: a Debian package starts its daemon at install, and we only want the programs.
  blocker=/usr/sbin/policy-rc.d
  if [ ! -e "$blocker" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$blocker"
    chmod 755 "$blocker"
    trap 'rm -f "$blocker"' EXIT
  fi
  install() { DEBIAN_FRONTEND=noninteractive $line >.apt.log 2>&1; }
  if ! install; then
    say "that failed, perhaps on old package lists: fetching them and trying once more"
    apt-get update -qq
    if ! install; then tail -20 .apt.log; say "apt could not install them (the whole output: .apt.log)"; exit 1; fi
  fi
  rm -f .apt.log
fi

# 3. The starter image, made from the host's busybox.
if [ -f tools/starter-image.ts ]; then "$node" tools/starter-image.ts; fi
