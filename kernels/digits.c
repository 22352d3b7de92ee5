#include "digits.h"
#include "types.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LANES = 8 };

int digit_limit(int trits)
{
    static const int8_t limits[MOST_TRITS + 1] = { 0, 1, 4, 13, 40 };
    return limits[trits];
}

size_t digit_bytes(int trits, size_t n)
{
    return (n * (size_t)trits + 4) / 5 + sizeof(uint16_t);
}

/* Five trits of a byte: multiplying by 3 moves one after the other into the carry. */
static void five_trits(uint8_t x, int8_t *out)
{
    for (int i = 0; i < 5; i++) {
        unsigned carry = x * 3u;
        out[i] = (int8_t)((int)(carry >> 8) - 1);
        x = (uint8_t)carry;
    }
}

static void decode_block(int trits, const uint8_t *data, int8_t *digits, size_t n)
{
    int8_t all[DIGIT_BLOCK * MOST_TRITS + 4];
    size_t bytes = (n * (size_t)trits + 4) / 5;
    for (size_t i = 0; i < bytes; i++)
        five_trits(data[i], all + 5 * i);
    const int8_t *t = all;
    for (size_t i = 0; i < n; i++) {
        int digit = 0;
        for (int j = 0; j < trits; j++)
            digit = 3 * digit + *t++;
        digits[i] = (int8_t)digit;
    }
}

void decode_digits(int trits, const uint8_t *data, int8_t *digits, float *scales, size_t n)
{
    for (size_t i = 0; i < n; i += DIGIT_BLOCK) {
        size_t some = n - i < DIGIT_BLOCK ? n - i : DIGIT_BLOCK;
        decode_block(trits, data, digits + i, some);
        data += digit_bytes(trits, some);
        uint16_t half;
        memcpy(&half, data - sizeof half, sizeof half);
        if (scales)
            *scales++ = f16_to_f32(half);
    }
}

void encode_digits(int trits, const int8_t *digits, uint16_t scale, uint8_t *out, size_t n)
{
    unsigned v = 0, power = 1;
    int count = 0;
    for (int j = 1; j < trits; j++)
        power *= 3;
    for (size_t i = 0; i < n; i++) {
        unsigned code = (unsigned)(digits[i] + digit_limit(trits)), unit = power; /* trits + 1 in base 3 */
        for (int j = 0; j < trits; j++, unit /= 3) {
            v = 3 * v + code / unit % 3;
            if (++count < 5)
                continue;
            *out++ = (uint8_t)((v * 256 + 242) / 243);
            v = 0;
            count = 0;
        }
    }
    for (; count % 5; count++) {
        v = 3 * v + 1;
        if (count == 4)
            *out++ = (uint8_t)((v * 256 + 242) / 243);
    }
    memcpy(out, &scale, sizeof scale);
}

/* Sums of h*x*q and h*q*q for the digits q nearest to x / scale. */
typedef struct { double xq, qq; } products;

/* x, h: whole vectors of LANES. Each lane adds by itself, so that every compiler gets the same bits. */
static products try_scale(const float *x, const float *h, size_t n, float scale, float limit)
{
    float inverse = 1 / scale, xq[LANES] = { 0 }, qq[LANES] = { 0 };
    for (size_t i = 0; i < n; i += LANES)
        for (size_t j = 0; j < LANES; j++) {
            float q = x[i + j] * inverse + 0x1.8p23f - 0x1.8p23f; /* rounded to nearest */
            q = q > limit ? limit : q;
            q = q < -limit ? -limit : q;
            float hq = h[i + j] * q;
            xq[j] += x[i + j] * hq;
            qq[j] += q * hq;
        }
    products p = { 0, 0 };
    for (size_t j = 0; j < LANES; j++) {
        p.xq += (double)xq[j];
        p.qq += (double)qq[j];
    }
    return p;
}

/* How much of the sum of h*x*x the best scale for these digits leaves out: (xq)^2 / qq. */
static double gain(products p)
{
    return p.qq > 0 ? p.xq * p.xq / p.qq : 0;
}

/* Tries the scales first, first*ratio, ...; returns the best of them. */
static float best_of(const float *x, const float *h, size_t n, float first, float ratio, int count, float limit, products *best)
{
    float chosen = first;
    *best = (products){ 0, 0 };
    for (; count; count--, first *= ratio) {
        products p = try_scale(x, h, n, first, limit);
        if (gain(p) <= gain(*best))
            continue;
        *best = p;
        chosen = first;
    }
    return chosen;
}

/* Whether all weights are -most, 0 or most: then digits of 1 are exact, as far as half precision holds `most`. */
static bool has_one_size(const float *x, size_t n, float most)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0 && fabsf(x[i]) != most)
            return false;
    return true;
}

void round_digits(int trits, const float *x, const float *feedback, size_t n, float scale, int8_t *digits)
{
    float left[DIGIT_BLOCK], limit = (float)digit_limit(trits);
    memcpy(left, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        float q = scale > 0 ? rintf(left[i] / scale) : 0, off;
        q = q > limit ? limit : q < -limit ? -limit : q;
        digits[i] = (int8_t)q;
        off = left[i] - scale * q;
        for (size_t j = i + 1; feedback && off != 0 && j < n; j++)
            left[j] -= off * feedback[i * DIGIT_BLOCK + j];
    }
}

void fit_digits(int trits, const float *x, const float *importance, const float *feedback, size_t n, int8_t *digits, uint16_t *scale)
{
    float padded[DIGIT_BLOCK] = { 0 }, h[DIGIT_BLOCK] = { 0 }, most = 0, limit = (float)digit_limit(trits);
    for (size_t i = 0; i < n; i++) {
        padded[i] = x[i];
        h[i] = importance ? importance[i] : 1;
        most = fmaxf(most, fabsf(x[i]));
    }
    size_t whole = (n + LANES - 1) / LANES * LANES;
    float unit = 0;
    if (has_one_size(x, n, most)) {
        unit = most;
    } else if (most >= 1e-30f) {
        /* From the scale that reaches the largest weight down to a third of it, first roughly, then around the best. */
        products p;
        float reach = most / (limit + 0.5f), rough = best_of(padded, h, whole, reach * 1.06f, 0.91f, 13, limit, &p);
        float fine = best_of(padded, h, whole, rough * 1.06f, 0.976f, 6, limit, &p);
        /* The best scale for those digits, and the digits for that. */
        unit = fine;
        for (int i = 0; i < 2 && p.qq > 0 && p.xq > 0; i++) {
            unit = (float)(p.xq / p.qq);
            if (unit < 1e-30f)
                break;
            p = try_scale(padded, h, whole, unit, limit);
        }
        unit = unit > 65504 ? 65504 : unit;
    }
    *scale = f32_to_f16(unit);
    round_digits(trits, x, feedback, n, f16_to_f32(*scale), digits);
}
