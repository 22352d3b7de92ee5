/* Panels: how x86 multiplies ternary weights with several tokens. The codes of some rows are unpacked to bytes so that line i holds
   weights 4i .. 4i+3 of each row, [weights/4][PANEL_ROWS][4]. The lanes of a vector are then rows: four activations of a token, broadcast,
   meet all of them, and no result needs a sum over lanes. Four weights of a row stay together from the packed byte on, so one
   transposition of packed bytes serves all the digits in them.
   A file that includes this defines before, for a vector `vec` of GROUPS groups of four rows:
     lanes(at, offset)                      16 bytes of each group, from at[0] + offset, at[1] + offset ...
     low32 high32 low64 high64(a, b)        interleave in lanes of 16 bytes
     t2_codes(v, d)                         digit d of packed bytes, one a byte
     t5_begin(v) t5_codes(t) t5_next(t)     the same for t5: t(0), the code of t(d), t(d+1)
     keep(p, v)                             an aligned store
   and WIDE, the vectors of a line. */
enum { PANEL_GROUPS = GROUPS * WIDE, PANEL_ROWS = T2_ROWS * PANEL_GROUPS, LINE = 4 * PANEL_ROWS, VECTOR = LINE / WIDE, COLUMNS = T2_BYTES / 4 };

/* Where the chunks of each group of a panel lie; groups that are not there repeat the last one. */
typedef struct {
    const uint8_t *at[PANEL_GROUPS];
    size_t groups, bytes;
} panel;

INLINE panel panel_at(const uint8_t *w, size_t groups, size_t stride)
{
    panel p = { .groups = groups < PANEL_GROUPS ? groups : PANEL_GROUPS, .bytes = PANEL_GROUPS * stride };
    for (size_t g = 0; g < PANEL_GROUPS; g++)
        p.at[g] = w + (g < p.groups ? g : p.groups - 1) * stride;
    return p;
}

/* Bytes from `offset` on of the four rows of each group, 16 of each row, as four columns of four bytes a row. */
INLINE void transpose(const uint8_t *const *at, size_t offset, vec *columns)
{
    vec a = lanes(at, offset), b = lanes(at, offset + T2_BYTES), c = lanes(at, offset + 2 * T2_BYTES), d = lanes(at, offset + 3 * T2_BYTES);
    vec ab = low32(a, b), AB = high32(a, b), cd = low32(c, d), CD = high32(c, d);
    columns[0] = low64(ab, cd);
    columns[1] = high64(ab, cd);
    columns[2] = low64(AB, CD);
    columns[3] = high64(AB, CD);
}

/* The same chunk of the panel that comes after this one, to the second-level cache: a row of each group. */
INLINE void prefetch_next(const panel *p, size_t g, size_t offset)
{
    UNROLL
    for (size_t i = 0; i < GROUPS; i++)
        _mm_prefetch((const char *)p->at[g + i] + offset + p->bytes, _MM_HINT_T1);
}

/* Lines of one chunk. */
APART void t2_lines(const panel *p, size_t c, uint8_t *out)
{
    for (size_t g = 0; g < p->groups; g += GROUPS)
        for (int m = 0; m < 4; m++) {
            vec columns[4];
            transpose(p->at + g, c * T2_ROWS * T2_BYTES + 16 * (size_t)m, columns);
            prefetch_next(p, g, (c * T2_ROWS + (size_t)m) * T2_BYTES);
            UNROLL
            for (int k = 0; k < 4; k++)
                UNROLL
                for (int d = 0; d < 4; d++)
                    keep(out + (d * COLUMNS + 4 * m + k) * LINE + g * 16, t2_codes(columns[k], d));
        }
}

APART void t5_lines(const panel *p, size_t c, uint8_t *out)
{
    for (size_t g = 0; g < p->groups; g += GROUPS)
        for (int m = 0; m < 4; m++) {
            vec columns[4];
            transpose(p->at + g, c * T2_ROWS * T2_BYTES + 16 * (size_t)m, columns);
            prefetch_next(p, g, (c * T2_ROWS + (size_t)m) * T2_BYTES);
            UNROLL
            for (int k = 0; k < 4; k++) {
                vec t = t5_begin(columns[k]);
                UNROLL
                for (int d = 0; d < 5; d++, t = t5_next(t))
                    keep(out + (d * COLUMNS + 4 * m + k) * LINE + g * 16, t5_codes(t));
            }
        }
}
