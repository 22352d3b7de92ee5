/* mix_q8f32, over the words of float_kernels.h and two more: v_load_i8(p, left), small integers as floats; v_half(p), one 16-bit
   float in all lanes. LANES is a divisor of 32. */
typedef struct { const int8_t *x; const uint16_t *d; size_t ldx; } byte_block;

/* Scales lie over 32 rows of a column ... */
INLINE void column_scales(const byte_block *b, size_t i, size_t j, size_t left, vf *scale, const int wide)
{
    UNROLL_TO(u, MIX_MOST_WIDE, wide)
        scale[u] = v_load_f16(b->d + i / SCALED * b->ldx + j + (size_t)u * LANES, left);
}

INLINE void column_values(const byte_block *b, size_t i, size_t j, size_t left, const vf *scale, vf *v, const int wide)
{
    UNROLL_TO(u, MIX_MOST_WIDE, wide)
        v[u] = v_mul(v_load_i8(b->x + i * b->ldx + j + (size_t)u * LANES, left), scale[u]);
}

/* ... or over 32 columns of a row. */
INLINE void row_scales(const byte_block *b, size_t i, size_t j, size_t left, vf *scale, const int wide)
{
    (void)b, (void)i, (void)j, (void)left, (void)scale, (void)wide;
}

INLINE void row_values(const byte_block *b, size_t i, size_t j, size_t left, const vf *scale, vf *v, const int wide)
{
    (void)scale;
    UNROLL_TO(u, MIX_MOST_WIDE, wide) {
        size_t at = j + (size_t)u * LANES;
        v[u] = v_mul(v_load_i8(b->x + i * b->ldx + at, left), v_half(b->d + (i * b->ldx + at) / SCALED));
    }
}

MIX_KERNEL(column, byte_block, column_scales, column_values, 1)
MIX_KERNEL(row, byte_block, row_scales, row_values, 1)

static void mix_q8f32(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const int8_t *x, const uint16_t *d,
                      size_t deep, size_t ldx, size_t count, size_t n)
{
    byte_block b = { x, d, ldx };
    (deep == 1 ? row_all : column_all)(y, ldy, keep, a, lda, rows, &b, count, n);
}
