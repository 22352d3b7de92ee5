#include "encode.h"
#include "digits.h"
#include <math.h>
#include <string.h>

uint16_t f32_to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)(u >> 16 | 64); /* NaN stays a NaN */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

uint32_t file_type_of(uint32_t type)
{
    static const struct { uint32_t type, file_type; } known[] = {
        { TYPE_F32, 0 },   { TYPE_F16, 1 },   { TYPE_Q4_0, 2 },   { TYPE_Q8_0, 7 },   { TYPE_Q4_K, 14 },
        { TYPE_Q6_K, 18 }, { TYPE_BF16, 32 }, { TYPE_TQ1_0, 36 }, { TYPE_TQ2_0, 37 }, { TYPE_I2_S, 40 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type)
            return known[i].file_type;
    return type_trits(type) ? type : 0;
}

static void put_u16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
}

/* Stores a block's scale in half precision and returns it as stored, so that weights are rounded to what will be decoded. */
static float put_scale(uint8_t *p, float d)
{
    uint16_t h = f32_to_f16(d);
    put_u16(p, h);
    return f16_to_f32(h);
}

static int nearest(float x, float step, int low, int high)
{
    if (step == 0)
        return 0;
    long q = lrintf(x / step);
    return q < low ? low : q > high ? high : (int)q;
}

static float largest(const float *x, int n)
{
    float most = 0;
    for (int i = 0; i < n; i++)
        most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* The weight of largest size becomes -8, the end of the range that has one more step. */
static void encode_q4_0(const float *x, uint8_t *block)
{
    float extreme = 0;
    for (int i = 0; i < 32; i++)
        if (fabsf(x[i]) > fabsf(extreme))
            extreme = x[i];
    float d = put_scale(block, extreme / -8);
    for (int j = 0; j < 16; j++) {
        int low = nearest(x[j], d, -8, 7) + 8, high = nearest(x[j + 16], d, -8, 7) + 8;
        block[2 + j] = (uint8_t)(low | high << 4);
    }
}

static void encode_q8_0(const float *x, uint8_t *block)
{
    float d = put_scale(block, largest(x, 32) / 127);
    for (int j = 0; j < 32; j++)
        block[2 + j] = (uint8_t)nearest(x[j], d, -127, 127);
}

/* Eight runs of 32 weights with a 6-bit scale and a 6-bit minimum each. */
static void encode_q4_k(const float *x, uint8_t *block)
{
    float scale[8], minimum[8], most_scale = 0, most_minimum = 0;
    for (int i = 0; i < 8; i++) {
        float low = 0, high = 0;
        for (int j = 0; j < 32; j++) {
            low = fminf(low, x[32 * i + j]);
            high = fmaxf(high, x[32 * i + j]);
        }
        scale[i] = (high - low) / 15;
        minimum[i] = -low;
        most_scale = fmaxf(most_scale, scale[i]);
        most_minimum = fmaxf(most_minimum, minimum[i]);
    }
    memset(block, 0, 144);
    float d = put_scale(block, most_scale / 63), dmin = put_scale(block + 2, most_minimum / 63);
    uint8_t *packed = block + 4, *quants = block + 16;
    for (int i = 0; i < 8; i++) {
        int s = nearest(scale[i], d, 0, 63), m = nearest(minimum[i], dmin, 0, 63);
        if (i < 4) {
            packed[i] |= (uint8_t)s;
            packed[i + 4] |= (uint8_t)m;
        } else {
            packed[i + 4] = (uint8_t)((s & 15) | (m & 15) << 4);
            packed[i - 4] |= (uint8_t)(s >> 4 << 6);
            packed[i] |= (uint8_t)(m >> 4 << 6);
        }
        float step = d * (float)s, offset = dmin * (float)m; /* exact: 11 + 6 bits */
        for (int j = 0; j < 32; j++)
            quants[32 * (i / 2) + j] |= (uint8_t)(nearest(x[32 * i + j] + offset, step, 0, 15) << 4 * (i & 1));
    }
}

/* The step that fits 16 weights best (least squares) after rounding them with the step of their largest. */
static float q6_step(const float *x)
{
    float step = largest(x, 16) / 31;
    double xq = 0, qq = 0;
    for (int j = 0; j < 16; j++) {
        int q = nearest(x[j], step, -32, 31);
        xq += (double)x[j] * q; /* exact: 24 + 6 bits */
        qq += q * q;
    }
    return qq > 0 ? (float)(xq / qq) : 0;
}

static void encode_q6_k(const float *x, uint8_t *block)
{
    float steps[16];
    for (int i = 0; i < 16; i++)
        steps[i] = q6_step(x + 16 * i);
    memset(block, 0, 210);
    float d = put_scale(block + 208, largest(steps, 16) / 127);
    for (int i = 0; i < 16; i++) {
        int s = nearest(steps[i], d, 0, 127);
        float step = d * (float)s;
        block[192 + i] = (uint8_t)s;
        for (int j = 0; j < 16; j++) {
            int at = 16 * i + j, half = at / 128, quarter = at / 32 % 4, column = at % 32;
            int q = nearest(x[at], step, -32, 31) + 32;
            block[64 * half + 32 * (quarter & 1) + column] |= (uint8_t)((q & 15) << 4 * (quarter / 2));
            block[128 + 32 * half + column] |= (uint8_t)(q >> 4 << 2 * quarter);
        }
    }
}

void encode_f32(uint32_t type, const float *x, void *out, size_t n)
{
    const type_info *info = type_of(type);
    uint8_t *p = out;
    switch (type) {
    case TYPE_F32:
        memcpy(p, x, n * sizeof *x);
        break;
    case TYPE_F16:
        for (size_t i = 0; i < n; i++)
            put_u16(p + 2 * i, f32_to_f16(x[i]));
        break;
    case TYPE_BF16:
        for (size_t i = 0; i < n; i++)
            put_u16(p + 2 * i, f32_to_bf16(x[i]));
        break;
#define BLOCKS(NAME, encode) \
    case TYPE_##NAME: \
        for (size_t i = 0; i < n; i += info->weights, p += info->bytes) \
            encode(x + i, p); \
        break;
    BLOCKS(Q4_0, encode_q4_0)
    BLOCKS(Q8_0, encode_q8_0)
    BLOCKS(Q4_K, encode_q4_k)
    BLOCKS(Q6_K, encode_q6_k)
#undef BLOCKS
    }
}

/* ceil(v * 256 / 243) for v = the digits (trit + 1) in base 3; four digits are shifted up by one place. */
static uint8_t tq1_byte(unsigned v)
{
    return (uint8_t)((v * 256 + 242) / 243);
}

static void encode_tq1_0(const int8_t *t, uint8_t *block)
{
    for (int half = 0; half < 2; half++) {
        int width = half ? 16 : 32;
        const int8_t *from = t + 160 * half;
        for (int j = 0; j < width; j++) {
            unsigned v = 0;
            for (int i = 0; i < 5; i++)
                v = 3 * v + (unsigned)(from[width * i + j] + 1);
            block[32 * half + j] = tq1_byte(v);
        }
    }
    for (int j = 0; j < 4; j++) {
        unsigned v = 0;
        for (int i = 0; i < 4; i++)
            v = 3 * v + (unsigned)(t[240 + 4 * i + j] + 1);
        block[48 + j] = tq1_byte(3 * v);
    }
}

static void encode_tq2_0(const int8_t *t, uint8_t *block)
{
    for (int half = 0; half < 2; half++)
        for (int j = 0; j < 32; j++) {
            const int8_t *e = t + 128 * half + j;
            block[32 * half + j] = (uint8_t)((e[0] + 1) | (e[32] + 1) << 2 | (e[64] + 1) << 4 | (e[96] + 1) << 6);
        }
}

static void encode_i2_s(const int8_t *e, uint8_t *block)
{
    for (int j = 0; j < 32; j++)
        block[j] = (uint8_t)((e[j] + 1) << 6 | (e[j + 32] + 1) << 4 | (e[j + 64] + 1) << 2 | (e[j + 96] + 1));
}

void encode_trits(uint32_t type, const int8_t *trits, float scale, void *out, size_t n)
{
    uint8_t *p = out;
    switch (type) {
    case TYPE_TQ1_0:
        for (size_t i = 0; i < n; i += 256, p += 54) {
            encode_tq1_0(trits + i, p);
            put_u16(p + 52, f32_to_f16(scale));
        }
        break;
    case TYPE_TQ2_0:
        for (size_t i = 0; i < n; i += 256, p += 66) {
            encode_tq2_0(trits + i, p);
            put_u16(p + 64, f32_to_f16(scale));
        }
        break;
    case TYPE_I2_S:
        for (size_t i = 0; i < n; i += 128, p += 32)
            encode_i2_s(trits + i, p);
        break;
    case TYPE_T1:
        for (size_t i = 0; i < n; i += DIGIT_BLOCK, p += 54)
            encode_digits(1, trits + i, f32_to_f16(scale), p, n - i < DIGIT_BLOCK ? n - i : DIGIT_BLOCK);
        break;
    }
}
