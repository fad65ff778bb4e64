#!/usr/bin/env bash
# All set-up for `npm start` and `npm test`: npm packages, Node 24, host packages. Says what it does and why; does nothing twice.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=node_modules/.longshore-lock
if [ ! -f "$stamp" ] || ! cmp -s package-lock.json "$stamp"; then
  echo "setup: installing npm packages (package-lock.json is new or changed)"
  npm ci --no-audit --no-fund --loglevel=error
  cp package-lock.json "$stamp"
fi
