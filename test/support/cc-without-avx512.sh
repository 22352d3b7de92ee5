#!/bin/sh
# gcc, as if it were too old to know AVX-512.
for argument; do
  case $argument in -mavx512*) echo "unrecognized command-line option $argument" >&2; exit 1 ;; esac
done
exec gcc "$@"
