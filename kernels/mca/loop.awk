# The hot loop of function F in an assembly file: of the innermost loops (from a label to a jump back to it) the one that multiplies
# most, or with one=1 the one that does so most among those with less than half of that: a tile of one token beside tiles of several.
# Writes the loop to the file OUT and prints how many products it makes.

# Compilers also multiply bytes by powers of 3 with PMADDUBSW; each product that counts is then added by PADDW.
function products(line) {
    if (line ~ /^\tv?(pmaddubsw|pdpbusd|paddw)/) return line ~ /zmm/ ? 64 : line ~ /ymm/ ? 32 : 16
    if (line ~ /^\tv(fn?madd|mul)[0-9]*ps/) return line ~ /zmm/ ? 16 : line ~ /ymm/ ? 8 : 4
    if (line ~ /^\tmulps/) return 4
    if (line ~ /^\tsmmla/) return 32
    if (line ~ /^\tsdot/) return 16
    if (line ~ /^\t(smlal|smlal2|smull|smull2)\tv[0-9]+\.8h|^\tvml?u?la?l\.s8/) return 8
    if (line ~ /^\tfmla\tv[0-9]+\.4s/) return 4
    return 0
}

BEGIN { n = loops = most = 0 }
$1 == F ":" { inside = 1 }
inside && $1 == ".size" { inside = 0 }
inside && /^\.L[A-Za-z0-9_]+:/ { label[substr($1, 1, index($1, ":") - 1)] = n }
inside && /^\t[a-z]/ {
    text[n++] = $0
    if (match($0, /\.L[A-Za-z0-9_]+$/) && /^\t(j|b|cb|tb)/ && substr($0, RSTART) in label) {
        begin[loops] = label[substr($0, RSTART)]; end[loops++] = n - 1
    }
}

END {
    for (i = 0; i < loops; i++) {
        for (j = 0; j < loops && (j == i || begin[j] < begin[i] || end[j] > end[i]); j++);
        if (j < loops) continue # another loop is inside
        sums = 0
        for (k = begin[i]; k <= end[i]; k++)
            if (text[k] ~ /^\tv?paddw/) sums += products(text[k]); else made[i] += products(text[k])
        if (sums) made[i] = sums
        if (made[i] > made[most]) most = i
    }
    if (one) {
        top = made[most]; most = -1
        for (i = 0; i < loops; i++)
            if (made[i] && 2 * made[i] < top && (most < 0 || made[i] > made[most])) most = i
    }
    if (most < 0 || !made[most]) exit 1
    for (k = begin[most]; k <= end[most]; k++) {
        sub(/0xffffffffffffff/, "0x", text[k]) # how GCC writes a byte of 128 or more
        print text[k] >OUT
    }
    print made[most]
}
