#!/bin/sh
# build.sh CARGO RUSTC CRATES WORK OUT: builds the peer with Debian's Rust and crates. Nothing is downloaded, nothing
# is written outside WORK and OUT, and the caller's own cargo settings are not read.
set -eu
cargo=$1 rustc=$2 crates=$3 work=$4 out=$5
here=$(dirname "$0")

# A copy, for cargo writes its Cargo.lock beside Cargo.toml: which versions are locked depends on what is installed.
mkdir -p "$work"
work=$(cd "$work" && pwd)
rm -rf "$work/source"
mkdir "$work/source"
cp -R "$here/Cargo.toml" "$here/src" "$work/source"

env HOME="$work" CARGO_HOME="$work/cargo" RUSTC="$rustc" RUSTFLAGS= "$cargo" build --quiet --release --offline \
  --manifest-path "$work/source/Cargo.toml" --target-dir "$work/target" \
  --config 'source.crates-io.replace-with="debian"' --config "source.debian.directory=\"$crates\""
cp "$work/target/release/tokio_peer" "$out"
