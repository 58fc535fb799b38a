#!/bin/sh
# Measures the GPU of this machine: sh run-bundle.sh [OPTIONS of bench:gpu]. Made by `npm run bench:gpu:bundle`.
# Needs no network, no Node and no packages: a driver, CUDA and cuDNN (also those in the packages of a Python).
# The parts may come one after another: each call keeps those beside it in $BUNDLE_DIR, and the one that has them all runs.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
store=${BUNDLE_DIR:-/tmp/latentmorph-gpu}
mkdir -p "$store"
for file in "$here"/bundle.part-* "$here"/bundle.sha256; do
  if [ -e "$file" ] && [ "$here" != "$store" ]; then cp "$file" "$store/"; fi
done
cd "$store"
[ -e bundle.sha256 ] || { echo 'bundle.sha256 is missing: it belongs beside the parts.' >&2; exit 4; }

if [ ! -e app/complete ]; then
  if ! bad=$(sha256sum -c --quiet bundle.sha256 2>/dev/null); then
    echo "Parts are missing or broken: $(echo "$bad" | sed 's/:.*//' | tr '\n' ' ')" >&2
    exit 4
  fi
  rm -rf app
  mkdir app
  if command -v xz >/dev/null; then
    cat bundle.part-* | xz -dc | tar -x -C app
  else
    cat bundle.part-* | python3 -c 'import lzma, shutil, sys
shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)' | tar -x -C app
  fi
  touch app/complete
fi

# Whatever of these holds CUDA: the loader passes over the others.
folders=${LD_LIBRARY_PATH:-}
for folder in /usr/local/cuda/lib64 /usr/local/cuda-*/lib64 /usr/local/nvidia/lib64 /usr/lib/x86_64-linux-gnu; do
  if [ -d "$folder" ]; then folders=$folders:$folder; fi
done
if command -v python3 >/dev/null; then
  folders=$folders:$(python3 -c 'import glob, sys
print(":".join(f for p in sys.path if p for f in sorted(glob.glob(p + "/nvidia/*/lib"))))' || true)
fi
export LD_LIBRARY_PATH="$folders"

cd app
exec ./node --enable-source-maps dist-bench/bench/gpu.js "$@"
