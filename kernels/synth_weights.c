#include "synth_weights.h"
#include "digits.h"
#include "encode.h"
#include <string.h>

/* The generator: word i of a stream. */
static inline uint64_t word(uint64_t key, uint64_t i)
{
    uint64_t x = key + i * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t stream_key(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return word(hash, seed + 1);
}

static uint64_t root(uint64_t square)
{
    uint64_t r = 0;
    for (uint64_t bit = 1u << 31; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= square)
            r += bit;
    return r;
}

/* 32 random codes of two bits: trit + 1 = 1 + a - b for random bits a, b, so -1, 0, +1 with probabilities 1/4, 1/2, 1/4. */
static inline uint64_t ternary_codes(uint64_t random)
{
    const uint64_t low = 0x5555555555555555u;
    uint64_t a = random & low, b = random >> 1 & low;
    return (a & ~b) << 1 | (~(a ^ b) & low);
}

/* One block of 256 ternary weights; in I2_S's order the codes are the generator's words as they come. */
static void ternary_block(const weight_source *t, size_t block, uint8_t *out)
{
    uint64_t codes[8];
    for (size_t i = 0; i < 8; i++)
        codes[i] = ternary_codes(word(t->key, 8 * block + i));
    if (t->info->id == TYPE_I2_S) {
        memcpy(out, codes, sizeof codes);
        return;
    }
    if (t->info->id == TYPE_TQ2_0) { /* the same bytes with their four codes in reverse */
        for (size_t i = 0; i < 8; i++) {
            uint64_t c = codes[i];
            c = (c >> 4 & 0x0f0f0f0f0f0f0f0fu) | (c & 0x0f0f0f0f0f0f0f0fu) << 4;
            codes[i] = (c >> 2 & 0x3333333333333333u) | (c & 0x3333333333333333u) << 2;
        }
        memcpy(out, codes, sizeof codes);
        uint16_t d = f32_to_f16(t->scale);
        memcpy(out + 64, &d, sizeof d);
        return;
    }
    int8_t trits[WEIGHTS_BLOCK];
    decode_trits(TYPE_I2_S, codes, trits, NULL, WEIGHTS_BLOCK);
    encode_trits(t->info->id, trits, t->scale, out, WEIGHTS_BLOCK);
}

static inline unsigned bell(uint32_t random)
{
    return (random & 255) + (random >> 8 & 255) + (random >> 16 & 255) + (random >> 24);
}

/* Digits of the same numbers, a step of about the width that loses least: 0.53, 0.235 or 0.092 of their standard deviation. */
static void digit_block(const weight_source *t, size_t block, uint8_t *out)
{
    static const int steps[MOST_TRITS + 1] = { 0, 0, 78, 35, 14 };
    int trits = type_trits(t->info->id), step = steps[trits], limit = digit_limit(trits);
    int8_t digits[WEIGHTS_BLOCK];
    for (size_t i = 0; i < WEIGHTS_BLOCK; i++) {
        uint64_t random = word(t->key, WEIGHTS_BLOCK / 2 * block + i / 2);
        int x = (int)bell((uint32_t)(i % 2 ? random >> 32 : random)) - BELL_MIDDLE, q = (x + (x < 0 ? -step : step) / 2) / step;
        digits[i] = (int8_t)(q > limit ? limit : q < -limit ? -limit : q);
    }
    encode_digits(trits, digits, f32_to_f16((float)step * t->unit), out, WEIGHTS_BLOCK);
}

static void dense_block(const weight_source *t, size_t block, uint8_t *out)
{
    float x[WEIGHTS_BLOCK];
    uint16_t halves[WEIGHTS_BLOCK];
    bool half = t->info->id == TYPE_F16;
    for (size_t i = 0; i < WEIGHTS_BLOCK; i += 2) {
        uint64_t random = word(t->key, WEIGHTS_BLOCK / 2 * block + i / 2);
        unsigned first = bell((uint32_t)random), second = bell((uint32_t)(random >> 32));
        if (half) {
            halves[i] = t->half[first];
            halves[i + 1] = t->half[second];
        } else {
            x[i] = (float)((int)first - BELL_MIDDLE) * t->unit;
            x[i + 1] = (float)((int)second - BELL_MIDDLE) * t->unit;
        }
    }
    if (half)
        memcpy(out, halves, sizeof halves);
    else
        encode_f32(t->info->id, x, out, WEIGHTS_BLOCK);
}

void weights_begin(weight_source *w, const type_info *info, uint64_t seed, const char *name, size_t k, bool head)
{
    w->info = info;
    w->key = stream_key(seed, name);
    uint64_t spread = 224 + (word(w->key, UINT64_MAX) & 63); /* scales differ, so that a mix-up shows */
    w->scale = (float)(root((2u << 24) / k) * spread / 256) * 0x1p-12f; /* about sqrt(2 / k), exact in half precision */
    uint64_t target = head ? 9 : 2, power = 1;
    for (w->unit = 1; BELL_VARIANCE * (uint64_t)k >= target * power * power; power *= 2)
        w->unit /= 2;
    for (int sum = 0; sum <= 2 * BELL_MIDDLE; sum++)
        w->half[sum] = f32_to_f16((float)(sum - BELL_MIDDLE) * w->unit);
}

void weights_block(const weight_source *w, size_t block, uint8_t *out)
{
    (type_is_ternary(w->info->id) ? ternary_block : type_trits(w->info->id) ? digit_block : dense_block)(w, block, out);
}

void weights_norm(const weight_source *w, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = 0.875f + (float)(word(w->key, i) >> 56) * 0x1p-10f;
}
