#!/bin/sh
# report.sh [COMPILERS]: cycles of the hot loops as llvm-mca estimates them, as a Markdown table; see README.md of kernels/.
# COMPILERS is a list of gcc, clang-14, clang-19 ... (all three). Needs llvm-mca and the cross compilers; what is missing is skipped.
set -eu
cd "$(dirname "$0")/.."
MCA=${MCA:-llvm-mca-19}
command -v "$MCA" >/dev/null || { echo "$MCA is not installed; on Debian: apt install llvm-19" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Machine, ISA, the CPU whose model is asked (A72 and A57 share one; N1 is a server's A76, N2 a server's A710).
rows='aarch64 neon cortex-a53
aarch64 neon cortex-a72
aarch64 dotprod neoverse-n1
aarch64 i8mm neoverse-n2
x86_64 ssse3 sandybridge
x86_64 avx2 skylake
x86_64 avx2 znver3
x86_64 avx512vnni icelake-server'
# Functions where the loop may be, as some compilers inline more than others; one of loop.awk; what is printed.
kernels='plain 0 plain 2 bits, one token
stream_t2i8,t2_one,gemm_t2i8 0 t2, one token
stream_t5i8,t5_one,gemm_t5i8 0 t5, one token
code_tiles,panel_tiles 0 t2 and t5, many tokens
gemm_q4_0q8 1 q4_0, one token
half_all,mix_f16f32 0 mix of values'

assemble() { # compiler isa source assembly
    flags=$($1 -E -P -x c isa.inc 2>/dev/null | sed -n "s/^ISA($2,.*, *\"\([^\"]*\)\").*/\1/p")
    # shellcheck disable=SC2086
    $1 -std=c11 -D_GNU_SOURCE= -O3 -ffp-contract=off -fno-math-errno -I. $flags -S -o "$4" "$3" 2>/dev/null
}

printf '| loop | model | ISA | compiler | instructions a weight | weights a cycle |\n|---|---|---|---|---|---|\n'
for compiler in ${*:-gcc clang-14 clang-19}; do
    echo "$rows" | while read -r machine isa cpu; do
        case $compiler in clang*) cc="$compiler --target=$machine-linux-gnu" ;; *) cc="$machine-linux-gnu-$compiler" ;; esac
        # What a compiler does not know is left out.
        assemble "$cc" "$isa" mca/plain.c "$work/plain.s" && assemble "$cc" "$isa" "isa/$isa.c" "$work/isa.s" || continue
        echo "$kernels" | while read -r functions one name; do
            products=
            for function in $(echo "$functions" | tr , ' '); do
                products=${products:-$(cat "$work/isa.s" "$work/plain.s" |
                    awk -v F="$function" -v OUT="$work/loop.s" -v one="$one" -f mca/loop.awk || true)}
            done
            [ "$products" ] || continue # the ISA has no such kernel
            # SDOT and VNNI multiply the five trits of a byte without taking them apart: two products a weight.
            case $isa-$name in dotprod-t5* | i8mm-t5* | avx512vnni-t5*) each=2 ;; *) each=1 ;; esac
            "$MCA" -mtriple="$machine-linux-gnu" -mcpu="$cpu" -iterations=200 "$work/loop.s" 2>/dev/null |
                awk -v weights=$((products / each)) -v row="| $name | $cpu | $isa | $compiler" \
                    '/^Iterations:/ { n = $2 } /^Instructions:/ { i = $2 } /^Total Cycles:/ { c = $3 }
                     END { printf "%s | %.3f | %.1f |\n", row, i / n / weights, weights * n / c }'
        done
    done
done | sort -s -t '|' -k 2,4
