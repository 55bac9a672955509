#!/bin/sh
# Builds a libzmq that has its draft options, among them ZMQ_IN_BATCH_SIZE and ZMQ_OUT_BATCH_SIZE, from Debian's sources:
#
#   bench/peers/libzmq-draft.sh /tmp/libzmq-draft
#   LIBZMQ_DRAFT=/tmp/libzmq-draft pnpm bench zmtp
#
# It needs curl, cmake, make and a C++ compiler.
set -eu
prefix=${1:?"where to install it"}
version=4.3.4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
curl -sSfLO "https://deb.debian.org/debian/pool/main/z/zeromq3/zeromq3_$version.orig.tar.gz"
tar xf "zeromq3_$version.orig.tar.gz"
cmake -S "libzmq-$version" -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POLICY_VERSION_MINIMUM=3.5 -DENABLE_DRAFTS=ON -DENABLE_CURVE=OFF -DENABLE_WS=OFF \
  -DWITH_TLS=OFF -DWITH_DOCS=OFF -DWITH_PERF_TOOL=OFF -DZMQ_BUILD_TESTS=OFF -DBUILD_STATIC=OFF
make -C build -j2 install
