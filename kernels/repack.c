#include "repack.h"
#include "digits.h"
#include <string.h>

enum { NIBBLES = 256, LINE = 64 }; /* bytes */

/* The 32 codes of a block of row r, a byte each, into the nibbles of its lines. */
static void put_nibbles(const uint8_t *codes, size_t r, uint8_t *out)
{
    for (size_t v = 0; v < 4; v++)
        for (size_t i = 0; i < 4; i++)
            out[v * LINE + 4 * r + i] = (uint8_t)((codes[4 * v + i] & 15) | codes[16 + 4 * v + i] << 4);
}

static void pack_q4_0(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    for (size_t r = 0; r < count; r++)
        for (size_t b = 0; b < weights / 32; b++) {
            const uint8_t *block = rows + r * stride + b * 18;
            for (size_t v = 0; v < 4; v++) /* its halves are split as ours */
                memcpy(out + b * NIBBLES + v * LINE + 4 * r, block + 2 + 4 * v, 4);
            memcpy(out + 2 * NIBBLES + (b * LANE_ROWS + r) * 2, block, 2);
        }
}

static void pack_q8_0(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    for (size_t r = 0; r < count; r++)
        for (size_t b = 0; b < weights / 32; b++) {
            const uint8_t *block = rows + r * stride + b * 34;
            for (size_t j = 0; j < 8; j++)
                memcpy(out + (b * 8 + j) * LINE + 4 * r, block + 2 + 4 * j, 4);
            memcpy(out + 16 * LINE + (b * LANE_ROWS + r) * 2, block, 2);
        }
}

static void pack_q4_k(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    uint8_t *scales = out + 8 * NIBBLES, *d = scales + 8 * 2 * LANE_ROWS;
    (void)weights;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *block = rows + r * stride, *s = block + 4;
        for (size_t b = 0; b < 8; b++) {
            uint8_t codes[32];
            for (size_t j = 0; j < 32; j++)
                codes[j] = block[16 + 32 * (b / 2) + j] >> 4 * (b % 2) & 15;
            put_nibbles(codes, r, out + b * NIBBLES);
            scales[b * 2 * LANE_ROWS + r] = (uint8_t)(b < 4 ? s[b] & 63 : (s[b + 4] & 15) | (s[b - 4] >> 6) << 4);
            scales[(b * 2 + 1) * LANE_ROWS + r] = (uint8_t)(b < 4 ? s[b + 4] & 63 : s[b + 4] >> 4 | (s[b] >> 6) << 4);
        }
        memcpy(d + 2 * r, block, 2);
        memcpy(d + 2 * (LANE_ROWS + r), block + 2, 2);
    }
}

static void pack_q6_k(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    enum { BLOCK = NIBBLES + 2 * LINE };
    uint8_t *scales = out + 8 * BLOCK, *d = scales + 8 * 2 * LANE_ROWS;
    (void)weights;
    for (size_t r = 0; r < count; r++) {
        const uint8_t *block = rows + r * stride;
        for (size_t b = 0; b < 8; b++) {
            const uint8_t *low = block + 64 * (b / 4) + 32 * (b % 2), *high = block + 128 + 32 * (b / 4);
            uint8_t codes[32], *top = out + b * BLOCK + NIBBLES;
            for (size_t j = 0; j < 32; j++) {
                codes[j] = low[j] >> 4 * (b % 4 / 2) & 15;
                top[j / 16 * LINE + 4 * r + j % 4] |= (uint8_t)((high[j] >> 2 * (b % 4) & 3) << 2 * (j / 4 % 4));
            }
            put_nibbles(codes, r, out + b * BLOCK);
            for (size_t h = 0; h < 2; h++)
                scales[(b * 2 + h) * LANE_ROWS + r] = block[192 + 2 * b + h];
        }
        uint16_t half;
        memcpy(&half, block + 208, sizeof half);
        memcpy(d + 4 * r, &(float){ f16_to_f32(half) }, 4);
    }
}

/* The digits of a unit of row r, 0 beyond its end; its scale goes to scales. */
static void take_digits(int trits, const uint8_t *block, size_t weights, int8_t *digits, size_t r, uint8_t *scales)
{
    memset(digits, 0, DIGIT_BLOCK);
    decode_digits(trits, block, digits, NULL, weights);
    memcpy(scales + 2 * r, block + digit_bytes(trits, weights) - 2, 2);
}

static void pack_t2(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    int8_t digits[DIGIT_BLOCK];
    uint8_t codes[DIGIT_BLOCK];
    for (size_t r = 0; r < count; r++) {
        take_digits(2, rows + r * stride, weights, digits, r, out + 8 * NIBBLES);
        for (size_t i = 0; i < DIGIT_BLOCK; i++)
            codes[i] = (uint8_t)(digits[i] + 4);
        for (size_t b = 0; b < 8; b++)
            put_nibbles(codes + 32 * b, r, out + b * NIBBLES);
    }
}

static void pack_t3(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    enum { BLOCK = NIBBLES + LINE };
    int8_t digits[DIGIT_BLOCK];
    uint8_t codes[DIGIT_BLOCK];
    for (size_t r = 0; r < count; r++) {
        take_digits(3, rows + r * stride, weights, digits, r, out + 8 * BLOCK);
        for (size_t i = 0; i < DIGIT_BLOCK; i++) {
            codes[i] = (uint8_t)(digits[i] + 13);
            out[i / 32 * BLOCK + NIBBLES + 4 * r + i % 4] |= (uint8_t)((codes[i] >> 4) << (i % 32 / 4));
        }
        for (size_t b = 0; b < 8; b++)
            put_nibbles(codes + 32 * b, r, out + b * BLOCK);
    }
}

static void pack_t4(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out)
{
    int8_t digits[DIGIT_BLOCK];
    for (size_t r = 0; r < count; r++) {
        take_digits(4, rows + r * stride, weights, digits, r, out + 64 * LINE);
        for (size_t j = 0; j < 64; j++)
            memcpy(out + j * LINE + 4 * r, digits + 4 * j, 4);
    }
}

static const lane_layout layouts[] = {
    { "q4_0x16", TYPE_Q4_0, 64, 576, pack_q4_0 },
    { "q8_0x16", TYPE_Q8_0, 64, 1088, pack_q8_0 },
    { "q4_kx16", TYPE_Q4_K, 256, 2368, pack_q4_k },
    { "q6_kx16", TYPE_Q6_K, 256, 3392, pack_q6_k },
    { "t2x16", TYPE_T2, 256, 2080, pack_t2 },
    { "t3x16", TYPE_T3, 256, 2592, pack_t3 },
    { "t4x16", TYPE_T4, 256, 4128, pack_t4 },
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

const lane_layout *lane_layout_for(uint32_t type)
{
    for (size_t i = 0; i < LAYOUTS; i++)
        if (layouts[i].type == type)
            return &layouts[i];
    return NULL;
}

const lane_layout *lane_layout_named(const char *name)
{
    for (size_t i = 0; i < LAYOUTS; i++)
        if (!strcmp(layouts[i].name, name))
            return &layouts[i];
    return NULL;
}

size_t lane_group_bytes(const lane_layout *l, size_t k)
{
    return (k + l->weights - 1) / l->weights * l->bytes;
}

void lane_pack_group(const lane_layout *l, const uint8_t *rows, size_t count, size_t k, uint8_t *out)
{
    const type_info *type = type_of(l->type);
    size_t stride = (size_t)type_row_bytes(type, k);
    memset(out, 0, lane_group_bytes(l, k));
    for (size_t i = 0; i < k; i += l->weights, rows += l->weights / type->weights * type->bytes, out += l->bytes)
        l->pack(rows, stride, count, k - i < l->weights ? k - i : l->weights, out);
}
