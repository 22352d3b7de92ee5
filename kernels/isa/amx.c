/* AMX: products of ternary weights with many tokens, 16 x 16 results and 64 weights an instruction. The rest is AVX-512's. */
#define BIAS 1 /* trits, not codes: the sums of activations are then not needed */
#include "words512.h"

/* At most DEPTH weights of a panel's rows are unpacked at a time and meet all tokens, 32 at a time; so few that they stay in the
   first-level cache with the activations of 32 tokens and, fetched ahead, of the next 32 (measured: 1.05 times the rate of 640 without). */
enum { SIDE = 16, DEPTH = 320, STEP = 64, STEP_BYTES = STEP / 4 * LINE };
enum { FEWEST = 12 }; /* tokens; below, VNNI is faster (measured) */

void isa_avx512vnni(trit_ops *ops);
static trit_ops below;

/* gcc 12 does not know that tile instructions read memory. */
#define SETTLE() __asm__ volatile("" ::: "memory")

/* Results are tiles 0 to 3: tokens of 4 and 5, rows of 6 and 7. */
typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void shape(tile_shapes *s, int tile, size_t rows, size_t row_bytes)
{
    bool used = rows && row_bytes;
    s->rows[tile] = (uint8_t)(used ? rows : 0);
    s->row_bytes[tile] = (uint16_t)(used ? row_bytes : 0);
}

/* Shapes for up to 32 tokens and 32 rows: no tile reads or writes beyond them. */
static void shape_tiles(size_t tokens, size_t rows)
{
    tile_shapes s = { .palette = 1 };
    size_t t[2] = { least(tokens, SIDE), tokens - least(tokens, SIDE) }, r[2] = { least(rows, SIDE), rows - least(rows, SIDE) };
    for (int i = 0; i < 2; i++) {
        shape(&s, 4 + i, t[i], STEP);
        shape(&s, 6 + i, SIDE, 4 * r[i]);
        for (int j = 0; j < 2; j++)
            shape(&s, 2 * i + j, t[i], 4 * r[j]);
    }
    SETTLE();
    _tile_loadconfig(&s);
}

/* y[t*ldy + r] (+)= digits times q; `more_tokens` and `more_rows`: beyond 16; next: where the tokens that follow begin. */
INLINE void multiply(const uint8_t *digits, size_t steps, const int8_t *q, const int8_t *next, size_t ldx, int32_t *y, size_t ldy,
                     bool add, const bool more_tokens, const bool more_rows)
{
    const int8_t *q1 = q + SIDE * ldx;
    int32_t *y1 = y + SIDE * ldy;
    size_t line = ldy * sizeof *y;
    if (add) {
        _tile_loadd(0, y, line);
        if (more_rows)
            _tile_loadd(1, y + SIDE, line);
        if (more_tokens)
            _tile_loadd(2, y1, line);
        if (more_tokens && more_rows)
            _tile_loadd(3, y1 + SIDE, line);
    } else {
        _tile_zero(0);
        if (more_rows)
            _tile_zero(1);
        if (more_tokens)
            _tile_zero(2);
        if (more_tokens && more_rows)
            _tile_zero(3);
    }
    for (size_t s = 0; s < steps; s++, digits += STEP_BYTES, q += STEP, q1 += STEP, next += STEP) {
        for (size_t t = 0; more_tokens && t < 2 * SIDE; t++)
            _mm_prefetch((const char *)next + t * ldx, _MM_HINT_T0);
        _tile_loadd(6, digits, LINE);
        _tile_loadd(4, q, ldx);
        _tile_dpbssd(0, 4, 6);
        if (more_rows) {
            _tile_loadd(7, digits + VECTOR, LINE);
            _tile_dpbssd(1, 4, 7);
        }
        if (more_tokens) {
            _tile_loadd(5, q1, ldx);
            _tile_dpbssd(2, 5, 6);
        }
        if (more_tokens && more_rows)
            _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, y, line);
    if (more_rows)
        _tile_stored(1, y + SIDE, line);
    if (more_tokens)
        _tile_stored(2, y1, line);
    if (more_tokens && more_rows)
        _tile_stored(3, y1 + SIDE, line);
}

static void multiply_any(const uint8_t *digits, size_t steps, const int8_t *q, const int8_t *next, size_t ldx, int32_t *y, size_t ldy,
                         bool add, size_t tokens, size_t rows)
{
    if (tokens > SIDE && rows > SIDE)
        multiply(digits, steps, q, next, ldx, y, ldy, add, true, true);
    else if (tokens > SIDE)
        multiply(digits, steps, q, next, ldx, y, ldy, add, true, false);
    else if (rows > SIDE)
        multiply(digits, steps, q, next, ldx, y, ldy, add, false, true);
    else
        multiply(digits, steps, q, next, ldx, y, ldy, add, false, false);
}

INLINE void gemm_panels(void lines_of(const panel *, size_t, uint8_t *), const size_t chunk, const uint8_t *w, size_t groups, size_t chunks,
                        const int8_t *q, size_t ldx, int32_t *y, size_t ldy, size_t n)
{
    _Alignas(64) uint8_t digits[DEPTH / 4 * LINE];
    size_t stride = chunks * T2_ROWS * T2_BYTES, most = DEPTH / chunk;
    for (size_t g = 0; g < groups; g += PANEL_GROUPS, y += PANEL_ROWS) {
        panel p = panel_at(w + g * stride, groups - g, stride);
        size_t rows = p.groups * T2_ROWS, shaped = 0;
        for (size_t c = 0; c < chunks; c += most) {
            size_t depth = least(most, chunks - c), steps = depth * chunk / STEP;
            for (size_t i = 0; i < depth; i++)
                lines_of(&p, c + i, digits + i * chunk / 4 * LINE);
            SETTLE();
            for (size_t t = 0; t < n; t += 2 * SIDE) {
                size_t tokens = least(2 * SIDE, n - t);
                if (tokens != shaped)
                    shape_tiles(shaped = tokens, rows);
                const int8_t *at = q + t * ldx + c * chunk;
                const int8_t *next = n - t >= 4 * SIDE ? at + 2 * SIDE * ldx : at;
                multiply_any(digits, steps, at, next, ldx, y + t * ldy, ldy, c > 0, tokens, rows);
            }
        }
    }
    _tile_release();
    SETTLE();
}

static void gemm_t2i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    if (n < FEWEST)
        below.gemm_t2i8(w, groups, chunks, q, ldx, sums, y, ldy, n);
    else
        gemm_panels(t2_lines, T2_CHUNK, w, groups, chunks, q, ldx, y, ldy, n);
}

static void gemm_t5i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    if (n < FEWEST)
        below.gemm_t5i8(w, groups, chunks, q, ldx, sums, y, ldy, n);
    else
        gemm_panels(t5_lines, T5_CHUNK, w, groups, chunks, q, ldx, y, ldy, n);
}

#include "lanes_amx.h"

void isa_amx(trit_ops *ops)
{
    isa_avx512vnni(&below);
    ops->gemm_t2i8 = gemm_t2i8;
    overlay_amx_lane_kernels(ops, &below);
    ops->gemm_t5i8 = gemm_t5i8;
    ops->prefers_t5 = below.prefers_t5;
}
