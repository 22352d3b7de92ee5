#include "types.h"
#include "digits.h"
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "GGUF is little-endian, and so is every target of this program"
#endif

static const type_info types[] = {
#define TYPE(id, NAME, name, weights, bytes) { id, name, weights, bytes },
#include "types.inc"
#undef TYPE
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

const type_info *type_of(uint32_t id)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (types[i].id == id)
            return &types[i];
    return NULL;
}

const type_info *type_named(const char *name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (!strcmp(types[i].name, name))
            return &types[i];
    return NULL;
}

bool type_is_ternary(uint32_t id)
{
    return id == TYPE_TQ1_0 || id == TYPE_TQ2_0 || id == TYPE_I2_S || id == TYPE_T1;
}

int type_trits(uint32_t id)
{
    return id >= TYPE_T1 && id <= TYPE_T4 ? (int)(id - TYPE_T1) + 1 : 0;
}

bool type_takes(const type_info *type, uint64_t k)
{
    return type_trits(type->id) || k % type->weights == 0;
}

uint64_t type_row_bytes(const type_info *type, uint64_t k)
{
    uint64_t rest = k % type->weights;
    return k / type->weights * type->bytes + (rest ? digit_bytes(type_trits(type->id), rest) : 0);
}

static float float_from_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

static uint32_t bits_of_float(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

float f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h >> 15) << 31, exponent = (h >> 10) & 31, mantissa = h & 1023;
    if (exponent == 31)
        return float_from_bits(sign | 0x7f800000u | mantissa << 13);
    if (exponent)
        return float_from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float value = (float)mantissa * 0x1p-24f; /* subnormal or zero: exact */
    return sign ? -value : value;
}

uint16_t f32_to_f16(float f)
{
    uint32_t u = bits_of_float(f);
    uint16_t sign = (uint16_t)(u >> 16 & 0x8000);
    u &= 0x7fffffffu;
    if (u > 0x7f800000u)
        return sign | 0x7e00 | (uint16_t)(u >> 13 & 0x3ff); /* NaN stays a NaN */
    if (u >= 0x477ff000u)
        return sign | 0x7c00; /* rounds to 65536 or is infinite */
    if (u < 0x38800000u) {
        /* Subnormal half: adding 0.5 leaves the value in units of 2^-24, rounded to nearest even, in the low mantissa bits. */
        float shifted = float_from_bits(u) + 0.5f;
        return sign | (uint16_t)(bits_of_float(shifted) - bits_of_float(0.5f));
    }
    u += 0xfff + (u >> 13 & 1); /* round to nearest even; a carry moves into the exponent as it should */
    return sign | (uint16_t)((u - (112u << 23)) >> 13);
}

float bf16_to_f32(uint16_t h)
{
    return float_from_bits((uint32_t)h << 16);
}

static uint16_t u16_at(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* block: d, then 16 bytes: weight j in the low half of byte j, weight j + 16 in its high half; value = d * (q - 8). */
static void decode_q4_0(const uint8_t *block, float *out)
{
    float d = f16_to_f32(u16_at(block));
    for (int j = 0; j < 16; j++) {
        uint8_t q = block[2 + j];
        out[j] = d * (float)((q & 15) - 8);
        out[j + 16] = d * (float)((q >> 4) - 8);
    }
}

static void decode_q8_0(const uint8_t *block, float *out)
{
    float d = f16_to_f32(u16_at(block));
    for (int j = 0; j < 32; j++)
        out[j] = d * (float)(int8_t)block[2 + j];
}

/* block: d, dmin, 12 bytes with eight 6-bit scales and eight 6-bit minima, 128 bytes of 4-bit weights in four runs of 64.
   value = d * scale * q - dmin * minimum. */
static void decode_q4_k(const uint8_t *block, float *out)
{
    float d = f16_to_f32(u16_at(block)), dmin = f16_to_f32(u16_at(block + 2));
    const uint8_t *s = block + 4, *q = block + 16;
    for (int i = 0; i < 8; i++) { /* sub-blocks of 32 weights */
        int scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
        int minimum = i < 4 ? s[i + 4] & 63 : s[i + 4] >> 4 | (s[i] >> 6) << 4;
        float a = d * (float)scale, b = dmin * (float)minimum;
        for (int j = 0; j < 32; j++)
            out[32 * i + j] = a * (float)(q[32 * (i / 2) + j] >> 4 * (i & 1) & 15) - b;
    }
}

/* block: 128 bytes of low nibbles, 64 bytes of high bit pairs, 16 signed scales (one for 16 weights), d.
   value = d * scale * (q - 32). */
static void decode_q6_k(const uint8_t *block, float *out)
{
    float d = f16_to_f32(u16_at(block + 208));
    for (int half = 0; half < 2; half++)
        for (int quarter = 0; quarter < 4; quarter++)
            for (int j = 0; j < 32; j++) {
                int low = block[64 * half + 32 * (quarter & 1) + j] >> 4 * (quarter / 2) & 15;
                int high = block[128 + 32 * half + j] >> 2 * quarter & 3;
                int scale = (int8_t)block[192 + 8 * half + 2 * quarter + j / 16];
                out[128 * half + 32 * quarter + j] = d * (float)scale * (float)((low | high << 4) - 32);
            }
}

/* 54 bytes: five trits a byte (48), then four trits a byte (4), then d. A byte holds ceil(v*256/243), v in base 3 with the first
   trit most significant: multiplying by 3 moves one digit after the other into the carry. */
static void trits_tq1_0(const uint8_t *block, int8_t *out)
{
    static const struct {
        uint8_t byte, weight, count, digits;
    } runs[] = { { 0, 0, 32, 5 }, { 32, 160, 16, 5 }, { 48, 240, 4, 4 } };
    for (size_t r = 0; r < 3; r++)
        for (int j = 0; j < runs[r].count; j++) {
            uint8_t x = block[runs[r].byte + j];
            for (int i = 0; i < runs[r].digits; i++) {
                unsigned carry = x * 3u;
                out[runs[r].weight + runs[r].count * i + j] = (int8_t)((int)(carry >> 8) - 1);
                x = (uint8_t)carry;
            }
        }
}

/* 66 bytes: 64 bytes of codes in two halves of 128 weights, weight 32*l + j of a half at bits 2l of its byte j; then d. */
static void trits_tq2_0(const uint8_t *block, int8_t *out)
{
    for (int half = 0; half < 2; half++)
        for (int l = 0; l < 4; l++)
            for (int j = 0; j < 32; j++)
                out[128 * half + 32 * l + j] = (int8_t)((block[32 * half + j] >> 2 * l & 3) - 1);
}

/* 32 bytes: weight 32*l + j at bits 6 - 2l of byte j. */
static void trits_i2_s(const uint8_t *block, int8_t *out)
{
    for (int l = 0; l < 4; l++)
        for (int j = 0; j < 32; j++)
            out[32 * l + j] = (int8_t)((block[j] >> (6 - 2 * l) & 3) - 1);
}

void decode_trits(uint32_t type, const void *data, int8_t *out, float *scales, size_t n)
{
    const uint8_t *p = data;
    switch (type) {
    case TYPE_TQ1_0:
        for (size_t i = 0; i < n / 256; i++, p += 54) {
            trits_tq1_0(p, out + 256 * i);
            if (scales)
                scales[i] = f16_to_f32(u16_at(p + 52));
        }
        break;
    case TYPE_TQ2_0:
        for (size_t i = 0; i < n / 256; i++, p += 66) {
            trits_tq2_0(p, out + 256 * i);
            if (scales)
                scales[i] = f16_to_f32(u16_at(p + 64));
        }
        break;
    case TYPE_I2_S:
        for (size_t i = 0; i < n / 128; i++, p += 32)
            trits_i2_s(p, out + 128 * i);
        break;
    case TYPE_T1:
        decode_digits(1, p, out, scales, n);
        break;
    }
}

static void decode_weights_of_digits(int trits, const uint8_t *p, float *out, size_t n)
{
    int8_t digits[DIGIT_BLOCK];
    float scale;
    for (size_t i = 0; i < n; i += DIGIT_BLOCK) {
        size_t some = n - i < DIGIT_BLOCK ? n - i : DIGIT_BLOCK;
        decode_digits(trits, p, digits, &scale, some);
        p += digit_bytes(trits, some);
        for (size_t j = 0; j < some; j++)
            out[i + j] = scale * (float)digits[j];
    }
}

static void decode_ternary(uint32_t type, const type_info *info, const uint8_t *p, float scale, float *out, size_t n)
{
    int8_t trits[256];
    for (size_t i = 0; i < n; i += info->weights, p += info->bytes) {
        decode_trits(type, p, trits, type == TYPE_I2_S ? NULL : &scale, info->weights);
        for (size_t j = 0; j < info->weights; j++)
            out[i + j] = scale * (float)trits[j];
    }
}

void decode_f32(uint32_t type, const void *data, float scale, float *out, size_t n)
{
    const type_info *info = type_of(type);
    const uint8_t *p = data;
    switch (type) {
    case TYPE_F32:
        memcpy(out, p, n * sizeof *out);
        break;
    case TYPE_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = f16_to_f32(u16_at(p + 2 * i));
        break;
    case TYPE_BF16:
        for (size_t i = 0; i < n; i++)
            out[i] = bf16_to_f32(u16_at(p + 2 * i));
        break;
#define BLOCKS(NAME, decode) \
    case TYPE_##NAME: \
        for (size_t i = 0; i < n; i += info->weights, p += info->bytes) \
            decode(p, out + i); \
        break;
    BLOCKS(Q4_0, decode_q4_0)
    BLOCKS(Q8_0, decode_q8_0)
    BLOCKS(Q4_K, decode_q4_k)
    BLOCKS(Q6_K, decode_q6_k)
#undef BLOCKS
    default:
        if (type_trits(type))
            decode_weights_of_digits(type_trits(type), p, out, n);
        else if (type_is_ternary(type))
            decode_ternary(type, info, p, scale, out, n);
    }
}
