#!/usr/bin/env bash
# Installs what `npm run test:real` needs beyond `npm ci`, on Debian or Ubuntu (x64), as root. What is there already is left
# alone. Elsewhere: install the same by hand; a test that lacks something says what.
set -euo pipefail
cd "$(dirname "$0")/../.."

# A browser, which brings SwiftShader (a Vulkan driver in software), and the loader by which WebGPU finds the driver;
# PyTorch for the CPU; mount, for a small disk; Slurm, which tests start themselves; what builds the addon below; QEMU,
# which executes programs of other processors, and the libraries of a Node for arm64.
packages=(chromium libvulkan1 python3-torch mount slurm-wlm munge python3-pip g++ make unzip)
packages+=(qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# libtensorflow from the Python wheel, and the addon that binds it, built from source (docs/tensorflow.md).
folder=${XDG_CACHE_HOME:-$HOME/.cache}/super-weight-pruning/tensorflow
addon=node_modules/@tensorflow/tfjs-node-gpu
if ! ls "$folder/$addon"/lib/napi-v*/tfjs_binding.node >/dev/null 2>&1; then
  echo "Building TensorFlow's addon in $folder"
  version=$(node -p "require('./package.json').devDependencies['@tensorflow/tfjs-node-gpu']")
  rm -rf "$folder"
  mkdir -p "$folder"
  cd "$folder"
  echo '{"private": true}' >package.json
  npm install --silent --ignore-scripts "@tensorflow/tfjs-node-gpu@$version"
  python3 -m pip download --quiet --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux_2_17_x86_64 tensorflow-cpu==2.15.1
  unzip -q tensorflow_cpu-*.whl 'tensorflow/libtensorflow*' 'tensorflow/include/*'
  rm tensorflow_cpu-*.whl
  mkdir -p "$addon/deps/lib"
  ln -s "$PWD/tensorflow/include" "$addon/deps/include"
  ln -s "$PWD"/tensorflow/libtensorflow_{cc,framework}.so.2 "$addon/deps/lib/"
  ln -s libtensorflow_cc.so.2 "$addon/deps/lib/libtensorflow.so"
  ln -s libtensorflow_framework.so.2 "$addon/deps/lib/libtensorflow_framework.so"
  # Node's headers may lie beside it; otherwise node-gyp fetches them.
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  [ -e "$prefix/include/node/node_api.h" ] && export npm_config_nodedir=$prefix
  (cd "$addon" && npx node-pre-gyp install --build-from-source >build.log 2>&1) || { cat "$addon/build.log"; exit 1; }
fi

# Other versions of Node, and one for arm64.
nodes=${XDG_CACHE_HOME:-$HOME/.cache}/super-weight-pruning
for node in arm64@22.20.0 x64@20.19.5 x64@22.20.0 x64@24.11.0; do
  processor=${node%@*}
  version=${node#*@}
  folder=$nodes/node-$processor-${version%%.*}
  if [ ! -x "$folder/package/bin/node" ]; then
    echo "Fetching Node $version for $processor into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    cd "$folder"
    npm pack --silent "node-linux-$processor@$version" >/dev/null
    tar -xzf "node-linux-$processor-$version.tgz"
    rm "node-linux-$processor-$version.tgz"
  fi
done
